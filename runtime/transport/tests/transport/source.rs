//! Files of one message: when they are taken, and what becomes of them.

use std::fs;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use transfuse_transport::files::{FolderSource, FolderSourceSettings, ReadyWhen, SourceOpenError};
use transfuse_transport::{Answer, Defect};

use crate::support::payload;
use crate::watched::{FOREVER, POLL, STABLE_FOR, accepted, folder, folder_with, set_age, watch};

/// Not long enough to be stable.
const MOMENT: Duration = Duration::from_secs(3);

#[tokio::test(start_paused = true)]
async fn an_accepted_file_is_archived_under_its_name() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", "MSH|1");
    let frame = watched.takes(accepted()).await;
    assert_eq!((frame.content.as_slice(), frame.defect), (b"MSH|1".as_slice(), None));
    assert_eq!(frame.source, "file:a.hl7");
    assert_eq!(watched.appears("archive/a.hl7").await, b"MSH|1");
    assert!(!watched.path("a.hl7").exists());
    watched.takes_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_file_goes_to_the_error_folder_with_its_reason() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", "MSH|Kovács");
    watched.takes(Answer::Refused(payload("MSA|AR|Kovács").into())).await;
    let reason = watched.appears("error/a.hl7.reason").await;
    assert_eq!(watched.appears("error/a.hl7").await, "MSH|Kovács".as_bytes());
    assert_eq!(String::from_utf8(reason).unwrap(), "refused: the journal says why\n");
    assert!(!watched.path("a.hl7").exists());
}

