//! From the wire to the journal.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;
use tokio_util::task::TaskTracker;
use transfuse_message::Message;
use transfuse_sandbox::State;
use transfuse_store::{
    self as store, Arrival, Digest, Lanes, MessageId, OnFault, Sealed, Stage, Store, Unfinished, WriteError,
};
use transfuse_transport::{Answer, Frame};

use crate::acknowledge;
use crate::admission::Unwelcome;
use crate::awaited::Awaited;
use crate::backlog::Backlog;
use crate::destination::Destination;
use crate::downtime::Gates;
use crate::duplicates::{Accepted, Duplicates, Seen};
use crate::figures::{Figures, Recent};
use crate::keeping::{Keeping, PlaceInLine};
use crate::owed::Owed;
use crate::plan::{Plan, Verdict};
use crate::received::{Content, Label, Received};
use crate::refused::Refused;
use crate::revision::Revision;
use crate::settings::{InterfaceSettings, OnFinding, Order};
use crate::terms::Answering;
use crate::trial::Trial;
use crate::turns::{Turn, Turns};
use crate::validator::Judgement;

/// One revision of a feed, live: what its source hands in goes through its chain into the journal. The next revision takes
/// over its lanes and what its plugins keep, so that order holds across the two.
#[derive(Debug)]
pub struct Interface {
    pub(crate) name: Arc<str>,
    pub(crate) destinations: Vec<Arc<Destination>>,
    pub(crate) answering: Answering,
    awaited: Awaited,
    gates: Gates,
    pub(crate) revision: Arc<Revision>,
    /// The last messages of this revision, in figures.
    recent: Recent,
    trial: RwLock<Option<Arc<Trial>>>,
    order: Order,
    on_fault: OnFault,
    turns: Option<Turns>,
    store: Store,
    journeys: TaskTracker,
    backlog: Backlog,
    pub(crate) keeping: Option<Arc<Keeping>>,
    refused: Arc<Refused>,
    duplicates: Option<Arc<Duplicates>>,
    probation: Arc<AtomicU32>,
}

/// After an unclean stop, this many messages are durable before their chain runs, so that one which kills the process
/// is known by name after the restart. A message that did so is among the first to come again.
const PROBATION_MESSAGES: u32 = 1_000;

/// How often a message may have killed the process. The second time it goes to quarantine, so a restart never loops.
const KILLS_MAX: u32 = 2;

impl Interface {
    /// Carries one message from the wire to the journal: the journey is this function, and each line is a step of it.
    ///
    /// What happens before the future is first polled happens in the order of the calls: that is where arrival order is
    /// fixed. The journey goes on when the future is dropped, because a message whose sender hung up is still received.
    pub fn accept(self: &Arc<Self>, frame: Frame) -> impl Future<Output = Answer> + Send + use<> {
        let (owed, answer) = Owed::new();
        let received = self.receive(frame, owed);
        let interface = Arc::clone(self);
        self.journeys.spawn(async move {
            let received = interface.receipt(received).await?;
            let (received, before) = interface.recognise(received).await;
            let verdict = interface.run(&received, before).await;
            let plan = interface.plan(&received, verdict);
            interface.commit(received, plan).await
        });
        self.answered(answer)
    }

    /// The same journey for messages that a stop cut short: they are durable already, and nobody waits for an answer.
    ///
    /// They keep their places, in front of everything that arrives from now on, and they run one after the other: should
    /// the engine die again, it is known which one was running.
    pub(crate) fn resume(self: &Arc<Self>, unfinished: Vec<Unfinished>) {
        let waiting: Vec<Received> = unfinished.into_iter().map(|one| self.receive_again(one)).collect();
        let interface = Arc::clone(self);
        self.journeys.spawn(async move {
            for received in waiting {
                let received = interface.receipt(received).await?;
                let kills = interface.store.attempt(&received.entry).await?;
                let (received, before) = interface.recognise(received).await;
                let verdict = interface.run_again(&received, kills, before).await;
                let plan = interface.plan(&received, verdict);
                interface.commit(received, plan).await?;
            }
            Ok::<_, WriteError>(())
        });
    }

