//! Deliveries of different lanes go out beside each other, and what is behind something in quarantine waits.

use std::time::Duration;

use super::support::{Site, anew, delivered, fault, processed, quarantined, text};
use crate::{Lanes, Lease, MessageId, OnFault, Operator, Settlement, Store};

fn lane(numbers: &[u32]) -> Lanes {
    Lanes::of(1, numbers.to_vec())
}

impl Store {
    async fn pass_in(&self, control_id: &str, lanes: Lanes) -> MessageId {
        let received = self.receive_of(control_id, lanes);
        let decided = self.decide(received, processed(control_id, &["ehr", "archive"]));
        decided.await.unwrap().id()
    }

    async fn quarantine_in(&self, control_id: &str, lanes: Lanes) -> MessageId {
        let received = self.receive_of(control_id, lanes);
        self.decide(received, quarantined("broken")).await.unwrap().id()
    }

    /// What can be leased at once, and is not settled.
    async fn leases(&self, destination: &str) -> Vec<Lease> {
        let queue = self.queue("lab", destination);
        let mut leases = Vec::new();
        while let Ok(Some(lease)) = tokio::time::timeout(Duration::from_millis(150), queue.lease()).await {
            leases.push(lease);
        }
        leases
    }

    fn end(&self, lease: Lease) {
        let queue = self.queue("lab", lease.destination());
        drop(queue.settle(lease, delivered()));
    }

    /// Everything that can be delivered now, delivered one after the other.
    async fn all(&self, destination: &str) -> Vec<String> {
        let queue = self.queue("lab", destination);
        let mut contents = Vec::new();
        while let Ok(Some(lease)) = tokio::time::timeout(Duration::from_millis(150), queue.lease()).await {
            contents.push(text(lease.content()));
            queue.settle(lease, delivered()).await.unwrap();
        }
        contents
    }

    /// Message, destination, and how many wait, of whatever holds lanes.
    fn holding(&self) -> Vec<(MessageId, Option<String>, u64)> {
        let found = self.held_lanes(Some("lab"), 10).unwrap();
        assert_eq!(found.total, found.held.len() as u64);
        let of = |held: crate::HeldLane| (held.message, held.destination, held.waiting);
        found.held.into_iter().map(of).collect()
    }
}

fn contents(leases: &[Lease]) -> Vec<String> {
    leases.iter().map(|lease| text(lease.content())).collect()
}

fn operator() -> Operator {
    Operator {
        author: String::from("anna"),
        reason: String::from("looked at"),
    }
}

#[tokio::test]
async fn lanes_go_out_beside_each_other_and_each_in_its_order() {
    let site = Site::new();
    let store = site.store();
    for (name, lanes) in [
        ("A0", lane(&[1])),
        ("B0", lane(&[2])),
        ("A1", lane(&[1])),
        ("AB", lane(&[1, 2])),
        ("B1", lane(&[2])),
        ("C0", lane(&[3])),
        ("all", Lanes::All),
        ("C1", lane(&[3])),
    ] {
        store.pass_in(name, lanes).await;
    }
    // A restart keeps the lanes.
    store.shutdown().await;
    let store = site.store();
    let mut out = store.leases("ehr").await;
    assert_eq!(contents(&out), ["out A0", "out B0", "out C0"]);
    let (c0, b0, a0) = (out.pop().unwrap(), out.pop().unwrap(), out.pop().unwrap());
    // One that comes back is the first of its lane again.
    drop(a0);
    let mut again = store.leases("ehr").await;
    assert_eq!(contents(&again), ["out A0"]);
    store.end(again.pop().unwrap());
    let mut a1 = store.leases("ehr").await;
    assert_eq!(contents(&a1), ["out A1"]);
    store.end(a1.pop().unwrap());
    assert_eq!(store.leases("ehr").await.len(), 0, "the merge waits for both");
    store.end(b0);
    assert_eq!(contents(&store.leases("ehr").await), ["out AB"]);
    store.end(c0);
    assert_eq!(store.all("ehr").await, ["out AB", "out B1", "out all", "out C1"]);
}

