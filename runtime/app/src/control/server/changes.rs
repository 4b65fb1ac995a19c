//! Changes of what is live.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;

use super::{ApiError, Controlled, Shared, on_a_thread, selecting, trials};
use crate::changes::{ChangeError, Difference, Kind, Planned, Replaying, Wish};
use crate::configuration::REPLAY_MESSAGES_MAX;
use crate::control::view::{self, time};
use crate::control::wire::MessagesQuery;
use crate::control::wire::changes as wire;
use crate::control::wire::evidence::{EvidenceList, EvidenceQuery};
use crate::deployment::Change;
use crate::identity::Identity;

type Body = Result<Json<wire::ChangeWanted>, JsonRejection>;
type Answer = Result<Json<wire::Changed>, ApiError>;

/// How long a reason or a note may be: they are written and read by people.
const WORDS_BYTES_MAX: usize = 4 << 10;

pub(super) async fn apply(State(controlled): Shared, author: Identity, body: Body) -> Answer {
    let wanted = wanted(body)?;
    let changes = controlled.changes.clone();
    let wish = wish(&wanted, &author, &controlled).await?;
    answer(tokio::spawn(async move { changes.apply(wish).await }), wanted.dry_run).await
}

pub(super) async fn deploy(
    State(controlled): Shared,
    Path(name): Path<String>,
    author: Identity,
    body: Body,
) -> Answer {
    let wanted = wanted(body)?;
    let (Some(plugin), Some(version)) = (wanted.plugin.clone(), wanted.version.clone()) else {
        return Err(ApiError::bad_request(
            "what to deploy is missing".to_owned(),
            "say `plugin` and `version`",
        ));
    };
    let changes = controlled.changes.clone();
    let wish = wish(&wanted, &author, &controlled).await?;
    let changing = tokio::spawn(async move { changes.deploy(name, plugin, version, wish).await });
    answer(changing, wanted.dry_run).await
}

pub(super) async fn rollback(
    State(controlled): Shared,
    Path(name): Path<String>,
    author: Identity,
    body: Body,
) -> Answer {
    let wanted = wanted(body)?;
    let wish = wish(&wanted, &author, &controlled).await?;
    let dry_run = wanted.dry_run;
    let changing = tokio::spawn(async move {
        let changes = &controlled.changes;
        let mut tables = Vec::new();
        if wanted.with_tables {
            tables = tables_of_then(&controlled, &name, &author, &wanted).await?;
        }
        let mut planned = changes.roll_back(name, wanted.to, wish).await?;
        planned.extend(tables);
        Ok(planned)
    });
    answer(changing, dry_run).await
}

/// Makes the tables of the revision live again that is gone back to, before it is: a stop in between leaves the old revision with
/// them. Only told where nothing is to be done, or where somebody else has changed the interface in the meantime.
async fn tables_of_then(
    controlled: &Controlled,
    name: &str,
    author: &Identity,
    wanted: &wire::ChangeWanted,
) -> Result<Vec<Planned>, ChangeError> {
    let then = controlled.changes.tables_of_then(name, wanted.to).await?;
    let live = controlled.changes.engine.interface(name);
    let live = live.map(|live| live.revision().number());
    let is_as_seen = wanted.expected.get(name).is_none_or(|seen| *seen == live);
    if wanted.dry_run || !is_as_seen {
        return Ok(then.planned);
    }
    for (table, digest) in then.versions {
        let change = crate::tables::Change {
            rows: Vec::new(),
            key: None,
            version: Some(digest),
            dry_run: false,
            author: author.clone(),
            reason: wanted.reason.clone(),
        };
        let changed = controlled.tables.change(&table, change).await;
        changed.map_err(|error| ChangeError::Failed(error.into()))?;
    }
    Ok(then.planned)
}

pub(super) async fn approve(
    State(controlled): Shared,
    Path(name): Path<String>,
    author: Identity,
    body: Body,
) -> Answer {
    let wanted = wanted(body)?;
    let Some(number) = wanted.to else {
        return Err(ApiError::bad_request(
            "which revision is approved is missing".to_owned(),
            "say it with `to`",
        ));
    };
    let changes = controlled.changes.clone();
    let wish = wish(&wanted, &author, &controlled).await?;
    let changing = tokio::spawn(async move { changes.approve(name, number, wish).await });
    answer(changing, wanted.dry_run).await
}

