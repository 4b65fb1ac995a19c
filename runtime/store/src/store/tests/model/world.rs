//! What a store is to hold, in a few maps.

use std::collections::{BTreeMap, BTreeSet};

use crate::{DeliveryStage, MessageId, Stage};

/// Everything that was promised. Cheap to copy: where nobody knows whether something became durable, there are two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct World {
    pub(super) messages: BTreeMap<MessageId, Message>,
    /// In the order in which they were made, which is the order of every queue.
    pub(super) deliveries: Vec<Delivery>,
    /// By interface and plugin, by key.
    pub(super) state: BTreeMap<(String, String), BTreeMap<String, u8>>,
    pub(super) holds: BTreeSet<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) interface: String,
    pub(super) control_id: String,
    /// What it is decided by.
    pub(super) content: String,
    pub(super) stage: Stage,
    pub(super) revision: u32,
    pub(super) attempts: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) message: MessageId,
    pub(super) interface: String,
    pub(super) destination: String,
    pub(super) content: String,
    pub(super) revision: u32,
    pub(super) stage: DeliveryStage,
    pub(super) is_out_of_order: bool,
}

/// What a decision was, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    pub(super) stage: Stage,
    /// The one output, for each of these destinations.
    pub(super) content: String,
    pub(super) destinations: Vec<&'static str>,
    /// Plugin, key and what is kept there from now on.
    pub(super) kept: Option<(String, String, Option<u8>)>,
}

/// What was asked of the store.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Receive {
        id: MessageId,
        interface: String,
        control_id: String,
    },
    Decide {
        id: MessageId,
        revision: u32,
        decided: Decided,
    },
    Attempt {
        id: MessageId,
    },
    /// What is in front of a queue has been sent.
    Settle {
        delivery: usize,
        stage: DeliveryStage,
    },
    Hold(u32),
    Release(u32),
    Discard(u32),
    Recompute {
        ids: Vec<MessageId>,
        held: u32,
        revision: u32,
        decided: Decided,
    },
    Replay {
        id: MessageId,
        revision: u32,
        decided: Decided,
    },
    Edit {
        id: MessageId,
        content: String,
    },
    GiveUp {
        id: MessageId,
        to: Option<&'static str>,
    },
}

/// The interface that people hold and release.
pub(super) const OPERATED: &str = "i0";

impl World {
    /// Undecided messages, in the order of arrival.
    pub(super) fn undecided(&self) -> Vec<MessageId> {
        let undecided = self.messages.iter().filter(|(_, one)| one.stage == Stage::Received);
        undecided.map(|(id, _)| *id).collect()
    }

    /// What waits for a destination, in order: places in the list of deliveries.
    pub(super) fn queue(&self, interface: &str, destination: &str) -> Vec<usize> {
        let waits = |one: &Delivery| {
            one.stage == DeliveryStage::Queued
                && one.interface == interface
                && one.destination == destination
                && !self.is_held(interface, one.revision)
        };
        let places = self.deliveries.iter().enumerate();
        places.filter(|(_, one)| waits(one)).map(|(place, _)| place).collect()
    }

    /// Messages of which a revision has something held, in the order of their deliveries.
    pub(super) fn held_messages(&self, revision: u32) -> Vec<MessageId> {
        let held = self.deliveries.iter().filter(|one| is_held_of(one, revision));
        let mut ids = Vec::new();
        for one in held {
            if !ids.contains(&one.message) {
                ids.push(one.message);
            }
        }
        ids
    }

    /// Messages that are in quarantine, or of which a delivery is.
    pub(super) fn resting(&self) -> Vec<MessageId> {
        let rests = |id: MessageId| {
            let mut deliveries = self.deliveries.iter();
            deliveries.any(|one| one.message == id && one.stage == DeliveryStage::Quarantined)
        };
        let messages = self.messages.iter();
        let resting = messages.filter(|(id, one)| one.stage == Stage::Quarantined || rests(**id));
        resting.map(|(id, _)| *id).collect()
    }

    pub(super) fn apply(&mut self, asked: &Asked) {
        match asked {
            Asked::Receive {
                id,
                interface,
                control_id,
            } => self.receive(*id, interface, control_id),
            Asked::Decide { id, revision, decided } => self.decide(*id, *revision, decided, false),
            Asked::Attempt { id } => self.message(*id).attempts += 1,
            Asked::Settle { delivery, stage } => {
                if let Some(delivery) = self.deliveries.get_mut(*delivery) {
                    delivery.stage = *stage;
                }
            }
            Asked::Hold(revision) => {
                self.holds.insert(*revision);
                self.restage(*revision, DeliveryStage::Queued, DeliveryStage::Held);
            }
            Asked::Release(revision) => {
                self.holds.remove(revision);
                self.release(*revision);
            }
            Asked::Discard(revision) => self.restage(*revision, DeliveryStage::Held, DeliveryStage::Discarded),
            Asked::Recompute {
                ids,
                held,
                revision,
                decided,
            } => {
                for id in ids {
                    self.recompute(*id, *held, *revision, decided);
                }
            }
            Asked::Replay { id, revision, decided } => {
                for destination in &decided.destinations {
                    self.leave_quarantine(*id, Some(destination), DeliveryStage::Replaced);
                }
                self.decide(*id, *revision, decided, true);
            }
            Asked::Edit { id, content } => self.message(*id).content.clone_from(content),
            Asked::GiveUp { id, to } => {
                self.leave_quarantine(*id, *to, DeliveryStage::Discarded);
                let message = self.message(*id);
                if to.is_none() && message.stage == Stage::Quarantined {
                    message.stage = Stage::Discarded;
                }
            }
        }
    }

