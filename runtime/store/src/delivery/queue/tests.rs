//! What becomes of deliveries in memory, one call after the other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc::{Receiver, channel};

use super::*;

fn queue(deliveries: usize) -> (Arc<Queue>, Receiver<Request>) {
    let (loads, requests) = channel();
    let limits = Limits {
        bytes: 1 << 20,
        deliveries,
        unsynced_settlements: 2,
    };
    (
        Arc::new(Queue::new("lab".into(), "ehr".into(), limits, loads, BTreeSet::new())),
        requests,
    )
}

fn item(id: i64) -> Item {
    let message = MessageId::new(20_261_123, id);
    Item {
        id: DeliveryId::from_i64(id),
        message,
        output: 0,
        attempts: 0,
        revision: 3,
        lanes: Lanes::None,
        content: Sealed::default(),
        content_type: None,
        is_lost: false,
    }
}

fn items(ids: &[i64]) -> Vec<Item> {
    ids.iter().copied().map(item).collect()
}

/// Takes until nothing is there.
fn drain(queue: &Arc<Queue>) -> Vec<i64> {
    let next = || match queue.take() {
        Taken::Item(item) => Some(item.id.as_i64()),
        Taken::Wait | Taken::Closed => None,
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn a_new_queue_asks_for_its_backlog_once() {
    let (queue, requests) = queue(8);
    assert_eq!(drain(&queue), []);
    assert_eq!(drain(&queue), []);
    assert!(matches!(requests.try_recv(), Ok(Request::Load(_))));
    assert!(requests.try_recv().is_err());
    assert_eq!(queue.wanted().unwrap().after.as_i64(), 0);
}

#[test]
fn what_becomes_durable_during_a_load_is_there_once_and_in_order() {
    let (queue, _requests) = queue(8);
    drain(&queue);
    for id in 3..6 {
        queue.push(item(id));
    }
    // The projection had come to 4 when it was asked.
    queue.loaded(
        queue.wanted().unwrap(),
        items(&[1, 2, 3, 4]),
        true,
        DeliveryId::from_i64(4),
    );
    // Durable before the load looked, announced after it was done.
    queue.push(item(4));
    queue.push(item(6));
    assert_eq!(drain(&queue), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_load_that_is_not_complete_is_followed_by_the_next() {
    let (queue, requests) = queue(8);
    drain(&queue);
    queue.push(item(9));
    queue.loaded(queue.wanted().unwrap(), items(&[1, 2]), false, DeliveryId::from_i64(9));
    queue.push(item(10));
    assert_eq!(drain(&queue), [1, 2]);
    assert_eq!(requests.try_iter().count(), 2);
    assert_eq!(queue.wanted().unwrap().after.as_i64(), 2);
}

#[test]
fn a_full_queue_falls_behind_and_keeps_what_it_has() {
    let (queue, _requests) = queue(4);
    drain(&queue);
    queue.loaded(queue.wanted().unwrap(), Vec::new(), true, DeliveryId::from_i64(0));
    for id in 1..8 {
        queue.push(item(id));
    }
    assert_eq!(drain(&queue), [1, 2, 3, 4]);
    assert_eq!(queue.wanted().unwrap().after.as_i64(), 4);
}

#[test]
fn too_much_aside_during_a_load_means_another_load() {
    let (queue, _requests) = queue(4);
    drain(&queue);
    for id in 2..9 {
        queue.push(item(id));
    }
    queue.loaded(queue.wanted().unwrap(), items(&[1]), true, DeliveryId::from_i64(1));
    assert_eq!(drain(&queue), [1]);
    assert_eq!(queue.wanted().unwrap().after.as_i64(), 1);
}

#[test]
fn a_full_window_of_settlements_holds_the_queue_until_one_is_durable() {
    let (queue, _requests) = queue(8);
    drain(&queue);
    queue.loaded(
        queue.wanted().unwrap(),
        items(&[1, 2, 3]),
        true,
        DeliveryId::from_i64(3),
    );
    let [first, second] = [item(1), item(2)];
    assert!(
        queue.settling(&first, None),
        "half of two is one: the writer should hurry"
    );
    queue.settling(&second, None);
    assert_eq!(drain(&queue), []);
    queue.settled(DeliveryId::from_i64(1));
    assert_eq!(drain(&queue), [1, 2, 3]);
}
