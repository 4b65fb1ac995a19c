//! A queue as the engine sees it.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::queue::{Item, Queue, Taken};
use crate::journal::{Address, Event, Intake, Waiting};
use crate::{DeliveryId, MessageId, OnFault, Sealed, StoredFault, WriteError};

/// The deliveries of one destination of one interface, in the order in which their decisions were made.
///
/// Handles are cheap to clone and share one queue.
#[derive(Clone)]
pub struct DeliveryQueue {
    queue: Arc<Queue>,
    intake: Arc<Intake>,
}

/// A delivery in somebody's hands. Dropped unsettled, it goes back to the front of its queue.
#[derive(Debug)]
pub struct Lease {
    queue: Arc<Queue>,
    item: Item,
    settled: bool,
    on_fault: OnFault,
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The destination has it.
    Delivered {
        /// What the destination answered.
        answer: Sealed,
    },
    /// The destination cannot have it.
    Quarantined {
        /// Why.
        fault: StoredFault,
    },
}

/// A settlement on its way to the disk: resolves when it is durable. Waiting for it is optional, and makes the writer
/// hurry; dropping it changes nothing about the settlement.
pub struct PendingSettlement(Pending);

enum Pending {
    /// It was not even queued.
    Failed(WriteError),
    Waiting {
        waiting: Waiting,
        intake: Arc<Intake>,
        hurried: bool,
    },
}

impl DeliveryQueue {
    pub(crate) fn new(queue: Arc<Queue>, intake: Arc<Intake>) -> Self {
        Self { queue, intake }
    }

    /// The interface.
    #[must_use]
    pub fn interface(&self) -> &Arc<str> {
        &self.queue.interface
    }

    /// The destination.
    #[must_use]
    pub fn destination(&self) -> &Arc<str> {
        &self.queue.destination
    }

    /// Whether no delivery waits or is being made. One that is not durable yet is not counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next delivery, once it is durable, in the order of their ids, as far as nothing that is out is
    /// before it in one of its lanes. Several leases may be out at once. Waits also
    /// while as many settlements are unsynced as [`crate::StoreSettings::unsynced_settlements_max`] allows. `None`
    /// when the store shuts down. What the journal cannot give because it is damaged goes to quarantine on the way.
    ///
    /// Cancel-safe: a dropped call takes nothing.
    pub async fn lease(&self) -> Option<Lease> {
        loop {
            let mut changed = pin!(self.queue.changed());
            // From here on no change is missed.
            changed.as_mut().enable();
            match self.queue.take() {
                Taken::Item(item) => {
                    let is_lost = item.is_lost;
                    let lease = Lease {
                        queue: self.queue.clone(),
                        item,
                        settled: false,
                        on_fault: OnFault::Continue,
                    };
                    if !is_lost {
                        return Some(lease);
                    }
                    // Nobody can have it, and those behind it need not wait.
                    let fault = StoredFault::damaged("what was to be delivered cannot be read");
                    drop(self.settle(lease, Settlement::Quarantined { fault }));
                }
                Taken::Closed => return None,
                Taken::Wait => changed.await,
            }
        }
    }

    /// Waits until the delivery is held: it is not to be tried again. Whoever has it gives it back by dropping it.
    pub async fn held(&self, lease: &Lease) {
        self.queue.held(lease.item.revision).await;
    }

    /// Records that an attempt to deliver failed, soon and without anybody waiting for it. `fault` is for operators
    /// and holds nothing that anybody sent.
    pub fn attempted(&self, lease: &mut Lease, fault: &str) {
        lease.item.attempts += 1;
        let event = Event::DeliveryAttempted {
            delivery: lease.address(),
            fault: fault.to_owned(),
        };
        // Refused only when the store ends; the count in the files is for people.
        let _ = self.intake.record(event, 0, None, false);
    }

    /// Ends a delivery. From here on this process never leases it again; after a kill before it is durable, the next
    /// one does. What its quarantine holds is in no queue from here on.
    pub fn settle(&self, mut lease: Lease, settlement: Settlement) -> PendingSettlement {
        lease.settled = true;
        let holds = match settlement {
            Settlement::Delivered { .. } => None,
            Settlement::Quarantined { .. } => lease.on_fault.behind_delivery(&lease.item.lanes),
        };
        let hurry = lease.queue.settling(&lease.item, holds.as_ref());
        let event = Event::DeliverySettled {
            delivery: lease.address(),
            settlement,
            holds,
        };
        match self.intake.record(event, 0, Some(lease.queue.clone()), hurry) {
            Ok(waiting) => PendingSettlement(Pending::Waiting {
                waiting,
                intake: self.intake.clone(),
                hurried: hurry,
            }),
            Err(error) => {
                // It will never be durable: nobody is to wait for it.
                lease.queue.settled(lease.item.id);
                PendingSettlement(Pending::Failed(error))
            }
        }
    }
}

impl Lease {
    /// The delivery.
    pub fn id(&self) -> DeliveryId {
        self.item.id
    }

    /// The message that it came from.
    pub fn message(&self) -> MessageId {
        self.item.message
    }

    /// The revision that made it.
    pub fn revision(&self) -> u32 {
        self.item.revision
    }

    /// Which output of the message this is, from 0.
    pub fn output(&self) -> u32 {
        self.item.output
    }

    /// Failed attempts so far, over all starts.
    pub fn attempts(&self) -> u32 {
        self.item.attempts
    }

    /// What to deliver.
    pub fn content(&self) -> &Sealed {
        &self.item.content
    }

    /// The media type of a document; none for a message.
    pub fn content_type(&self) -> Option<&Arc<str>> {
        self.item.content_type.as_ref()
    }

    /// The interface that it came from.
    pub fn interface(&self) -> &Arc<str> {
        &self.queue.interface
    }

    /// The destination's name.
    pub fn destination(&self) -> &Arc<str> {
        &self.queue.destination
    }

    /// Says what becomes of its lanes when it is put into quarantine. At first nothing does.
    pub fn hold_on_fault(&mut self, on_fault: OnFault) {
        self.on_fault = on_fault;
    }

    fn address(&self) -> Address {
        Address {
            delivery: self.item.id,
            message: self.item.message,
            interface: self.queue.interface.clone(),
            destination: self.queue.destination.clone(),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.settled {
            self.queue.give_back(self.item.clone());
        }
    }
}

impl Future for PendingSettlement {
    type Output = Result<(), WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Pending::Failed(error) => Poll::Ready(Err(error.clone())),
            Pending::Waiting {
                waiting,
                intake,
                hurried,
            } => {
                let polled = waiting.poll(context);
                if polled.is_pending() && !std::mem::replace(hurried, true) {
                    intake.hurry(waiting.batch());
                }
                polled
            }
        }
    }
}

impl fmt::Debug for DeliveryQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.fmt(formatter)
    }
}

impl fmt::Debug for PendingSettlement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PendingSettlement").finish_non_exhaustive()
    }
}
