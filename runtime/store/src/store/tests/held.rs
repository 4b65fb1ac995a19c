//! Holding what a revision has made, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use super::support::{Site, arrival, delivered, processed, quarantined, text};
use crate::faults::{FaultPoint, Verdict};
use crate::{
    Decision, DeliveryStage, MessageId, MessageRecord, OperateError, OperationKind, Operator, Sealed, Stage, Store,
    WriteError,
};

/// The revision of every arrival in these tests, and the one after it.
const BAD: u32 = 3;
const GOOD: u32 = 4;

fn operator() -> Operator {
    Operator {
        author: String::from("minta"),
        reason: String::from("wrong units"),
    }
}

impl Store {
    /// Receives and processes a message for "ehr" by one revision.
    async fn pass_by(&self, revision: u32, control_id: &str) -> MessageId {
        let mut received = self.receive(arrival(control_id));
        received.bind(revision);
        let committed = self.decide(received, processed(control_id, &["ehr"])).await.unwrap();
        committed.id()
    }

    /// Everything that can be delivered now, delivered.
    async fn drain(&self) -> Vec<String> {
        let queue = self.queue("lab", "ehr");
        let mut contents = Vec::new();
        while let Ok(Some(lease)) = tokio::time::timeout(Duration::from_millis(150), queue.lease()).await {
            contents.push(text(lease.content()));
            let _ = queue.settle(lease, delivered()).await;
        }
        contents
    }

    fn record(&self, id: MessageId) -> MessageRecord {
        self.message(id).unwrap().unwrap()
    }

    /// Recomputes whatever is held, with contents that say so.
    async fn recompute_all(&self) -> Result<(), OperateError> {
        let held = self.held_messages("lab", BAD, 100).map_err(|_| WriteError::ShutDown)?;
        let decided = held.into_iter().map(|id| {
            let record = self.record(id);
            let decision = processed(&format!("good {}", record.summary.control_id), &["ehr"]);
            (record, decision)
        });
        self.recompute(BAD, GOOD, decided.collect(), &operator()).await
    }

    /// Pending, held, delivered of "ehr".
    fn figures(&self) -> (u64, u64, u64) {
        let status = self.status().unwrap();
        let ehr = status.interfaces.first().and_then(|lab| lab.destinations.first());
        ehr.map_or((0, 0, 0), |ehr| (ehr.pending, ehr.held, ehr.delivered))
    }
}

fn stages(record: &MessageRecord) -> Vec<DeliveryStage> {
    record.deliveries.iter().map(|delivery| delivery.stage).collect()
}

#[tokio::test]
async fn what_is_held_is_in_no_queue_and_survives_a_restart() {
    let site = Site::new();
    let store = site.store();
    for name in ["1", "2", "3"] {
        store.pass_by(BAD, name).await;
    }
    assert_eq!(store.deliver(1).await, ["out 1"]);
    store.hold("lab", BAD, &operator()).await.unwrap();
    store.pass_by(GOOD, "4").await;
    assert_eq!(store.drain().await, ["out 4"]);
    assert_eq!(store.figures(), (0, 2, 2));
    store.shutdown().await;

    let store = site.store();
    assert!(store.is_drained().await);
    assert_eq!(store.figures(), (0, 2, 2));
    let holds = store.holds().unwrap();
    let hold = holds.first().unwrap();
    assert_eq!(
        (hold.interface.as_str(), hold.revision, &hold.operator),
        ("lab", BAD, &operator())
    );
    let kept_back = store.held().unwrap();
    assert_eq!(
        kept_back
            .iter()
            .map(|one| (one.revision, one.deliveries))
            .collect::<Vec<_>>(),
        [(BAD, 2)]
    );
}

