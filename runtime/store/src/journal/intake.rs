//! The waiting line in front of the writer: callers push, the writer takes everything at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{Batch, Waiting};
use super::entry::{ENTRY_OVERHEAD_BYTES, Entry, Event, MessageEvent, Ruling};
use super::numbers::{Numbers, Stamp};
use super::record::{SealedColumns, SealingKeys};
use crate::clock::Clock;
use crate::delivery::Queue;
use crate::exchange::{PendingCommit, Place, Received};
use crate::keys::{DataKey, KeyError, Keys, SealError};
use crate::operation::{Action, AfterStep, Operation, Operator, Places, Redecision};
use crate::sync::lock;
use crate::{Arrival, Decision, Lanes, MessageId, Sealed, WriteError};

/// How long an entry that nobody waits for may wait for company: an arrival for its decision, a settlement for the
/// next sync. Longer than a chain usually runs, shorter than anybody notices.
const LINGER: Duration = Duration::from_millis(5);

/// The most bytes of one entry. SQLite refuses a row of a thousand million; such a row would fail its whole batch, and
/// again at every try. Two of these, merged, stay below.
const ENTRY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Takes what callers queue, numbers it, and hands it to the writer in batches.
pub(crate) struct Intake {
    state: Mutex<State>,
    writer: Condvar,
    clock: Clock,
    waiting_bytes_max: usize,
    keys: Arc<Keys>,
}

/// One entry in line.
pub(crate) struct Slot {
    pub(crate) entry: Entry,
    /// What of it may hold patient data, as the file gets it. The entry keeps what is needed in memory.
    pub(crate) sealed: SealedColumns,
    /// The batch in which the message of this entry arrived; 0 when it is durable. When that batch fails, this entry
    /// is forgotten with it.
    pub(crate) origin: u64,
    /// The queue that a settlement belongs to.
    pub(crate) queue: Option<Arc<Queue>>,
}

impl Slot {
    /// About how many bytes it takes in memory.
    fn bytes(&self) -> usize {
        self.entry.bytes() + self.sealed.bytes()
    }

    /// About how many bytes it takes in the file.
    pub(super) fn file_bytes(&self) -> usize {
        ENTRY_OVERHEAD_BYTES + self.sealed.bytes()
    }
}

/// A message that is to be decided anew.
pub(crate) struct Redeciding {
    pub(crate) message: MessageId,
    pub(crate) interface: Arc<str>,
    pub(crate) revision: u32,
    pub(crate) decision: Decision,
    pub(crate) places: Places,
    /// Where its chain was not that of the revision alone.
    pub(crate) after: Option<AfterStep>,
    pub(crate) operator: Operator,
    /// Recomputed or replayed.
    pub(crate) action: fn(Redecision) -> Action,
}

/// What the writer writes in one transaction.
pub(crate) struct Taken {
    pub(crate) slots: Vec<Slot>,
    pub(crate) batch: Arc<Batch>,
    pub(crate) stamp: Stamp,
}

/// How the store is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With everything written and a mark that says so.
    Clean,
    /// With everything written, without the mark: the handle was dropped, nobody said that all was done.
    Dropped,
}

struct State {
    slots: Vec<Slot>,
    batch: Arc<Batch>,
    /// The batch that the writer took last.
    taken: Option<Arc<Batch>>,
    bytes: usize,
    numbers: Numbers,
    /// Somebody waits for what is in line.
    urgent: bool,
    /// When the oldest entry that nobody waits for has waited long enough.
    linger_until: Option<Instant>,
    writer: WriterState,
    ending: Option<Ending>,
    /// The writer has gone.
    closed: bool,
}

/// What the writer's thread does, so that it is only woken when it sleeps too deeply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriterState {
    Busy,
    /// Sleeps until anything comes.
    Idle,
    /// Sleeps until something urgent comes, or the linger ends.
    Lingering,
}

impl Intake {
    pub(crate) fn new(numbers: Numbers, clock: Clock, waiting_bytes_max: usize, keys: Arc<Keys>) -> Self {
        let state = State {
            slots: Vec::new(),
            batch: Batch::new(1),
            taken: None,
            bytes: 0,
            numbers,
            urgent: false,
            linger_until: None,
            writer: WriterState::Busy,
            ending: None,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            writer: Condvar::new(),
            clock,
            waiting_bytes_max,
            keys,
        }
    }

