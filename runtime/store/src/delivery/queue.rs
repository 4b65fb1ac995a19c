//! One queue: what is in memory, what is behind, what is out.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::feeder::Request;
use crate::lanes::{HeldLanes, Holding};
use crate::sync::lock;
use crate::{DeliveryId, Lanes, MessageId, Precedence, Sealed, StoreSettings};

/// The deliveries of one destination of one interface.
pub(crate) struct Queue {
    pub(crate) interface: Arc<str>,
    pub(crate) destination: Arc<str>,
    limits: Limits,
    state: Mutex<State>,
    ready: Notify,
    /// Something left somebody's hands, or may not be sent any more.
    moved: Notify,
    loads: Sender<Request>,
}

/// How much a queue may hold at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) deliveries: usize,
    pub(crate) unsynced_settlements: usize,
}

/// A delivery that waits.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: DeliveryId,
    pub(crate) message: MessageId,
    /// Which output of the message, from 0.
    pub(crate) output: u32,
    pub(crate) attempts: u32,
    /// The revision that made it.
    pub(crate) revision: u32,
    /// What it keeps its order with.
    pub(crate) lanes: Lanes,
    pub(crate) content: Sealed,
    /// Of a document.
    pub(crate) content_type: Option<Arc<str>>,
    /// The journal cannot give its content: it is damaged there.
    pub(crate) is_lost: bool,
}

/// What holds lanes, as the files have it.
#[derive(Debug)]
pub(super) struct LaneHold {
    pub(super) from: DeliveryId,
    pub(super) message: MessageId,
    pub(super) lanes: Lanes,
}

/// What the feeder shall load: waiting deliveries after this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) after: DeliveryId,
    pub(crate) deliveries_max: usize,
    pub(crate) bytes_max: usize,
    /// How often the queue had begun anew.
    beginning: u64,
}

/// What asking for a delivery gives.
pub(crate) enum Taken {
    Item(Item),
    /// Nothing yet.
    Wait,
    /// The store ends.
    Closed,
}

struct State {
    items: BTreeMap<DeliveryId, Item>,
    bytes: usize,
    /// Who waits for whom, of what is in memory or in somebody's hands.
    precedence: Precedence,
    /// What is in memory and has nothing before it in its lanes.
    due: BTreeSet<DeliveryId>,
    /// What waits behind something in quarantine: it stays in the files.
    held_lanes: HeldLanes,
    /// The last delivery that was in memory since the queue began: nothing up to here is loaded again, whatever the files say.
    last_kept: DeliveryId,
    mode: Mode,
    /// How often the queue has begun anew: what was asked for before is not taken any more.
    beginning: u64,
    /// Deliveries in somebody's hands.
    leased: usize,
    unsynced: usize,
    /// Leased, or settled and not durable yet.
    out: BTreeMap<DeliveryId, Out>,
    /// Settled for good while the feeder loads: it may not have seen that.
    done: BTreeSet<DeliveryId>,
    /// Revisions whose deliveries stay where they are.
    holds: BTreeSet<u32>,
    closed: bool,
}

/// What is known of a delivery that is out.
struct Out {
    /// The revision that made it.
    revision: u32,
    /// While it is in somebody's hands.
    lanes: Option<Lanes>,
}

/// Where newly committed deliveries go.
enum Mode {
    /// Into memory.
    Current,
    /// Nowhere: they are loaded when their turn comes.
    Behind,
    /// Aside, while the feeder loads those before them. `None` once there were too many.
    Loading(Option<Aside>),
}

#[derive(Default)]
struct Aside {
    items: Vec<Item>,
    bytes: usize,
}

/// What an item costs in memory beside its content.
const ITEM_BYTES: usize = 128;

impl Limits {
    pub(crate) fn of(settings: &StoreSettings) -> Self {
        Self {
            bytes: settings.queue_bytes_max,
            deliveries: settings.queue_deliveries_max,
            unsynced_settlements: settings.unsynced_settlements_max.max(1),
        }
    }
}

