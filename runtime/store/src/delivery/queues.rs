//! All queues of a store.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError, RwLock};

use super::feeder::Request;
use super::queue::{Item, Limits, Queue};
use crate::journal::{Event, MessageEvent, Ruling, Slot};
use crate::{DeliveryId, NewOutput};

/// The queues that somebody has asked for, by interface and destination. A delivery without a queue waits in the
/// journal until there is one.
pub(crate) struct Queues {
    limits: Limits,
    loads: Sender<Request>,
    open: RwLock<Open>,
}

#[derive(Default)]
struct Open {
    queues: HashMap<Arc<str>, HashMap<Arc<str>, Arc<Queue>>>,
    closed: bool,
}

impl Queues {
    pub(crate) fn new(limits: Limits, loads: Sender<Request>) -> Self {
        Self {
            limits,
            loads,
            open: RwLock::default(),
        }
    }

    /// The queue of a destination; there is only one.
    pub(crate) fn queue(&self, interface: &str, destination: &str) -> Arc<Queue> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = open.find(interface, destination) {
            return queue.clone();
        }
        let (interface, destination): (Arc<str>, Arc<str>) = (interface.into(), destination.into());
        let queue = Queue::new(interface.clone(), destination.clone(), self.limits, self.loads.clone());
        let queue = Arc::new(queue);
        if open.closed {
            queue.close();
        }
        open.queues
            .entry(interface)
            .or_default()
            .insert(destination, queue.clone());
        queue
    }

    /// Hands a durable batch out: its deliveries to their queues in the order of their ids, and the word to the queues
    /// that their settlements are safe.
    pub(crate) fn publish(&self, slots: &[Slot]) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let mut decided: Vec<(&Ruling, &MessageEvent)> = Vec::with_capacity(slots.len());
        for slot in slots {
            match &slot.entry.event {
                Event::Message(event) => decided.extend(event.ruling.as_ref().map(|ruling| (ruling, event))),
                Event::DeliverySettled { .. } => {
                    if let Some(queue) = &slot.queue {
                        queue.settled();
                    }
                }
                _ => {}
            }
        }
        // A merged entry stands where its arrival was queued, which may be before an earlier decision.
        decided.sort_unstable_by_key(|(ruling, _)| ruling.first_delivery);
        for (ruling, event) in decided {
            open.publish_decision(ruling, event);
        }
    }

    /// Every wait for a delivery ends, now and later.
    pub(crate) fn close(&self) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.closed = true;
        for queue in open.queues.values().flat_map(HashMap::values) {
            queue.close();
        }
        let _ = self.loads.send(Request::Stop);
    }
}

impl Open {
    fn find(&self, interface: &str, destination: &str) -> Option<&Arc<Queue>> {
        self.queues.get(interface)?.get(destination)
    }

    fn publish_decision(&self, ruling: &Ruling, event: &MessageEvent) {
        for delivery in deliveries(ruling.first_delivery, ruling.decision.outputs()) {
            if let Some(queue) = self.find(&ruling.interface, delivery.destination) {
                queue.push(Item {
                    id: delivery.id,
                    message: event.id,
                    output: delivery.index,
                    attempts: 0,
                    content: delivery.output.content.clone(),
                    content_type: delivery.output.content_type.clone(),
                });
            }
        }
    }
}

/// One delivery of a decision.
pub(crate) struct Planned<'a> {
    pub(crate) id: DeliveryId,
    /// Which output, from 0.
    pub(crate) index: u32,
    pub(crate) output: &'a NewOutput,
    pub(crate) destination: &'a Arc<str>,
}

/// The deliveries of a decision in the order of their ids: output by output, destination by destination.
pub(crate) fn deliveries(first: DeliveryId, outputs: &[NewOutput]) -> impl Iterator<Item = Planned<'_>> {
    let of_output = |(index, output): (u32, _)| {
        let output: &NewOutput = output;
        output
            .destinations
            .iter()
            .map(move |destination| (index, output, destination))
    };
    let ids = (first.as_i64()..).map(DeliveryId::from_i64);
    let planned = (0..).zip(outputs).flat_map(of_output);
    ids.zip(planned).map(|(id, (index, output, destination))| Planned {
        id,
        index,
        output,
        destination,
    })
}
