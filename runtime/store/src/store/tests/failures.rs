//! Disks that refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use super::support::{Site, arrival, delivered, processed};
use crate::faults::{FaultPoint, Verdict};
use crate::{Store, WriteError};

/// A switch: while it is on, operations at the point fail.
fn switch(site: &Site, failing: FaultPoint) -> (Store, Arc<AtomicBool>) {
    let on = Arc::new(AtomicBool::new(false));
    let switch = on.clone();
    let store = site.failing(move |point| {
        if point == failing && on.load(SeqCst) {
            Verdict::Fail
        } else {
            Verdict::Proceed
        }
    });
    (store, switch)
}

#[tokio::test]
async fn a_message_whose_commit_fails_is_not_written_and_never_delivered() {
    let site = Site::new();
    let (store, failing) = switch(&site, FaultPoint::BeforeCommit);
    let _queue = store.queue("lab", "ehr");
    failing.store(true, SeqCst);
    let error = store.pass("lost").await.unwrap_err();
    assert!(matches!(error, WriteError::NotWritten { .. }), "{error}");
    failing.store(false, SeqCst);
    store.pass("kept").await.unwrap();
    assert_eq!(store.deliver(1).await, ["out kept"]);
    assert!(store.is_drained().await);
    store.shutdown().await;
    assert_eq!(site.kinds(1), ["received, processed", "delivered"]);
}

#[tokio::test]
async fn a_receipt_is_not_given_for_what_is_not_written() {
    let site = Site::new();
    let (store, failing) = switch(&site, FaultPoint::BeforeCommit);
    failing.store(true, SeqCst);
    let received = store.receive(arrival("lost"));
    assert!(store.receipt(&received).await.is_err());
    failing.store(false, SeqCst);
    // Forgotten is forgotten: also its decision, and a second receipt.
    assert!(store.receipt(&received).await.is_err());
    assert!(store.attempt(&received).await.is_err());
    assert!(store.decide(received, processed("lost", &["ehr"])).await.is_err());
}

#[tokio::test]
async fn a_commit_whose_answer_got_lost_is_written_once() {
    let site = Site::new();
    let (store, failing) = switch(&site, FaultPoint::AfterCommit);
    store.pass("before").await.unwrap();
    failing.store(true, SeqCst);
    let pending = store.pass("doubtful");
    let waiting = tokio::spawn(pending_owned(store.clone()));
    tokio::time::sleep(Duration::from_millis(50)).await;
    failing.store(false, SeqCst);
    pending.await.unwrap();
    waiting.await.unwrap();
    assert_eq!(store.deliver(3).await.len(), 3);
    assert!(store.is_drained().await);
    store.shutdown().await;

    let opened = site.open();
    assert!(opened.unfinished.is_empty());
    assert!(opened.store.is_drained().await);
    let lab = &opened.store.status().unwrap().interfaces[0];
    assert_eq!((lab.processed, lab.destinations[0].delivered), (3, 3));
    // The doubtful copies are still in the file, and void.
    assert!(site.kinds(1).len() > 1 && !site.kinds(2).is_empty());
}

async fn pending_owned(store: Store) {
    store.pass("meanwhile").await.unwrap();
}

#[tokio::test]
async fn a_decision_about_a_durable_message_survives_failures() {
    let site = Site::new();
    let (store, failing) = switch(&site, FaultPoint::BeforeCommit);
    let (durable, _) = store.take("durable").await;
    failing.store(true, SeqCst);
    let decision = store.decide(durable, processed("durable", &["ehr"]));
    let lost = store.pass("lost").await;
    assert!(lost.is_err());
    failing.store(false, SeqCst);
    decision.await.unwrap();
    store.pass("later").await.unwrap();
    assert_eq!(store.deliver(2).await, ["out durable", "out later"]);
}

#[tokio::test]
async fn a_settlement_survives_failures() {
    let site = Site::new();
    let (store, failing) = switch(&site, FaultPoint::BeforeCommit);
    store.pass("A").await.unwrap();
    let queue = store.queue("lab", "ehr");
    let lease = queue.lease().await.unwrap();
    failing.store(true, SeqCst);
    let settlement = queue.settle(lease, delivered());
    assert!(store.pass("lost").await.is_err());
    assert!(store.is_drained().await, "settled is settled");
    failing.store(false, SeqCst);
    settlement.await.unwrap();
    store.shutdown().await;
    assert!(site.store().is_drained().await);
}

