//! Revisions on trial.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use transfuse_engine::Filter;
use transfuse_message as message;

use super::changes::{refused, require_words};
use super::{ApiError, Shared};
use crate::changes::{Mode, TrialWish};
use crate::configuration::{Bounds, BudgetSettings};
use crate::control::view;
use crate::control::wire::trials as wire;
use crate::deployment::Change;
use crate::identity::Identity;

/// Stages of a pilot: more is a schedule that nobody follows.
const STAGES_MAX: usize = 10;

/// Values of a filter, and paths that are expected to differ.
const LISTED_MAX: usize = 100;

/// What shares do not divide where nothing is said: the patient.
const BY: &str = "PID-3.1";

pub(super) async fn list(State(controlled): Shared) -> Json<wire::Trials> {
    let trials = controlled.changes.trials.all();
    Json(wire::Trials {
        trials: trials.iter().map(view::trial).collect(),
    })
}

pub(super) async fn act(
    State(controlled): Shared,
    Path(name): Path<String>,
    author: Identity,
    body: Result<Json<wire::TrialAction>, JsonRejection>,
) -> Result<Json<wire::Trial>, ApiError> {
    let Json(wanted) = body.map_err(|error| {
        ApiError::bad_request(
            error.body_text(),
            "write `{ \"action\": \"stop\", \"reason\": \"..\" }`",
        )
    })?;
    let change = Change {
        author,
        reason: wanted.reason,
        note: String::new(),
    };
    require_words([&change.reason], &change.reason, false)?;
    let changes = controlled.changes.clone();
    // Whether or not its asker still listens.
    let acting = tokio::spawn(async move {
        match wanted.action.as_str() {
            "pause" => changes.pause_trial(&name, true),
            "resume" => changes.pause_trial(&name, false),
            "stop" => changes.stop_trial(&name, &change).await,
            "promote" => changes.promote_trial(&name, &change).await,
            other => return Err(unknown_action(other)),
        }
        .map_err(|error| refused(&error))
    });
    let running = acting.await.map_err(|panicked| ApiError::internal(&panicked))??;
    Ok(Json(view::trial(&running.standing())))
}

fn unknown_action(action: &str) -> ApiError {
    ApiError::bad_request(
        format!("a trial cannot be told to `{action}`"),
        "it can `pause`, `resume`, `stop` or `promote`",
    )
}

/// What was asked, with what the site says where nothing was.
pub(super) fn wish(wanted: &wire::TrialWanted, site: &BudgetSettings) -> Result<TrialWish, ApiError> {
    let mode = mode(wanted)?;
    let mut expected = site.expected.clone();
    expected.extend(paths(&wanted.expect)?);
    let mut budget = site.budget.clone();
    budget.differing_per_mille = wanted.differing_per_mille.or(budget.differing_per_mille);
    let usual = Bounds::default();
    Ok(TrialWish {
        mode,
        bounds: Bounds {
            messages: wanted.messages.unwrap_or(usual.messages).max(1),
            time: wanted.seconds.map_or(usual.time, Duration::from_secs),
        },
        budget,
        expected,
    })
}

/// Fields that are expected to differ.
pub(super) fn paths(texts: &[String]) -> Result<Vec<message::Path>, ApiError> {
    if texts.len() > LISTED_MAX {
        return Err(wrong(format!("more than {LISTED_MAX} paths are expected to differ")));
    }
    texts.iter().map(|text| path(text)).collect()
}

fn mode(wanted: &wire::TrialWanted) -> Result<Mode, ApiError> {
    match (wanted.kind.as_str(), &wanted.filter, wanted.shares.as_slice()) {
        ("shadow", None, []) => Ok(Mode::Shadow),
        ("shadow", ..) => Err(wrong("a shadow runs beside all messages, and decides none".to_owned())),
        ("pilot", Some(filter), []) if !filter.values.is_empty() && filter.values.len() <= LISTED_MAX => {
            Ok(Mode::Filter(Filter {
                path: path(&filter.path)?,
                values: filter.values.clone(),
            }))
        }
        ("pilot", None, [_, ..]) => shares(wanted),
        ("pilot", ..) => Err(wrong(
            "a pilot decides either what a filter takes or a share of the messages".to_owned(),
        )),
        (other, ..) => Err(wrong(format!(
            "`{other}` is no kind of trial: there are `shadow` and `pilot`"
        ))),
    }
}

fn shares(wanted: &wire::TrialWanted) -> Result<Mode, ApiError> {
    let shares = &wanted.shares;
    let grow = shares
        .windows(2)
        .all(|pair| matches!(pair, [before, after] if before < after));
    let are_shares = shares.iter().all(|share| (1..=1_000).contains(share));
    if !grow || !are_shares || shares.len() > STAGES_MAX {
        return Err(wrong(format!(
            "shares are above 0% and up to 100%, each larger than the one before, {STAGES_MAX} at most"
        )));
    }
    Ok(Mode::Shares {
        by: path(wanted.by.as_deref().unwrap_or(BY))?,
        per_mille: shares.clone(),
    })
}

fn path(text: &str) -> Result<message::Path, ApiError> {
    text.parse()
        .map_err(|error: message::PathError| wrong(error.to_string()))
}

fn wrong(message: String) -> ApiError {
    ApiError::bad_request(message, "see `transfuse deploy --help`")
}