pub(super) async fn evidence(
    State(controlled): Shared,
    Path(name): Path<String>,
    query: Result<Query<EvidenceQuery>, QueryRejection>,
) -> Result<Json<EvidenceList>, ApiError> {
    let Query(query) =
        query.map_err(|error| ApiError::bad_request(error.body_text(), "see `transfuse evidence --help`"))?;
    let interface = name.clone();
    let found = on_a_thread(&controlled, move |controlled| {
        controlled.changes.evidence(&name, query.revision)
    });
    let evidence = found.await?.map_err(|error| refused(&error))?;
    Ok(Json(EvidenceList {
        interface,
        evidence: evidence.into_iter().map(view::evidence).collect(),
    }))
}

pub(super) async fn history(
    State(controlled): Shared,
    Path(name): Path<String>,
) -> Result<Json<wire::History>, ApiError> {
    let interface = name.clone();
    let found = on_a_thread(&controlled, move |controlled| controlled.changes.history(&name));
    let history = found.await?.map_err(|error| refused(&error))?;
    let last = history.changes.first().filter(|change| !change.is_retired);
    Ok(Json(wire::History {
        interface,
        live: last.map(|change| change.number),
        cut: history.is_cut,
        revisions: history
            .revisions
            .into_iter()
            .map(|revision| wire::RevisionListed {
                waiting: history.waiting.contains(&revision.number),
                number: revision.number,
                digest: revision.digest,
                author: revision.author,
                reason: revision.reason,
                note: revision.note,
                made_at: time(revision.created_at_ms),
            })
            .collect(),
        changes: history
            .changes
            .into_iter()
            .map(|change| wire::LiveChanged {
                number: change.number,
                retired: change.is_retired,
                author: change.author,
                reason: change.reason,
                at: time(change.at_ms),
            })
            .collect(),
    }))
}

pub(super) async fn difference(
    State(controlled): Shared,
    Path(name): Path<String>,
    query: Result<Query<wire::DifferenceQuery>, QueryRejection>,
) -> Result<Json<wire::RevisionDifference>, ApiError> {
    let Query(query) =
        query.map_err(|error| ApiError::bad_request(error.body_text(), "see `transfuse diff --help`"))?;
    let interface = name.clone();
    let found = on_a_thread(&controlled, move |controlled| {
        controlled.changes.compare(&name, query.from, query.to)
    });
    let (from, to, differences) = found.await?.map_err(|error| refused(&error))?;
    Ok(Json(wire::RevisionDifference {
        interface,
        from,
        to,
        differences: differences.into_iter().map(place).collect(),
    }))
}

pub(super) async fn pause(
    State(controlled): Shared,
    Path(name): Path<String>,
    author: Identity,
    body: Body,
) -> Result<Json<wire::PauseChanged>, ApiError> {
    let wanted = wanted(body)?;
    let interface = name.clone();
    let told = format!("{}, by {author}", wanted.reason);
    let was_paused = controlled.changes.engine.is_paused(&name);
    let done = on_a_thread(&controlled, move |controlled| {
        let paused = controlled.changes.pause(&name, &author, &wanted.reason);
        paused.inspect(|()| controlled.changes.shown.set_paused(&name, Some(told)))
    });
    done.await?.map_err(|error| refused(&error))?;
    Ok(Json(wire::PauseChanged {
        interface,
        is_paused: true,
        was_paused,
    }))
}

