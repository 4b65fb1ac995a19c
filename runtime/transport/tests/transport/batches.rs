//! Files of many messages: handed over one by one, in order, and taken up where they were.

use std::fs;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use transfuse_transport::files::FolderSourceSettings;
use transfuse_transport::{Answer, Defect, Frame};

use crate::support::payload;
use crate::watched::{FOREVER, Watched, accepted, folder, set_age, watch};

/// How many messages of a file are handed over at a time.
const IN_FLIGHT_MAX: usize = 64;

fn message(number: usize) -> String {
    format!("MSH|^~\\&|LAB||||||ORU^R01|K{number}|P|2.5.1\rPID|1||{number}\r")
}

fn messages(count: usize) -> String {
    (1..=count).map(message).collect()
}

fn refused() -> Answer {
    Answer::Refused(payload("MSA|AR").into())
}

impl Watched {
    async fn next(&mut self) -> (Frame, oneshot::Sender<Answer>) {
        timeout(FOREVER, self.frames.recv()).await.unwrap().unwrap()
    }

    /// Takes so many frames and answers all of them, and gives the numbers in their sources.
    async fn takes_numbers(&mut self, count: usize) -> Vec<usize> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(number(&self.takes(accepted()).await));
        }
        numbers
    }

    fn hidden_files(&self) -> usize {
        let names = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with('.')).count()
    }

    async fn stop(self) -> tempfile::TempDir {
        self.shutdown.cancel();
        self.ended.await.unwrap();
        self.folder
    }
}