    fn receive(&mut self, id: MessageId, interface: &str, control_id: &str) {
        let message = Message {
            interface: interface.to_owned(),
            control_id: control_id.to_owned(),
            content: super::raw(control_id),
            stage: Stage::Received,
            revision: super::ARRIVED,
            attempts: 0,
        };
        self.messages.insert(id, message);
    }

    fn decide(&mut self, id: MessageId, revision: u32, decided: &Decided, is_out_of_order: bool) {
        let message = self.message(id);
        message.stage = decided.stage;
        message.revision = revision;
        let interface = message.interface.clone();
        for destination in &decided.destinations {
            self.deliver(id, &interface, destination, revision, &decided.content, is_out_of_order);
        }
        if let Some((plugin, key, value)) = &decided.kept {
            let kept = self.state.entry((interface, plugin.clone())).or_default();
            match value {
                Some(value) => drop(kept.insert(key.clone(), *value)),
                None => drop(kept.remove(key)),
            }
        }
    }

    fn deliver(&mut self, id: MessageId, interface: &str, to: &str, revision: u32, content: &str, out_of_order: bool) {
        let stage = if self.is_held(interface, revision) {
            DeliveryStage::Held
        } else {
            DeliveryStage::Queued
        };
        self.deliveries.push(Delivery {
            message: id,
            interface: interface.to_owned(),
            destination: to.to_owned(),
            content: content.to_owned(),
            revision,
            stage,
            is_out_of_order: out_of_order,
        });
    }

    /// Held deliveries go on with what was made anew, in their places; what has been delivered is not sent again, and what had
    /// no place before comes behind everything.
    fn recompute(&mut self, id: MessageId, held: u32, revision: u32, decided: &Decided) {
        let message = self.message(id);
        message.stage = decided.stage;
        message.revision = revision;
        let interface = message.interface.clone();
        let mut before: Vec<usize> = (0..self.deliveries.len())
            .filter(|place| self.deliveries[*place].message == id)
            .collect();
        for destination in &decided.destinations {
            let found = before
                .iter()
                .position(|place| self.deliveries[*place].destination == *destination);
            let Some(found) = found else {
                self.deliver(id, &interface, destination, revision, &decided.content, true);
                continue;
            };
            let place = before.remove(found);
            let is_overtaken = self.is_overtaken(place);
            let delivery = &mut self.deliveries[place];
            if is_held_of(delivery, held) {
                delivery.stage = DeliveryStage::Queued;
                delivery.revision = revision;
                delivery.content.clone_from(&decided.content);
                delivery.is_out_of_order = is_overtaken;
            }
        }
        for place in before {
            let delivery = &mut self.deliveries[place];
            if is_held_of(delivery, held) {
                delivery.stage = DeliveryStage::Discarded;
            }
        }
    }

    fn leave_quarantine(&mut self, id: MessageId, to: Option<&str>, stage: DeliveryStage) {
        for one in &mut self.deliveries {
            let is_meant = one.message == id && to.is_none_or(|to| one.destination == to);
            if is_meant && one.stage == DeliveryStage::Quarantined {
                one.stage = stage;
            }
        }
    }

    fn release(&mut self, revision: u32) {
        for place in 0..self.deliveries.len() {
            if is_held_of(&self.deliveries[place], revision) {
                self.deliveries[place].is_out_of_order = self.is_overtaken(place);
                self.deliveries[place].stage = DeliveryStage::Queued;
            }
        }
    }

    fn restage(&mut self, revision: u32, from: DeliveryStage, to: DeliveryStage) {
        for delivery in &mut self.deliveries {
            let is_meant = delivery.interface == OPERATED && delivery.revision == revision && delivery.stage == from;
            if is_meant {
                delivery.stage = to;
            }
        }
    }

    /// Whether something behind it was delivered to the same destination.
    fn is_overtaken(&self, place: usize) -> bool {
        let own = &self.deliveries[place];
        self.deliveries.iter().skip(place + 1).any(|later| {
            later.stage == DeliveryStage::Delivered
                && (&later.interface, &later.destination) == (&own.interface, &own.destination)
        })
    }

    fn is_held(&self, interface: &str, revision: u32) -> bool {
        interface == OPERATED && self.holds.contains(&revision)
    }

    fn message(&mut self, id: MessageId) -> &mut Message {
        self.messages.get_mut(&id).unwrap()
    }
}

fn is_held_of(delivery: &Delivery, revision: u32) -> bool {
    delivery.interface == OPERATED && delivery.revision == revision && delivery.stage == DeliveryStage::Held
}
