//! A journal of which something is damaged: the rest is served, nothing is given twice, and what can be saved is.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::Ordering;

use super::support::{DAY_MS, Site, text};
use crate::{DeliveryStage, MessageId, Query, Stage, Store};

/// A site with a message a day, of which the first was delivered and the others wait.
async fn of_days(days: usize) -> (Site, Vec<MessageId>) {
    let site = Site::new();
    let store = site.store();
    let mut ids = Vec::new();
    for day in 0..days {
        ids.push(store.pass(&format!("day {day}")).await.unwrap().id());
        site.clock_ms.fetch_add(DAY_MS, Ordering::Relaxed);
    }
    assert_eq!(store.deliver(1).await, ["out day 0"]);
    store.shutdown().await;
    (site, ids)
}

/// Nothing of a file can be read any more.
fn ruin(file: &Path) {
    std::fs::write(file, vec![b'x'; 8192]).unwrap();
}

/// Everything behind the first pages is gone: the tables are known, and their content is not.
fn ruin_behind(file: &Path, bytes: u64) {
    let length = std::fs::metadata(file).unwrap().len();
    let mut file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(bytes)).unwrap();
    let rest = usize::try_from(length - bytes).unwrap();
    file.write_all(&vec![0xA5; rest]).unwrap();
}

/// How many messages a list has.
fn listed(store: &Store) -> usize {
    let query = Query {
        limit: 9,
        ..Query::default()
    };
    store.messages(&query).unwrap().len()
}

#[tokio::test]
async fn what_is_in_other_segments_is_served() {
    let (site, ids) = of_days(3).await;
    ruin(&site.file("journal/000002.sqlite"));
    let store = site.store();
    let status = store.status().unwrap();
    let files: Vec<_> = status.damaged.iter().map(|one| one.file.clone()).collect();
    assert_eq!(files, [site.file("journal/000002.sqlite")]);

    // What cannot be had does not keep the next one from being delivered.
    assert_eq!(store.deliver(1).await, ["out day 2"]);
    store.pass("later").await.unwrap();
    let lost = store.message(ids[1]).unwrap().unwrap();
    assert!(lost.damage.unwrap().contains("000002.sqlite"));
    let delivery = lost.deliveries.first().unwrap();
    assert_eq!(delivery.stage, DeliveryStage::Quarantined);
    assert_eq!(delivery.fault.as_ref().unwrap().kind, "damaged");
    let kept = store.message(ids[2]).unwrap().unwrap();
    assert_eq!((text(&kept.raw), kept.damage), (String::from("raw day 2"), None));
    assert_eq!(store.deliver(1).await, ["out later"]);
}

#[tokio::test]
async fn numbers_go_on_behind_a_damaged_end() {
    let (site, ids) = of_days(2).await;
    // So that its end is not only in the projection.
    ruin(&site.file("journal/000003.sqlite"));
    ruin(&site.file("journal/000002.sqlite"));
    let store = site.store();
    assert_eq!(listed(&store), 2);
    let next = store.pass("next").await.unwrap().id();
    assert!(next > ids[1]);
    let delivery = store.message(next).unwrap().unwrap().deliveries.first().unwrap().id;
    let before = store.message(ids[1]).unwrap().unwrap().deliveries.first().unwrap().id;
    assert!(
        delivery.as_i64() > before.as_i64() + 1_000,
        "what was given out last is not known"
    );
    assert_eq!(store.deliver(1).await, ["out next"]);
    store.shutdown().await;

    // The projection cannot be had from what is left: it stays.
    let refused = Store::rebuild(&site.settings).unwrap_err().to_string();
    assert!(refused.contains("000002.sqlite is damaged"), "{refused}");
    let store = site.store();
    assert_eq!(listed(&store), 3);
    assert!(store.is_drained().await);
}

