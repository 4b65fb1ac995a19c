//! One queue: what is in memory, what is behind, what is out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::feeder::Request;
use crate::sync::lock;
use crate::{DeliveryId, MessageId, Sealed, StoreSettings};

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
    pub(crate) content: Sealed,
    /// Of a document.
    pub(crate) content_type: Option<Arc<str>>,
    /// The journal cannot give its content: it is damaged there.
    pub(crate) is_lost: bool,
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
    /// In order of their ids.
    items: VecDeque<Item>,
    bytes: usize,
    /// The last delivery that was in memory since the queue began: nothing up to here is loaded again, whatever the files say.
    last_kept: DeliveryId,
    mode: Mode,
    /// How often the queue has begun anew: what was asked for before is not taken any more.
    beginning: u64,
    /// Deliveries in somebody's hands.
    leased: usize,
    unsynced: usize,
    /// Leased, or settled and not durable yet, with their revisions.
    out: BTreeMap<DeliveryId, u32>,
    /// Settled for good while the feeder loads: it may not have seen that.
    done: BTreeSet<DeliveryId>,
    /// Revisions whose deliveries stay where they are.
    holds: BTreeSet<u32>,
    closed: bool,
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
            items: VecDeque::new(),
            bytes: 0,
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
        let load = low && matches!(state.mode, Mode::Behind);
        if load {
            state.mode = Mode::Loading(Some(Aside::default()));
        }
        let more = !state.items.is_empty();
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
        state.items.is_empty() && state.leased == 0 && matches!(state.mode, Mode::Current)
    }

    /// A delivery has become durable.
    pub(super) fn push(&self, item: Item) {
        let mut state = lock(&self.state);
        if item.id <= state.last_kept || state.holds.contains(&item.revision) {
            // It was loaded between becoming durable and being announced here; or it is held.
            return;
        }
        let full = state.items.len() >= self.limits.deliveries || state.bytes >= self.limits.bytes;
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
        if !state.holds.contains(&item.revision) && !is_to_come {
            let index = state.items.partition_point(|other| other.id < item.id);
            state.bytes += item.bytes();
            state.last_kept = state.last_kept.max(item.id);
            state.items.insert(index, item);
        }
        drop(state);
        self.ready.notify_one();
        self.moved.notify_waiters();
    }

    /// A settlement is on its way to the disk. Says whether the writer should hurry: half of the window is used up,
    /// and the next lease should not have to wait for the other half.
    pub(super) fn settling(&self) -> bool {
        let mut state = lock(&self.state);
        state.leased = state.leased.saturating_sub(1);
        state.unsynced += 1;
        state.unsynced * 2 >= self.limits.unsynced_settlements
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

    /// Ends a hold. What was held is found once the queue has begun anew.
    pub(super) fn end_hold(&self, revision: u32) {
        lock(&self.state).holds.remove(&revision);
    }

    /// Forgets what is in memory, because the files have another order or other contents: all of it is loaded again, but for
    /// what is out.
    pub(super) fn begin_anew(&self) {
        let mut state = lock(&self.state);
        state.items.clear();
        state.bytes = 0;
        state.last_kept = DeliveryId::from_i64(0);
        state.mode = Mode::Behind;
        state.beginning += 1;
        state.done.clear();
        drop(state);
        self.ready.notify_one();
    }

    /// Deliveries of a revision that are in somebody's hands, or settled and not durable yet.
    pub(super) fn out_of(&self, revision: u32) -> usize {
        let state = lock(&self.state);
        state.out.values().filter(|made_by| **made_by == revision).count()
    }

    /// Waits until none of a revision is, or the store ends.
    pub(super) async fn none_out(&self, revision: u32) {
        self.until(|state| !state.out.values().any(|made_by| *made_by == revision))
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
    fn keep(&mut self, item: Item) {
        self.last_kept = item.id;
        self.bytes += item.bytes();
        self.items.push_back(item);
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
        let item = self.items.pop_front()?;
        self.bytes -= item.bytes();
        self.leased += 1;
        self.out.insert(item.id, item.revision);
        Some(item)
    }

    /// Nothing of a revision is in memory any more: it stays in the files.
    fn hold(&mut self, revision: u32) {
        self.holds.insert(revision);
        self.items.retain(|item| item.revision != revision);
        self.bytes = self.items.iter().map(Item::bytes).sum();
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn queue(deliveries: usize) -> (Arc<Queue>, Receiver<Request>) {
        let (loads, requests) = channel();
        let limits = Limits {
            bytes: 1 << 20,
            deliveries,
            unsynced_settlements: 2,
        };
        (
            Arc::new(Queue::new("lab".into(), "ehr".into(), limits, loads, BTreeSet::new())),
            requests,
        )
    }

    fn item(id: i64) -> Item {
        let message = MessageId::new(20_261_123, id);
        Item {
            id: DeliveryId::from_i64(id),
            message,
            output: 0,
            attempts: 0,
            revision: 3,
            content: Sealed::default(),
            content_type: None,
            is_lost: false,
        }
    }

    fn items(ids: &[i64]) -> Vec<Item> {
        ids.iter().copied().map(item).collect()
    }

    /// Takes until nothing is there.
    fn drain(queue: &Arc<Queue>) -> Vec<i64> {
        let next = || match queue.take() {
            Taken::Item(item) => Some(item.id.as_i64()),
            Taken::Wait | Taken::Closed => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_new_queue_asks_for_its_backlog_once() {
        let (queue, requests) = queue(8);
        assert_eq!(drain(&queue), []);
        assert_eq!(drain(&queue), []);
        assert!(matches!(requests.try_recv(), Ok(Request::Load(_))));
        assert!(requests.try_recv().is_err());
        assert_eq!(queue.wanted().unwrap().after.as_i64(), 0);
    }

    #[test]
    fn what_becomes_durable_during_a_load_is_there_once_and_in_order() {
        let (queue, _requests) = queue(8);
        drain(&queue);
        for id in 3..6 {
            queue.push(item(id));
        }
        // The projection had come to 4 when it was asked.
        queue.loaded(
            queue.wanted().unwrap(),
            items(&[1, 2, 3, 4]),
            true,
            DeliveryId::from_i64(4),
        );
        // Durable before the load looked, announced after it was done.
        queue.push(item(4));
        queue.push(item(6));
        assert_eq!(drain(&queue), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_load_that_is_not_complete_is_followed_by_the_next() {
        let (queue, requests) = queue(8);
        drain(&queue);
        queue.push(item(9));
        queue.loaded(queue.wanted().unwrap(), items(&[1, 2]), false, DeliveryId::from_i64(9));
        queue.push(item(10));
        assert_eq!(drain(&queue), [1, 2]);
        assert_eq!(requests.try_iter().count(), 2);
        assert_eq!(queue.wanted().unwrap().after.as_i64(), 2);
    }

    #[test]
    fn a_full_queue_falls_behind_and_keeps_what_it_has() {
        let (queue, _requests) = queue(4);
        drain(&queue);
        queue.loaded(queue.wanted().unwrap(), Vec::new(), true, DeliveryId::from_i64(0));
        for id in 1..8 {
            queue.push(item(id));
        }
        assert_eq!(drain(&queue), [1, 2, 3, 4]);
        assert_eq!(queue.wanted().unwrap().after.as_i64(), 4);
    }

    #[test]
    fn too_much_aside_during_a_load_means_another_load() {
        let (queue, _requests) = queue(4);
        drain(&queue);
        for id in 2..9 {
            queue.push(item(id));
        }
        queue.loaded(queue.wanted().unwrap(), items(&[1]), true, DeliveryId::from_i64(1));
        assert_eq!(drain(&queue), [1]);
        assert_eq!(queue.wanted().unwrap().after.as_i64(), 1);
    }

    #[test]
    fn a_full_window_of_settlements_holds_the_queue_until_one_is_durable() {
        let (queue, _requests) = queue(8);
        drain(&queue);
        queue.loaded(
            queue.wanted().unwrap(),
            items(&[1, 2, 3]),
            true,
            DeliveryId::from_i64(3),
        );
        assert!(queue.settling(), "half of two is one: the writer should hurry");
        queue.settling();
        assert_eq!(drain(&queue), []);
        queue.settled(DeliveryId::from_i64(1));
        assert_eq!(drain(&queue), [1, 2, 3]);
    }
}