#[tokio::test]
async fn a_hold_is_of_what_the_revision_is_still_to_make_too() {
    let site = Site::new();
    let store = site.store();
    let (in_flight, _) = store.take("1").await;
    assert!(store.is_drained().await);
    store.hold("lab", BAD, &operator()).await.unwrap();
    store.decide(in_flight, processed("1", &["ehr"])).await.unwrap();
    assert_eq!(store.drain().await, Vec::<String>::new());
    assert_eq!(store.figures(), (0, 1, 0));
    // Left undecided by a stop.
    let (left, _) = store.take("2").await;
    drop(left);
    store.shutdown().await;

    let opened = site.open();
    let store = opened.store;
    for unfinished in opened.unfinished {
        store
            .decide(unfinished.received, processed("2", &["ehr"]))
            .await
            .unwrap();
    }
    // A queue that somebody asks for later knows the hold as well.
    store.pass_by(BAD, "3").await;
    assert_eq!(store.drain().await, Vec::<String>::new());
    assert_eq!(store.figures(), (0, 3, 0));
}

#[tokio::test]
async fn what_is_being_sent_is_waited_for_and_what_comes_back_is_held() {
    let site = Site::new();
    let store = site.store();
    store.pass_by(BAD, "1").await;
    store.pass_by(BAD, "2").await;
    let queue = store.queue("lab", "ehr");
    let (sent, retried) = (store.next().await, store.next().await);
    let holding = tokio::spawn({
        let store = store.clone();
        async move { store.hold("lab", BAD, &operator()).await.unwrap() }
    });
    // Whoever waits for another attempt hears of it.
    queue.held(&retried).await;
    assert!(matches!(
        store.discard("lab", BAD, &operator()).await,
        Err(OperateError::Sending { sending: 2, .. })
    ));
    drop(retried);
    queue.settle(sent, delivered()).await.unwrap();
    assert_eq!(holding.await.unwrap().sending, 0);
    assert_eq!(store.drain().await, Vec::<String>::new());
    assert_eq!(store.figures(), (0, 1, 1));
}