    pub(crate) fn new(
        settings: InterfaceSettings,
        store: &Store,
        awaited: &Awaited,
        journeys: TaskTracker,
        after_unclean_stop: bool,
    ) -> Self {
        let name = Arc::clone(&settings.name);
        let destinations = settings.destinations.iter().cloned();
        Self {
            destinations: destinations
                .map(|one| Arc::new(Destination::new(&name, one, store, awaited)))
                .collect(),
            name,
            answering: Answering::of(&settings),
            awaited: awaited.clone(),
            turns: (settings.order != Order::None).then(|| Turns::new(store.clone())),
            order: settings.order.clone(),
            on_fault: settings.on_fault,
            gates: Gates::default(),
            revision: Arc::new(Revision::new(settings)),
            recent: Recent::default(),
            trial: RwLock::default(),
            store: store.clone(),
            journeys,
            backlog: Backlog::default(),
            keeping: None,
            refused: Arc::default(),
            duplicates: None,
            probation: Arc::new(AtomicU32::new(if after_unclean_stop { PROBATION_MESSAGES } else { 0 })),
        }
    }

    /// The next revision of the same feed. Order holds between the messages of both, unless the two order them differently:
    /// then no message may be under way.
    pub(crate) fn successor(
        &self,
        settings: InterfaceSettings,
        keeping: Option<Arc<Keeping>>,
        duplicates: Option<Arc<Duplicates>>,
    ) -> Self {
        let mut next = Self::new(settings, &self.store, &self.awaited, self.journeys.clone(), false);
        if next.order == self.order {
            next.turns.clone_from(&self.turns);
        }
        for destination in &mut next.destinations {
            let before = self.destinations.iter().find(|one| one.name() == destination.name());
            if let (Some(before), Some(next)) = (before, Arc::get_mut(destination)) {
                next.continue_as(before);
            }
        }
        next.backlog = self.backlog.clone();
        next.refused = Arc::clone(&self.refused);
        next.duplicates = duplicates;
        next.probation = Arc::clone(&self.probation);
        next.with(keeping).behind(self.gates.clone())
    }

    /// The same interface, whose receivers may be down.
    pub(crate) fn behind(self, gates: Gates) -> Self {
        let behind = |mut destination: Arc<Destination>| {
            if let Some(one) = Arc::get_mut(&mut destination) {
                one.stand_behind(&gates);
            }
            destination
        };
        let destinations = self.destinations.into_iter().map(behind).collect();
        Self {
            destinations,
            gates,
            ..self
        }
    }
}

/// What may change while messages pass.
impl Interface {
    /// What its last messages came to, in figures.
    #[must_use]
    pub fn recent(&self) -> Figures {
        self.recent.figures()
    }

    /// The trial that runs here.
    #[must_use]
    pub fn trial(&self) -> Option<Arc<Trial>> {
        self.trial.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins a trial in the place of the one that runs, or ends that one. Messages that are under way end where they began.
    pub(crate) fn set_trial(&self, trial: Option<Arc<Trial>>) {
        *self.trial.write().unwrap_or_else(PoisonError::into_inner) = trial;
    }
}

/// The steps of the journey.
impl Interface {
    /// The same interface, with what its plugins keep between messages.
    pub(crate) fn with(self, keeping: Option<Arc<Keeping>>) -> Self {
        Self { keeping, ..self }
    }

    /// The same interface, with what it has refused and accepted before.
    pub(crate) fn after(self, refused: Refused, duplicates: Option<Arc<Duplicates>>) -> Self {
        Self {
            refused: Arc::new(refused),
            duplicates,
            ..self
        }
    }

    /// What it has accepted, where it recognises that.
    pub(crate) fn duplicates(&self) -> Option<&Arc<Duplicates>> {
        self.duplicates.as_ref()
    }

    /// The revision that its messages record.
    #[must_use]
    pub fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }

    /// Which of its messages keep their order.
    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    /// Messages between the wire and the journal.
    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Numbers the message, queues it for the journal and gives it its place in the lane, all in one.
    fn receive(&self, frame: Frame, answer: Owed) -> Received {
        let content = Content::of(&frame, &self.revision.parse);
        let Label {
            control_id,
            message_type,
            wanted,
        } = content.label();
        let terms = self.answering.terms_of(wanted, &frame.source);
        let (revision, trial) = self.deciding(&content);
        let arrived_at_ms = Timestamp::now().as_millisecond();
        let digest = self.digest(&content, frame.content.as_slice());
        let arrival = Arrival {
            interface: Arc::clone(&self.name),
            revision: revision.number,
            received_at_ms: arrived_at_ms,
            source: frame.source,
            control_id,
            message_type,
            raw: Sealed::from(frame.content.into_bytes()),
            digest,
        };
        let mut seen = None;
        let (entry, place_in_line, turn) = self.enter_lanes(&content, || {
            let entry = self.store.receive(arrival);
            seen = self.see(digest, entry.id(), arrived_at_ms);
            entry
        });
        Received {
            entry,
            turn,
            place_in_line,
            unwelcome: self.unwelcome(&content),
            content,
            terms,
            digest,
            seen,
            receipt: None,
            arrived_at_ms,
            attempt: 1,
            answer,
            revision,
            trial,
            state_seen: OnceLock::new(),
            place: self.backlog.enter(),
        }
    }

