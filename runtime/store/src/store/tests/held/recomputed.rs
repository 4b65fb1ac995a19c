//! What was held is decided anew, whatever happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use super::super::support::{Site, arrival, delivered, processed, text};
use super::{BAD, GOOD, operator, stages};
use crate::faults::{FaultPoint, Verdict};
use crate::{Decision, DeliveryStage, MessageRecord, OperationKind, Sealed, Stage, Store};

#[tokio::test]
async fn what_is_recomputed_takes_the_places_of_what_was_held() {
    let site = Site::new();
    let store = site.store();
    let first = store.pass_by(BAD, "1").await;
    store.pass_by(BAD, "2").await;
    store.hold("lab", BAD, &operator()).await.unwrap();
    store.pass_by(GOOD, "3").await;
    let before = store.record(first);
    assert_eq!(stages(&before), [DeliveryStage::Held]);
    store.recompute_all().await.unwrap();
    assert_eq!(store.drain().await, ["out good 1", "out good 2", "out 3"]);

    let after = store.record(first);
    assert_eq!(after.summary.revision, GOOD);
    assert_eq!(stages(&after), [DeliveryStage::Delivered]);
    let of = |record: &MessageRecord| {
        record
            .deliveries
            .iter()
            .map(|one| (one.id, one.revision))
            .collect::<Vec<_>>()
    };
    let (old, new) = (of(&before), of(&after));
    assert_eq!(
        old.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        new.iter().map(|(id, _)| *id).collect::<Vec<_>>()
    );
    assert_eq!(new.first().unwrap().1, GOOD);
    assert!(!after.deliveries.iter().any(|delivery| delivery.is_out_of_order));
    // What the bad revision had made stays in the journal.
    let kept = after.earlier.first().unwrap().outputs.first().unwrap();
    assert_eq!(text(&kept.content), "out 1");
    let operation = after.operations.first().unwrap();
    assert_eq!(
        (operation.kind, operation.revision, &operation.operator),
        (OperationKind::Recomputed, GOOD, &operator())
    );
    assert_eq!(after.deliveries.first().unwrap().decision, 1);
}

#[tokio::test]
async fn more_and_fewer_outputs_than_before_are_recomputed_too() {
    let site = Site::new();
    let store = site.store();
    let received = store.receive(arrival("1"));
    let id = store
        .decide(received, processed("1", &["ehr", "archive", "gone"]))
        .await
        .unwrap()
        .id();
    // One destination has had it before the hold.
    let archive = store.queue("lab", "archive");
    let lease = archive.lease().await.unwrap();
    archive.settle(lease, delivered()).await.unwrap();
    store.hold("lab", BAD, &operator()).await.unwrap();
    let record = store.record(id);
    let decision = processed("good", &["ehr", "ehr", "archive"]);
    store
        .recompute(BAD, GOOD, vec![(record, decision)], &operator())
        .await
        .unwrap();
    assert_eq!(store.drain().await, ["out good", "out good"]);
    let after = store.record(id);
    let found: Vec<_> = after
        .deliveries
        .iter()
        .map(|one| (one.destination.to_string(), one.stage, one.is_out_of_order))
        .collect();
    assert_eq!(
        found,
        [
            (String::from("ehr"), DeliveryStage::Delivered, false),
            (String::from("archive"), DeliveryStage::Delivered, false),
            (String::from("gone"), DeliveryStage::Discarded, false),
            (String::from("ehr"), DeliveryStage::Delivered, true),
        ]
    );
    assert!(
        tokio::time::timeout(Duration::from_millis(150), archive.lease())
            .await
            .is_err()
    );
    let status = store.status().unwrap();
    let lab = status.interfaces.first().unwrap();
    assert!(
        lab.destinations.iter().all(|one| one.pending == 0 && one.held == 0),
        "{lab:?}"
    );
}

/// Holds what a bad revision has made, has it recomputed, and delivers; gives what was promised.
async fn work(store: &Store) -> Vec<String> {
    for name in ["1", "2", "3"] {
        let mut received = store.receive(arrival(name));
        received.bind(BAD);
        if store.decide(received, processed(name, &["ehr"])).await.is_err() {
            return Vec::new();
        }
    }
    let mut told = Vec::new();
    if store.hold("lab", BAD, &operator()).await.is_ok() {
        told.push(String::from("held"));
        let mut received = store.receive(arrival("4"));
        received.bind(GOOD);
        let _ = store.decide(received, processed("4", &["ehr"])).await;
        if store.recompute_all().await.is_ok() {
            told.push(String::from("recomputed"));
        }
    }
    told
}

/// A crash at the `nth` passage of a point: nothing that was held is delivered, and what was recomputed is, once, in order.
async fn crash(point: FaultPoint, nth: u32) -> bool {
    let site = Site::new();
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let store = site.failing(move |at| {
        if at == point && counted.fetch_add(1, SeqCst) == nth {
            Verdict::Crash
        } else {
            Verdict::Proceed
        }
    });
    let told = work(&store).await;
    drop(store);
    let store = site.store();
    let is_held = !store.holds().unwrap().is_empty();
    assert!(is_held || told.is_empty(), "{point:?} {nth}: the hold is lost");
    let label = format!("{point:?} {nth}: {told:?}");
    if is_held {
        let held = store.held_messages("lab", BAD, 100).unwrap().len();
        assert!(held == 0 || !told.contains(&String::from("recomputed")), "{label}");
        store.recompute_all().await.unwrap();
        let sent = store.drain().await;
        let good: Vec<&String> = sent.iter().filter(|content| content.contains("good")).collect();
        assert_eq!(good, ["out good 1", "out good 2", "out good 3"], "{label}");
        assert!(
            sent.len() <= 4 && sent.iter().all(|content| content != "out 1"),
            "{label}: {sent:?}"
        );
    }
    store.shutdown().await;
    count.load(SeqCst) > nth
}

#[tokio::test]
async fn a_crash_at_any_commit_leaves_what_is_held_held_and_loses_nothing() {
    for point in [
        FaultPoint::BeforeCommit,
        FaultPoint::AfterCommit,
        FaultPoint::Projection,
    ] {
        let mut nth = 1;
        while crash(point, nth).await {
            nth += 1;
        }
        assert!(nth > 2, "{point:?}");
    }
}

#[tokio::test]
async fn a_filter_decides_that_nothing_of_what_is_held_is_made() {
    let site = Site::new();
    let store = site.store();
    let id = store.pass_by(BAD, "1").await;
    store.hold("lab", BAD, &operator()).await.unwrap();
    let filtered = Decision::Filtered {
        reason: String::from("not for us").into(),
        outputs: Vec::new(),
        state: Vec::new(),
        detail: Sealed::default(),
    };
    store
        .recompute(BAD, GOOD, vec![(store.record(id), filtered)], &operator())
        .await
        .unwrap();
    let record = store.record(id);
    assert_eq!(
        (record.summary.stage, stages(&record)),
        (Stage::Filtered, vec![DeliveryStage::Discarded])
    );
    assert_eq!(store.figures(), (0, 0, 0));
}
