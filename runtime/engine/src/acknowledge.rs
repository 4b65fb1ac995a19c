//! What the sender is told, and when it may be told.
//!
//! AA settles who owns a message, so this module is the only one that makes it, and it needs a [`Proof`] that only the
//! store can give: a later reader cannot move an acknowledgement in front of the sync by accident.

use jiff::ZonedDateTime;
use transfuse_message::{AcknowledgementCode, AcknowledgementContext, Finding, Message, Payload, acknowledgement};
use transfuse_store::{Committed, MessageId, Receipt};
use transfuse_transport::Answer;

use crate::received::Content;

/// What the store made durable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// The bytes of the message.
    Received(&'a Receipt),
    /// What became of it, with its deliveries.
    Committed(&'a Committed),
}

/// What the sender is to hear once the decision is durable.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The engine owns the message.
    Accept,
    /// The sender owns the message.
    Refuse {
        code: AcknowledgementCode,
        findings: Vec<Finding>,
    },
    /// Nothing: what came was not a message that an answer could belong to.
    Nothing,
}

/// The accepting acknowledgement of a message.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that accepts, and it holds the proof"
)]
pub(crate) fn accepted(request: &Message, proof: Proof<'_>) -> Answer {
    let control_id = proof.message().to_string();
    Answer::Accepted(Payload::from(acknowledgement::accept(
        request,
        &saying(&control_id, &ZonedDateTime::now()),
    )))
}

/// The answer to a message whose decision is durable.
pub(crate) fn decided(content: &Content, reply: &Reply, committed: &Committed) -> Answer {
    match (reply, content) {
        (Reply::Nothing, _) => Answer::Refused(Payload::default()),
        (Reply::Accept, Content::Readable(request)) => accepted(request, Proof::Committed(committed)),
        (Reply::Accept, _) => Answer::Unanswered,
        (Reply::Refuse { code, findings }, _) => refused(content, *code, findings, committed),
    }
}

fn refused(content: &Content, code: AcknowledgementCode, findings: &[Finding], committed: &Committed) -> Answer {
    let control_id = committed.id().to_string();
    let now = ZonedDateTime::now();
    let saying = saying(&control_id, &now);
    Answer::Refused(Payload::from(match content {
        Content::Readable(request) => acknowledgement::refuse(request, code, findings, &saying),
        Content::Unreadable(raw, _) | Content::Broken(raw, _) => {
            acknowledgement::refuse_unreadable(raw.as_slice(), findings, &saying)
        }
    }))
}

fn saying<'a>(control_id: &'a str, at: &'a ZonedDateTime) -> AcknowledgementContext<'a> {
    AcknowledgementContext { control_id, at }
}

impl Proof<'_> {
    fn message(self) -> MessageId {
        match self {
            Self::Received(receipt) => receipt.id(),
            Self::Committed(committed) => committed.id(),
        }
    }
}
