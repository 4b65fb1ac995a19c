//! Held lanes.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use transfuse_store::{MessageId, Operator};

use super::changes::require_words;
use super::repairs::refused;
use super::{ApiError, Shared, view};
use crate::control::wire::lanes as wire;
use crate::control::wire::repairs::HeldQuery;
use crate::identity::Identity;

pub(super) async fn held(
    State(controlled): Shared,
    query: Result<Query<HeldQuery>, QueryRejection>,
) -> Result<Json<wire::HeldLanes>, ApiError> {
    let Query(query) =
        query.map_err(|error| ApiError::bad_request(error.body_text(), "see `transfuse lanes held --help`"))?;
    let found = controlled.repairs.held_lanes(query.interface).await;
    Ok(Json(view::lanes::held(found.map_err(|error| refused(&error))?)))
}

/// What has begun is finished, whether or not its asker still listens.
pub(super) async fn release(
    State(controlled): Shared,
    Path(interface): Path<String>,
    author: Identity,
    body: Result<Json<wire::ReleaseWanted>, JsonRejection>,
) -> Result<Json<wire::LanesReleased>, ApiError> {
    let Json(wanted) = body.map_err(|error| {
        let hint = "write `{ \"message\": \"..\", \"reason\": \"..\" }`, or without a message for all that is held";
        ApiError::bad_request(error.body_text(), hint)
    })?;
    require_words([&wanted.reason], &wanted.reason, false)?;
    let message: Option<MessageId> = match &wanted.message {
        None => None,
        Some(id) => Some(id.parse().map_err(|error: transfuse_store::ParseIdError| {
            ApiError::bad_request(error.to_string(), "`transfuse lanes held` shows them")
        })?),
    };
    let operator = Operator {
        author: author.to_string(),
        reason: wanted.reason,
    };
    let repairs = Arc::clone(&controlled.repairs);
    let releasing = tokio::spawn(async move {
        let released = repairs.release_lanes(&interface, message, &operator).await;
        released.map(|released| wire::LanesReleased { interface, released })
    });
    let released = releasing.await.map_err(|panicked| ApiError::internal(&panicked))?;
    released.map(Json).map_err(|error| refused(&error))
}
