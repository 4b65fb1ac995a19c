//! From what the chain decided to what the journal records and the sender hears.

use std::sync::Arc;

use transfuse_message::validation::Findings;
use transfuse_message::{AcknowledgementCode, Finding, ParseError, Payload, Severity};
use transfuse_sandbox::{Fault, Rejection, StateWrites};
use transfuse_store::{Decision, MessageId, NewOutput, Sealed, StoredFault};
use transfuse_transport::Defect;

use crate::acknowledge::{self, INTERNAL_ERROR, Reply};
use crate::admission::Unwelcome;
use crate::destination_steps::Ran;
use crate::detail::Detail;
use crate::duplicates::Accepted;
use crate::figures::Sample;
use crate::interface::Interface;
use crate::keeping;
use crate::received::Received;
use crate::rerun::{Decided, Made};
use crate::routing::{NoSuchDestination, Unroutable};
use crate::settings::{NoReply, OnFinding};
use crate::terms::Terms;
use crate::trial::Observation;
use crate::validator::Judgement;

/// What is known of a message before it is decided.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Its chain ran, in spite of what was found.
    Ran(Box<Ran>, Findings),
    /// It is not what the interface asks for, and its chain did not run.
    Invalid(Judgement),
    /// It may not come in.
    Unwelcome(Unwelcome),
    /// It is not an HL7 v2 message.
    Unreadable(ParseError),
    /// It is not even a whole frame.
    Broken(Defect),
    /// It is the acknowledgement that a delivery to this destination was waiting for.
    Acknowledges(Arc<str>),
    /// It was accepted before.
    Repeats(Accepted),
    /// The engine died this often while its chain ran.
    KilledTheEngine { kills: u32 },
}

impl Verdict {
    /// Fuel and microseconds of the chain, of a message that was at least validated.
    fn cost(&self) -> Option<(u64, u64)> {
        match self {
            Self::Ran(ran, _) => Some(ran.detail.cost()),
            Self::Invalid(_) => Some((0, 0)),
            _ => None,
        }
    }
}

/// What is to be made durable, and what the sender hears once it is.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) decision: Decision,
    /// What the plugins keep once it is.
    pub(crate) state: Vec<StateWrites>,
    pub(crate) reply: Reply,
    /// The message that it is once more.
    pub(crate) repeats: Option<MessageId>,
    /// What is told of it to those who watch; none of what never got as far as validation.
    pub(crate) observation: Option<Observation>,
}

/// The fault of a message whose chain was running when the engine died.
pub(crate) const KILLED_THE_ENGINE: &str = "killed-the-engine";

/// Why an outcome cannot become deliveries.
#[derive(Debug)]
pub(crate) struct Trouble {
    kind: &'static str,
    /// For operators: without a value of the message.
    summary: String,
    hint: Option<String>,
    /// For those who may see the message.
    text: Payload,
    /// What the sender hears, where it owns the message.
    code: AcknowledgementCode,
    findings: Vec<Finding>,
}

impl Plan {
    pub(crate) fn new(interface: &Interface, received: &Received, verdict: Verdict) -> Self {
        let cost = verdict.cost();
        let mut plan = Self::of_verdict(received, verdict);
        plan.observation = cost.map(|cost| Observation {
            sample: Sample::of(&plan.decision, cost),
            made: received
                .trial
                .is_some()
                .then(|| Made::of(&plan.decision))
                .filter(|made| !made.is_anothers()),
        });
        match (
            &interface.answering.destination,
            acknowledge::by_destination(received, &plan.reply),
        ) {
            (Some(destination), Some(acknowledgement)) => plan.with_output(destination, acknowledgement),
            _ => plan,
        }
    }

