//! What people say about deliveries that wait for a word.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use transfuse_store::Operator;

use super::changes::require_words;
use super::{ApiError, Shared};
use crate::control::wire::destinations as wire;
use crate::identity::Identity;

pub(super) async fn say(
    State(controlled): Shared,
    Path((interface, destination)): Path<(String, String)>,
    author: Identity,
    body: Result<Json<wire::Word>, JsonRejection>,
) -> Result<Json<wire::WordSaid>, ApiError> {
    let Json(word) = body.map_err(|error| {
        let hint = "write `{ \"action\": \"retry\", \"reason\": \"..\" }`";
        ApiError::bad_request(error.body_text(), hint)
    })?;
    require_words([&word.reason], &word.reason, false)?;
    let wire::Word { action, reason } = word;
    let author = author.to_string();
    let Some(found) = controlled.changes.engine.destination(&interface, &destination) else {
        let message = format!("there is no `{interface}` that runs with a destination `{destination}`");
        return Err(ApiError::not_found(message, "`transfuse status` shows them"));
    };
    let deliveries = match action.as_str() {
        "retry" => found.resume(),
        "skip" => found.skip(&Operator {
            author: author.clone(),
            reason: reason.clone(),
        }),
        other => {
            let message = format!("`{other}` is nothing that can be done with what waits for a word");
            return Err(ApiError::bad_request(message, "there are `retry` and `skip`"));
        }
    };
    tracing::info!(
        interface,
        destination,
        action,
        author,
        reason,
        deliveries,
        "a word about what was held"
    );
    Ok(Json(wire::WordSaid {
        interface,
        destination,
        action,
        deliveries,
    }))
}