#[tokio::test]
async fn a_segment_that_is_put_back_counts_again_beside_what_came_after_it() {
    let site = Site::new();
    let store = site.store();
    let first = store.pass("A").await.unwrap().id();
    site.clock_ms.fetch_add(DAY_MS, Ordering::Relaxed);
    store.shutdown().await;
    let (live, segment) = (site.file("live.sqlite"), site.file("journal/000002.sqlite"));
    let live_before = std::fs::read(&live).unwrap();
    let store = site.store();
    let second = store.pass("B").await.unwrap().id();
    store.shutdown().await;
    let whole = std::fs::read(&segment).unwrap();
    // A stop in which the projection was behind, and a disk that took the end of the journal.
    std::fs::write(&live, live_before).unwrap();
    ruin(&segment);
    let store = site.store();
    assert_eq!(store.message(second).unwrap(), None, "nothing knows of it");
    let third = store.pass("C").await.unwrap().id();
    store.shutdown().await;

    std::fs::write(&segment, whole).unwrap();
    Store::rebuild(&site.settings).unwrap();
    let store = site.store();
    for (id, content) in [(first, "raw A"), (second, "raw B"), (third, "raw C")] {
        assert_eq!(text(&store.message(id).unwrap().unwrap().raw), content);
    }
    assert_eq!(store.deliver(3).await, ["out A", "out B", "out C"]);
}

#[tokio::test]
async fn an_undecided_message_that_is_lost_goes_to_quarantine() {
    let site = Site::new();
    let store = site.store();
    let (received, _) = store.take("A").await;
    let id = received.id();
    drop(received);
    site.clock_ms.fetch_add(DAY_MS, Ordering::Relaxed);
    store.pass("B").await.unwrap();
    store.shutdown().await;
    ruin(&site.file("journal/000001.sqlite"));

    let opened = site.open();
    assert_eq!(opened.unfinished.len(), 0);
    opened.store.shutdown().await;
    let record = site.store().message(id).unwrap().unwrap();
    assert_eq!(record.summary.stage, Stage::Quarantined);
    assert_eq!(record.decision.unwrap().fault.unwrap().kind, "damaged");
}

#[tokio::test]
async fn a_segment_that_was_emptied_is_reported_and_one_that_waits_is_not() {
    let (site, _) = of_days(2).await;
    std::fs::write(site.file("journal/000001.sqlite"), b"").unwrap();
    let store = site.store();
    let damaged = store.status().unwrap().damaged;
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert!(
        damaged[0]
            .to_string()
            .ends_with("000001.sqlite is damaged: it is empty"),
        "{damaged:?}"
    );
}

#[tokio::test]
async fn a_check_names_what_is_wrong_and_a_repair_saves_the_rest() {
    let site = Site::new();
    let store = site.store();
    let mut ids = Vec::new();
    for number in 0..200 {
        ids.push(store.pass(&format!("{number} {}", "x".repeat(500))).await.unwrap().id());
    }
    store.shutdown().await;
    let sound = Store::check(&site.settings, |_| {}).unwrap();
    assert!(sound.iter().all(crate::SegmentReport::is_sound), "{sound:?}");
    let file = site.file("journal/000001.sqlite");
    let length = std::fs::metadata(&file).unwrap().len();
    ruin_behind(&file, length / 2);

    let mut told = 0;
    let reports = Store::check(&site.settings, |_| told += 1).unwrap();
    let report = reports.first().unwrap();
    assert_eq!(told, reports.len());
    assert!(
        !report.is_sound() && report.entries > 20 && report.unreadable > 20,
        "{report:?}"
    );
    let repaired = Store::repair(&site.settings).unwrap();
    let repair = repaired.first().unwrap();
    assert_eq!((repair.saved, repair.lost), (report.entries, report.unreadable));
    assert!(repair.kept_as.as_ref().unwrap().exists());

    let again = Store::check(&site.settings, |_| {}).unwrap();
    assert!(again.iter().all(crate::SegmentReport::is_sound), "{again:?}");
    let store = site.store();
    assert!(store.status().unwrap().damaged.is_empty());
    let kept = store.message(ids[0]).unwrap().unwrap();
    assert!(text(&kept.raw).starts_with("raw 0 "));
    let records = ids.iter().map(|id| store.message(*id).unwrap().unwrap());
    let lost: Vec<_> = records.filter(|record| record.raw.as_slice().is_empty()).collect();
    assert!(lost.len() > 20 && lost.iter().all(|record| record.damage.is_some()));
    store.pass("next").await.unwrap();
}

#[tokio::test]
async fn of_a_segment_whose_beginning_is_gone_nothing_is_touched() {
    let (site, _) = of_days(2).await;
    let file = site.file("journal/000001.sqlite");
    ruin(&file);
    let repaired = Store::repair(&site.settings).unwrap();
    assert_eq!(repaired.len(), 1);
    assert_eq!(repaired[0].kept_as, None);
    assert_eq!(std::fs::read(&file).unwrap(), vec![b'x'; 8192]);
}