pub(super) async fn resume(
    State(controlled): Shared,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<wire::PauseChanged>, ApiError> {
    wanted(body)?;
    let interface = name.clone();
    let done = on_a_thread(&controlled, move |controlled| {
        let resumed = controlled.changes.resume(&name);
        resumed.inspect(|_| controlled.changes.shown.set_paused(&name, None))
    });
    let was_paused = done.await?.map_err(|error| refused(&error))?;
    Ok(Json(wire::PauseChanged {
        interface,
        is_paused: false,
        was_paused,
    }))
}

fn wanted(body: Body) -> Result<wire::ChangeWanted, ApiError> {
    let Json(wanted) =
        body.map_err(|error| ApiError::bad_request(error.body_text(), "write at least `{ \"reason\": \"..\" }`"))?;
    let words = [&wanted.reason, &wanted.note];
    require_words(words, &wanted.reason, wanted.dry_run)?;
    Ok(wanted)
}

/// Refuses a change without a reason, and words that nobody would read.
pub(super) fn require_words<const N: usize>(words: [&String; N], reason: &str, dry_run: bool) -> Result<(), ApiError> {
    if words.iter().any(|words| words.len() > WORDS_BYTES_MAX) {
        let message = format!("reason and note may have {WORDS_BYTES_MAX} bytes each");
        return Err(ApiError::bad_request(
            message,
            "write the long version elsewhere, and name it here",
        ));
    }
    if !dry_run && reason.trim().is_empty() {
        let hint = "say it with --reason \"..\": whoever reads the history at night wants to know it";
        return Err(ApiError::bad_request("a change needs a reason".to_owned(), hint));
    }
    Ok(())
}

async fn wish(wanted: &wire::ChangeWanted, author: &Identity, controlled: &Controlled) -> Result<Wish, ApiError> {
    let trial = match &wanted.trial {
        Some(trial) => {
            let site = controlled.changes.budget().await.map_err(|error| refused(&error))?;
            Some(trials::wish(trial, &site)?)
        }
        None => None,
    };
    let change = Change {
        author: author.clone(),
        reason: wanted.reason.clone(),
        note: wanted.note.clone(),
    };
    Ok(Wish {
        change: (!wanted.dry_run).then_some(change),
        expected: wanted.expected.clone(),
        trial,
        is_unwatched: wanted.unwatched,
        hold: wanted.hold,
        expected_to_differ: trials::paths(&wanted.expect)?,
        waived: wanted.waive.clone(),
        replaying: wanted.replay.as_ref().map(replaying).transpose()?,
        is_ungated: wanted.ungated,
    })
}

/// Which messages the gate `replay` runs. The interface is the one that changes.
fn replaying(wanted: &MessagesQuery) -> Result<Replaying, ApiError> {
    let last = wanted.limit.map(u64::from);
    if last.is_some_and(|last| !(1..=REPLAY_MESSAGES_MAX).contains(&last)) {
        return Err(ApiError::bad_request(
            format!("from 1 to {REPLAY_MESSAGES_MAX} messages are replayed before something goes live"),
            "look for fewer, or say `replay = 0` in `[gates]` where none are to be",
        ));
    }
    if wanted.interface.is_some() {
        return Err(ApiError::bad_request(
            "the messages that are replayed are of the interface that changes".to_owned(),
            "leave `interface` out of what is looked for",
        ));
    }
    Ok(Replaying {
        query: selecting::query(wanted)?,
        last: last.and_then(|last| usize::try_from(last).ok()),
    })
}

/// A change that has begun is finished, whether or not its asker still listens.
async fn answer(changing: tokio::task::JoinHandle<Result<Vec<Planned>, ChangeError>>, dry_run: bool) -> Answer {
    let changed = changing.await.map_err(|panicked| ApiError::internal(&panicked))?;
    let interfaces = changed
        .map_err(|error| refused(&error))?
        .into_iter()
        .map(planned)
        .collect();
    Ok(Json(wire::Changed { dry_run, interfaces }))
}

fn planned(planned: Planned) -> wire::InterfaceChange {
    let kind = match planned.kind {
        Kind::New => "new",
        Kind::Changed => "changed",
        Kind::Retired => "retired",
        Kind::RolledBack => "rolled-back",
        Kind::OnTrial => "on-trial",
        Kind::Waiting => "waiting",
        Kind::OtherTables => "other-tables",
    };
    wire::InterfaceChange {
        interface: planned.interface,
        kind: kind.to_owned(),
        before: planned.before,
        after: planned.after,
        differences: planned.differences.into_iter().map(place).collect(),
        alerts: planned.alerts,
        held: planned.held,
        gates: planned.findings.into_iter().map(view::gate).collect(),
    }
}

fn place(difference: Difference) -> wire::PlaceDifference {
    wire::PlaceDifference {
        place: difference.place,
        before: difference.before,
        after: difference.after,
    }
}

pub(super) fn refused(error: &ChangeError) -> ApiError {
    if let ChangeError::Failed(_) = error {
        tracing::error!(%error, "what is live could not be changed");
    }
    let hint = error.hint().unwrap_or_default();
    let message = match error {
        ChangeError::Faults(faults) => faults.iter().fold(error.to_string(), |told, fault| {
            format!("{told}\n  {}: {}", fault.location.told(), fault.message)
        }),
        _ => error.to_string(),
    };
    let mut refused = ApiError::bad_request(message, &hint).without_empty_hint();
    if let ChangeError::Gated { planned: plan, .. } = error {
        refused.body.refused = plan.iter().cloned().map(planned).collect();
    }
    if let ChangeError::Selection(error) = error {
        return selecting::refused(error);
    }
    if matches!(error, ChangeError::Conflict { .. } | ChangeError::Outdated(_)) {
        refused.status = StatusCode::CONFLICT;
    }
    refused
}