impl Queue {
    pub(super) fn new(
        interface: Arc<str>,
        destination: Arc<str>,
        limits: Limits,
        loads: Sender<Request>,
        holds: BTreeSet<u32>,
    ) -> Self {
        let state = State {
            items: BTreeMap::new(),
            bytes: 0,
            precedence: Precedence::default(),
            due: BTreeSet::new(),
            held_lanes: HeldLanes::default(),
            last_kept: DeliveryId::from_i64(0),
            mode: Mode::Behind,
            beginning: 0,
            leased: 0,
            unsynced: 0,
            out: BTreeMap::new(),
            done: BTreeSet::new(),
            holds,
            closed: false,
        };
        Self {
            interface,
            destination,
            limits,
            state: Mutex::new(state),
            ready: Notify::new(),
            moved: Notify::new(),
            loads,
        }
    }

    /// Resolves when something has changed since it was made.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.ready.notified()
    }

    /// The next delivery, unless too many settlements are unsynced.
    pub(super) fn take(self: &Arc<Self>) -> Taken {
        let mut state = lock(&self.state);
        if state.closed {
            return Taken::Closed;
        }
        if state.unsynced >= self.limits.unsynced_settlements {
            return Taken::Wait;
        }
        let item = state.next();
        let low = state.items.len() <= self.limits.deliveries / 4 && state.bytes <= self.limits.bytes / 4;
        // All that is in memory may wait in a few lanes: then there is room for more of the others.
        let stuck = state.due.is_empty() && !self.is_full(&state);
        let load = (low || stuck) && matches!(state.mode, Mode::Behind);
        if load {
            state.mode = Mode::Loading(Some(Aside::default()));
        }
        let more = !state.due.is_empty();
        drop(state);
        if load {
            // The feeder goes only when the store ends.
            let _ = self.loads.send(Request::Load(self.clone()));
        }
        if more {
            // Passes the word on: one notification may have stood for several deliveries.
            self.ready.notify_one();
        }
        item.map_or(Taken::Wait, Taken::Item)
    }

    /// Whether no delivery waits or is being made.
    pub(super) fn is_empty(&self) -> bool {
        let state = lock(&self.state);
        let has_none = state.items.is_empty() && state.leased == 0 && state.held_lanes.waiting() == 0;
        has_none && matches!(state.mode, Mode::Current)
    }

    fn is_full(&self, state: &State) -> bool {
        state.items.len() >= self.limits.deliveries || state.bytes >= self.limits.bytes
    }

    /// A delivery has become durable.
    pub(super) fn push(&self, item: Item) {
        let mut state = lock(&self.state);
        if item.id <= state.last_kept || state.holds.contains(&item.revision) {
            // It was loaded between becoming durable and being announced here; or it is held.
            return;
        }
        let full = self.is_full(&state);
        match &mut state.mode {
            Mode::Behind | Mode::Loading(None) => {}
            Mode::Loading(Some(aside)) => {
                if aside.items.len() >= self.limits.deliveries || aside.bytes >= self.limits.bytes {
                    state.mode = Mode::Loading(None);
                } else {
                    aside.bytes += item.bytes();
                    aside.items.push(item);
                }
            }
            Mode::Current if full => state.mode = Mode::Behind,
            Mode::Current => {
                state.keep(item);
                drop(state);
                self.ready.notify_one();
            }
        }
    }

    /// What is to be loaded; `None` when nothing is any more.
    pub(super) fn wanted(&self) -> Option<Load> {
        let state = lock(&self.state);
        let room = self.limits.bytes.saturating_sub(state.bytes);
        (!state.closed && matches!(state.mode, Mode::Loading(_))).then_some(Load {
            after: state.last_kept,
            deliveries_max: (self.limits.deliveries / 2).max(1),
            bytes_max: (self.limits.bytes / 2).min(room),
            beginning: state.beginning,
        })
    }

    /// Learns what holds lanes, as the files have it.
    pub(super) fn learn(&self, load: Load, holds: &[LaneHold]) {
        let mut state = lock(&self.state);
        if load.beginning == state.beginning {
            for LaneHold { from, message, lanes } in holds {
                state.held_lanes.add(*from, *message, lanes);
            }
        }
    }

    /// Whether a delivery that is next in the files waits in a held lane, so that it need not be read.
    pub(super) fn passes_over(&self, load: Load, delivery: DeliveryId, lanes: &Lanes) -> bool {
        let mut state = lock(&self.state);
        let is_held = load.beginning == state.beginning && state.held_lanes.takes(delivery, lanes);
        if is_held {
            state.last_kept = delivery;
        }
        is_held
    }

    /// Takes what was loaded. `complete` says that nothing up to `horizon` was left out: then what was put aside
    /// after it closes the gap, and the queue is current.
    pub(super) fn loaded(&self, load: Load, items: Vec<Item>, complete: bool, horizon: DeliveryId) {
        let mut state = lock(&self.state);
        if load.beginning != state.beginning {
            // The next load is asked for, or will be.
            return;
        }
        let aside = std::mem::replace(&mut state.mode, Mode::Behind);
        let done = std::mem::take(&mut state.done);
        for item in items {
            state.keep_unless_elsewhere(item, &done);
        }
        if let (Mode::Loading(Some(aside)), true) = (aside, complete) {
            for item in aside.items.into_iter().filter(|item| item.id > horizon) {
                state.keep_unless_elsewhere(item, &done);
            }
            state.mode = Mode::Current;
        }
        drop(state);
        self.ready.notify_one();
    }

    /// Loading failed; the next call for a delivery tries again.
    pub(super) fn not_loaded(&self) {
        let mut state = lock(&self.state);
        state.mode = Mode::Behind;
        state.done.clear();
        drop(state);
        self.ready.notify_one();
    }

    /// A lease was dropped: its delivery goes back to its place in front. One that is held stays where it is in the files, and
    /// so does one that a queue which began anew has yet to come to.
    pub(super) fn give_back(&self, item: Item) {
        let mut state = lock(&self.state);
        state.leased = state.leased.saturating_sub(1);
        state.out.remove(&item.id);
        let is_to_come = item.id > state.last_kept && !matches!(state.mode, Mode::Current);
        if state.holds.contains(&item.revision) || is_to_come || state.held_lanes.takes(item.id, &item.lanes) {
            state.leave(item.id);
        } else {
            state.bytes += item.bytes();
            state.last_kept = state.last_kept.max(item.id);
            state.due.insert(item.id);
            state.items.insert(item.id, item);
        }
        drop(state);
        self.ready.notify_one();
        self.moved.notify_waiters();
    }

    /// A settlement is on its way to the disk, and what it holds waits from now on. Says whether the writer should hurry: half
    /// of the window is used up, and the next lease should not have to wait for the other half.
    pub(super) fn settling(&self, item: &Item, holds: Option<&Holding>) -> bool {
        let mut state = lock(&self.state);
        state.leased = state.leased.saturating_sub(1);
        if let Some(out) = state.out.get_mut(&item.id) {
            out.lanes = None;
        }
        state.leave(item.id);
        if let Some(holding) = holds {
            state.hold_lanes(item.id, item.message, &holding.lanes);
        }
        let is_anything_due = !state.due.is_empty();
        state.unsynced += 1;
        let hurry = state.unsynced * 2 >= self.limits.unsynced_settlements;
        drop(state);
        if is_anything_due {
            self.ready.notify_one();
        }
        hurry
    }

    /// A settlement has become durable, or was forgotten at the end.
    pub(super) fn settled(&self, delivery: DeliveryId) {
        let mut state = lock(&self.state);
        let was_full = state.unsynced >= self.limits.unsynced_settlements;
        state.unsynced = state.unsynced.saturating_sub(1);
        state.out.remove(&delivery);
        if matches!(state.mode, Mode::Loading(_)) {
            state.done.insert(delivery);
        }
        let is_held = !state.holds.is_empty();
        drop(state);
        if was_full {
            self.ready.notify_one();
        }
        if is_held {
            self.moved.notify_waiters();
        }
    }

    /// From here on nothing of a revision is leased.
    pub(super) fn hold(&self, revision: u32) {
        lock(&self.state).hold(revision);
        self.moved.notify_waiters();
    }

    /// From this delivery on these lanes wait.
    pub(super) fn hold_lanes(&self, from: DeliveryId, message: MessageId, lanes: &Lanes) {
        lock(&self.state).hold_lanes(from, message, lanes);
    }

    /// Ends what a message holds, or all of it. What waited is found in the files, where the queue begins anew.
    pub(super) fn release_lanes(&self, message: Option<MessageId>) {
        let mut state = lock(&self.state);
        state.held_lanes.release(message);
        // In one: what is loaded just now was read before, and must not bring the hold back.
        state.begin_anew();
        drop(state);
        self.ready.notify_one();
    }

    /// Ends a hold. What was held is found once the queue has begun anew.
    pub(super) fn end_hold(&self, revision: u32) {
        lock(&self.state).holds.remove(&revision);
    }

    /// Forgets what is in memory, because the files have another order or other contents: all of it is loaded again, but for
    /// what is out.
    pub(super) fn begin_anew(&self) {
        lock(&self.state).begin_anew();
        self.ready.notify_one();
    }

    /// Deliveries of a revision that are in somebody's hands, or settled and not durable yet.
    pub(super) fn out_of(&self, revision: u32) -> usize {
        let state = lock(&self.state);
        state.out.values().filter(|out| out.revision == revision).count()
    }

    /// Waits until none of a revision is, or the store ends.
    pub(super) async fn none_out(&self, revision: u32) {
        self.until(|state| !state.out.values().any(|out| out.revision == revision))
            .await;
    }

    /// Waits until the deliveries of a revision are held, or the store ends.
    pub(super) async fn held(&self, revision: u32) {
        self.until(|state| state.holds.contains(&revision)).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // From here on no change is missed.
            moved.as_mut().enable();
            {
                let state = lock(&self.state);
                if state.closed || is_so(&state) {
                    return;
                }
            }
            moved.await;
        }
    }

    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.ready.notify_waiters();
        self.moved.notify_waiters();
    }
}

