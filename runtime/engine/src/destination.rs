//! From the journal to the wire.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use transfuse_message::Payload;
use transfuse_store::{DeliveryQueue, Lease, Operator, Sealed, Settlement, Store, StoredFault};

use crate::answers::{self, AnswerThen};
use crate::awaited::{Awaited, Expectation};
use crate::downtime::{Gate, Gates};
use crate::pace::Pace;
use crate::retry;
use crate::settings::{DestinationSettings, RejectsThen};
use crate::standing::{AnswerKind, Circuit, DestinationStanding, Standing, Turn, Word};
use crate::wire::{Attempt, Heard, Refusal, Response, Wire};

/// One receiver of an interface's outputs, live.
#[derive(Debug)]
pub struct Destination {
    pub(crate) settings: DestinationSettings,
    interface: Arc<str>,
    queue: DeliveryQueue,
    store: Store,
    awaited: Awaited,
    pace: Option<Pace>,
    /// Closed while the receiver is down by plan.
    gate: Arc<Gate>,
    /// Shared with what the same destination is in other revisions, as its connections are.
    standing: Arc<Standing>,
}

/// What became of a delivery.
enum Result {
    Delivered {
        answer: Payload,
    },
    Refused(Refusal),
    /// Somebody has said that it is not to be sent, and that what is behind it goes on.
    Skipped(Refusal),
    /// The engine stops, or the delivery is held, before the receiver has answered: it stays where it is.
    Stopped,
}

/// What an attempt means.
enum Verdict {
    Delivered {
        answer: Payload,
    },
    Refused(Refusal),
    /// Somebody has to say what is to become of it.
    Hold(Refusal),
    /// The receiver cannot take it now.
    Rejected(Refusal),
    /// Nobody has answered.
    Failed {
        fault: String,
    },
}

impl Destination {
    /// Carries deliveries from the journal to the wire, one after the other, until `stop`.
    ///
    /// Each connection of the destination runs this once. What is being sent when `stop` comes is finished; what waits
    /// for another attempt stays in the queue, and is first again after the next start. What waits for another attempt and
    /// is held meanwhile is not tried again.
    pub async fn deliver(&self, mut wire: Wire, stop: CancellationToken) {
        while let Some(mut lease) = self.lease(&stop).await {
            let result = self.send(&mut wire, &mut lease, &stop).await;
            self.settle(lease, result);
        }
    }

    pub(crate) fn new(interface: &Arc<str>, settings: DestinationSettings, store: &Store, awaited: &Awaited) -> Self {
        Self {
            queue: store.queue(interface, &settings.name),
            store: store.clone(),
            interface: Arc::clone(interface),
            pace: settings.rate_max.map(Pace::new),
            settings,
            awaited: awaited.clone(),
            standing: Arc::default(),
            gate: Arc::default(),
        }
    }

    /// Takes the place behind its receiver's gate.
    pub(crate) fn stand_behind(&mut self, gates: &Gates) {
        self.gate = gates.of(&self.settings.name);
    }