    /// Numbers a message and puts its arrival in line. Nobody waits for it yet.
    pub(crate) fn receive(&self, mut arrival: Arrival) -> Received {
        let at_ms = self.clock.now_ms();
        let (interface, revision) = (arrival.interface.clone(), arrival.revision);
        let refused = |id, error| Received::new(id, interface.clone(), revision, Place::Refused(error));
        let mut state = lock(&self.state);
        let id = state.numbers.next_message(at_ms);
        if let Err(error) = state.admit(arrival.raw.len(), self.waiting_bytes_max) {
            return refused(id, error);
        }
        // Sealed with the number, and while nobody waits for the lock: a long message takes some milliseconds.
        drop(state);
        let sealed = self.sealed(&interface, at_ms, |key| {
            SealedColumns::of_arrival(key, id, &arrival.raw)
        });
        let sealed = match sealed {
            Ok(sealed) => sealed,
            Err(error) => return refused(id, error),
        };
        // Whoever needs the bytes of a message that was taken reads them from the journal.
        arrival.raw = Sealed::default();
        let state = lock(&self.state);
        if let Err(error) = state.open() {
            return refused(id, error);
        }
        let place = Place::Queued {
            batch: state.batch.clone(),
            index: state.slots.len(),
        };
        let origin = state.batch.number;
        let event = Event::Message(MessageEvent {
            id,
            arrival: Some(arrival),
            ruling: None,
        });
        let slot = Slot {
            entry: Entry { at_ms, event },
            sealed,
            origin,
            queue: None,
        };
        self.push(state, slot, false);
        Received::new(id, interface, revision, place)
    }

    /// Numbers the deliveries of a decision and puts it in line, into the entry of its arrival if that still waits.
    pub(crate) fn decide(&self, received: Received, mut decision: Decision) -> PendingCommit {
        let at_ms = self.clock.now_ms();
        let (id, outcome, deliveries) = (received.id(), decision.stage(), decision.deliveries());
        if let Err(error) = not_too_large(decision.bytes()) {
            return PendingCommit::failed(error);
        }
        let sealed = self.sealed_decision(received.interface(), at_ms, &decision, |keys| {
            SealedColumns::of_decision(keys, id, at_ms, &decision)
        });
        let sealed = match sealed {
            Ok(sealed) => sealed,
            Err(error) => return PendingCommit::failed(error),
        };
        *decision.detail_mut() = Sealed::default();
        let mut state = lock(&self.state);
        let admitted = received.place().standing().and_then(|origin| {
            state.open()?;
            Ok(origin)
        });
        let origin = match admitted {
            Ok(origin) => origin,
            Err(error) => return PendingCommit::failed(error),
        };
        let first_delivery = state.numbers.next_deliveries(deliveries);
        let (ruling, place) = received.ruled(first_delivery, decision);
        let waiting = Waiting::on(state.batch.clone(), origin);
        // One that arrived before midnight is sealed by another key, and stays an entry of its own.
        if let Some(arrived) = state.arrived(&place).filter(|arrived| arrived.sealed.fits(&sealed)) {
            arrived.entry.decide(at_ms, ruling);
            arrived.sealed.add(sealed);
            state.urgent = true;
            self.wake(state);
        } else {
            let event = Event::Message(MessageEvent {
                id,
                arrival: None,
                ruling: Some(ruling),
            });
            let slot = Slot {
                entry: Entry { at_ms, event },
                sealed,
                origin,
                queue: None,
            };
            self.push(state, slot, true);
        }
        PendingCommit::waiting(waiting, id, outcome, deliveries)
    }

    /// Seals with the present key of an interface, on the caller's thread.
    fn sealed(
        &self,
        interface: &Arc<str>,
        at_ms: i64,
        seal: impl FnOnce(&DataKey) -> Result<SealedColumns, SealError>,
    ) -> Result<SealedColumns, WriteError> {
        let key = self.keys.current(interface, at_ms);
        let sealed = key.and_then(|key| seal(&key).map_err(KeyError::from));
        sealed.map_err(|error| not_sealed(&error))
    }

    /// The same for a decision, which may change what plugins keep.
    fn sealed_decision(
        &self,
        interface: &Arc<str>,
        at_ms: i64,
        decision: &Decision,
        seal: impl FnOnce(&SealingKeys) -> Result<SealedColumns, SealError>,
    ) -> Result<SealedColumns, WriteError> {
        let keys = self.keys.current(interface, at_ms).and_then(|day| {
            let keeps = !decision.state().is_empty();
            let state = keeps.then(|| self.keys.state(interface)).transpose()?;
            Ok(SealingKeys { day, state })
        });
        let sealed = keys.and_then(|keys| seal(&keys).map_err(KeyError::from));
        sealed.map_err(|error| not_sealed(&error))
    }