impl State {
    /// Keeps the next one, unless its lane is held.
    fn keep(&mut self, item: Item) {
        self.last_kept = item.id;
        if self.held_lanes.takes(item.id, &item.lanes) {
            return;
        }
        self.bytes += item.bytes();
        if self.precedence.enter(item.id.as_i64(), item.lanes.clone()) {
            self.due.insert(item.id);
        }
        self.items.insert(item.id, item);
    }

    /// Keeps what was loaded, unless it is out, done or held: those are passed over.
    fn keep_unless_elsewhere(&mut self, item: Item, done: &BTreeSet<DeliveryId>) {
        if self.out.contains_key(&item.id) || done.contains(&item.id) || self.holds.contains(&item.revision) {
            self.last_kept = item.id;
        } else {
            self.keep(item);
        }
    }

    fn next(&mut self) -> Option<Item> {
        let item = self.items.remove(&self.due.pop_first()?)?;
        self.bytes -= item.bytes();
        self.leased += 1;
        let out = Out {
            revision: item.revision,
            lanes: Some(item.lanes.clone()),
        };
        self.out.insert(item.id, out);
        Some(item)
    }

    /// One that was due is gone: those behind it are due.
    fn leave(&mut self, id: DeliveryId) {
        let due = self.precedence.leave(id.as_i64());
        self.due.extend(due.into_iter().map(DeliveryId::from_i64));
    }

