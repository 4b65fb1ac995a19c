//! Messages that are given other bytes, and what is in quarantine and given up.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use transfuse_engine::Edit;
use transfuse_message::{Path, Payload};
use transfuse_store::Operator;

use super::changes::require_words;
use super::repairs::refused;
use super::{ApiError, Shared, selecting, view};
use crate::control::wire::quarantine as wire;
use crate::identity::Identity;
use crate::repairs::{DiscardWish, EditWish};

/// What has begun is finished, whether or not its asker still listens.
pub(super) async fn edit(
    State(controlled): Shared,
    author: Identity,
    body: Result<Json<wire::EditWanted>, JsonRejection>,
) -> Result<Json<wire::Edited>, ApiError> {
    let Json(wanted) = body.map_err(|error| {
        let hint = "write `{ \"messages\": { \"ids\": \"..\" }, \"set\": [{ \"path\": \"PID-8\", \"value\": \"F\" }], \"reason\": \"..\" }`";
        ApiError::bad_request(error.body_text(), hint)
    })?;
    require_words([&wanted.reason], &wanted.reason, wanted.dry_run)?;
    let wish = EditWish {
        query: selecting::query(&wanted.messages)?,
        edit: change(&wanted)?,
        operator: operator(&author, &wanted.reason, wanted.dry_run),
    };
    let repairs = Arc::clone(&controlled.repairs);
    let editing = tokio::spawn(async move { repairs.edit(&wish).await });
    let edited = editing.await.map_err(|panicked| ApiError::internal(&panicked))?;
    let edited = edited.map_err(|error| refused(&error))?;
    Ok(Json(view::quarantine::edited(edited, wanted.dry_run)))
}

pub(super) async fn discard(
    State(controlled): Shared,
    author: Identity,
    body: Result<Json<wire::DiscardWanted>, JsonRejection>,
) -> Result<Json<wire::Discarded>, ApiError> {
    let Json(wanted) = body.map_err(|error| {
        let hint = "write `{ \"messages\": { \"ids\": \"..\" }, \"reason\": \"..\" }`";
        ApiError::bad_request(error.body_text(), hint)
    })?;
    require_words([&wanted.reason], &wanted.reason, wanted.dry_run)?;
    let wish = DiscardWish {
        query: selecting::query(&wanted.messages)?,
        to: wanted.to.clone(),
        operator: operator(&author, &wanted.reason, wanted.dry_run),
    };
    let repairs = Arc::clone(&controlled.repairs);
    let discarding = tokio::spawn(async move { repairs.discard_messages(&wish).await });
    let discarded = discarding.await.map_err(|panicked| ApiError::internal(&panicked))?;
    let discarded = discarded.map_err(|error| refused(&error))?;
    Ok(Json(view::quarantine::discarded(discarded, wanted.dry_run)))
}

fn operator(author: &Identity, reason: &str, dry_run: bool) -> Option<Operator> {
    (!dry_run).then(|| Operator {
        author: author.to_string(),
        reason: reason.to_owned(),
    })
}

fn change(wanted: &wire::EditWanted) -> Result<Edit, ApiError> {
    let unclear = || {
        let message = "what is to be changed is not clear".to_owned();
        ApiError::bad_request(message, "say `content` of one message, or `set` of any number")
    };
    match (&wanted.content, wanted.set.as_slice()) {
        (Some(content), []) => {
            let bytes = content.to_bytes().ok_or_else(unclear)?;
            Ok(Edit::Whole(Payload::from(bytes)))
        }
        (None, [_, ..]) => {
            let changes = wanted.set.iter().map(assignment).collect::<Result<_, _>>()?;
            Ok(Edit::Fields(changes))
        }
        _ => Err(unclear()),
    }
}

fn assignment(wanted: &wire::Assignment) -> Result<(Path, Payload), ApiError> {
    let path = wanted.path.parse().map_err(|error: transfuse_message::PathError| {
        ApiError::bad_request(error.to_string(), "paths are written PID-5.1, PID-3[2].1 or OBX[3]-5")
    })?;
    Ok((path, Payload::from(wanted.value.as_str().to_owned())))
}
