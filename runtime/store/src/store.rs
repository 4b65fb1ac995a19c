//! The store as the engine sees it.

use crate::{
    Arrival, Catalog, Decision, DeliveryQueue, MessageId, MessageRecord, MessageSummary, OpenError, PendingCommit,
    Query, ReadError, Receipt, Received, Status, StoreSettings, Unfinished, WriteError,
};

/// A store. Clones are cheap and share everything.
#[derive(Clone, Debug)]
pub struct Store {
    _private: (),
}

/// What opening a store gives.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Whether the last engine on this folder did not end with [`Store::shutdown`].
    pub unclean: bool,
    /// Messages that were durable but undecided, in the order of arrival.
    pub unfinished: Vec<Unfinished>,
}

impl Store {
    /// Opens or makes the store in a folder. Blocks; other processes are refused as long as it is open.
    pub fn open(_settings: StoreSettings) -> Result<Opened, OpenError> {
        todo!()
    }

    /// Gives a message its id and its place in the order of arrival, and queues it for the disk. Never blocks on the
    /// disk: the message is not durable yet.
    pub fn receive(&self, _arrival: Arrival) -> Received {
        todo!()
    }

    /// Waits until a message is durable.
    pub async fn receipt(&self, _received: &Received) -> Result<Receipt, WriteError> {
        todo!()
    }

    /// Records a decision and numbers its deliveries. Synchronous: the order of the calls is the order of the
    /// deliveries at every destination. A message that is still on its way to the disk becomes one entry with its
    /// decision.
    pub fn decide(&self, _received: Received, _decision: Decision) -> PendingCommit {
        todo!()
    }

    /// Announces a run of a message's chain, durably, and says how many were announced with this one.
    pub async fn attempt(&self, _received: &Received) -> Result<u32, WriteError> {
        todo!()
    }

    /// The queue of a destination of an interface.
    pub fn queue(&self, _interface: &str, _destination: &str) -> DeliveryQueue {
        todo!()
    }

    /// Figures of all interfaces.
    pub fn status(&self) -> Result<Status, ReadError> {
        todo!()
    }

    /// Lists messages, newest first.
    pub fn messages(&self, _query: &Query) -> Result<Vec<MessageSummary>, ReadError> {
        todo!()
    }

    /// Everything about one message.
    pub fn message(&self, _id: MessageId) -> Result<Option<MessageRecord>, ReadError> {
        todo!()
    }

    /// What is deployed.
    pub fn catalog(&self) -> &Catalog {
        todo!()
    }

    /// Writes what is queued, marks the end as clean and closes all files. Other handles answer
    /// [`WriteError::ShutDown`] from then on, and leases `None`.
    pub async fn shutdown(self) {
        todo!()
    }
}