#[tokio::test(start_paused = true)]
async fn a_file_is_taken_when_it_has_not_changed_for_a_while() {
    let mut watched = watch(folder(), |_| {}).await;
    let mut last_change = Instant::now();
    for content in ["M", "MS", "MSH", "MSH|1"] {
        watched.put("a.hl7", content);
        last_change = Instant::now();
        sleep(MOMENT).await;
    }
    let frame = watched.takes(accepted()).await;
    assert_eq!(frame.content.as_slice(), b"MSH|1");
    assert!(last_change.elapsed() >= STABLE_FOR && last_change.elapsed() <= STABLE_FOR + POLL * 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_time_alone_is_a_change() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", "MSH|1");
    let began = Instant::now();
    sleep(MOMENT).await;
    set_age(&watched.path("a.hl7"), 100);
    watched.takes(accepted()).await;
    assert!(began.elapsed() >= STABLE_FOR + MOMENT);
}

#[tokio::test(start_paused = true)]
async fn a_file_with_a_marker_is_taken_when_the_marker_comes() {
    let mut watched = watch(folder(), |settings| {
        settings.ready_when = ReadyWhen::Marker(".ok".to_owned());
    })
    .await;
    watched.put("a.hl7", "MSH|1");
    watched.takes_nothing().await;
    watched.put("a.hl7.ok", "");
    let marked = Instant::now();
    watched.takes(accepted()).await;
    assert!(marked.elapsed() <= POLL);
    watched.appears("archive/a.hl7").await;
    watched.shutdown.cancel();
    watched.ended.await.unwrap();
    assert!(!watched.folder.path().join("a.hl7.ok").exists());
}

#[tokio::test(start_paused = true)]
async fn a_marker_is_no_message_even_where_the_pattern_matches_it() {
    let change = |settings: &mut FolderSourceSettings| {
        settings.pattern = "*".to_owned();
        settings.ready_when = ReadyWhen::Marker(".ok".to_owned());
    };
    let mut watched = watch(folder(), change).await;
    watched.put("b.ok", "");
    watched.put("b.ok.ok", "");
    watched.put("a", "MSH|1");
    watched.put("a.ok", "");
    assert_eq!(watched.takes(accepted()).await.source, "file:a");
    watched.takes_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_marker_whose_file_is_gone_does_not_outlive_a_restart() {
    let inbox = folder();
    fs::write(inbox.path().join("a.hl7.ok"), "").unwrap();
    fs::write(inbox.path().join("b.hl7.ok"), "").unwrap();
    fs::write(inbox.path().join("b.hl7"), "MSH|2").unwrap();
    let mut watched = watch(inbox, |settings| {
        settings.ready_when = ReadyWhen::Marker(".ok".to_owned());
    })
    .await;
    assert_eq!(watched.takes(accepted()).await.source, "file:b.hl7");
    assert!(!watched.path("a.hl7.ok").exists());
}

#[tokio::test(start_paused = true)]
async fn files_come_oldest_first_then_by_name_and_one_at_a_time() {
    let inbox = folder_with(&[("a.hl7", 10), ("b.hl7", 30), ("d.hl7", 20), ("c.hl7", 20)]);
    // Of equal times only the same instant counts.
    let same = fs::metadata(inbox.path().join("c.hl7")).unwrap().modified().unwrap();
    let other = fs::File::options().write(true).open(inbox.path().join("d.hl7"));
    other.unwrap().set_modified(same).unwrap();
    let mut watched = watch(inbox, |_| {}).await;
    for expected in ["b.hl7", "c.hl7", "d.hl7", "a.hl7"] {
        let (frame, answer) = timeout(FOREVER, watched.frames.recv()).await.unwrap().unwrap();
        assert_eq!(frame.content.as_slice(), expected.as_bytes());
        sleep(Duration::from_mins(10)).await;
        assert!(
            watched.frames.try_recv().is_err(),
            "a second file before the first was answered"
        );
        answer.send(accepted()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_file_stays_and_is_offered_again_with_growing_pauses() {
    let change = |settings: &mut FolderSourceSettings| {
        settings.retry_min = Duration::from_secs(1);
        settings.retry_max = Duration::from_secs(3);
    };
    let mut watched = watch(folder_with(&[("a.hl7", 10), ("b.hl7", 5)]), change).await;
    watched.takes(Answer::Unanswered).await;
    for pause_s in [1, 2, 3, 3] {
        let began = Instant::now();
        assert_eq!(watched.takes(Answer::Unanswered).await.content.as_slice(), b"a.hl7");
        assert_eq!(began.elapsed().as_secs(), pause_s);
        assert!(watched.path("a.hl7").exists());
    }
    assert_eq!(watched.takes(accepted()).await.content.as_slice(), b"a.hl7");
    assert_eq!(watched.takes(accepted()).await.content.as_slice(), b"b.hl7");
}

#[tokio::test(start_paused = true)]
async fn an_over_long_file_is_handed_over_as_such_and_goes_to_the_error_folder() {
    let mut watched = watch(folder(), |settings| settings.message_bytes_max = 10).await;
    watched.put("a.hl7", "0123456789");
    assert_eq!(watched.takes(accepted()).await.defect, None);
    watched.put("b.hl7", "0123456789A");
    let frame = watched.takes(accepted()).await;
    assert_eq!(
        frame.defect,
        Some(Defect::TooLong {
            bytes: 11,
            bytes_max: 10
        })
    );
    let reason = watched.appears("error/b.hl7.reason").await;
    assert_eq!(
        String::from_utf8(reason).unwrap(),
        "not taken: 11 bytes; the limit is 10\n"
    );
    assert_eq!(watched.appears("error/b.hl7").await, b"0123456789A");
}

#[tokio::test(start_paused = true)]
async fn a_file_in_the_archive_is_never_overwritten() {
    let mut watched = watch(folder(), |_| {}).await;
    for (content, archived) in [
        ("1", "archive/a.hl7"),
        ("2", "archive/a.1.hl7"),
        ("3", "archive/a.2.hl7"),
    ] {
        watched.put("a.hl7", content);
        watched.takes(accepted()).await;
        assert_eq!(watched.appears(archived).await, content.as_bytes());
    }
    assert_eq!(fs::read(watched.path("archive/a.hl7")).unwrap(), b"1");
}

#[tokio::test(start_paused = true)]
async fn only_plain_finished_files_of_the_pattern_are_taken() {
    let mut watched = watch(folder(), |_| {}).await;
    for name in [".a.hl7", "~a.hl7", "a.hl7.tmp", "a.hl7.part", "a.txt"] {
        watched.put(name, "MSH|no");
    }
    fs::create_dir(watched.path("folder.hl7")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        watched.path("pipe.hl7"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    watched.takes_nothing().await;
    watched.put("B.HL7", "MSH|yes");
    assert_eq!(watched.takes(accepted()).await.source, "file:B.HL7");
}

#[tokio::test(start_paused = true)]
async fn a_symbolic_link_is_not_taken_wherever_it_leads() {
    let outside = folder();
    fs::write(outside.path().join("secret.hl7"), "secret").unwrap();
    let mut watched = watch(folder(), |_| {}).await;
    std::os::unix::fs::symlink(outside.path().join("secret.hl7"), watched.path("link.hl7")).unwrap();
    watched.takes_nothing().await;
    assert!(watched.path("link.hl7").is_symlink());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_replaced_while_it_is_handled_is_a_new_one() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", "old");
    let (frame, answer) = timeout(FOREVER, watched.frames.recv()).await.unwrap().unwrap();
    assert_eq!(frame.content.as_slice(), b"old");
    fs::remove_file(watched.path("a.hl7")).unwrap();
    watched.put("a.hl7", "new");
    answer.send(accepted()).unwrap();
    assert_eq!(watched.takes(accepted()).await.content.as_slice(), b"new");
    assert_eq!(watched.appears("archive/a.hl7").await, b"new");
}

#[tokio::test(start_paused = true)]
async fn an_accepted_file_that_cannot_be_moved_is_not_offered_again() {
    let mut watched = watch(folder(), |_| {}).await;
    fs::remove_dir(watched.path("archive")).unwrap();
    watched.put("archive", "a file where the folder was");
    watched.put("a.hl7", "1");
    watched.takes(accepted()).await;
    watched.takes_nothing().await;
    fs::remove_file(watched.path("archive")).unwrap();
    assert_eq!(watched.appears("archive/a.hl7").await, b"1");
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_comes_back_is_watched_again() {
    let outer = folder();
    let inbox = outer.path().join("in");
    fs::create_dir(&inbox).unwrap();
    let mut watched = watch(outer, |settings| settings.folder.push("in")).await;
    sleep(POLL).await;
    fs::rename(&inbox, watched.path("away")).unwrap();
    sleep(POLL * 5).await;
    fs::create_dir(&inbox).unwrap();
    watched.put("in/a.hl7", "1");
    watched.takes(accepted()).await;
    assert_eq!(watched.appears("in/archive/a.hl7").await, b"1");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_answer_and_settles_the_file() {
    let mut watched = watch(folder_with(&[("a.hl7", 10), ("b.hl7", 5)]), |_| {}).await;
    let (_, answer) = timeout(FOREVER, watched.frames.recv()).await.unwrap().unwrap();
    watched.shutdown.cancel();
    sleep(Duration::from_secs(1)).await;
    answer.send(accepted()).unwrap();
    watched.ended.await.unwrap();
    assert!(watched.folder.path().join("archive/a.hl7").exists());
    assert!(watched.folder.path().join("b.hl7").exists());
    assert!(watched.frames.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_leaves_a_file_without_an_answer_in_place() {
    let mut watched = watch(folder(), |settings| settings.shutdown_wait = Duration::from_secs(8)).await;
    watched.put("a.hl7", "1");
    let (_, _answer) = timeout(FOREVER, watched.frames.recv()).await.unwrap().unwrap();
    watched.shutdown.cancel();
    let began = Instant::now();
    watched.ended.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 8);
    assert!(watched.folder.path().join("a.hl7").exists());
}

#[tokio::test]
async fn settings_that_cannot_work_are_named() {
    let inbox = folder();
    let missing = FolderSourceSettings::new(inbox.path().join("missing"));
    let error = FolderSource::open(missing).await.unwrap_err();
    assert!(matches!(&error, SourceOpenError::Open { path, .. } if path.ends_with("missing")));
    assert!(error.hint().is_some_and(|hint| hint.contains("mounted")));

    let mut pattern = FolderSourceSettings::new(inbox.path());
    pattern.pattern = "../*.hl7".to_owned();
    let error = FolderSource::open(pattern).await.unwrap_err();
    assert_eq!(error.to_string(), "the pattern `../*.hl7` matches no file name");

    let mut marker = FolderSourceSettings::new(inbox.path());
    marker.ready_when = ReadyWhen::Marker(String::new());
    let error = FolderSource::open(marker).await.unwrap_err();
    assert_eq!(error.to_string(), "the marker suffix `` is no suffix of a file name");
}
