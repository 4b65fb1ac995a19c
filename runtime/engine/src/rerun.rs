//! A stored message run again: nothing is decided, kept or delivered.

use transfuse_message::{Message, Payload};
use transfuse_sandbox::{Chain, Question, Report, State};
use transfuse_store::{Decision, MessageRecord, NewOutput, Sealed, StoredFault};

use crate::detail::Detail;
use crate::interface::Interface;
use crate::plan::{KILLED_THE_ENGINE, Trouble};
use crate::received::Content;
use crate::revision::{Revision, Run};
use crate::settings::OnFinding;

/// What a revision makes of a message, whoever owns it afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// Outputs and where they go.
    Processed(Vec<NewOutput>),
    /// It ends on purpose, with the plugin's reason.
    Filtered(Payload),
    /// It is refused or quarantined: rejected by a plugin or by validation, or a plugin failed.
    Failed(StoredFault),
}

/// An outcome that leaves nothing to be wished for.
#[derive(Debug)]
pub(crate) enum Decided {
    Processed(Vec<NewOutput>),
    Filtered(Payload),
}

/// One run.
#[derive(Debug, Clone)]
pub struct Rerun {
    /// What came of it.
    pub made: Made,
    /// How: steps with fuel and time, tables with digests, the plugins' log.
    pub detail: Detail,
    /// Whether plugins used what they keep between messages: that was not what it was when the message came, so that the
    /// result is approximate.
    pub is_approximate: bool,
}

/// Why a stored message is not run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRun {
    /// The engine died while its chain ran, and must not again.
    #[error("the engine died while its chain ran, and must not again")]
    KilledTheEngine,
    /// It never went through a chain: it acknowledged a delivery.
    #[error("it acknowledged a delivery, and went through no chain")]
    Acknowledgement,
    /// What is stored of it is damaged.
    #[error("the journal is damaged where it was")]
    Damaged,
    /// It was cut off on its way in: only a part of it is stored.
    #[error("only a part of it was received")]
    Broken,
}

impl Interface {
    /// What its plugins keep now; empty where they keep nothing.
    #[must_use]
    pub fn state(&self) -> State {
        self.keeping.as_ref().map(|keeping| keeping.state()).unwrap_or_default()
    }
}

impl Revision {
    /// Takes a stored message through validation, chain and routing, off the message path. Plugins find `state`, and what they
    /// would write of it is dropped.
    ///
    /// It is run as it was when it was decided the last time, whatever it was given since.
    pub async fn rerun(&self, record: &MessageRecord, state: State) -> Result<Rerun, NotRun> {
        self.rerun_content(record, decided_content(record), state).await
    }

    /// The same with what it was given since, if anything: what a replay would make of it.
    pub async fn rerun_edited(&self, record: &MessageRecord, state: State) -> Result<Rerun, NotRun> {
        self.rerun_content(record, record.content(), state).await
    }

    async fn rerun_content(&self, record: &MessageRecord, content: &Sealed, state: State) -> Result<Rerun, NotRun> {
        match self.content_of(record, content)? {
            Content::Readable(message) => match self.admission.refuses(&message) {
                Some(why) => Ok(Rerun::failed(Trouble::unwelcome(why), Detail::default())),
                None => Ok(self.try_message(run_of(record), message, state).await),
            },
            Content::Unreadable(_, fault) => Ok(Rerun::failed(Trouble::unreadable(&fault), Detail::default())),
            Content::Broken(..) => Err(NotRun::Broken),
        }
    }

    /// Takes a stored message through another chain, with what this revision's chain would know of it: some of its steps, to see
    /// what each of them does, with the answer to a question. Nothing is validated or routed.
    pub async fn rerun_chain(
        &self,
        record: &MessageRecord,
        chain: &Chain,
        state: State,
        question: Question,
    ) -> Result<Report, NotRun> {
        match self.content_of(record, decided_content(record))? {
            Content::Readable(message) => {
                let input = self.input(run_of(record), message, state);
                Ok(chain.run_traced(input, question).await)
            }
            Content::Unreadable(..) | Content::Broken(..) => Err(NotRun::Broken),
        }
    }

    /// What a stored message is, where it may run again.
    fn content_of(&self, record: &MessageRecord, content: &Sealed) -> Result<Content, NotRun> {
        if record.damage.is_some() {
            return Err(NotRun::Damaged);
        }
        // What a person has changed since is not what the engine died of, and whole.
        let is_as_decided = content == decided_content(record);
        if let Some(reason) = not_run(record).filter(|_| is_as_decided) {
            return Err(reason);
        }
        let raw = content.bytes().clone().into();
        match Content::parse(raw, None, &self.parse) {
            Content::Readable(message) if is_answer(&message, record) => Err(NotRun::Acknowledgement),
            content => Ok(content),
        }
    }