    fn of_verdict(received: &Received, verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ran(ran, findings) => Self::of_run(received.terms, *ran, &findings),
            Verdict::Invalid(judgement) => Self::of_invalid(received.terms, judgement),
            Verdict::Unwelcome(why) => Self::of_unwelcome(received, Trouble::unwelcome(why)),
            Verdict::Unreadable(fault) => Self::of_turned_away(received.terms, Trouble::unreadable(&fault)),
            Verdict::Broken(defect) => Self::of_broken_frame(received.terms, defect),
            Verdict::Acknowledges(destination) => Self::of_acknowledgement(&destination),
            Verdict::Repeats(accepted) => Self::of_repeat(accepted),
            Verdict::KilledTheEngine { kills } => {
                tracing::error!(message = %received.entry.id(), kills, "quarantined: the engine died while its chain ran");
                Self::engine_keeps(Trouble::killed_the_engine(kills), &Detail::default())
            }
        }
    }

    fn of_run(terms: Terms, ran: Ran, findings: &Findings) -> Self {
        let given = ran.given.clone();
        let plan = Self::of_outcome(terms, ran, findings);
        match given {
            Some(given) => Self {
                reply: Reply::Given(given),
                ..plan
            },
            None => plan,
        }
    }

    fn of_outcome(terms: Terms, ran: Ran, findings: &Findings) -> Self {
        let detail = ran.detail.with(findings);
        let state = keeping::changes(&ran.state);
        let decision = match ran.outcome {
            Ok(Decided::Processed(outputs)) => Decision::Processed {
                outputs,
                state,
                detail: detail.seal(),
            },
            Ok(Decided::Filtered(reason)) => Decision::Filtered {
                reason: Sealed::from(reason.into_bytes()),
                outputs: Vec::new(),
                state,
                detail: detail.seal(),
            },
            Err(trouble) => return Self::failed(terms, *trouble, &detail),
        };
        Self {
            decision,
            state: ran.state,
            reply: Reply::Accept,
            repeats: None,
            observation: None,
        }
    }

    /// A sender whose message is put aside, and that has not been told anything yet, hears that it was taken.
    fn of_invalid(terms: Terms, judgement: Judgement) -> Self {
        let detail = Detail::default().with(&judgement.findings);
        let trouble = Trouble::invalid(judgement.findings);
        match judgement.action {
            OnFinding::Refuse => Self::failed(terms, trouble, &detail),
            OnFinding::Quarantine | OnFinding::Pass if terms.accepts_on_receipt() => {
                Self::engine_keeps(trouble, &detail)
            }
            OnFinding::Quarantine | OnFinding::Pass => Self {
                reply: Reply::Accept,
                ..Self::engine_keeps(trouble, &detail)
            },
        }
    }

    /// Who owns a message that could not be processed follows from what its sender has been promised by now.
    fn failed(terms: Terms, trouble: Trouble, detail: &Detail) -> Self {
        if terms.engine_owns_failures() {
            Self::engine_keeps(trouble, detail)
        } else {
            Self::sender_keeps(trouble, detail)
        }
    }

    /// Where the sender still waits for the application's word, it hears of the trouble: but it is not its own any more.
    fn engine_keeps(trouble: Trouble, detail: &Detail) -> Self {
        let (code, findings) = (trouble.code, trouble.findings.clone());
        let decision = Decision::Quarantined {
            fault: trouble.stored(),
            outputs: Vec::new(),
            detail: detail.seal(),
        };
        Self {
            decision,
            state: Vec::new(),
            reply: Reply::Refuse { code, findings },
            repeats: None,
            observation: None,
        }
    }

    fn sender_keeps(trouble: Trouble, detail: &Detail) -> Self {
        let (code, findings) = (trouble.code, trouble.findings.clone());
        let decision = Decision::Refused {
            code: code.to_string(),
            fault: trouble.stored(),
            outputs: Vec::new(),
            detail: detail.seal(),
        };
        Self {
            decision,
            state: Vec::new(),
            reply: Reply::Refuse { code, findings },
            repeats: None,
            observation: None,
        }
    }

    /// The delivery has been told; for the journal, that is the end of the acknowledgement.
    fn of_acknowledgement(destination: &str) -> Self {
        let reason = format!("acknowledges a delivery to `{destination}`");
        Self {
            decision: Decision::Filtered {
                reason: Sealed::from(reason.into_bytes()),
                outputs: Vec::new(),
                state: Vec::new(),
                detail: Detail::default().seal(),
            },
            state: Vec::new(),
            reply: Reply::Accept,
            repeats: None,
            observation: None,
        }
    }

    /// The engine has it: its sender hears what it heard, or should have heard, before.
    fn of_repeat(accepted: Accepted) -> Self {
        let reason = format!("duplicate of {}", accepted.id);
        let decision = Decision::Filtered {
            reason: Sealed::from(reason.into_bytes()),
            outputs: Vec::new(),
            state: Vec::new(),
            detail: Detail::default().seal(),
        };
        let reply = match accepted.code {
            None => Reply::Accept,
            Some(code) => Reply::Refuse {
                code,
                findings: Vec::new(),
            },
        };
        Self {
            decision,
            state: Vec::new(),
            reply,
            repeats: Some(accepted.id),
            observation: None,
        }
    }

    /// A message that is decided after a restart may have been accepted by a revision that let it in: then it is the engine's.
    fn of_unwelcome(received: &Received, trouble: Trouble) -> Self {
        if received.attempt > 1 && received.terms.accepts_on_receipt() {
            Self::engine_keeps(trouble, &Detail::default())
        } else {
            Self::of_turned_away(received.terms, trouble)
        }
    }

    /// Bytes that are no message, and messages that may not come in. They never get as far as an application, so that an accept
    /// acknowledgement refuses them where the sender wants one.
    fn of_turned_away(terms: Terms, trouble: Trouble) -> Self {
        let trouble = trouble.of_frame(terms);
        if terms.engine_owns_unreadable() {
            Self::engine_keeps(trouble, &Detail::default())
        } else {
            Self::sender_keeps(trouble, &Detail::default())
        }
    }

    /// A frame that was never finished has no sender waiting for an answer; one that was finished, but too long, has.
    /// The engine has only a part of either, and never owns them.
    fn of_broken_frame(terms: Terms, defect: Defect) -> Self {
        let plan = Self::sender_keeps(Trouble::broken(defect).of_frame(terms), &Detail::default());
        match defect {
            Defect::TooLong { .. } | Defect::TooManyParts { .. } => plan,
            _ => Self {
                reply: Reply::Nothing,
                ..plan
            },
        }
    }
}

