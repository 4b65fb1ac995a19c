//! The rows about what people did.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decode::{Contents, stored_ruling};
use super::{OutputHeads, OutputsWritten, RecordError, RulingHead, kind, ruling_head};
use crate::operation::{Action, Operation, OperationKind, Operator, Redecision};
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

/// The number of its kind.
pub(super) fn kind_of(operation: &Operation) -> i64 {
    match operation.action.kind() {
        OperationKind::Held => kind::HELD,
        OperationKind::Released => kind::RELEASED,
        OperationKind::Discarded => kind::DISCARDED,
        OperationKind::Recomputed => kind::RECOMPUTED,
        OperationKind::Replayed => kind::REPLAYED,
        OperationKind::LanesReleased => kind::LANES_RELEASED,
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
    head: OperationHead<'_, OutputHeads>,
    contents: Contents,
) -> Result<Operation, RecordError> {
    let revision = head.revision;
    let redecision = |head: Option<RedecisionHead<'_, OutputHeads>>| {
        let head = head.ok_or(RecordError::Lacks("decision"))?;
        redecision(message.ok_or(RecordError::Lacks("message"))?, head, contents)
    };
    let action = match kind {
        kind::HELD => Action::Held { revision },
        kind::RELEASED => Action::Released { revision },
        kind::DISCARDED => Action::Discarded { revision },
        kind::RECOMPUTED => Action::Recomputed(redecision(head.redecision)?),
        kind::REPLAYED => Action::Replayed(redecision(head.redecision)?),
        kind::LANES_RELEASED => Action::LanesReleased { message },
        unknown => return Err(RecordError::UnknownKind(unknown)),
    };
    Ok(Operation {
        interface: Arc::from(head.interface),
        operator: Operator {
            author: head.author.to_owned(),
            reason: head.reason.to_owned(),
        },
        action,
    })
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
    })
}
