//! From the journal to the wire: queues of deliveries, leases and settlements.
//!
//! A queue keeps the deliveries that were just committed in memory, up to its limits. What does not fit is not kept:
//! the queue then is *behind*, ignores what is committed, and when it has run dry the [`Feeder`] loads the next ones
//! from the projection and the journal. A queue begins its life behind, so what a restart finds takes the same path, and it
//! begins anew when held deliveries take their places again.

mod feeder;
mod lease;
mod queue;
mod queues;

pub use lease::{DeliveryQueue, Lease, PendingSettlement, Settlement};

pub(crate) use feeder::Feeder;
pub(crate) use queue::{Limits, Queue};
pub(crate) use queues::{Planned, Queues, deliveries, planned};