    /// What decides a message, and who wants to know of it.
    fn deciding(&self, content: &Content) -> (Arc<Revision>, Option<Arc<Trial>>) {
        let trial = self.trial();
        let candidate = match (&trial, content) {
            (Some(trial), Content::Readable(message)) if trial.takes(message) => Some(Arc::clone(trial.candidate())),
            _ => None,
        };
        (candidate.unwrap_or_else(|| Arc::clone(&self.revision)), trial)
    }

    fn receive_again(&self, mut unfinished: Unfinished) -> Received {
        // Another revision may have been live, or on trial, when it came.
        unfinished.received.bind(self.revision.number);
        let Arrival {
            raw,
            digest,
            received_at_ms: arrived_at_ms,
            source,
            ..
        } = unfinished.arrival;
        let content = Content::parse(raw.into_bytes().into(), None, &self.revision.parse);
        let terms = self.answering.terms_of(content.label().wanted, &source);
        let seen = self.see(digest, unfinished.received.id(), arrived_at_ms);
        let (entry, place_in_line, turn) = self.enter_lanes(&content, || unfinished.received);
        Received {
            entry,
            turn,
            place_in_line,
            unwelcome: self.unwelcome(&content),
            content,
            terms,
            digest,
            seen,
            receipt: None,
            arrived_at_ms,
            attempt: unfinished.attempts + 2,
            answer: Owed::to_nobody(),
            revision: Arc::clone(&self.revision),
            trial: None,
            state_seen: OnceLock::new(),
            place: self.backlog.enter(),
        }
    }

    fn unwelcome(&self, content: &Content) -> Option<Unwelcome> {
        content
            .message()
            .and_then(|message| self.revision.admission.refuses(message))
    }

    /// Gives a message its places, all in one. Where an interface keeps no order, the line of messages is in about the order of
    /// arrival.
    fn enter_lanes(
        &self,
        content: &Content,
        number_message: impl FnOnce() -> store::Received,
    ) -> (store::Received, Option<PlaceInLine>, Option<Turn>) {
        let lanes = self.lanes(content);
        let number = || {
            let mut entry = number_message();
            entry.keep_order(lanes.clone(), self.on_fault);
            (entry, self.keeping.as_ref().map(|keeping| keeping.enter()))
        };
        let ((entry, place_in_line), turn) = match &self.turns {
            Some(turns) => {
                let (numbered, turn) = turns.enter(lanes.clone(), number);
                (numbered, Some(turn))
            }
            None => (number(), None),
        };
        (entry, place_in_line, turn)
    }

    fn lanes(&self, content: &Content) -> Lanes {
        match (&self.order, content.message()) {
            (Order::Keys(keys), Some(message)) => keys.lanes(message),
            (Order::None, _) => Lanes::None,
            (Order::Keys(_) | Order::Interface, _) => Lanes::All,
        }
    }

    /// What the chain's plugins kept, once the messages before have left it so.
    async fn state_for(&self, received: &Received) -> State {
        match (&self.keeping, &received.place_in_line) {
            (Some(keeping), Some(place)) => {
                place.front().await;
                let state = keeping.state();
                if received.trial.is_some() {
                    received.state_seen.get_or_init(|| state.clone());
                }
                state
            }
            _ => State::default(),
        }
    }

    /// Waits until the message itself is durable, where its sender is told of that or its acknowledgement needs the proof,
    /// or where it may be the one that stopped the engine the last time.
    async fn receipt(&self, mut received: Received) -> Result<Received, WriteError> {
        if received.terms.needs_receipt() || self.on_probation() {
            let receipt = self.store.receipt(&received.entry).await?;
            acknowledge::on_receipt(&mut received, &receipt);
            received.receipt = Some(receipt);
        }
        Ok(received)
    }

    fn on_probation(&self) -> bool {
        let left = self
            .probation
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.is_ok()
    }

    fn digest(&self, content: &Content, raw: &[u8]) -> Option<Digest> {
        self.duplicates.as_ref()?.digest(content, raw)
    }

    fn see(&self, digest: Option<Digest>, id: MessageId, arrived_at_ms: i64) -> Option<Seen> {
        let duplicates = self.duplicates.as_ref()?;
        Some(duplicates.see(digest?, id, arrived_at_ms))
    }