impl Plan {
    fn with_output(mut self, destination: &Arc<str>, content: Payload) -> Self {
        let (Decision::Processed { outputs, .. }
        | Decision::Filtered { outputs, .. }
        | Decision::Refused { outputs, .. }
        | Decision::Quarantined { outputs, .. }) = &mut self.decision;
        outputs.push(NewOutput {
            content: Sealed::from(content.into_bytes()),
            content_type: None,
            destinations: vec![Arc::clone(destination)],
            stopped: None,
        });
        self
    }
}

impl Trouble {
    /// What an operator reads; the sender hears no more than that the engine could not do it (table 0357: 207).
    pub(crate) fn internal(kind: &'static str, summary: String, hint: Option<String>) -> Self {
        Self {
            kind,
            summary,
            hint,
            text: Payload::default(),
            // AR, and not AE: the message may be perfectly good, and sending it again later may succeed (HL7 2.9.2).
            code: AcknowledgementCode::AR,
            findings: vec![finding(
                INTERNAL_ERROR,
                None,
                Payload::from("the message could not be processed here"),
            )],
        }
    }

    pub(crate) fn unreadable(fault: &ParseError) -> Self {
        let text = Payload::from(fault.to_string());
        Self {
            kind: "unreadable",
            summary: fault.to_string(),
            hint: None,
            text: Payload::default(),
            code: AcknowledgementCode::AR,
            findings: vec![finding("100", None, text)],
        }
    }

    pub(crate) fn unwelcome(why: Unwelcome) -> Self {
        Self {
            kind: why.kind(),
            summary: why.summary().to_owned(),
            hint: Some(why.hint().to_owned()),
            text: Payload::default(),
            code: AcknowledgementCode::AR,
            findings: vec![why.finding()],
        }
    }

    /// What an operator reads names places and codes. The sender hears all of it, and so does whoever may see the
    /// message.
    pub(crate) fn invalid(findings: Findings) -> Self {
        Self {
            kind: "invalid",
            summary: summary_of(&findings),
            hint: Some("`[source.validate]` says what is asked of a message, and what becomes of it".to_owned()),
            text: Payload::default(),
            code: AcknowledgementCode::AE,
            findings: findings.into_listed(),
        }
    }

    /// The fault of a frame that never was whole.
    pub(crate) const BROKEN_FRAME: &str = "broken-frame";

    fn broken(defect: Defect) -> Self {
        Self {
            kind: Self::BROKEN_FRAME,
            summary: defect.to_string(),
            hint: None,
            text: Payload::default(),
            code: AcknowledgementCode::AR,
            findings: vec![finding(INTERNAL_ERROR, None, Payload::from(defect.to_string()))],
        }
    }

    pub(crate) fn rejected(rejection: Rejection, step: usize) -> Self {
        Self {
            kind: "rejected",
            summary: rejection.summary(step),
            hint: None,
            text: rejection.reason.clone(),
            code: AcknowledgementCode::AE,
            findings: vec![finding(&rejection.code, rejection.path, rejection.reason)],
        }
    }