    /// Goes on with what is known of the receiver, where this destination of another revision has the same connections.
    pub(crate) fn continue_as(&mut self, before: &Self) {
        if before.settings.delivers_like(&self.settings) {
            self.standing = Arc::clone(&before.standing);
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.settings.name
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Whether nothing waits for this receiver, and nothing is being sent to it.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// How long it takes to deliver so many at the speed of the last attempts, over all connections; none before the first one
    /// since the start.
    #[must_use]
    pub fn estimate(&self, deliveries: u64) -> Option<Duration> {
        let each = self.standing.usual()?;
        let connections = u64::try_from(self.settings.wire.connections()).unwrap_or(1).max(1);
        let in_a_row = u32::try_from(deliveries.div_ceil(connections)).unwrap_or(u32::MAX);
        let paced = self.settings.rate_max.map(|rate| rate.per / rate.attempts.max(1));
        let all = each.checked_mul(in_a_row);
        let paced = paced.map(|one| {
            one.checked_mul(u32::try_from(deliveries).unwrap_or(u32::MAX))
                .unwrap_or(Duration::MAX)
        });
        Some(all.unwrap_or(Duration::MAX).max(paced.unwrap_or_default()))
    }

    /// How it stands with its receiver.
    #[must_use]
    pub fn standing(&self) -> DestinationStanding {
        self.standing.told()
    }

    /// Has what is held for a word tried again, and the receiver at once where its circuit is open. Gives how many
    /// deliveries were held.
    pub fn resume(&self) -> usize {
        self.standing.say(&Word::Again)
    }

    /// Puts what is held for a word into quarantine, so that what is behind it goes on. Gives how many deliveries that are.
    pub fn skip(&self, operator: &Operator) -> usize {
        self.standing.say(&Word::Skip(operator.clone()))
    }
}

/// The steps of a delivery.
impl Destination {
    async fn lease(&self, stop: &CancellationToken) -> Option<Lease> {
        stop.run_until_cancelled(self.queue.lease()).await.flatten()
    }

    /// Sends until the receiver has answered for good, in place: what is behind waits, so order holds.
    async fn send(&self, wire: &mut Wire, lease: &mut Lease, stop: &CancellationToken) -> Result {
        let content = match self.content(lease) {
            Ok(content) => content,
            Err(refusal) => return Result::Refused(refusal),
        };
        let mut expected = wire.expect(lease, &content, &self.awaited);
        let (mut rejects, mut pause) = (0, Duration::ZERO);
        loop {
            let attempted = self.attempt(wire, lease, &content, &mut expected, pause, stop).await;
            let Some((verdict, next)) = attempted else {
                return Result::Stopped;
            };
            pause = next;
            let held = match verdict {
                Verdict::Delivered { answer } => return Result::Delivered { answer },
                Verdict::Refused(refusal) => return Result::Refused(refusal),
                Verdict::Failed { .. } => continue,
                Verdict::Hold(refusal) => refusal,
                Verdict::Rejected(_) if rejects < self.settings.retry.rejects_max => {
                    rejects += 1;
                    continue;
                }
                Verdict::Rejected(refusal) => match self.settings.retry.rejects_then {
                    RejectsThen::Hold => refusal.after_attempts(rejects + 1),
                    RejectsThen::Quarantine => return Result::Refused(refusal.after_attempts(rejects + 1)),
                },
            };
            match self.word(lease, &held, stop).await {
                None => return Result::Stopped,
                Some(Word::Skip(operator)) => return Result::Skipped(held.skipped(&operator)),
                Some(Word::Again) => (rejects, pause) = (0, Duration::ZERO),
            }
        }
    }

    /// One attempt after a pause, what it means, and the pause before another one; or nothing where it is not to be made.
    /// An answer to the attempt before that comes late is taken for it.
    async fn attempt(
        &self,
        wire: &mut Wire,
        lease: &mut Lease,
        content: &Payload,
        expected: &mut Option<Expectation>,
        pause: Duration,
        stop: &CancellationToken,
    ) -> Option<(Verdict, Duration)> {
        let (attempt, _turn) = if let Some(turn) = self.turn_now(pause) {
            (
                self.timed(wire.send(lease, content, expected.as_mut())).await,
                Some(turn),
            )
        } else {
            tokio::select! {
                biased;
                () = self.queue.held(lease) => return None,
                () = stop.cancelled() => return None,
                attempt = late(content, expected) => (attempt, None),
                turn = self.turn(pause) => (self.timed(wire.send(lease, content, expected.as_mut())).await, Some(turn)),
            }
        };
        let pause_min = retry::asked_for(&attempt);
        let (verdict, kind) = self.judge(attempt);
        let next = kind.map_or(Duration::ZERO, |kind| self.note(lease, &verdict, kind, pause_min));
        Some((verdict, next))
    }

    /// Notes how long an attempt takes.
    async fn timed(&self, attempt: impl Future<Output = Attempt>) -> Attempt {
        let began = Instant::now();
        let attempt = attempt.await;
        self.standing.took(began.elapsed());
        attempt
    }

    /// Leave to make an attempt, where nothing has to be waited for.
    fn turn_now(&self, pause: Duration) -> Option<Turn<'_>> {
        let is_due = pause.is_zero() && self.pace.is_none() && self.gate.is_open();
        is_due.then(|| self.standing.turn_now().ok()).flatten()
    }

    async fn turn(&self, pause: Duration) -> Turn<'_> {
        self.standing.pause(pause).await;
        let turn = self.standing.turn().await;
        self.gate.pass().await;
        if let Some(pace) = &self.pace {
            pace.place().await;
        }
        turn
    }

