//! The rows about what people did.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decode::{Contents, stored_ruling};
use super::head::{OutputHeads, OutputsWritten, RulingHead, ruling_head};
use super::{RecordError, kind};
use crate::operation::{Action, AfterStep, Closing, Operation, OperationKind, Operator, Redecision};
use crate::{DeliveryId, Lanes, MessageId};

/// What somebody did; what exactly, says the kind. Format 4.
#[derive(Serialize, Deserialize)]
pub(super) struct OperationHead<'a, Outputs> {
    interface: &'a str,
    author: &'a str,
    reason: &'a str,
    /// The revision that it is about.
    revision: u32,
    #[serde(borrow)]
    redecision: Option<RedecisionHead<'a, Outputs>>,
}

#[derive(Serialize, Deserialize)]
struct RedecisionHead<'a, Outputs> {
    #[serde(borrow)]
    ruling: RulingHead<'a, Outputs>,
    places: Vec<Option<i64>>,
    dropped: Vec<i64>,
}

/// What stands behind the head of what is about quarantine. Format 6.
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    /// Of what is given up: whether that is the message itself.
    is_message: bool,
    /// Deliveries that leave quarantine.
    deliveries: Vec<i64>,
    /// Of what was decided anew: so many steps were those of this revision.
    after: Option<(u32, u32)>,
}

/// The number of its kind.
pub(super) fn kind_of(operation: &Operation) -> i64 {
    match operation.action.kind() {
        OperationKind::Held => kind::HELD,
        OperationKind::Released => kind::RELEASED,
        OperationKind::Discarded => kind::DISCARDED,
        OperationKind::Recomputed => kind::RECOMPUTED,
        OperationKind::Replayed => kind::REPLAYED,
        OperationKind::LanesReleased => kind::LANES_RELEASED,
        OperationKind::Edited => kind::EDITED,
        OperationKind::GivenUp => kind::GIVEN_UP,
    }
}

/// What stands behind the head; none where an older program understands the operation without.
pub(super) fn tail(operation: &Operation) -> Option<Tail> {
    let numbers = |ids: &[DeliveryId]| ids.iter().map(|id| id.as_i64()).collect();
    match &operation.action {
        Action::Edited { .. } => Some(Tail::default()),
        Action::GivenUp(closing) => Some(Tail {
            is_message: closing.is_message,
            deliveries: numbers(&closing.deliveries),
            after: None,
        }),
        _ => {
            let made = operation.redecision()?;
            let tail = Tail {
                is_message: false,
                deliveries: numbers(&made.replaced),
                after: made.after.map(|after| (after.steps, after.revision)),
            };
            (tail != Tail::default()).then_some(tail)
        }
    }
}

/// What is no payload of it.
pub(super) fn head<'a>(operation: &'a Operation) -> OperationHead<'a, OutputsWritten<'a>> {
    let redecision = |made: &'a Redecision| {
        let Redecision {
            ruling,
            places,
            dropped,
            ..
        } = made;
        RedecisionHead {
            ruling: ruling_head(ruling),
            places: places.iter().map(|id| id.map(DeliveryId::as_i64)).collect(),
            dropped: dropped.iter().map(|id| id.as_i64()).collect(),
        }
    };
    OperationHead {
        interface: &operation.interface,
        author: &operation.operator.author,
        reason: &operation.operator.reason,
        revision: operation.action.revision(),
        redecision: operation.redecision().map(redecision),
    }
}

/// A row back into what somebody did.
pub(super) fn stored(
    kind: i64,
    message: Option<MessageId>,
    head: &[u8],
    contents: Contents,
) -> Result<Operation, RecordError> {
    let (head, tail) = postcard::take_from_bytes::<OperationHead<'_, OutputHeads>>(head)?;
    let tail: Tail = if tail.is_empty() {
        Tail::default()
    } else {
        postcard::from_bytes(tail)?
    };
    let revision = head.revision;
    let known = || message.ok_or(RecordError::Lacks("message"));
    let deliveries = tail.deliveries.into_iter().map(DeliveryId::from_i64).collect();
    if kind == kind::GIVEN_UP {
        let closing = Closing {
            message: known()?,
            is_message: tail.is_message,
            deliveries,
        };
        return Ok(operation(&head, Action::GivenUp(closing)));
    }
    if kind == kind::EDITED {
        let (message, content) = (known()?, contents.raw);
        return Ok(operation(&head, Action::Edited { message, content }));
    }
    let after = tail.after.map(|(steps, revision)| AfterStep { steps, revision });
    let redecision = |head: Option<RedecisionHead<'_, OutputHeads>>| -> Result<Redecision, RecordError> {
        let head = head.ok_or(RecordError::Lacks("decision"))?;
        Ok(Redecision {
            replaced: deliveries,
            after,
            ..redecision(known()?, head, contents)?
        })
    };
    let mut head = head;
    let decided = head.redecision.take();
    let action = match kind {
        kind::HELD => Action::Held { revision },
        kind::RELEASED => Action::Released { revision },
        kind::DISCARDED => Action::Discarded { revision },
        kind::RECOMPUTED => Action::Recomputed(redecision(decided)?),
        kind::REPLAYED => Action::Replayed(redecision(decided)?),
        kind::LANES_RELEASED => Action::LanesReleased { message },
        unknown => return Err(RecordError::UnknownKind(unknown)),
    };
    Ok(operation(&head, action))
}

fn operation(head: &OperationHead<'_, OutputHeads>, action: Action) -> Operation {
    Operation {
        interface: Arc::from(head.interface),
        operator: Operator {
            author: head.author.to_owned(),
            reason: head.reason.to_owned(),
        },
        action,
    }
}

fn redecision(
    message: MessageId,
    head: RedecisionHead<'_, OutputHeads>,
    contents: Contents,
) -> Result<Redecision, RecordError> {
    let Contents {
        outputs,
        detail,
        note,
        state,
        ..
    } = contents;
    Ok(Redecision {
        message,
        ruling: stored_ruling(head.ruling, Lanes::None, outputs, state, detail, note)?,
        places: head.places.into_iter().map(|id| id.map(DeliveryId::from_i64)).collect(),
        dropped: head.dropped.into_iter().map(DeliveryId::from_i64).collect(),
        replaced: Vec::new(),
        after: None,
    })
}