    /// Numbers the new deliveries of a message that was decided anew, and puts that in line.
    pub(crate) fn redecide(&self, redeciding: Redeciding) -> Result<Waiting, WriteError> {
        let Redeciding {
            message,
            interface,
            revision,
            mut decision,
            places,
            after,
            operator,
            action,
        } = redeciding;
        let at_ms = self.clock.now_ms();
        not_too_large(decision.bytes())?;
        let sealed = self.sealed_decision(&interface, at_ms, &decision, |keys| {
            SealedColumns::of_redecision(keys, message, at_ms, &decision)
        })?;
        *decision.detail_mut() = Sealed::default();
        let mut state = lock(&self.state);
        state.open()?;
        let first_delivery = state.numbers.next_deliveries(places.new_deliveries());
        let ruling = Ruling {
            interface: interface.clone(),
            revision,
            first_delivery,
            decision,
            lanes: Lanes::None,
            holds: None,
            sender: None,
            repeats: None,
        };
        let redecision = Redecision {
            message,
            ruling,
            places: places.ids(first_delivery),
            dropped: places.dropped,
            replaced: places.replaced,
            after,
        };
        let operation = Operation {
            interface,
            operator,
            action: action(redecision),
        };
        let entry = Entry {
            at_ms,
            event: Event::Operated(Box::new(operation)),
        };
        let waiting = Waiting::on(state.batch.clone(), 0);
        self.push(
            state,
            Slot {
                entry,
                sealed,
                origin: 0,
                queue: None,
            },
            true,
        );
        Ok(waiting)
    }

    /// Puts an entry in line that is about something older: an announced run, a failed attempt, a settlement.
    pub(crate) fn record(
        &self,
        event: Event,
        origin: u64,
        queue: Option<Arc<Queue>>,
        urgent: bool,
    ) -> Result<Waiting, WriteError> {
        let at_ms = self.clock.now_ms();
        let entry = Entry { at_ms, event };
        not_too_large(entry.bytes())?;
        let sealed = match &entry.event {
            Event::DeliverySettled { delivery, .. } => Some(&delivery.interface),
            Event::Operated(operation) if operation.edited().is_some() => Some(&operation.interface),
            _ => None,
        };
        let sealed = match sealed {
            Some(interface) => self.sealed(interface, at_ms, |key| {
                SealedColumns::of_event(key, at_ms, &entry.event)
            })?,
            None => SealedColumns::default(),
        };
        let slot = Slot {
            entry,
            sealed,
            origin,
            queue,
        };
        let state = lock(&self.state);
        state.open()?;
        let waiting = Waiting::on(state.batch.clone(), origin);
        self.push(state, slot, urgent);
        Ok(waiting)
    }

    /// Somebody waits for this batch: the writer shall not linger.
    pub(crate) fn hurry(&self, batch: &Arc<Batch>) {
        let mut state = lock(&self.state);
        if Arc::ptr_eq(batch, &state.batch) && !state.slots.is_empty() {
            state.urgent = true;
            self.wake(state);
        }
    }

    /// Waits for a batch. `None` once the store ends and nothing is left.
    pub(crate) fn next(&self) -> Option<Taken> {
        let mut state = lock(&self.state);
        loop {
            if state.is_due() {
                return Some(state.take(self.clock.now_ms()));
            }
            if state.ending.is_some() {
                return None;
            }
            state = self.rest(state);
        }
    }

    /// Ends a batch that is certainly not on the disk. Everything whose message is not durable is forgotten, also
    /// what was queued meanwhile: a later message must not overtake an earlier one that its sender will send again.
    /// The rest goes to the front of the line.
    pub(crate) fn fail(&self, taken: Taken, error: &WriteError) {
        let first = taken.batch.number;
        let mut state = lock(&self.state);
        let next = Batch::new(state.batch.number + 1);
        let filling = std::mem::replace(&mut state.batch, next.clone());
        let queued = std::mem::take(&mut state.slots);
        state.slots = taken
            .slots
            .into_iter()
            .chain(queued)
            .filter(|slot| slot.origin < first)
            .collect();
        state.bytes = state.slots.iter().map(Slot::bytes).sum();
        state.urgent = true;
        state.linger_until = None;
        // Under the lock, so that a decision sees its message's fate.
        taken.batch.failed(first, Some(next.clone()), error.clone());
        filling.failed(first, Some(next), error.clone());
    }