    /// What an attempt means, and what kind of answer it got; none where nothing was sent.
    fn judge(&self, attempt: Attempt) -> (Verdict, Option<AnswerKind>) {
        let heard = match attempt {
            Attempt::Answered(heard) => heard,
            Attempt::Responded(response) => return self.judge_response(response),
            Attempt::HandedOver { answer } => return (Verdict::Delivered { answer }, Some(AnswerKind::HandedOver)),
            Attempt::Failed { fault } => return (Verdict::Failed { fault }, Some(AnswerKind::Nothing)),
            Attempt::Unsendable(refusal) => return (Verdict::Refused(refusal), None),
        };
        self.judge_acknowledgement(heard)
    }

    /// An acknowledgement that does not accept says more than its status; one that does is not believed against it.
    fn judge_response(&self, response: Response) -> (Verdict, Option<AnswerKind>) {
        let Response {
            status, heard, answer, ..
        } = response;
        let is_success = answers::is_success(status);
        let (verdict, kind) = match heard {
            Some(heard) if is_success || !heard.code.is_accept() => self.judge_acknowledgement(heard),
            _ => {
                let kind = AnswerKind::Status(status);
                let table = self.settings.wire.answers().filter(|_| !is_success);
                let verdict = match table.map_or(AnswerThen::Delivered, |table| table.of_status(status)) {
                    AnswerThen::Delivered => Verdict::Delivered { answer },
                    AnswerThen::Hold => Verdict::Hold(Refusal::answered(&kind, answer)),
                    AnswerThen::Retry => Verdict::Rejected(Refusal::answered(&kind, answer)),
                    AnswerThen::Quarantine => Verdict::Refused(Refusal::answered(&kind, answer)),
                };
                (verdict, Some(kind))
            }
        };
        match verdict {
            // As long as it lasts, as where nobody answers.
            Verdict::Rejected(refusal) if answers::is_momentary(status) => {
                let fault = refusal.summary;
                (Verdict::Failed { fault }, kind)
            }
            verdict => (verdict, kind),
        }
    }

    fn judge_acknowledgement(&self, heard: Heard) -> (Verdict, Option<AnswerKind>) {
        let table = self.settings.wire.answers();
        let rule = table.and_then(|table| table.rule(heard.code, &heard.errors));
        let then = match rule {
            _ if heard.code.is_accept() => AnswerThen::Delivered,
            Some(rule) => rule.then,
            None => AnswerThen::Quarantine,
        };
        let error = heard.error(rule.and_then(|rule| rule.error.as_deref()));
        let kind = AnswerKind::Code(heard.code, error.map(str::to_owned));
        let verdict = match then {
            AnswerThen::Delivered => Verdict::Delivered { answer: heard.answer },
            AnswerThen::Quarantine => Verdict::Refused(Refusal::of(heard, &kind)),
            AnswerThen::Hold => Verdict::Hold(Refusal::of(heard, &kind)),
            AnswerThen::Retry => Verdict::Rejected(Refusal::of(heard, &kind)),
        };
        (verdict, Some(kind))
    }

    /// Notes what came of an attempt, and gives the pause before another one, which the receiver may have asked for. While the circuit is open that is nothing,
    /// because leave for an attempt has to be waited for; and nothing is logged of each.
    fn note(&self, lease: &mut Lease, verdict: &Verdict, kind: AnswerKind, pause_min: Duration) -> Duration {
        let fault = match verdict {
            Verdict::Delivered { .. } | Verdict::Refused(_) => {
                self.reached(kind);
                return Duration::ZERO;
            }
            Verdict::Hold(refusal) => {
                self.queue.attempted(lease, &refusal.summary);
                self.reached(kind);
                return Duration::ZERO;
            }
            Verdict::Rejected(refusal) => &refusal.summary,
            Verdict::Failed { fault } => fault,
        };
        self.queue.attempted(lease, fault);
        let DestinationSettings { name, retry, .. } = &self.settings;
        let pause = retry::pause(retry, lease.attempts()).max(pause_min);
        let open_pause = retry::open_pause(retry).max(pause_min);
        match self.standing.failed(kind, retry.failures_max, open_pause) {
            Circuit::Closed => {
                tracing::warn!(
                    interface = %self.interface, destination = %name, message = %lease.message(),
                    attempts = lease.attempts(), again_in_ms = pause.as_millis(), "not delivered: {fault}"
                );
                pause
            }
            Circuit::Opened => {
                tracing::warn!(
                    interface = %self.interface, destination = %name, message = %lease.message(),
                    attempts = lease.attempts(), every_ms = retry.ceiling.as_millis(),
                    "not delivered: {fault}; the circuit is open: one attempt at a time, and no word about each"
                );
                Duration::ZERO
            }
            Circuit::Open => Duration::ZERO,
        }
    }

