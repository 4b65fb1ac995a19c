//! A crash at every commit of a workload, before it and after it, and a failure of every commit, compared with what
//! the callers were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use super::support::{Site, arrival, delivered, processed, quarantined, text};
use crate::faults::{FaultPoint, Verdict};
use crate::{MessageId, Stage, Store};

/// What the callers were told.
#[derive(Default)]
struct Told {
    /// Messages with a receipt or a commit, and the stage that was promised.
    durable: BTreeMap<MessageId, Stage>,
    /// Messages that are certainly forgotten.
    forgotten: BTreeSet<MessageId>,
    /// Contents of durable deliveries in the order of their decisions.
    to_deliver: Vec<String>,
    /// Contents whose settlement is durable.
    settled: BTreeSet<String>,
    /// Contents that were settled, durably or not.
    sent: Vec<String>,
}

/// Receives, decides, delivers; goes on after failures as an engine would.
async fn work(store: &Store) -> Told {
    let mut told = Told::default();
    let queue = store.queue("lab", "ehr");
    for round in 0..4 {
        let name = |kind: &str| format!("{kind} {round}");
        // Received first, decided later, with another message decided in between.
        let early = store.receive(arrival(&name("early")));
        let early_id = early.id();
        let merged = store.receive(arrival(&name("merged")));
        let merged_id = merged.id();
        match store.receipt(&early).await {
            Ok(_) => drop(told.durable.insert(early_id, Stage::Received)),
            Err(error) => told.forget(early_id, &error),
        }
        let _ = store.attempt(&early).await;
        let early = store.decide(early, processed(&name("early"), &["ehr"]));
        let merged = store.decide(merged, processed(&name("merged"), &["ehr"]));
        told.note(early_id, early.await, Some(name("out early")));
        told.note(merged_id, merged.await, Some(name("out merged")));
        let broken = store.receive(arrival(&name("broken")));
        let broken_id = broken.id();
        told.note(broken_id, store.decide(broken, quarantined("broken")).await, None);
        while told.sent.len() < told.to_deliver.len() {
            let lease = tokio::time::timeout(std::time::Duration::from_secs(5), queue.lease()).await;
            // None: the store has crashed.
            let Ok(Some(lease)) = lease else { break };
            let content = text(lease.content());
            told.sent.push(content.clone());
            if queue.settle(lease, delivered()).await.is_ok() {
                told.settled.insert(content);
            }
        }
    }
    told
}

impl Told {
    fn note(&mut self, id: MessageId, result: Result<crate::Committed, crate::WriteError>, content: Option<String>) {
        match result {
            Ok(committed) => {
                self.durable.insert(id, committed.stage());
                self.to_deliver.extend(content);
            }
            Err(error) => self.forget(id, &error),
        }
    }

    fn forget(&mut self, id: MessageId, error: &crate::WriteError) {
        if matches!(error, crate::WriteError::NotWritten { .. }) {
            assert!(
                !self.durable.contains_key(&id),
                "{id} was durable, and then was not written"
            );
            self.forgotten.insert(id);
        }
    }

    /// Compares with what a restart finds, and delivers the rest.
    async fn check(&self, site: &Site, label: &str) {
        let opened = site.open();
        let unfinished: BTreeSet<_> = opened
            .unfinished
            .iter()
            .map(|unfinished| unfinished.received.id())
            .collect();
        for (id, stage) in &self.durable {
            let record = opened
                .store
                .message(*id)
                .unwrap()
                .unwrap_or_else(|| panic!("{label}: {id} is lost"));
            let found = record.summary.stage;
            assert!(
                found == *stage || *stage == Stage::Received,
                "{label}: {id} is {found}, not {stage}"
            );
            assert_eq!(found == Stage::Received, unfinished.contains(id), "{label}: {id}");
        }
        for id in &self.forgotten {
            assert!(opened.store.message(*id).unwrap().is_none(), "{label}: {id} came back");
        }
        let status = opened.store.status().unwrap();
        let pending = status
            .interfaces
            .first()
            .and_then(|lab| lab.destinations.first())
            .map_or(0, |ehr| ehr.pending);
        let rest = opened.store.deliver(usize::try_from(pending).unwrap()).await;
        self.check_deliveries(&rest, label);
        opened.store.shutdown().await;
    }

    fn check_deliveries(&self, rest: &[String], label: &str) {
        for content in rest {
            assert!(
                !self.settled.contains(content),
                "{label}: {content} was delivered twice after its settlement"
            );
        }
        let all: Vec<_> = self.sent.iter().chain(rest).collect();
        for content in &self.to_deliver {
            assert!(all.contains(&content), "{label}: {content} is lost");
        }
        let first_seen: Vec<_> = self
            .to_deliver
            .iter()
            .map(|c| all.iter().position(|other| *other == c))
            .collect();
        assert!(first_seen.is_sorted(), "{label}: out of order: {all:?}");
    }
}

/// Runs the workload with something happening at the `nth` passage of a point.
async fn disturb(point: FaultPoint, nth: u32, what: Verdict) {
    let site = Site::new();
    let count = AtomicU32::new(0);
    let store = site.failing(move |at| {
        if at == point && count.fetch_add(1, SeqCst) == nth {
            what
        } else {
            Verdict::Proceed
        }
    });
    let told = work(&store).await;
    drop(store);
    told.check(&site, &format!("{what:?} at {point:?} {nth}")).await;
}

/// How often the workload passes a point.
async fn passages(point: FaultPoint) -> u32 {
    let site = Site::new();
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let store = site.failing(move |at| {
        counted.fetch_add(u32::from(at == point), SeqCst);
        Verdict::Proceed
    });
    let told = work(&store).await;
    assert_eq!(
        (told.durable.len(), told.to_deliver.len(), told.settled.len()),
        (12, 8, 8)
    );
    drop(store);
    told.check(&site, "undisturbed").await;
    count.load(SeqCst)
}

#[tokio::test]
async fn a_crash_before_any_commit_loses_nothing_that_was_promised() {
    for nth in 1..passages(FaultPoint::BeforeCommit).await {
        disturb(FaultPoint::BeforeCommit, nth, Verdict::Crash).await;
    }
}

#[tokio::test]
async fn a_crash_after_any_commit_loses_nothing_that_was_promised() {
    for nth in 1..passages(FaultPoint::AfterCommit).await {
        disturb(FaultPoint::AfterCommit, nth, Verdict::Crash).await;
    }
}

#[tokio::test]
async fn a_failure_of_any_commit_loses_nothing_that_was_promised() {
    for nth in 1..passages(FaultPoint::BeforeCommit).await {
        disturb(FaultPoint::BeforeCommit, nth, Verdict::Fail).await;
    }
}

#[tokio::test]
async fn a_lost_answer_to_any_commit_loses_and_doubles_nothing() {
    for nth in 1..passages(FaultPoint::AfterCommit).await {
        disturb(FaultPoint::AfterCommit, nth, Verdict::Fail).await;
    }
}

#[tokio::test]
async fn a_crash_of_the_projection_is_made_up_for() {
    for nth in 1..passages(FaultPoint::Projection).await {
        disturb(FaultPoint::Projection, nth, Verdict::Crash).await;
    }
}
