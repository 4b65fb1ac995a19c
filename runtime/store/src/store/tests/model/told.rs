//! What a store says of everything, in the words of the model.

use std::collections::{BTreeMap, BTreeSet};

use super::super::support::text;
use super::world::{Delivery, Message, World};
use crate::{DeliveryStage, MessageId, MessageRecord, Query, Store};

/// Every interface and destination that there may be.
pub(super) const INTERFACES: [&str; 3] = ["i0", "i1", "i2"];
pub(super) const DESTINATIONS: [&str; 4] = ["ehr", "research", "archive", "new"];

/// More than a run has.
const MESSAGES_MAX: usize = 10_000;

/// All that the store tells, put together message by message.
pub(super) fn world(store: &Store) -> World {
    let query = Query {
        limit: MESSAGES_MAX,
        oldest_first: true,
        ..Query::default()
    };
    let summaries = store.messages(&query).unwrap();
    let records = summaries.iter().map(|one| store.message(one.id).unwrap().unwrap());
    let mut told = World::default();
    let mut deliveries = BTreeMap::new();
    for record in records {
        deliveries.extend(deliveries_of(&record));
        told.messages.insert(record.summary.id, message(&record));
    }
    told.deliveries = deliveries.into_values().collect();
    for interface in INTERFACES {
        for change in store.state(interface).unwrap() {
            let of = (interface.to_owned(), change.plugin.to_string());
            let values = change.values.into_iter();
            let kept = values.map(|(key, value)| (key, value.unwrap().as_slice()[0]));
            told.state.insert(of, kept.collect());
        }
    }
    told.holds = store
        .holds()
        .unwrap()
        .iter()
        .map(|hold| hold.revision)
        .collect::<BTreeSet<_>>();
    told
}

fn message(record: &MessageRecord) -> Message {
    let summary = &record.summary;
    assert_eq!(
        text(&record.raw),
        super::raw(&summary.control_id),
        "the bytes of {}",
        summary.id
    );
    Message {
        interface: summary.interface.to_string(),
        control_id: summary.control_id.clone(),
        content: text(record.content()),
        stage: summary.stage,
        revision: summary.revision,
        attempts: summary.attempts,
    }
}

/// A message's deliveries by their ids, each with what its destination gets.
fn deliveries_of(record: &MessageRecord) -> Vec<(i64, Delivery)> {
    let decisions: Vec<_> = record.earlier.iter().chain(&record.decision).collect();
    let of_record = |delivery: &crate::DeliveryRecord| {
        let output = usize::try_from(delivery.output).unwrap();
        let delivery_of = Delivery {
            message: record.summary.id,
            interface: record.summary.interface.to_string(),
            destination: delivery.destination.to_string(),
            content: text(&decisions[delivery.decision].outputs[output].content),
            revision: delivery.revision,
            stage: delivery.stage,
            is_out_of_order: delivery.is_out_of_order,
        };
        (delivery.id.as_i64(), delivery_of)
    };
    record.deliveries.iter().map(of_record).collect()
}

/// The figures of the status are the sums of what there is.
pub(super) fn hold_status(store: &Store, world: &World) {
    let status = store.status().unwrap();
    for interface in &status.interfaces {
        let count = |stage| {
            let of = world
                .messages
                .values()
                .filter(|one| one.interface == interface.interface);
            of.filter(|one| one.stage == stage).count() as u64
        };
        let figures = [
            interface.received,
            interface.processed,
            interface.filtered,
            interface.refused,
            interface.quarantined,
            interface.discarded,
        ];
        assert_eq!(figures, crate::Stage::ALL.map(count), "{}", interface.interface);
        for destination in &interface.destinations {
            let count = |stage| {
                let of = world
                    .deliveries
                    .iter()
                    .filter(|one| one.interface == interface.interface && one.destination == destination.destination);
                of.filter(|one| one.stage == stage).count() as u64
            };
            let figures = [
                destination.pending,
                destination.delivered,
                destination.quarantined,
                destination.held,
            ];
            let stages = [
                DeliveryStage::Queued,
                DeliveryStage::Delivered,
                DeliveryStage::Quarantined,
                DeliveryStage::Held,
            ];
            let name = (&interface.interface, &destination.destination);
            assert_eq!(figures, stages.map(count), "{name:?}");
        }
    }
}

/// Takes everything out of every queue, and lets it go back.
pub(super) async fn hold_queues(store: &Store, world: &World) {
    for interface in INTERFACES {
        for destination in DESTINATIONS {
            let places = world.queue(interface, destination);
            let expected: Vec<(MessageId, &str)> = places
                .iter()
                .map(|place| {
                    (
                        world.deliveries[*place].message,
                        world.deliveries[*place].content.as_str(),
                    )
                })
                .collect();
            let queue = store.queue(interface, destination);
            let mut leases = Vec::new();
            for _ in &expected {
                leases.push(
                    tokio::time::timeout(super::LEASE_WAIT_MAX, queue.lease())
                        .await
                        .unwrap()
                        .unwrap(),
                );
            }
            let contents: Vec<String> = leases.iter().map(|lease| text(lease.content())).collect();
            let found: Vec<(MessageId, &str)> = leases
                .iter()
                .zip(&contents)
                .map(|(lease, content)| (lease.message(), content.as_str()))
                .collect();
            assert_eq!(found, expected, "the queue of {destination} at {interface}");
        }
    }
}
