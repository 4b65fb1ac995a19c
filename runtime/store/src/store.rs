//! The store as the engine sees it.

mod opening;
mod operating;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::delivery::Queues;
use crate::exchange::Place;
use crate::folder::DataFolder;
use crate::journal::{Ending, Event, Intake, Waiting};
use crate::keys;
use crate::projection::ProjectionHandle;
use crate::reading::Readings;
use crate::sync::lock;
use crate::usage::{DetailRecord, Details, Usage};
use crate::{
    Arrival, Catalog, Decision, DeliveryId, DeliveryQueue, Digests, KeyReport, MessageId, MessageRecord,
    MessageSummary, OpenError, PendingCommit, Query, ReadError, Rebuilt, Receipt, Received, Recognised, Rotated,
    SegmentRepair, SegmentReport, Stage, StateChange, Status, StoreSettings, Unfinished, WriteError,
};

pub use operating::{HoldMade, NewDecision};

/// A store. Clones are cheap and share everything.
///
/// When the last clone is dropped without [`Store::shutdown`], what is queued is still written, but the end is not
/// marked as clean.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
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
    /// The file of the master key, where this start has made it: without a copy of it, a backup of the folder is worth nothing.
    pub master_key_made: Option<PathBuf>,
}

struct Inner {
    intake: Arc<Intake>,
    queues: Arc<Queues>,
    /// Held while somebody does something to held deliveries: one after the other.
    operating: tokio::sync::Mutex<()>,
    /// The last delivery that was numbered before this start.
    last_before: DeliveryId,
    projection: ProjectionHandle,
    readings: Readings,
    catalog: Catalog,
    usage: Usage,
    /// Taken by whoever ends the store.
    running: Mutex<Option<Running>>,
}

/// What lives as long as the store is open.
struct Running {
    writer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    projection: JoinHandle<()>,
    feeder: JoinHandle<()>,
    /// Last: the next engine is let in when everything else has ended.
    folder: DataFolder,
}

impl Store {
    /// Opens or makes the store in a folder. Blocks; other processes are refused as long as it is open.
    ///
    /// What the journal has beyond the projection is applied first; a projection that is missing or unreadable is
    /// built anew.
    pub fn open(settings: StoreSettings) -> Result<Opened, OpenError> {
        opening::open(settings, &opening::Surroundings::default())
    }

    /// Builds `live.sqlite` anew from the journal, in a folder that no engine works on, and tells where the one that was there
    /// said something else: it never does, unless a file was changed or this program is wrong.
    ///
    /// Refused where a segment of the journal is damaged: then `live.sqlite` alone knows which messages it held.
    pub fn rebuild(settings: &StoreSettings) -> Result<Rebuilt, OpenError> {
        opening::rebuild(settings)
    }

    /// Looks at every page and every entry of the journal, and tells each segment as it is done. An engine may work on the folder
    /// meanwhile.
    pub fn check(settings: &StoreSettings, each: impl FnMut(&SegmentReport)) -> Result<Vec<SegmentReport>, OpenError> {
        opening::check(settings, each)
    }

    /// Puts what can be read of each damaged segment into a new file in its place, in a folder that no engine works on. The
    /// damaged file is kept beside it.
    pub fn repair(settings: &StoreSettings) -> Result<Vec<SegmentRepair>, OpenError> {
        opening::repair(settings)
    }

    /// What may be told of the keys of a data folder; none where it has none yet. An engine may work on it.
    pub fn keys(settings: &StoreSettings) -> Result<Option<KeyReport>, OpenError> {
        keys::report(&settings.folder, &settings.master_key)
    }

    /// Makes a new master key, wraps all keys by it, and puts it in the place of the present one, whose file is then gone; none
    /// where the folder has no keys yet. An engine may work on it, and notices. Cut short at any point, either the present key
    /// opens everything or the new one does, which is found by itself.
    pub fn rotate_master_key(settings: &StoreSettings) -> Result<Option<Rotated>, OpenError> {
        keys::rotate(&settings.folder, &settings.master_key)
    }

    /// Makes a master key in a file that is not there yet, and gives its fingerprint.
    pub fn make_master_key(file: &Path) -> Result<String, OpenError> {
        keys::make_master_key(file)
    }

    /// Gives a message its id and its place in the order of arrival, and queues it for the disk. Never blocks on the
    /// disk, but for the key of an interface that the store does not know yet: the message is not durable yet, and if nobody waits for it or decides it, it takes some milliseconds
    /// until it is.
    ///
    /// When too much waits already, the message is not taken: its receipt and its decision answer
    /// [`WriteError::Unavailable`].
    pub fn receive(&self, arrival: Arrival) -> Received {
        self.inner.intake.receive(arrival)
    }

    /// Waits until a message is durable.
    pub async fn receipt(&self, received: &Received) -> Result<Receipt, WriteError> {
        if let Place::Queued { batch, .. } = received.place() {
            self.inner.intake.hurry(batch);
            let mut waiting = Waiting::on(batch.clone(), batch.number);
            poll_fn(|context| waiting.poll(context)).await?;
        } else {
            received.place().standing()?;
        }
        Ok(Receipt::new(received.id()))
    }

    /// Records a decision and numbers its deliveries. Synchronous: the order of the calls is the order of the
    /// deliveries at every destination, also after a restart. A message that is still on its way to the disk becomes
    /// one entry with its decision.
    ///
    /// [`WriteError::NotWritten`] means that the message itself was not durable and is forgotten with its decision. A
    /// decision about a durable message is never given up as long as the store is open: it is written as soon as the
    /// disk allows.
    pub fn decide(&self, received: Received, decision: Decision) -> PendingCommit {
        self.inner.intake.decide(received, decision)
    }

