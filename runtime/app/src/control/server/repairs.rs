//! Held deliveries, and messages that are replayed.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use transfuse_store::Operator;

use super::changes::{refused as change_refused, require_words};
use super::{ApiError, Shared, selecting, trials, view};
use crate::changes::RunOn;
use crate::control::wire::repairs as wire;
use crate::identity::Identity;
use crate::repairs::{RepairError, Repairs, ReplayWish};

pub(super) async fn held(
    State(controlled): Shared,
    query: Result<Query<wire::HeldQuery>, QueryRejection>,
) -> Result<Json<wire::HeldList>, ApiError> {
    let Query(query) =
        query.map_err(|error| ApiError::bad_request(error.body_text(), "see `transfuse deliveries held --help`"))?;
    let found = controlled.repairs.held(query.interface).await;
    Ok(Json(view::repairs::held(found.map_err(|error| refused(&error))?)))
}

/// What has begun is finished, whether or not its asker still listens.
pub(super) async fn act(
    State(controlled): Shared,
    Path(name): Path<String>,
    author: Identity,
    body: Result<Json<wire::HeldWanted>, JsonRejection>,
) -> Result<Json<wire::HeldChanged>, ApiError> {
    let Json(wanted) = body.map_err(|error| {
        let hint = "write `{ \"action\": \"release\", \"revision\": 2, \"reason\": \"..\" }`";
        ApiError::bad_request(error.body_text(), hint)
    })?;
    require_words([&wanted.reason], &wanted.reason, false)?;
    let repairs = Arc::clone(&controlled.repairs);
    let acting = tokio::spawn(async move { repairs.act(&name, &author, &wanted).await });
    let acted = acting.await.map_err(|panicked| ApiError::internal(&panicked))?;
    acted.map(Json)
}

pub(super) async fn replay(
    State(controlled): Shared,
    author: Identity,
    body: Result<Json<wire::ReplayWanted>, JsonRejection>,
) -> Result<Json<wire::Replayed>, ApiError> {
    let Json(wanted) = body.map_err(|error| {
        let hint = "write `{ \"messages\": { \"ids\": \"..\" }, \"reason\": \"..\" }`";
        ApiError::bad_request(error.body_text(), hint)
    })?;
    require_words([&wanted.reason], &wanted.reason, wanted.dry_run)?;
    let wish = wish(&wanted, &author)?;
    let repairs = Arc::clone(&controlled.repairs);
    let replaying = tokio::spawn(async move { repairs.replay(&wish).await });
    let replayed = replaying.await.map_err(|panicked| ApiError::internal(&panicked))?;
    let replayed = replayed.map_err(|error| refused(&error))?;
    Ok(Json(view::repairs::replayed(replayed, wanted.dry_run)))
}

impl Repairs {
    async fn act(
        &self,
        name: &str,
        author: &Identity,
        wanted: &wire::HeldWanted,
    ) -> Result<wire::HeldChanged, ApiError> {
        let operator = Operator {
            author: author.to_string(),
            reason: wanted.reason.clone(),
        };
        let mut changed = wire::HeldChanged {
            interface: name.to_owned(),
            revision: wanted.revision,
            ..wire::HeldChanged::default()
        };
        let done = match wanted.action.as_str() {
            "hold" => {
                let held = self.hold(name, wanted.revision, &operator).await;
                held.map(|held| changed.sending = held.sending)
            }
            "release" => self.release(name, wanted.revision, &operator).await,
            "discard" => self.discard(name, wanted.revision, &operator).await,
            "recompute" => {
                let done = self.recompute(name, wanted.revision, wanted.on, wanted.skip, &operator);
                done.await
                    .map(|done| changed.recomputed = Some(view::repairs::recomputed(done)))
            }
            other => {
                let message = format!("`{other}` is nothing that can be done with held deliveries");
                let hint = "there are `hold`, `release`, `recompute` and `discard`";
                return Err(ApiError::bad_request(message, hint));
            }
        };
        done.map_err(|error| refused(&error))?;
        changed.held = self
            .held_of(name, wanted.revision)
            .await
            .map_err(|error| refused(&error))?;
        Ok(changed)
    }
}

fn wish(wanted: &wire::ReplayWanted, author: &Identity) -> Result<ReplayWish, ApiError> {
    let on = match (wanted.on, &wanted.plugin, &wanted.version) {
        (None, None, None) => RunOn::Live,
        (Some(number), None, None) => RunOn::Revision(number),
        (None, Some(plugin), Some(version)) => RunOn::Candidate {
            plugin: plugin.clone(),
            version: version.clone(),
        },
        _ => {
            return Err(ApiError::bad_request(
                "what decides anew is not clear".to_owned(),
                "say `on`, or `plugin` and `version`, or nothing for the live revision",
            ));
        }
    };
    let operator = Operator {
        author: author.to_string(),
        reason: wanted.reason.clone(),
    };
    Ok(ReplayWish {
        query: selecting::query(&wanted.messages)?,
        on,
        after_step: wanted.after_step,
        to: wanted.to.clone(),
        only_different: wanted.only_different,
        anyway: wanted.anyway,
        expected: trials::paths(&wanted.expect)?,
        accepts_disorder: wanted.accept_disorder,
        operator: (!wanted.dry_run).then_some(operator),
    })
}

pub(super) fn refused(error: &RepairError) -> ApiError {
    match error {
        RepairError::Change(error) => return change_refused(error),
        RepairError::Selection(error) => return selecting::refused(error),
        _ => {}
    }
    if matches!(
        error,
        RepairError::Read(_) | RepairError::Write(_) | RepairError::Failed(_)
    ) {
        tracing::error!(%error, "held deliveries or a replay: not done as a whole");
        return ApiError::failed(error.to_string());
    }
    let mut refused = ApiError::bad_request(error.to_string(), &error.hint().unwrap_or_default()).without_empty_hint();
    match error {
        RepairError::OutOfOrder => refused.status = axum::http::StatusCode::CONFLICT,
        RepairError::UnknownMessage(_) => refused.status = axum::http::StatusCode::NOT_FOUND,
        _ => {}
    }
    refused
}
