//! Stored messages run again: verified, and explained.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use transfuse_message as message;

use super::selecting::{self, message_id};
use super::{ApiError, Shared};
use crate::control::{view, wire};
use crate::past::NotExplained;

pub(super) async fn verify(
    State(controlled): Shared,
    query: Result<Query<wire::MessagesQuery>, QueryRejection>,
) -> Result<Json<wire::past::Verified>, ApiError> {
    let Query(query) =
        query.map_err(|error| ApiError::bad_request(error.body_text(), "see `transfuse messages verify --help`"))?;
    let mut query = selecting::page(&controlled, &query).await?;
    query.repeats_as_one = false;
    let engine = &controlled.changes.engine;
    let verified = controlled.past.verify(query, |name| engine.interface(name)).await;
    let verified = verified.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(view::verified(verified)))
}

pub(super) async fn explain(
    State(controlled): Shared,
    Path(id): Path<String>,
    query: Result<Query<wire::past::ExplanationQuery>, QueryRejection>,
) -> Result<Json<wire::past::Explanation>, ApiError> {
    let hint = "see `transfuse messages explain --help`";
    let Query(query) = query.map_err(|error| ApiError::bad_request(error.body_text(), hint))?;
    let id = message_id(&id)?;
    let path = query
        .path
        .parse()
        .map_err(|error: message::PathError| ApiError::bad_request(error.to_string(), hint))?;
    let output = query.output.unwrap_or(1);
    let Some(output) = output.checked_sub(1) else {
        return Err(ApiError::bad_request("outputs are counted from 1".to_owned(), hint));
    };
    let engine = &controlled.changes.engine;
    let explained = controlled
        .past
        .explain(id, path, output, |name| engine.interface(name))
        .await;
    let explained = explained.map_err(|error| match &error {
        NotExplained::Unknown(_) => ApiError::not_found(error.to_string(), "`transfuse messages list` shows them"),
        NotExplained::Read(_) => ApiError::internal(&error),
        _ => ApiError::bad_request(error.to_string(), "`transfuse messages show` tells what became of it"),
    })?;
    Ok(Json(view::explanation(explained)))
}
