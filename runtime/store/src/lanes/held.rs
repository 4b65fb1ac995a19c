//! What may not go on.

use std::collections::{BTreeMap, HashMap};

use super::Lanes;
use crate::{DeliveryId, MessageId};

/// The held lanes of one queue.
///
/// Deliveries are shown to it in the order of their ids. One that is in a held lane waits, and then what is behind it in its
/// other lanes waits too: a merge that waits for one patient has the other patient wait for it.
#[derive(Debug, Default)]
pub(crate) struct HeldLanes {
    /// What holds: from which delivery on, because of which message.
    holds: BTreeMap<(DeliveryId, MessageId), Lanes>,
    /// What the lanes that wait are ordered by.
    order: u32,
    /// From which delivery on a lane waits: what follows from the holds and from what waits by now.
    lanes: HashMap<u32, DeliveryId>,
    all: Option<DeliveryId>,
    waiting: u64,
}

/// Lanes of a queue that are known to wait, some megabytes. With more, everything behind waits: a site where so many patients
/// are held has stopped, whatever its queue does.
const LANES_MAX: usize = 100_000;

impl HeldLanes {
    /// From this delivery on these lanes wait.
    pub(crate) fn add(&mut self, from: DeliveryId, message: MessageId, lanes: &Lanes) {
        if self.holds.len() >= LANES_MAX {
            return self.wait_from(from, &Lanes::All);
        }
        self.holds.insert((from, message), lanes.clone());
        self.wait_from(from, lanes);
    }

    /// Ends what a message holds, or all of it. What waits because of the rest has to be found out anew.
    pub(crate) fn release(&mut self, message: Option<MessageId>) {
        self.holds
            .retain(|(_, holding), _| message.is_some_and(|message| message != *holding));
    }

    /// Forgets what waits, but not why: deliveries are shown from the first one on again.
    pub(crate) fn begin_anew(&mut self) {
        self.lanes.clear();
        self.all = None;
        self.waiting = 0;
        let holds = std::mem::take(&mut self.holds);
        for ((from, _), lanes) in &holds {
            self.wait_from(*from, lanes);
        }
        self.holds = holds;
    }

    /// Whether a delivery has to wait.
    pub(crate) fn takes(&mut self, id: DeliveryId, lanes: &Lanes) -> bool {
        let is_behind = |from: &DeliveryId| *from <= id;
        let waits = match lanes {
            Lanes::None => false,
            Lanes::All => self.all.iter().chain(self.lanes.values()).any(is_behind),
            Lanes::Of { order, .. } if *order != self.order => {
                self.all.iter().chain(self.lanes.values()).any(is_behind)
            }
            Lanes::Of { numbers, .. } => {
                let own = numbers.iter().filter_map(|number| self.lanes.get(number));
                self.all.iter().chain(own).any(is_behind)
            }
        };
        if waits {
            self.waiting += 1;
            self.wait_from(id, lanes);
        }
        waits
    }

    /// How many deliveries were found to wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting
    }

    fn can_compare(&self, order: u32) -> bool {
        self.order == order || self.lanes.is_empty()
    }

    fn wait_from(&mut self, from: DeliveryId, lanes: &Lanes) {
        let earlier = |known: &mut DeliveryId| *known = (*known).min(from);
        match lanes {
            Lanes::Of { order, numbers } if self.lanes.len() < LANES_MAX && self.can_compare(*order) => {
                self.order = *order;
                for number in numbers.iter() {
                    self.lanes.entry(*number).and_modify(earlier).or_insert(from);
                }
            }
            Lanes::Of { .. } | Lanes::All => self.all = Some(self.all.map_or(from, |all| all.min(from))),
            Lanes::None => {}
        }
    }
}
