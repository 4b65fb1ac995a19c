//! From the journal to the wire: queues of deliveries, leases and settlements.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::{DeliveryId, MessageId, Sealed, StoredFault, WriteError};

/// The deliveries of one destination of one interface, in the order in which their decisions were made.
///
/// Handles are cheap to clone and share one queue.
#[derive(Clone, Debug)]
pub struct DeliveryQueue {
    _private: (),
}

/// A delivery in somebody's hands. Dropped unsettled, it goes back to the front of its queue.
#[derive(Debug)]
pub struct Lease {
    id: DeliveryId,
    message: MessageId,
    output: u32,
    attempts: u32,
    content: Sealed,
    destination: Arc<str>,
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

/// A settlement on its way to the disk: resolves when it is durable. Waiting for it is optional; dropping it changes
/// nothing about the settlement.
#[derive(Debug)]
pub struct PendingSettlement {
    _private: (),
}

impl DeliveryQueue {
    /// The next delivery, once it is durable. Several leases may be out at once. `None` when the store shuts down.
    ///
    /// Cancel-safe: a dropped call takes nothing.
    pub async fn lease(&self) -> Option<Lease> {
        std::future::pending().await
    }

    /// Records that an attempt to deliver failed. `fault` is for operators and holds nothing that anybody sent.
    pub fn attempted(&self, lease: &mut Lease, _fault: &str) {
        lease.attempts += 1;
    }

    /// Ends a delivery. From here on it is never leased again by this process.
    pub fn settle(&self, _lease: Lease, _settlement: Settlement) -> PendingSettlement {
        PendingSettlement { _private: () }
    }
}

impl Lease {
    /// The delivery.
    pub fn id(&self) -> DeliveryId {
        self.id
    }

    /// The message that it came from.
    pub fn message(&self) -> MessageId {
        self.message
    }

    /// Which output of the message this is, from 0.
    pub fn output(&self) -> u32 {
        self.output
    }

    /// Failed attempts so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What to deliver.
    pub fn content(&self) -> &Sealed {
        &self.content
    }

    /// The destination's name.
    pub fn destination(&self) -> &Arc<str> {
        &self.destination
    }
}

impl Future for PendingSettlement {
    type Output = Result<(), WriteError>;

    fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}