    fn begin_anew(&mut self) {
        self.items.clear();
        self.held_lanes.begin_anew();
        self.line_up();
        self.last_kept = DeliveryId::from_i64(0);
        self.mode = Mode::Behind;
        self.beginning += 1;
        self.done.clear();
    }

    /// Nothing of a revision is in memory any more: it stays in the files.
    fn hold(&mut self, revision: u32) {
        self.holds.insert(revision);
        self.items.retain(|_, item| item.revision != revision);
        self.line_up();
    }

    /// Nothing of these lanes, and of what is behind them, is in memory any more.
    fn hold_lanes(&mut self, from: DeliveryId, message: MessageId, lanes: &Lanes) {
        let held_lanes = &mut self.held_lanes;
        held_lanes.add(from, message, lanes);
        self.items.retain(|id, item| !held_lanes.takes(*id, &item.lanes));
        self.line_up();
    }

    /// Finds out anew who waits for whom, once others have gone from the middle. What is in somebody's hands is before all else.
    fn line_up(&mut self) {
        self.bytes = self.items.values().map(Item::bytes).sum();
        self.precedence = Precedence::default();
        self.due.clear();
        for (id, out) in &self.out {
            if let Some(lanes) = &out.lanes {
                self.precedence.enter(id.as_i64(), lanes.clone());
            }
        }
        for (id, item) in &self.items {
            if self.precedence.enter(id.as_i64(), item.lanes.clone()) {
                self.due.insert(*id);
            }
        }
    }
}

impl Item {
    fn bytes(&self) -> usize {
        self.content.len() + ITEM_BYTES
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Queue");
        shown
            .field("interface", &self.interface)
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}