fn number(frame: &Frame) -> usize {
    frame.source.rsplit('#').next().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_message_of_a_file_is_handed_over_in_order_and_the_file_is_archived_as_it_came() {
    let mut watched = watch(folder(), |_| {}).await;
    let content = format!("FHS|^~\\&|LAB\rBHS|^~\\&|LAB\r{}BTS|3\rFTS|1\r", messages(3));
    watched.put("a.hl7", &content);
    for expected in 1..=3 {
        let frame = watched.takes(accepted()).await;
        assert_eq!(frame.content.as_slice(), message(expected).as_bytes());
        assert_eq!(frame.source, format!("file:a.hl7#{expected}"));
    }
    assert_eq!(watched.appears("archive/a.hl7").await, content.as_bytes());
    watched.takes_nothing().await;
    assert_eq!(watched.hidden_files(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_file_without_headers_is_split_and_a_file_of_one_message_is_handed_over_whole() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", "\u{b}MSH|^~\\&|1\r\u{1c}\r\u{b}MSH|^~\\&|2\r\u{1c}\r");
    assert_eq!(watched.takes(accepted()).await.content.as_slice(), b"MSH|^~\\&|1\r");
    assert_eq!(watched.takes(accepted()).await.content.as_slice(), b"MSH|^~\\&|2\r");
    watched.put("b.hl7", "\u{feff}\nMSH|^~\\&|1\r\n\r\nPID|1");
    let frame = watched.takes(accepted()).await;
    assert_eq!(
        frame.content.as_slice(),
        "\u{feff}\nMSH|^~\\&|1\r\n\r\nPID|1".as_bytes()
    );
    assert_eq!(frame.source, "file:b.hl7");
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_messages_is_archived() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", "BHS|^~\\&|LAB\rBTS|0\r");
    watched.appears("archive/a.hl7").await;
    watched.takes_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn only_so_many_messages_are_in_flight_at_a_time() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", &messages(IN_FLIGHT_MAX + 1));
    let mut places = Vec::new();
    for expected in 1..=IN_FLIGHT_MAX {
        let (frame, place) = watched.next().await;
        assert_eq!(number(&frame), expected);
        places.push(place);
    }
    watched.takes_nothing().await;
    for place in places {
        place.send(accepted()).unwrap();
    }
    assert_eq!(watched.takes_numbers(1).await, [IN_FLIGHT_MAX + 1]);
}

#[tokio::test(start_paused = true)]
async fn the_bytes_in_flight_are_bounded_by_the_largest_message() {
    let change = |settings: &mut FolderSourceSettings| settings.message_bytes_max = 90;
    let mut watched = watch(folder(), change).await;
    watched.put("a.hl7", &messages(5));
    let (_, first) = watched.next().await;
    let (_, second) = watched.next().await;
    watched.takes_nothing().await;
    first.send(accepted()).unwrap();
    second.send(accepted()).unwrap();
    assert_eq!(watched.takes_numbers(3).await, [3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn refused_messages_alone_go_to_the_error_folder_with_their_numbers() {
    let mut watched = watch(folder(), |_| {}).await;
    let content = format!(
        "BHS|^~\\&|LAB\r{}MSH|^~\\&|LAST\nPID|1\u{1c}\r{}BTS|5\r",
        messages(3),
        message(5)
    );
    watched.put("a.hl7", &content);
    for expected in 1..=5 {
        let answer = if [2, 4, 5].contains(&expected) {
            refused()
        } else {
            accepted()
        };
        assert_eq!(number(&watched.takes(answer).await), expected);
    }
    assert_eq!(watched.appears("archive/a.hl7").await, content.as_bytes());
    let refused = format!("{}MSH|^~\\&|LAST\nPID|1\r{}", message(2), message(5));
    assert_eq!(watched.appears("error/a.hl7").await, refused.as_bytes());
    let reason = String::from_utf8(watched.appears("error/a.hl7.reason").await).unwrap();
    let second = "BHS|^~\\&|LAB\r".len() + message(1).len();
    let expected = format!(
        "3 of the 5 messages of this file were not taken; they are here, and the archive has the whole file\n\
         message 2 at byte {second}: refused: the journal says why\n"
    );
    assert!(reason.starts_with(&expected), "{reason}");
    assert_eq!(reason.lines().count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_messages_are_all_refused_goes_to_the_error_folder_itself() {
    let mut watched = watch(folder(), |_| {}).await;
    let content = format!("BHS|^~\\&|LAB\r{}BTS|2\r", messages(2));
    watched.put("a.hl7", &content);
    for _ in 0..2 {
        watched.takes(refused()).await;
    }
    assert_eq!(watched.appears("error/a.hl7").await, content.as_bytes());
    let reason = String::from_utf8(watched.appears("error/a.hl7.reason").await).unwrap();
    assert!(
        reason.starts_with("2 of the 2 messages of this file were not taken\nmessage 1 at byte 13: "),
        "{reason}"
    );
    assert!(!watched.path("archive/a.hl7").exists());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_is_handed_over_as_such_and_the_others_are_taken() {
    let change = |settings: &mut FolderSourceSettings| settings.message_bytes_max = 1_000;
    let mut watched = watch(folder(), change).await;
    let long = format!("MSH|^~\\&|LONG\r{}", "OBX|1|TX|||text\r".repeat(20_000));
    watched.put("a.hl7", &[message(1), long.clone(), message(3)].concat());
    assert_eq!(number(&watched.takes(accepted()).await), 1);
    let frame = watched.takes(refused()).await;
    let bytes = long.len() as u64;
    let bytes_max = 1_000;
    assert_eq!(frame.defect, Some(Defect::TooLong { bytes, bytes_max }));
    assert!(frame.content.len() <= 4096 && long.as_bytes().starts_with(frame.content.as_slice()));
    let frame = watched.takes(accepted()).await;
    assert_eq!((number(&frame), frame.content.as_slice()), (3, message(3).as_bytes()));
    assert_eq!(watched.appears("error/a.hl7").await, long.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_file_above_its_own_limit_is_one_message_that_is_too_large() {
    let change = |settings: &mut FolderSourceSettings| settings.file_bytes_max = 100;
    let mut watched = watch(folder(), change).await;
    watched.put("a.hl7", &messages(3));
    let frame = watched.takes(accepted()).await;
    assert!(matches!(frame.defect, Some(Defect::TooLong { bytes_max: 100, .. })));
    watched.appears("error/a.hl7").await;
}

#[tokio::test(start_paused = true)]
async fn only_messages_without_an_answer_are_offered_again() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", &messages(4));
    for expected in 1..=4 {
        let answer = if expected % 2 == 0 {
            Answer::Unanswered
        } else {
            accepted()
        };
        assert_eq!(number(&watched.takes(answer).await), expected);
    }
    assert_eq!(watched.takes_numbers(2).await, [2, 4]);
    watched.appears("archive/a.hl7").await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_left_in_the_middle_goes_on_after_the_messages_that_are_done_with() {
    let content = messages(IN_FLIGHT_MAX * 2 + 5);
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", &content);
    watched.takes(refused()).await;
    watched.takes_numbers(IN_FLIGHT_MAX - 1).await;
    let mut unanswered = Vec::new();
    for _ in 0..IN_FLIGHT_MAX {
        unanswered.push(watched.next().await);
    }
    // As a crash leaves it: nothing of what is in flight is known.
    watched.ended.abort();
    drop(unanswered);
    let mut again = watch(watched.folder, |_| {}).await;
    let numbers = again.takes_numbers(IN_FLIGHT_MAX + 5).await;
    assert_eq!(numbers, (IN_FLIGHT_MAX + 1..=IN_FLIGHT_MAX * 2 + 5).collect::<Vec<_>>());
    again.appears("archive/a.hl7").await;
    assert_eq!(again.appears("error/a.hl7").await, message(1).as_bytes());
    again.takes_nothing().await;
    assert_eq!(again.hidden_files(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_remembers_what_was_answered_before_the_first_message_that_was_not() {
    let change = |settings: &mut FolderSourceSettings| settings.shutdown_wait = Duration::from_secs(8);
    let mut watched = watch(folder(), change).await;
    watched.put("a.hl7", &messages(4));
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(watched.next().await.1);
    }
    let kept = places.remove(2);
    for place in places {
        place.send(accepted()).unwrap();
    }
    let folder = watched.stop().await;
    drop(kept);
    let mut again = watch(folder, |_| {}).await;
    assert_eq!(again.takes_numbers(2).await, [3, 4]);
    again.appears("archive/a.hl7").await;
}

#[tokio::test(start_paused = true)]
async fn another_file_of_the_same_name_begins_anew() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", &messages(IN_FLIGHT_MAX + 1));
    set_age(&watched.path("a.hl7"), 100);
    watched.takes_numbers(IN_FLIGHT_MAX).await;
    let unanswered = watched.next().await;
    watched.ended.abort();
    drop(unanswered);
    let modified = fs::metadata(watched.path("a.hl7")).unwrap().modified().unwrap();
    // Of the same size and time: only its content tells it from the one before.
    watched.put("a.hl7", &messages(IN_FLIGHT_MAX + 1).replace("LAB", "HIS"));
    let file = fs::File::options().write(true).open(watched.path("a.hl7")).unwrap();
    file.set_modified(modified).unwrap();
    let mut again = watch(watched.folder, |_| {}).await;
    assert_eq!(again.takes_numbers(2).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_note_that_a_crash_cut_short_is_as_if_it_were_not_there() {
    let mut watched = watch(folder(), |_| {}).await;
    watched.put("a.hl7", &messages(IN_FLIGHT_MAX + 1));
    watched.takes_numbers(IN_FLIGHT_MAX).await;
    let unanswered = watched.next().await;
    watched.ended.abort();
    drop(unanswered);
    let entries = fs::read_dir(watched.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let note = entries
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(".progress"))
        .unwrap();
    let mut torn = fs::read(&note).unwrap();
    assert!(torn.ends_with(b"\ndone 64\n"));
    torn.extend_from_slice(b"refused 65 1 1 torn\ndone 6");
    fs::write(&note, torn).unwrap();
    let mut again = watch(watched.folder, |_| {}).await;
    assert_eq!(again.takes_numbers(1).await, [IN_FLIGHT_MAX + 1]);
    again.appears("archive/a.hl7").await;
    assert!(!again.path("error/a.hl7").exists());
}

#[tokio::test(start_paused = true)]
async fn the_progress_of_a_file_that_is_gone_does_not_outlive_a_restart() {
    let inbox = folder();
    fs::write(inbox.path().join(".transfuse-0011223344556677.progress"), "").unwrap();
    let watched = watch(inbox, |_| {}).await;
    assert_eq!(watched.hidden_files(), 0);
}
