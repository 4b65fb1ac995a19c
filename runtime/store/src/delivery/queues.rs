//! All queues of a store.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError, RwLock};

use super::feeder::Request;
use super::queue::{Item, Limits, Queue};
use crate::journal::{Event, Ruling, Slot};
use crate::operation::{Action, Redecision};
use crate::{Decision, DeliveryId, MessageId, NewOutput};

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
    /// Revisions whose deliveries are held, by interface.
    holds: HashMap<Arc<str>, BTreeSet<u32>>,
    closed: bool,
}

impl Queues {
    pub(crate) fn new(limits: Limits, loads: Sender<Request>, holds: HashMap<Arc<str>, BTreeSet<u32>>) -> Self {
        let open = Open {
            holds,
            ..Open::default()
        };
        Self {
            limits,
            loads,
            open: RwLock::new(open),
        }
    }

    /// The queue of a destination; there is only one.
    pub(crate) fn queue(&self, interface: &str, destination: &str) -> Arc<Queue> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = open.find(interface, destination) {
            return queue.clone();
        }
        let (interface, destination): (Arc<str>, Arc<str>) = (interface.into(), destination.into());
        let holds = open.holds.get(&interface).cloned().unwrap_or_default();
        let queue = Queue::new(
            interface.clone(),
            destination.clone(),
            self.limits,
            self.loads.clone(),
            holds,
        );
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
        let mut decided: Vec<Decided<'_>> = Vec::with_capacity(slots.len());
        for slot in slots {
            match &slot.entry.event {
                Event::Message(event) => {
                    if let Some(ruling) = &event.ruling {
                        open.hold_behind(event.id, ruling);
                        decided.push(Decided::first(event.id, ruling));
                    }
                }
                Event::DeliverySettled { delivery, holds, .. } => {
                    if let Some(queue) = &slot.queue {
                        queue.settled(delivery.delivery);
                    }
                    if let Some(holding) = holds.as_ref().filter(|holding| holding.is_everywhere) {
                        for queue in open.of(&delivery.interface) {
                            queue.hold_lanes(delivery.delivery, delivery.message, &holding.lanes);
                        }
                    }
                }
                Event::Operated(operation) => {
                    if let Action::Replayed(made) = &operation.action {
                        decided.push(Decided::again(made));
                    }
                }
                _ => {}
            }
        }
        // A merged entry stands where its arrival was queued, which may be before an earlier decision.
        decided.sort_unstable_by_key(|decided| decided.ruling.first_delivery);
        for decided in decided {
            open.publish_decision(&decided);
        }
    }

    /// Nothing of a revision is leased from here on. What is leased stays so until whoever has it is done.
    pub(crate) fn hold(&self, interface: &str, revision: u32) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.holds.entry(interface.into()).or_default().insert(revision);
        for queue in open.of(interface) {
            queue.hold(revision);
        }
    }

    /// Deliveries of a revision that are being sent, or whose end is not durable yet.
    pub(crate) fn out_of(&self, interface: &str, revision: u32) -> usize {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.of(interface).map(|queue| queue.out_of(revision)).sum()
    }

    /// Waits until there are none.
    pub(crate) async fn none_out(&self, interface: &str, revision: u32) {
        let queues: Vec<Arc<Queue>> = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            open.of(interface).map(Arc::clone).collect()
        };
        for queue in queues {
            queue.none_out(revision).await;
        }
    }

    /// What was released or recomputed is durable: it is found in the files, where it has its place.
    pub(crate) fn operated(&self, slots: &[Slot]) {
        let mut concerned = BTreeSet::new();
        for slot in slots {
            let Event::Operated(operation) = &slot.entry.event else {
                continue;
            };
            let interface = &operation.interface;
            match operation.action {
                Action::Released { revision } => {
                    self.end_hold(interface, revision);
                    concerned.insert(interface);
                }
                Action::Recomputed(_) => {
                    concerned.insert(interface);
                }
                Action::LanesReleased { message } => {
                    self.release_lanes(interface, message);
                }
                // What is edited or given up is in no queue.
                Action::Held { .. }
                | Action::Discarded { .. }
                | Action::Replayed(_)
                | Action::Edited { .. }
                | Action::GivenUp(_) => {}
            }
        }
        if concerned.is_empty() {
            return;
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        for queue in concerned.into_iter().flat_map(|interface| open.of(interface)) {
            queue.begin_anew();
        }
    }

    fn end_hold(&self, interface: &str, revision: u32) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(holds) = open.holds.get_mut(interface) {
            holds.remove(&revision);
        }
        for queue in open.of(interface) {
            queue.end_hold(revision);
        }
    }

    fn release_lanes(&self, interface: &str, message: Option<MessageId>) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        for queue in open.of(interface) {
            queue.release_lanes(message);
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

    /// The queues of an interface.
    fn of(&self, interface: &str) -> impl Iterator<Item = &Arc<Queue>> {
        self.queues.get(interface).into_iter().flat_map(HashMap::values)
    }

    /// What waits behind a message that is in quarantine, at every destination.
    fn hold_behind(&self, message: MessageId, ruling: &Ruling) {
        let is_quarantined = matches!(ruling.decision, Decision::Quarantined { .. });
        if let Some(holding) = ruling.holds.as_ref().filter(|_| is_quarantined) {
            for queue in self.of(&ruling.interface) {
                queue.hold_lanes(ruling.holds_from(), message, &holding.lanes);
            }
        }
    }

    /// What waits behind a delivery that was stopped before it could be made. It is in no queue.
    fn hold_behind_stopped(&self, decided: &Decided<'_>, stopped: &Planned<'_>) {
        let Decided { ruling, message, .. } = *decided;
        let Some(holding) = &ruling.holds else { return };
        for queue in self.of(&ruling.interface) {
            if holding.is_everywhere || queue.destination == *stopped.destination {
                queue.hold_lanes(stopped.id, message, &holding.lanes);
            }
        }
    }

    fn publish_decision(&self, decided: &Decided<'_>) {
        match decided.again {
            Some(made) => self.push(decided, made.deliveries()),
            None => self.push(
                decided,
                deliveries(decided.ruling.first_delivery, decided.ruling.decision.outputs()),
            ),
        }
    }

    fn push<'a>(&self, decided: &Decided<'_>, deliveries: impl Iterator<Item = Planned<'a>>) {
        let Decided { ruling, message, .. } = *decided;
        for delivery in deliveries {
            if delivery.output.stopped.is_some() {
                self.hold_behind_stopped(decided, &delivery);
            } else if let Some(queue) = self.find(&ruling.interface, delivery.destination) {
                queue.push(Item {
                    id: delivery.id,
                    message,
                    output: delivery.index,
                    attempts: 0,
                    revision: ruling.revision,
                    lanes: ruling.lanes.clone(),
                    content: delivery.output.content.clone(),
                    content_type: delivery.output.content_type.clone(),
                    is_lost: false,
                });
            }
        }
    }
}

/// What a message was decided to be, at first or again.
#[derive(Clone, Copy)]
struct Decided<'a> {
    ruling: &'a Ruling,
    message: MessageId,
    /// Where it was decided again.
    again: Option<&'a Redecision>,
}

impl<'a> Decided<'a> {
    fn first(message: MessageId, ruling: &'a Ruling) -> Self {
        Self {
            ruling,
            message,
            again: None,
        }
    }

    fn again(made: &'a Redecision) -> Self {
        Self {
            ruling: &made.ruling,
            message: made.message,
            again: Some(made),
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
    let ids = (first.as_i64()..).map(DeliveryId::from_i64);
    ids.zip(planned(outputs))
        .map(|(id, (index, output, destination))| Planned {
            id,
            index,
            output,
            destination,
        })
}

/// The same without ids: which output, the output, the destination.
pub(crate) fn planned(outputs: &[NewOutput]) -> impl Iterator<Item = (u32, &NewOutput, &Arc<str>)> {
    let of_output = |(index, output): (u32, _)| {
        let output: &NewOutput = output;
        output
            .destinations
            .iter()
            .map(move |destination| (index, output, destination))
    };
    (0..).zip(outputs).flat_map(of_output)
}