    /// Finds out whether the message was accepted before: waits where the one before is not decided yet, and where that is refused
    /// the message may be the first of its kind itself.
    async fn recognise(&self, mut received: Received) -> (Received, Option<Accepted>) {
        while let Some(Seen::Again(original)) = received.seen.take_if(|seen| matches!(seen, Seen::Again(_))) {
            if let Some(accepted) = original.accepted().await {
                return (received, Some(accepted));
            }
            received.seen = self.see(received.digest, received.entry.id(), received.arrived_at_ms);
        }
        (received, None)
    }

    async fn run(&self, received: &Received, before: Option<Accepted>) -> Verdict {
        if let Some(accepted) = before {
            return Verdict::Repeats(accepted);
        }
        if let Some(unwelcome) = received.unwelcome {
            return Verdict::Unwelcome(unwelcome);
        }
        match &received.content {
            Content::Readable(message) => {
                if let Some(destination) = self.acknowledged_by(message) {
                    return Verdict::Acknowledges(destination);
                }
                let processing = received.revision.processing.get();
                let Judgement { findings, action } = processing.judge(message).await;
                if action != OnFinding::Pass {
                    return Verdict::Invalid(Judgement { findings, action });
                }
                let state = self.state_for(received).await;
                let revision = &received.revision;
                let ran = revision.process(&processing, received.run(), message.clone(), state.clone());
                let ran = revision.answer(&processing, received, ran.await, state);
                Verdict::Ran(Box::new(ran.await), findings)
            }
            Content::Unreadable(_, fault) => Verdict::Unreadable(fault.clone()),
            Content::Broken(_, defect) => Verdict::Broken(*defect),
        }
    }

    /// The destination whose waiting delivery this message acknowledges.
    fn acknowledged_by(&self, message: &Message) -> Option<Arc<str>> {
        message
            .is_acknowledgement()
            .then(|| self.awaited.take(&self.name, message))
            .flatten()
    }

    async fn run_again(&self, received: &Received, kills: u32, before: Option<Accepted>) -> Verdict {
        if kills >= KILLS_MAX {
            return Verdict::KilledTheEngine { kills };
        }
        tracing::warn!(interface = %self.name, message = %received.entry.id(), "a stop cut this message short: running again");
        self.run(received, before).await
    }

    fn plan(&self, received: &Received, verdict: Verdict) -> Plan {
        Plan::new(self, received, verdict)
    }

    /// Lets the decision into the journal in the message's turn, and tells the sender once it is durable.
    async fn commit(&self, received: Received, plan: Plan) -> Result<(), WriteError> {
        let watched = received.watched();
        let by_live = Arc::ptr_eq(&received.revision, &self.revision);
        let Received {
            mut entry,
            turn,
            seen,
            content,
            terms,
            mut answer,
            place,
            place_in_line,
            ..
        } = received;
        self.refused.note(&mut entry, &content, &plan.decision);
        if let Some(first) = plan.repeats {
            entry.repeat(first);
        }
        let committing = match turn {
            Some(turn) => turn.commit(entry, plan.decision).await?,
            None => self.store.decide(entry, plan.decision),
        };
        let committed = committing.await?;
        if let Some(keeping) = &self.keeping {
            keeping.apply(&plan.state);
        }
        drop(place_in_line);
        if let (Some(Seen::First(first)), true) = (seen, committed.stage() != Stage::Refused) {
            first.accepted(plan.reply.code());
        }
        let reply = acknowledge::on_decision(&content, terms, &plan.reply, &committed);
        let answered = match committed.stage() {
            Stage::Refused if plan.reply.is_about_the_moment(&content) => Answer::Failed,
            Stage::Refused => Answer::Refused,
            _ => Answer::Accepted,
        };
        answer.decide(answered, reply);
        drop(place);
        if let Some(observation) = plan.observation {
            if by_live {
                self.recent.add(observation.sample);
            }
            if let Some(watched) = watched {
                watched.decided(observation);
            }
        }
        Ok(())
    }

    /// The answer, when it is known; none is given where the journey was cut short.
    ///
    /// Where the sender is told before the chain has run, nothing but this wait keeps a fast sender from filling the
    /// memory with messages whose chain has not.
    fn answered(
        self: &Arc<Self>,
        answer: tokio::sync::oneshot::Receiver<Answer>,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let interface = Arc::clone(self);
        async move {
            let answer = answer.await.unwrap_or(Answer::Unanswered);
            interface.backlog.room().await;
            answer
        }
    }
}