    /// Lets the writer wait out a failure, unless the store ends.
    pub(crate) fn pause(&self, pause: Duration) {
        let state = lock(&self.state);
        drop(
            self.writer
                .wait_timeout_while(state, pause, |state| state.ending.is_none()),
        );
    }

    /// Takes nothing new from here on. The first ending counts.
    pub(crate) fn end(&self, ending: Ending) {
        let mut state = lock(&self.state);
        state.ending.get_or_insert(ending);
        drop(state);
        self.writer.notify_all();
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        lock(&self.state).ending
    }

    /// The writer goes: whatever is still in line is forgotten, and what it was about to write is left to the next
    /// start to find out.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.slots.clear();
        state.bytes = 0;
        for batch in state.taken.take().iter().chain([&state.batch]) {
            batch.failed(0, None, WriteError::ShutDown);
        }
    }

    /// Where the sequences stand now.
    pub(crate) fn stamp(&self) -> Stamp {
        lock(&self.state).numbers.stamp(self.clock.now_ms())
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn push(&self, mut state: MutexGuard<'_, State>, slot: Slot, urgent: bool) {
        state.bytes += slot.bytes();
        state.slots.push(slot);
        state.note(urgent);
        self.wake(state);
    }

    /// Wakes the writer if what is in line concerns it; after the lock is released, so that it does not run into it.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wake = match state.writer {
            WriterState::Busy => false,
            WriterState::Idle => true,
            WriterState::Lingering => state.urgent,
        };
        if wake {
            state.writer = WriterState::Busy;
            drop(state);
            self.writer.notify_all();
        }
    }

    fn rest<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let linger = state
            .linger_until
            .map(|until| until.saturating_duration_since(Instant::now()));
        state.writer = if linger.is_some() {
            WriterState::Lingering
        } else {
            WriterState::Idle
        };
        let mut state = match linger {
            None => self.writer.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(linger) => {
                self.writer
                    .wait_timeout(state, linger)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        state.writer = WriterState::Busy;
        state
    }
}

impl State {
    fn open(&self) -> Result<(), WriteError> {
        if self.closed || self.ending.is_some() {
            Err(WriteError::ShutDown)
        } else {
            Ok(())
        }
    }

    /// Whether a new message can be taken. Only new messages are refused for what waits: whatever is about older ones
    /// is bounded by them.
    fn admit(&self, bytes: usize, waiting_bytes_max: usize) -> Result<(), WriteError> {
        self.open()?;
        not_too_large(bytes)?;
        let waiting_bytes = self.bytes;
        if waiting_bytes > waiting_bytes_max {
            Err(WriteError::Unavailable { waiting_bytes })
        } else {
            Ok(())
        }
    }

    /// The entry of a message's arrival, if it is still in line.
    fn arrived(&mut self, place: &Place) -> Option<&mut Slot> {
        match place {
            Place::Queued { batch, index } if Arc::ptr_eq(batch, &self.batch) => {
                let slot = self.slots.get_mut(*index)?;
                matches!(slot.entry.event, Event::Message(_)).then_some(slot)
            }
            _ => None,
        }
    }

    fn note(&mut self, urgent: bool) {
        if urgent {
            self.urgent = true;
        } else if self.linger_until.is_none() {
            self.linger_until = Some(Instant::now() + LINGER);
        }
    }

    fn is_due(&self) -> bool {
        let waited_enough = || self.linger_until.is_some_and(|until| until <= Instant::now());
        !self.slots.is_empty() && (self.urgent || self.ending.is_some() || waited_enough())
    }

    fn take(&mut self, now_ms: i64) -> Taken {
        let next = Batch::new(self.batch.number + 1);
        // The next batch is probably about as long as this one: one allocation instead of several while it fills.
        let room = Vec::with_capacity(self.slots.len());
        self.bytes = 0;
        self.urgent = false;
        self.linger_until = None;
        let batch = std::mem::replace(&mut self.batch, next);
        self.taken = Some(batch.clone());
        Taken {
            slots: std::mem::replace(&mut self.slots, room),
            batch,
            stamp: self.numbers.stamp(now_ms),
        }
    }
}

/// Without a key nothing is written: it would be readable to whoever has the file.
fn not_sealed(error: &KeyError) -> WriteError {
    WriteError::NotWritten {
        reason: Arc::from(error.to_string()),
    }
}

fn not_too_large(bytes: usize) -> Result<(), WriteError> {
    if bytes > ENTRY_BYTES_MAX {
        Err(WriteError::TooLarge {
            bytes,
            bytes_max: ENTRY_BYTES_MAX,
        })
    } else {
        Ok(())
    }
}
