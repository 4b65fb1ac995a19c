//! What the sender is told, and when it may be told.
//!
//! AA and CA settle who owns a message, so this module is the only one that makes them, and it needs a [`Proof`] that
//! only the store can give: a later reader cannot move an acknowledgement in front of the sync by accident.

use jiff::ZonedDateTime;
use transfuse_message::{
    AcknowledgementCode, AcknowledgementContext, Condition, Finding, Message, Payload, Wanted, acknowledgement,
};
use transfuse_store::{Committed, MessageId, Receipt};

use crate::received::{Content, Received};
use crate::terms::Terms;

/// The engine could not do it (table 0357).
pub(crate) const INTERNAL_ERROR: &str = "207";

/// What the store made durable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// The bytes of the message.
    Received(&'a Receipt),
    /// What became of it, with its deliveries.
    Committed(&'a Committed),
}

/// What is to be said of a message, once the decision is durable and as far as its sender wants to hear it.
#[derive(Debug)]
pub(crate) enum Reply {
    /// It was taken.
    Accept,
    /// It was not. Whether its sender or the engine has it then follows from the decision.
    Refuse {
        code: AcknowledgementCode,
        findings: Vec<Finding>,
    },
    /// Nothing: what came was not a message that an answer could belong to.
    Nothing,
    /// What a destination has answered.
    Given(Given),
}

/// The answer of a destination, as the sender is told it: an answer to the sender's own message.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) code: AcknowledgementCode,
    pub(crate) content: Payload,
}

/// Tells the sender what may be told as soon as the message itself is durable.
pub(crate) fn on_receipt(received: &mut Received, receipt: &Receipt) {
    let Received {
        content,
        unwelcome,
        terms,
        answer,
        ..
    } = received;
    if terms.tells_stored() {
        answer.stored();
    }
    // Only what is a message, and may come in, can be accepted before it is looked at further.
    let (Content::Readable(request), None) = (content, unwelcome) else {
        return;
    };
    if terms.commits() {
        let told = terms.wanted().accept.on_success();
        let now = told.then(|| committing(request, receipt));
        answer.accept(now.unwrap_or_default(), terms.defers());
    } else if terms.accepts_on_receipt() {
        let told = terms.wanted().application.on_success() && terms.on_connection();
        let now = told.then(|| accepting(request, *terms, Proof::Received(receipt)));
        answer.accept(now.unwrap_or_default(), false);
    }
}

/// What the sender is told on its connection once it is known what became of its message; empty where that is nothing.
pub(crate) fn on_decision(content: &Content, terms: Terms, reply: &Reply, committed: &Committed) -> Payload {
    if reply.is_wanted(terms) && (terms.on_connection() || reply.is_commit()) {
        said(content, terms, reply, Proof::Committed(committed))
    } else {
        Payload::default()
    }
}

/// The acknowledgement that leaves by a destination, as a part of the decision that it tells of: it is delivered once
/// that is durable, and never without it.
pub(crate) fn by_destination(received: &Received, reply: &Reply) -> Option<Payload> {
    let receipt = received.receipt.as_ref()?;
    let due = !received.terms.on_connection() && reply.is_wanted(received.terms) && !reply.is_commit();
    due.then(|| said(&received.content, received.terms, reply, Proof::Received(receipt)))
}

fn said(content: &Content, terms: Terms, reply: &Reply, proof: Proof<'_>) -> Payload {
    match (reply, content) {
        (Reply::Accept, Content::Readable(request)) => accepting(request, terms, proof),
        (Reply::Refuse { code, findings }, _) => refusing(content, *code, findings, terms, proof),
        // Whoever gave it has accepted or refused it, and the engine's part of it is as durable as the proof.
        (Reply::Given(given), _) => given.content.clone(),
        (Reply::Accept | Reply::Nothing, _) => Payload::default(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that accepts, and it holds the proof"
)]
fn accepting(request: &Message, terms: Terms, proof: Proof<'_>) -> Payload {
    saying(&control_id(terms, proof), asked(terms), |context| {
        acknowledgement::accept(request, context)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that commits, and it holds the receipt"
)]
fn committing(request: &Message, receipt: &Receipt) -> Payload {
    saying(&receipt.id().to_string(), Some(Wanted::NOTHING), |context| {
        acknowledgement::commit(request, context)
    })
}

fn refusing(
    content: &Content,
    code: AcknowledgementCode,
    findings: &[Finding],
    terms: Terms,
    proof: Proof<'_>,
) -> Payload {
    saying(&control_id(terms, proof), asked(terms), |context| match content {
        Content::Readable(request) => acknowledgement::refuse(request, code, findings, context),
        Content::Unreadable(raw, _) | Content::Broken(raw, _) => {
            acknowledgement::refuse_unreadable(raw.as_slice(), code, findings, context)
        }
    })
}

/// The control id of an acknowledgement. The first one for a message has the message's own id; one that follows, or goes
/// another way, must not be taken for it, and has a letter more.
fn control_id(terms: Terms, proof: Proof<'_>) -> String {
    let follows = terms.commits() || !terms.on_connection();
    format!("{}{}", proof.message(), if follows { "A" } else { "" })
}

fn saying(
    control_id: &str,
    asks: Option<Wanted>,
    write: impl FnOnce(&AcknowledgementContext<'_>) -> bytes::Bytes,
) -> Payload {
    let at = ZonedDateTime::now();
    Payload::from(write(&AcknowledgementContext {
        control_id,
        at: &at,
        asks,
    }))
}

/// What an acknowledgement of ours asks for: nothing, except that one which is delivered like a message has to be
/// settled by somebody.
fn asked(terms: Terms) -> Option<Wanted> {
    match (terms.on_connection(), terms.is_original()) {
        (false, _) => Some(Wanted {
            accept: Condition::Always,
            ..Wanted::NOTHING
        }),
        (true, true) => None,
        (true, false) => Some(Wanted::NOTHING),
    }
}

impl Reply {
    /// Whether the sender wants to hear this of its message.
    fn is_wanted(&self, terms: Terms) -> bool {
        let wanted = terms.wanted();
        match self {
            Self::Accept => wanted.application.on_success(),
            Self::Refuse { code, .. } if code.is_commit() => wanted.accept.on_error(),
            Self::Refuse { .. } => wanted.application.on_error(),
            Self::Nothing => false,
            // A sender that waits for an answer wants it whatever it says.
            Self::Given(_) => wanted.application != Condition::Never,
        }
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> Option<AcknowledgementCode> {
        match self {
            Self::Refuse { code, .. } => Some(*code),
            Self::Given(given) => Some(given.code).filter(|code| !code.is_accept()),
            Self::Accept | Self::Nothing => None,
        }
    }

    /// Whether it refuses for a reason that is not in the message, so that the same message may be taken another time.
    pub(crate) fn is_about_the_moment(&self, content: &Content) -> bool {
        let is_internal = |finding: &Finding| finding.code == INTERNAL_ERROR;
        match (self, content) {
            (Self::Refuse { findings, .. }, Content::Readable(_)) => findings.iter().any(is_internal),
            _ => false,
        }
    }

    /// Whether it is an accept acknowledgement, which goes back the way that the message came.
    fn is_commit(&self) -> bool {
        matches!(self, Self::Refuse { code, .. } if code.is_commit())
    }
}

impl Proof<'_> {
    fn message(self) -> MessageId {
        match self {
            Self::Received(receipt) => receipt.id(),
            Self::Committed(committed) => committed.id(),
        }
    }
}