    /// Announces a run of a message's chain, durably, and says how many were announced with this one.
    pub async fn attempt(&self, received: &Received) -> Result<u32, WriteError> {
        let origin = received.place().standing()?;
        let attempt = received.count_attempt();
        let event = Event::ChainAttempted {
            message: received.id(),
            attempt,
        };
        let mut waiting = self.inner.intake.record(event, origin, None, true)?;
        poll_fn(|context| waiting.poll(context)).await?;
        Ok(attempt)
    }

    /// The queue of a destination of an interface. Asking again gives another handle to the same queue.
    #[must_use]
    pub fn queue(&self, interface: &str, destination: &str) -> DeliveryQueue {
        DeliveryQueue::new(
            self.inner.queues.queue(interface, destination),
            self.inner.intake.clone(),
        )
    }

    /// Whether a delivery was made before this start, so that an earlier engine may have sent it.
    #[must_use]
    pub fn is_from_before(&self, delivery: DeliveryId) -> bool {
        delivery <= self.inner.last_before
    }

    /// The message of an interface with this source, which begins with `interface:`; and where it stands. Of several, one that was
    /// not refused. Blocks, and knows everything that is durable by now.
    pub fn handed_over(&self, interface: &str, source: &str) -> Result<Option<(MessageId, Stage)>, ReadError> {
        self.inner.readings.handed_over(interface, source)
    }

    /// Figures of all interfaces. Blocks for some milliseconds, as do the other questions.
    pub fn status(&self) -> Result<Status, ReadError> {
        self.inner.readings.status()
    }

    /// Lists messages, in the order that the query asks for.
    pub fn messages(&self, query: &Query) -> Result<Vec<MessageSummary>, ReadError> {
        self.inner.readings.messages(query)
    }

    /// Counts messages, up to the limit of the query.
    pub fn count(&self, query: &Query) -> Result<u64, ReadError> {
        self.inner.readings.count(query)
    }

    /// Everything about one message.
    pub fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, ReadError> {
        self.inner.readings.message(id)
    }

    /// What the plugins of an interface keep: everything that is durable by now, as changes to a state that is empty.
    ///
    /// For the start of an interface. Whoever goes on from there keeps what it decides itself.
    pub fn state(&self, interface: &str) -> Result<Vec<StateChange>, ReadError> {
        self.inner.readings.state(interface)
    }

    /// Messages of an interface that their senders were told no about, and that were not accepted since: sender and control id, the
    /// newest first.
    ///
    /// For the start of an interface, which names the sender of what is accepted then.
    pub fn refused(&self, interface: &str, limit: usize) -> Result<Vec<(Arc<str>, String)>, ReadError> {
        self.inner.readings.refused(interface, limit)
    }

    /// Accepted messages of an interface that are recognised when they come again, received since some moment: at most so many, the
    /// newest, and the oldest of these first.
    pub fn recognised(&self, interface: &str, since_ms: i64, limit: usize) -> Result<Vec<Recognised>, ReadError> {
        self.inner.readings.recognised(interface, since_ms, limit)
    }

    /// What makes the digests of this folder's messages. The first call makes its key. Blocks on the disk.
    pub fn digests(&self) -> std::io::Result<Digests> {
        let live = self.inner.projection.file();
        Digests::open(live.parent().unwrap_or(live))
    }

    /// The details of at most `limit` entries of the journal behind a position, with how many are left. For whoever adds
    /// them up; see [`Usage`].
    pub fn details(&self, after: i64, limit: usize) -> Result<Details, ReadError> {
        self.inner.readings.details(after, limit)
    }

    /// The detail of the decision at a position of the journal; none where the journal no longer has it.
    pub fn detail(&self, position: i64) -> Result<Option<DetailRecord>, ReadError> {
        self.inner.readings.detail(position)
    }

    /// What the details of decisions add up to.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.inner.usage
    }

    /// What is deployed.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// Writes what is queued, marks the end as clean and closes all files. Other handles answer
    /// [`WriteError::ShutDown`] from then on, and leases `None`.
    ///
    /// Messages that are undecided and deliveries that are leased at this moment come back at the next start.
    pub async fn shutdown(self) {
        let (ended, end) = tokio::sync::oneshot::channel();
        let inner = self.inner;
        // Not on the runtime: ending waits for threads that wait for the disk.
        std::thread::spawn(move || {
            inner.end(Ending::Clean);
            // Before the word is given: with the last handle the catalog's file is closed, and stands alone.
            drop(inner);
            // Whoever stopped waiting does not need the word.
            let _ = ended.send(());
        });
        // The sender is dropped unsent only if that thread panicked.
        let _ = end.await;
    }
}

impl Inner {
    /// Ends everything, in the order in which things depend on each other: the writer feeds the rest.
    fn end(&self, ending: Ending) {
        let Some(running) = lock(&self.running).take() else {
            return;
        };
        self.intake.end(ending);
        join(running.writer);
        join(running.feeder);
        self.projection.stop();
        join(running.projection);
        self.readings.close();
        join(running.keeper);
        drop(running.folder);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end(Ending::Dropped);
    }
}

/// A panic on one of the store's threads is reported where it happens; ending goes on without it.
fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the store had panicked");
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}