#[tokio::test]
async fn a_later_message_does_not_overtake_one_that_was_not_written() {
    let site = Site::new();
    let fail = Arc::new(AtomicBool::new(false));
    let (entered, gate) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let store = site.failing({
        let (fail, entered, gate) = (fail.clone(), entered.clone(), gate.clone());
        move |point| {
            if point != FaultPoint::BeforeCommit || !fail.swap(false, SeqCst) {
                return Verdict::Proceed;
            }
            entered.store(true, SeqCst);
            while !gate.load(SeqCst) {
                std::thread::yield_now();
            }
            Verdict::Fail
        }
    });
    fail.store(true, SeqCst);
    let first = store.receive(arrival("first"));
    let first = store.decide(first, processed("first", &["ehr"]));
    while !entered.load(SeqCst) {
        std::thread::yield_now();
    }
    // Queued while the first one's batch is being written.
    let second = store.receive(arrival("second"));
    let second = store.decide(second, processed("second", &["ehr"]));
    gate.store(true, SeqCst);
    assert!(first.await.is_err());
    assert!(
        second.await.is_err(),
        "the sender sends the first again, and then the second"
    );
    store.pass("third").await.unwrap();
    assert_eq!(store.deliver(1).await, ["out third"]);
}

#[tokio::test]
async fn while_nothing_can_be_written_messages_queue_up_to_the_limit() {
    let mut site = Site::new();
    site.settings.waiting_bytes_max = 4000;
    let (store, failing) = switch(&site, FaultPoint::AfterCommit);
    failing.store(true, SeqCst);
    let first = store.receive(arrival("first"));
    let mut waiting = vec![store.decide(first, processed("first", &["ehr"]))];
    let refused = loop {
        let received = store.receive(arrival("next"));
        let unavailable = store.receipt(&received);
        match tokio::time::timeout(Duration::from_millis(1), unavailable).await {
            Ok(Err(error)) => break error,
            Ok(Ok(_)) => panic!("nothing is durable"),
            Err(_) => waiting.push(store.decide(received, processed("next", &["ehr"]))),
        }
        assert!(waiting.len() < 100);
    };
    assert!(
        matches!(refused, WriteError::Unavailable { waiting_bytes } if waiting_bytes > 4000),
        "{refused}"
    );
    failing.store(false, SeqCst);
    for commit in waiting {
        commit.await.unwrap();
    }
    store.pass("again").await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_again_is_tried_again() {
    let site = Site::new();
    let (commits, reopens) = (AtomicU32::new(0), Arc::new(AtomicU32::new(0)));
    let counted = reopens.clone();
    let store = site.failing(move |point| match point {
        FaultPoint::BeforeCommit if commits.fetch_add(1, SeqCst) == 1 => Verdict::Fail,
        FaultPoint::Reopen if (1..4).contains(&counted.fetch_add(1, SeqCst)) => Verdict::Fail,
        _ => Verdict::Proceed,
    });
    // The batch is written into another segment, or proven absent: either way its sender gets an answer.
    let _ = store.pass("A").await;
    store.pass("B").await.unwrap();
    assert!(reopens.load(SeqCst) > 1);
}

#[tokio::test]
async fn a_projection_that_cannot_be_written_is_made_up_for() {
    let site = Site::new();
    let (store, failing) = switch(&site, FaultPoint::Projection);
    store.pass("before").await.unwrap();
    assert_eq!(store.status().unwrap().behind, 0);
    failing.store(true, SeqCst);
    for number in 0..20 {
        store.pass(&number.to_string()).await.unwrap();
    }
    let status = store.status().unwrap();
    assert_eq!((status.interfaces[0].processed, status.behind), (1, 20));
    failing.store(false, SeqCst);
    let status = store.status().unwrap();
    assert_eq!((status.interfaces[0].processed, status.behind), (21, 0));
}

#[tokio::test]
async fn a_store_that_cannot_write_still_ends() {
    let site = Site::new();
    for point in [FaultPoint::BeforeCommit, FaultPoint::AfterCommit] {
        let (store, failing) = switch(&site, point);
        let (durable, _) = store.take("durable").await;
        failing.store(true, SeqCst);
        let decision = store.decide(durable, processed("durable", &["ehr"]));
        store.shutdown().await;
        assert_eq!(decision.await.unwrap_err(), WriteError::ShutDown);
        assert!(site.open().unclean);
    }
}
