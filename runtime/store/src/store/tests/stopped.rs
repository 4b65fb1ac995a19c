//! Deliveries that are stopped when their message is decided: in quarantine from the beginning, and nobody waits for them.

use super::support::{Site, delivered, processed, text};
use crate::{Decision, DeliveryStage, Lanes, MessageId, OnFault, Sealed, Store, StoredFault};

fn fault(words: &str) -> StoredFault {
    StoredFault {
        kind: String::from("trapped"),
        summary: String::from("a step trapped"),
        hint: None,
        text: Sealed::from(words.as_bytes().to_vec()),
    }
}

/// What goes to each of these destinations, the first of which gets nothing.
fn stopped(name: &str, destinations: &[&str]) -> Decision {
    let outputs = destinations.iter().enumerate().flat_map(|(index, destination)| {
        let Decision::Processed { mut outputs, .. } = processed(name, &[destination]) else {
            return Vec::new();
        };
        for output in &mut outputs {
            output.stopped = (index == 0).then(|| fault(name));
        }
        outputs
    });
    Decision::Processed {
        outputs: outputs.collect(),
        state: Vec::new(),
        detail: Sealed::default(),
    }
}

impl Store {
    async fn decide_of(&self, name: &str, lanes: Lanes, on_fault: OnFault, decision: Decision) -> MessageId {
        let mut received = self.receive_of(name, Lanes::All);
        received.keep_order(lanes, on_fault);
        self.decide(received, decision).await.unwrap().id()
    }

    /// Everything that can be delivered to a destination now, delivered.
    async fn drain_to(&self, destination: &str) -> Vec<String> {
        let queue = self.queue("lab", destination);
        let mut contents = Vec::new();
        while let Ok(Some(lease)) = tokio::time::timeout(std::time::Duration::from_millis(150), queue.lease()).await {
            contents.push(text(lease.content()));
            let _ = queue.settle(lease, delivered()).await;
        }
        contents
    }

    /// Pending, delivered, quarantined and the last fault of a destination.
    fn told_of(&self, destination: &str) -> (u64, u64, u64, Option<String>) {
        let status = self.status().unwrap();
        let destinations = status
            .interfaces
            .first()
            .map(|lab| lab.destinations.clone())
            .unwrap_or_default();
        let found = destinations
            .iter()
            .find(|one| *one.destination == *destination)
            .unwrap();
        (
            found.pending,
            found.delivered,
            found.quarantined,
            found.last_fault.clone(),
        )
    }
}

/// Stage and words of each delivery.
fn told(store: &Store, id: MessageId) -> Vec<(DeliveryStage, Option<String>)> {
    let record = store.message(id).unwrap().unwrap();
    let deliveries = record.deliveries.iter();
    deliveries
        .map(|one| (one.stage, one.fault.as_ref().map(|fault| text(&fault.text))))
        .collect()
}

#[tokio::test]
async fn a_stopped_delivery_is_in_quarantine_at_once_and_in_no_queue_also_after_a_restart() {
    let site = Site::new();
    let store = site.store();
    let id = store
        .decide_of("1", Lanes::All, OnFault::Continue, stopped("1", &["register", "ehr"]))
        .await;
    store
        .decide_of("2", Lanes::All, OnFault::Continue, processed("2", &["register", "ehr"]))
        .await;
    let expected = [
        (DeliveryStage::Quarantined, Some(String::from("1"))),
        (DeliveryStage::Queued, None),
    ];
    assert_eq!(told(&store, id), expected);
    assert_eq!(
        store.told_of("register"),
        (1, 0, 1, Some(String::from("a step trapped")))
    );
    store.shutdown().await;

    let store = site.store();
    assert_eq!(told(&store, id), expected);
    assert_eq!(store.drain_to("register").await, ["out 2"]);
    assert_eq!(store.drain_to("ehr").await, ["out 1", "out 2"]);
    assert_eq!(store.told_of("register"), (0, 1, 1, None));
    store.shutdown().await;
    let rebuilt = Store::rebuild(&site.settings).unwrap();
    assert_eq!(rebuilt.differences, Some(Vec::new()));
    let store = site.store();
    assert_eq!(
        told(&store, id),
        [
            (DeliveryStage::Quarantined, Some(String::from("1"))),
            (DeliveryStage::Delivered, None)
        ]
    );
}

#[tokio::test]
async fn what_is_behind_it_waits_at_its_destination_where_that_is_wanted_and_goes_on_when_it_is_released() {
    let site = Site::new();
    let store = site.store();
    let lane = || Lanes::of(1, vec![7]);
    let (register, ehr) = (store.queue("lab", "register"), store.queue("lab", "ehr"));
    store
        .decide_of("1", lane(), OnFault::HoldLanes, stopped("1", &["register", "ehr"]))
        .await;
    store
        .decide_of("2", lane(), OnFault::HoldLanes, processed("2", &["register", "ehr"]))
        .await;
    store
        .decide_of(
            "3",
            Lanes::of(1, vec![8]),
            OnFault::HoldLanes,
            processed("3", &["register"]),
        )
        .await;
    drop((register, ehr));
    assert_eq!(store.drain_to("register").await, ["out 3"]);
    assert_eq!(store.drain_to("ehr").await, ["out 1", "out 2"]);
    store.shutdown().await;

    let store = site.store();
    assert!(store.drain_to("register").await.is_empty());
    let operator = crate::Operator::default();
    store.release_lanes("lab", None, &operator).await.unwrap();
    assert_eq!(store.drain_to("register").await, ["out 2"]);
}

#[tokio::test]
async fn two_destinations_may_be_stopped_by_one_message() {
    let site = Site::new();
    let store = site.store();
    let Decision::Processed { mut outputs, .. } = stopped("1", &["register"]) else {
        panic!("it is processed");
    };
    let Decision::Processed { outputs: more, .. } = stopped("1", &["ehr"]) else {
        panic!("it is processed");
    };
    outputs.extend(more);
    let decision = Decision::Processed {
        outputs,
        state: Vec::new(),
        detail: Sealed::default(),
    };
    let lane = || Lanes::of(1, vec![7]);
    let id = store.decide_of("1", lane(), OnFault::HoldLanes, decision).await;
    store
        .decide_of("2", lane(), OnFault::HoldLanes, processed("2", &["register", "ehr"]))
        .await;
    let stages: Vec<_> = told(&store, id).into_iter().map(|(stage, _)| stage).collect();
    assert_eq!(stages, [DeliveryStage::Quarantined; 2]);
    assert!(store.drain_to("register").await.is_empty() && store.drain_to("ehr").await.is_empty());
}