    /// The receiver takes what it is sent, or says that it does not want it.
    fn reached(&self, kind: AnswerKind) {
        if let Some(since_ms) = self.standing.reached(kind) {
            let open_ms = Timestamp::now().as_millisecond().saturating_sub(since_ms);
            tracing::info!(
                interface = %self.interface, destination = %self.name(), open_ms, "the circuit is closed: the receiver answers"
            );
        }
    }

    /// Waits for what somebody says about a delivery that is not tried again by itself; nothing where it is given back.
    async fn word(&self, lease: &Lease, refusal: &Refusal, stop: &CancellationToken) -> Option<Word> {
        tracing::warn!(
            interface = %self.interface, destination = %self.name(), message = %lease.message(),
            "delivery held, and what is behind it waits: {}", refusal.summary
        );
        let mut held = self.standing.hold(lease.message(), &refusal.summary);
        tokio::select! {
            biased;
            () = self.queue.held(lease) => None,
            () = stop.cancelled() => None,
            word = held.word() => Some(word),
        }
    }

    /// What is sent: the output as the journal has it, or in the destination's own character set. A document has no set
    /// that could be known.
    fn content(&self, lease: &Lease) -> std::result::Result<Payload, Refusal> {
        let content = Payload::from(lease.content().bytes().clone());
        match self.settings.charset {
            Some(charset) if lease.content_type().is_none() => charset.apply(content),
            _ => Ok(content),
        }
    }

    /// Records the result. Nobody waits for the sync here: the queue holds the next lease back when too many results
    /// are not durable yet, which bounds what a crash could deliver twice.
    fn settle(&self, mut lease: Lease, result: Result) {
        let settlement = match result {
            Result::Delivered { answer } => Settlement::Delivered {
                answer: Sealed::from(answer.into_bytes()),
            },
            Result::Refused(refusal) => {
                lease.hold_on_fault(self.settings.on_fault);
                self.quarantined(&lease, refusal)
            }
            Result::Skipped(refusal) => self.quarantined(&lease, refusal),
            Result::Stopped => return drop(lease),
        };
        drop(self.queue.settle(lease, settlement));
    }
}

impl Destination {
    fn quarantined(&self, lease: &Lease, refusal: Refusal) -> Settlement {
        tracing::warn!(
            interface = %self.interface, destination = %self.name(), message = %lease.message(),
            "delivery quarantined: {}", refusal.summary
        );
        Settlement::Quarantined {
            fault: refusal.stored(),
        }
    }
}

/// An answer to the attempt before that comes late.
async fn late(content: &Payload, expected: &mut Option<Expectation>) -> Attempt {
    loop {
        let answer = match expected {
            Some(expected) => expected.answer().await,
            None => std::future::pending().await,
        };
        if let Some(attempt) = Wire::read(content, &answer) {
            return attempt;
        }
    }
}

impl Heard {
    /// The code of the error that can be shown: the one that the site has named, or else the first of HL7's own (table
    /// 0357). Receivers may write anything there, and what they write may be about a patient.
    fn error<'a>(&'a self, named: Option<&'a str>) -> Option<&'a str> {
        let is_hl7 = |code: &&String| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        named.or_else(|| self.errors.iter().find(is_hl7).map(String::as_str))
    }
}

impl Refusal {
    fn of(heard: Heard, kind: &AnswerKind) -> Self {
        Self::answered(kind, heard.text)
    }

    fn answered(kind: &AnswerKind, text: Payload) -> Self {
        Self {
            kind: "refused-by-destination",
            hint: "correct the cause at the receiver or in the mapping, then replay the delivery",
            summary: format!("the receiver answered {kind}"),
            text,
        }
    }

    fn after_attempts(mut self, attempts: u32) -> Self {
        if attempts > 1 {
            self.summary = format!("{} to {attempts} attempts", self.summary);
        }
        self
    }

    fn skipped(self, operator: &Operator) -> Self {
        let Operator { author, reason } = operator;
        Self {
            kind: "skipped",
            summary: format!("{}; skipped by {author}: {reason}", self.summary),
            ..self
        }
    }

    fn stored(self) -> StoredFault {
        StoredFault {
            kind: self.kind.to_owned(),
            summary: self.summary,
            hint: Some(self.hint.to_owned()),
            text: Sealed::from(self.text.into_bytes()),
        }
    }
}
