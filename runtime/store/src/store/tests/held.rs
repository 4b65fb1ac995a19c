//! Holding what a revision has made, and what becomes of it.

mod recomputed;
mod replayed;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use super::support::{Site, delivered, processed, text};
use crate::{DeliveryStage, Lanes, MessageId, MessageRecord, OperateError, Operator, Store, WriteError};

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
        let mut received = self.receive_of(control_id, Lanes::None);
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