    /// Takes any message through validation, chain and routing.
    pub(crate) async fn try_message(&self, run: Run, message: Message, state: State) -> Rerun {
        let processing = self.processing.get();
        let judgement = processing.judge(&message).await;
        if judgement.action != OnFinding::Pass {
            let detail = Detail::default().with(&judgement.findings);
            return Rerun::failed(Trouble::invalid(judgement.findings), detail);
        }
        let ran = self.process(&processing, run, message, state).await;
        let detail = ran.detail.with(&judgement.findings);
        match ran.outcome {
            Ok(decided) => Rerun {
                made: decided.into(),
                is_approximate: detail.uses_state(),
                detail,
            },
            Err(trouble) => Rerun::failed(*trouble, detail),
        }
    }

    /// What the journal says that a message came to, without the acknowledgements that left beside it; none while it is
    /// undecided, and where another system's answer decided.
    #[must_use]
    pub fn recorded(&self, record: &MessageRecord) -> Option<Made> {
        let decision = record.decision.as_ref()?;
        if let Some(fault) = &decision.fault {
            return Some(Made::Failed(fault.clone())).filter(|made| !made.is_anothers());
        }
        if let Some(reason) = &decision.reason {
            return Some(Made::Filtered(reason.bytes().clone().into()));
        }
        let outputs = decision.outputs.iter();
        let made = outputs
            .filter(|output| !self.routing.is_acknowledgement(&output.destinations))
            .map(NewOutput::from);
        Some(Made::Processed(made.collect()))
    }
}

impl From<Decided> for Made {
    fn from(decided: Decided) -> Self {
        match decided {
            Decided::Processed(outputs) => Self::Processed(outputs),
            Decided::Filtered(reason) => Self::Filtered(reason),
        }
    }
}

impl Made {
    /// What a decision comes to, before acknowledgements are added to it.
    pub(crate) fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Processed { outputs, .. } => Self::Processed(outputs.clone()),
            Decision::Filtered { reason, .. } => Self::Filtered(reason.bytes().clone().into()),
            Decision::Refused { fault, .. } | Decision::Quarantined { fault, .. } => Self::Failed(fault.clone()),
        }
    }

    /// Whether not the revision, but the system that it asked has decided it.
    pub(crate) fn is_anothers(&self) -> bool {
        let kinds = [Trouble::NO_REPLY, Trouble::REFUSED_BY_DESTINATION];
        matches!(self, Self::Failed(fault) if kinds.contains(&&*fault.kind))
    }

    /// What it failed with, as a whole or on its way to a destination.
    pub fn faults(&self) -> impl Iterator<Item = &StoredFault> {
        let (whole, outputs) = match self {
            Self::Processed(outputs) => (None, Some(outputs)),
            Self::Filtered(_) => (None, None),
            Self::Failed(fault) => (Some(fault), None),
        };
        let outputs = outputs.into_iter().flatten();
        whole
            .into_iter()
            .chain(outputs.filter_map(|output| output.stopped.as_ref()))
    }

    /// Whether the message would be forwarded, or end on purpose.
    #[must_use]
    pub fn passes(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }
}

impl Rerun {
    fn failed(trouble: Trouble, detail: Detail) -> Self {
        Self {
            made: Made::Failed(trouble.stored()),
            is_approximate: detail.uses_state(),
            detail,
        }
    }

    /// Fuel that its steps took together.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.detail.steps.iter().map(|step| step.fuel).sum()
    }

    /// Wall-clock microseconds that its steps took together.
    #[must_use]
    pub fn elapsed_us(&self) -> u64 {
        self.detail.steps.iter().map(|step| step.elapsed_us).sum()
    }
}

/// The run that decided a message, once more.
fn run_of(record: &MessageRecord) -> Run {
    Run {
        id: record.summary.id.to_string(),
        received_at_ms: record.summary.received_at_ms,
        attempt: record.summary.attempts.saturating_add(1),
    }
}

/// What the last decision was made from.
fn decided_content(record: &MessageRecord) -> &Sealed {
    match &record.decision {
        Some(decision) => record.content_of(decision),
        None => record.content(),
    }
}

fn not_run(record: &MessageRecord) -> Option<NotRun> {
    let fault = record.decision.as_ref()?.fault.as_ref()?;
    match fault.kind.as_str() {
        KILLED_THE_ENGINE => Some(NotRun::KilledTheEngine),
        Trouble::BROKEN_FRAME => Some(NotRun::Broken),
        _ => None,
    }
}

/// Such a message ends as filtered without a step having run.
fn is_answer(message: &Message, record: &MessageRecord) -> bool {
    let decision = record.decision.as_ref();
    message.is_acknowledgement()
        && decision.is_some_and(|decision| decision.reason.is_some() && decision.detail == Sealed::default())
}