#[tokio::test]
async fn nothing_of_a_revision_is_leased_once_a_hold_has_returned() {
    let site = Site::new();
    for round in 0..8_u64 {
        let mut settings = site.settings.clone();
        settings.queue_deliveries_max = 8;
        // So that the sender is somewhere in the middle when the hold comes.
        settings.unsynced_settlements_max = 2;
        settings.folder = settings.folder.join(format!("round{round}"));
        std::fs::create_dir_all(settings.folder.parent().unwrap()).unwrap();
        let store = Store::open(settings).unwrap().store;
        for number in 0..40 {
            store.pass_by(BAD, &number.to_string()).await;
        }
        let sent = Arc::new(AtomicU32::new(0));
        let sender = tokio::spawn({
            let (queue, sent) = (store.queue("lab", "ehr"), sent.clone());
            async move {
                while let Some(lease) = queue.lease().await {
                    sent.fetch_add(u32::from(lease.revision() == BAD), SeqCst);
                    tokio::task::yield_now().await;
                    drop(queue.settle(lease, delivered()));
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(3 * round)).await;
        assert_eq!(store.hold("lab", BAD, &operator()).await.unwrap().sending, 0);
        let before = sent.load(SeqCst);
        store.pass_by(GOOD, "later").await;
        while store.figures().0 > 0 {
            tokio::task::yield_now().await;
        }
        let (_, held, _) = store.figures();
        assert_eq!(
            (sent.load(SeqCst), held),
            (before, u64::from(40 - before)),
            "round {round}"
        );
        store.shutdown().await;
        sender.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_released_goes_on_in_its_order_and_in_front() {
    let site = Site::new();
    let store = site.store();
    let ids = [
        store.pass_by(BAD, "1").await,
        store.pass_by(BAD, "2").await,
        store.pass_by(GOOD, "3").await,
    ];
    let [first, ..] = ids;
    store.hold("lab", BAD, &operator()).await.unwrap();
    assert_eq!(store.deliver(1).await, ["out 3"]);
    store.pass_by(GOOD, "4").await;
    store.release("lab", BAD, &operator()).await.unwrap();
    assert_eq!(store.drain().await, ["out 1", "out 2", "out 4"]);
    let record = store.record(first);
    assert!(record.deliveries.iter().all(|delivery| delivery.is_out_of_order));
    let [.., newer] = ids;
    assert!(
        !store
            .record(newer)
            .deliveries
            .iter()
            .any(|delivery| delivery.is_out_of_order)
    );
    // The hold is over.
    store.pass_by(BAD, "5").await;
    assert_eq!(store.drain().await, ["out 5"]);
    assert_eq!(store.holds().unwrap(), []);
}

#[tokio::test]
async fn what_is_leased_while_others_are_released_is_delivered_once() {
    let site = Site::new();
    let store = site.store();
    store.pass_by(BAD, "1").await;
    store.hold("lab", BAD, &operator()).await.unwrap();
    store.pass_by(GOOD, "2").await;
    store.pass_by(GOOD, "3").await;
    let queue = store.queue("lab", "ehr");
    let (leased, given_back) = (store.next().await, store.next().await);
    store.release("lab", BAD, &operator()).await.unwrap();
    assert_eq!(store.deliver(1).await, ["out 1"]);
    drop(given_back);
    queue.settle(leased, delivered()).await.unwrap();
    assert_eq!(store.drain().await, ["out 3"]);
    assert_eq!(store.figures(), (0, 0, 3));
}

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

#[tokio::test]
async fn what_is_discarded_is_never_made_and_the_hold_stays() {
    let site = Site::new();
    let store = site.store();
    let id = store.pass_by(BAD, "1").await;
    store.hold("lab", BAD, &operator()).await.unwrap();
    store.discard("lab", BAD, &operator()).await.unwrap();
    store.pass_by(BAD, "2").await;
    assert_eq!(store.figures(), (0, 1, 0));
    store.release("lab", BAD, &operator()).await.unwrap();
    assert_eq!(store.drain().await, ["out 2"]);
    assert_eq!(stages(&store.record(id)), [DeliveryStage::Discarded]);
    assert_eq!(store.figures(), (0, 0, 1));
}

#[tokio::test]
async fn a_quarantined_message_that_is_replayed_is_processed_and_delivered_behind_all_others() {
    let site = Site::new();
    let store = site.store();
    let received = store.receive(arrival("1"));
    let id = store.decide(received, quarantined("broken")).await.unwrap().id();
    store.pass_by(GOOD, "2").await;
    let record = store.record(id);
    let made = store
        .replay(&record, GOOD, processed("1", &["ehr"]), None, &operator())
        .await
        .unwrap();
    assert_eq!(made, 1);
    // Again, which is allowed.
    let record = store.record(id);
    assert_eq!(record.summary.stage, Stage::Processed);
    store
        .replay(
            &record,
            GOOD,
            processed("again", &["ehr", "archive"]),
            Some("ehr"),
            &operator(),
        )
        .await
        .unwrap();
    assert_eq!(store.drain().await, ["out 2", "out 1", "out again"]);
    store.shutdown().await;

    let store = site.store();
    let record = store.record(id);
    assert_eq!(record.summary.deliveries, 2);
    assert!(record.summary.fault.is_none());
    assert_eq!(record.earlier.len(), 2);
    assert_eq!(
        record.earlier.first().unwrap().fault.as_ref().unwrap().summary,
        "broken"
    );
    assert_eq!(
        record
            .deliveries
            .iter()
            .map(|one| (one.decision, one.is_out_of_order))
            .collect::<Vec<_>>(),
        [(1, true), (2, true)]
    );
    let lab = store.status().unwrap().interfaces;
    assert_eq!(lab.first().map(|lab| (lab.processed, lab.quarantined)), Some((2, 0)));
}

#[tokio::test]
async fn newer_messages_that_were_delivered_are_found_and_no_others() {
    let site = Site::new();
    let store = site.store();
    let old = store.pass_by(BAD, "1").await;
    store.hold("lab", BAD, &operator()).await.unwrap();
    let newer = [store.pass_by(GOOD, "2").await, store.pass_by(GOOD, "3").await];
    assert_eq!(store.deliver(2).await.len(), 2);
    store.pass_by(GOOD, "4").await;
    let found = |destination: &str, limit| {
        let found = store.newer_delivered(old, &[Arc::from(destination)], limit).unwrap();
        (
            found.messages.iter().map(|one| one.id).collect::<Vec<_>>(),
            found.has_more,
        )
    };
    assert_eq!(found("ehr", 9), (newer.to_vec(), false));
    assert_eq!(found("ehr", 1), (vec![newer[0]], true));
    assert_eq!(found("archive", 9), (Vec::new(), false));
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