    pub(crate) fn faulted(fault: Fault) -> Self {
        let summary = fault.to_string();
        Self {
            text: fault.text,
            ..Self::internal(fault.kind.as_str(), summary, fault.hint)
        }
    }

    /// The fault of a message whose sender waited for an answer that did not come.
    pub(crate) const NO_REPLY: &str = "no-reply";

    /// The fault of a message that a destination has refused while its sender waited.
    pub(crate) const REFUSED_BY_DESTINATION: &str = "refused-by-destination";

    pub(crate) fn no_reply(told: &NoReply, why: &str) -> Self {
        Self {
            code: told.code,
            findings: vec![finding(INTERNAL_ERROR, None, Payload::from(told.text.clone()))],
            ..Self::internal(
                Self::NO_REPLY,
                why.to_owned(),
                Some(
                    "`reply` says who is asked, `reply_timeout` how long, and `no_reply` what the sender hears"
                        .to_owned(),
                ),
            )
        }
    }

    pub(crate) fn refused_by(destination: &str, code: AcknowledgementCode) -> Self {
        Self {
            code,
            ..Self::internal(
                Self::REFUSED_BY_DESTINATION,
                format!("`{destination}` answered {code}, and the sender was told so"),
                None,
            )
        }
    }

    pub(crate) fn several_questions(destination: &str) -> Self {
        Self::internal(
            "several-questions",
            format!("several outputs go to `{destination}`, whose one answer is the reply"),
            Some("let the chain make one output for it".to_owned()),
        )
    }

    pub(crate) fn document_asks(destination: &str) -> Self {
        Self::internal(
            "document-for-reply",
            format!("a document goes to `{destination}`, whose answer to a message is the reply"),
            Some("let the chain make a message for it".to_owned()),
        )
    }

    fn killed_the_engine(kills: u32) -> Self {
        let summary = format!("the engine died {kills} times while the chain of this message ran");
        let hint = "look at the plugin and at the system's log before replaying the message".to_owned();
        Self::internal(KILLED_THE_ENGINE, summary, Some(hint))
    }

    pub(crate) fn unroutable(interface: &str, why: Unroutable) -> Self {
        match why {
            Unroutable::Named(named) => Self::no_such_destination(interface, named),
            Unroutable::Undecided { destination, reason } => {
                let summary = format!("`when` of the destination `{destination}` cannot be decided: {reason}");
                let hint = "change the condition so that it has an answer for every message".to_owned();
                Self::internal("undecided-condition", summary, Some(hint))
            }
        }
    }

    pub(crate) fn no_such_destination(interface: &str, named: NoSuchDestination) -> Self {
        let summary = format!("a plugin forwards to a destination that `{interface}` does not have");
        let hint = Some(format!("there are: {}", named.known.join(", ")));
        Self {
            text: Payload::from(named.named),
            ..Self::internal("no-such-destination", summary, hint)
        }
    }

    /// The same, said by an accept acknowledgement (CR) where the sender wants one.
    fn of_frame(self, terms: Terms) -> Self {
        let code = if terms.wanted().accept.on_error() {
            AcknowledgementCode::CR
        } else {
            self.code
        };
        Self { code, ..self }
    }

    pub(crate) fn stored(self) -> StoredFault {
        StoredFault {
            kind: self.kind.to_owned(),
            summary: self.summary,
            hint: self.hint,
            text: Sealed::from(self.text.into_bytes()),
        }
    }
}

/// How many places a summary names; it is one line of a list.
const PLACES_SHOWN_MAX: usize = 3;

/// `2 errors and 1 warning: 101 at PID-3, 103 at PID-8`.
fn summary_of(findings: &Findings) -> String {
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let counts: Vec<String> = [(findings.errors(), "error"), (findings.warnings(), "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(count, noun))
        .collect();
    let places: Vec<String> = findings.listed().iter().take(PLACES_SHOWN_MAX).map(place_of).collect();
    let more = if findings.total() > places.len() { ", .." } else { "" };
    format!("{}: {}{more}", counts.join(" and "), places.join(", "))
}

fn place_of(finding: &Finding) -> String {
    match &finding.path {
        Some(path) => format!("{} at {path}", finding.code),
        None => finding.code.clone(),
    }
}

fn finding(code: &str, path: Option<String>, text: Payload) -> Finding {
    Finding {
        path,
        code: code.to_owned(),
        severity: Severity::Error,
        text,
    }
}