#[tokio::test]
async fn what_is_behind_a_message_in_quarantine_waits_in_its_lanes_until_they_are_released() {
    let site = Site::new();
    let store = site.store();
    store.pass_in("A0", lane(&[1])).await;
    let bad = store.quarantine_in("bad", lane(&[1])).await;
    for (name, lanes) in [
        ("A1", lane(&[1])),
        ("B0", lane(&[2])),
        ("AB", lane(&[1, 2])),
        ("B1", lane(&[2])),
    ] {
        store.pass_in(name, lanes).await;
    }
    assert_eq!(store.all("ehr").await, ["out A0", "out B0"]);
    assert_eq!(store.holding(), [(bad, None, 6)]);
    assert_eq!(store.status().unwrap().interfaces[0].lane_holds, 1);
    drop(store);

    // Neither a restart nor a new projection forgets it.
    std::fs::remove_file(site.file("live.sqlite")).unwrap();
    let store = site.store();
    store.pass_in("A2", lane(&[1])).await;
    store.pass_in("C0", lane(&[3])).await;
    assert_eq!(store.all("ehr").await, ["out C0"]);
    assert_eq!(store.all("archive").await, ["out A0", "out B0", "out C0"]);
    assert_eq!(store.holding(), [(bad, None, 8)]);

    // What is decided anew passes by.
    let record = store.message(bad).unwrap().unwrap();
    let decision = processed("good", &["ehr"]);
    store
        .replay(&record, anew(3, decision), None, &operator())
        .await
        .unwrap();
    assert_eq!(store.all("ehr").await, ["out good"]);
    store.release_lanes("lab", Some(bad), &operator()).await.unwrap();
    assert_eq!(store.all("ehr").await, ["out A1", "out AB", "out B1", "out A2"]);
    assert_eq!(store.all("archive").await, ["out A1", "out AB", "out B1", "out A2"]);
    assert_eq!(store.holding(), []);
    store.shutdown().await;
    let store = site.store();
    assert_eq!(store.all("ehr").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_behind_a_delivery_in_quarantine_waits_at_its_destination_or_everywhere() {
    let site = Site::new();
    let store = site.store();
    let refuse = async |on_fault| {
        let queue = store.queue("lab", "ehr");
        let mut lease = queue.lease().await.unwrap();
        lease.hold_on_fault(on_fault);
        let fault = fault("no such patient");
        queue.settle(lease, Settlement::Quarantined { fault }).await.unwrap();
    };
    let first = store.pass_in("A0", lane(&[1])).await;
    store.pass_in("A1", lane(&[1])).await;
    store.pass_in("B0", lane(&[2])).await;
    refuse(OnFault::HoldLanes).await;
    assert_eq!(store.all("ehr").await, ["out B0"]);
    assert_eq!(store.all("archive").await, ["out A0", "out A1", "out B0"]);
    assert_eq!(store.holding(), [(first, Some(String::from("ehr")), 1)]);
    let second = store.pass_in("B1", lane(&[2])).await;
    store.pass_in("C0", lane(&[3])).await;
    refuse(OnFault::HoldInterface).await;
    assert_eq!(store.all("ehr").await, Vec::<String>::new());
    assert_eq!(store.all("archive").await, Vec::<String>::new());
    assert_eq!(
        store.holding(),
        [(first, Some(String::from("ehr")), 1), (second, None, 3)]
    );
    store.release_lanes("lab", Some(first), &operator()).await.unwrap();
    assert_eq!(store.all("ehr").await, ["out A1"]);
    store.release_lanes("lab", None, &operator()).await.unwrap();
    assert_eq!(store.all("ehr").await, ["out C0"]);
    assert_eq!(store.all("archive").await, ["out B1", "out C0"]);
}
