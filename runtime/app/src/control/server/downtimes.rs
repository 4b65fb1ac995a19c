//! Planned downtime of receivers.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use jiff::Timestamp;
use transfuse_store::NewDowntime;

use super::changes::require_words;
use super::{ApiError, Shared, on_a_thread};
use crate::configuration::parse_rate;
use crate::control::view;
use crate::control::wire::downtimes as wire;
use crate::downtimes::DowntimeError;
use crate::identity::Identity;

pub(super) async fn list(State(controlled): Shared) -> Result<Json<wire::Downtimes>, ApiError> {
    let listed = on_a_thread(&controlled, |controlled| controlled.downtimes.list()).await?;
    let listed = listed.map_err(|error| refused(&error))?;
    Ok(Json(wire::Downtimes {
        downtimes: listed.iter().map(view::downtime).collect(),
    }))
}

pub(super) async fn act(
    State(controlled): Shared,
    author: Identity,
    body: Result<Json<wire::DowntimeWanted>, JsonRejection>,
) -> Result<Json<wire::Downtime>, ApiError> {
    let hint = "write `{ \"action\": \"start\", \"receiver\": \"ehr\", \"reason\": \"..\" }`";
    let Json(wanted) = body.map_err(|error| ApiError::bad_request(error.body_text(), hint))?;
    let by = author.to_string();
    let done = match wanted.action.as_str() {
        "start" => {
            require_words([&wanted.reason], &wanted.reason, false)?;
            let planned = planned(wanted, by)?;
            on_a_thread(&controlled, move |controlled| controlled.downtimes.start(&planned)).await?
        }
        "end" => {
            on_a_thread(&controlled, move |controlled| {
                controlled.downtimes.end(&wanted.receiver, &by)
            })
            .await?
        }
        other => {
            let message = format!("`{other}` is nothing that can be done with a downtime");
            return Err(ApiError::bad_request(message, "there are `start` and `end`"));
        }
    };
    let standing = done.map_err(|error| refused(&error))?;
    Ok(Json(view::downtime(&standing)))
}

fn planned(wanted: wire::DowntimeWanted, author: String) -> Result<NewDowntime, ApiError> {
    let rate = wanted.rate_max.as_deref().map(parse_rate).transpose();
    let rate = rate.map_err(|message| ApiError::bad_request(message, "`rate_max` is for the time after it"))?;
    let until = wanted.until.as_deref().map(str::parse::<Timestamp>).transpose();
    let until = until.map_err(|error| ApiError::bad_request(error.to_string(), "write 2026-11-20T04:00:00Z"))?;
    Ok(NewDowntime {
        receiver: wanted.receiver,
        author,
        reason: wanted.reason,
        until_ms: until.map(Timestamp::as_millisecond),
        attempts: rate.map(|rate| rate.count),
        per_ms: rate.and_then(|rate| u32::try_from(rate.per_ms).ok()),
    })
}

fn refused(error: &DowntimeError) -> ApiError {
    match error {
        DowntimeError::UnknownReceiver(_) => ApiError::not_found(
            error.to_string(),
            "`transfuse status` shows the destinations of what runs",
        ),
        DowntimeError::DownAlready(_) | DowntimeError::NotDown(_) => ApiError {
            status: StatusCode::CONFLICT,
            ..ApiError::bad_request(
                error.to_string(),
                "`transfuse downtime list` shows which are down, and since when",
            )
        },
        DowntimeError::Catalog(_) | DowntimeError::Read(_) => ApiError::internal(error),
    }
}
