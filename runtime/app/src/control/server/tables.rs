//! Questions about code tables, and their changes.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use transfuse_engine::MissQuery;

use super::changes::require_words;
use super::selecting::moment;
use super::{ApiError, Controlled, Shared, on_a_thread};
use crate::control::view::time;
use crate::control::wire::tables as wire;
use crate::identity::Identity;
use crate::tables::{Change, ChangeError, Changed, Rehearsed, Tried};

pub(super) async fn list(State(controlled): Shared) -> Result<Json<wire::Tables>, ApiError> {
    let running = controlled.tables.running().await;
    let listed = on_a_thread(&controlled, move |controlled| controlled.tables.list(&running)).await?;
    let listed = listed.map_err(|error| ApiError::internal(error.as_ref()))?;
    let tables = listed.into_iter().map(|table| wire::TableListed {
        name: table.name,
        digest: table.digest,
        columns: table.columns,
        rows: table.row_count as u64,
        interfaces: table.interfaces,
        drift: table.drift,
    });
    Ok(Json(wire::Tables {
        tables: tables.collect(),
    }))
}

pub(super) async fn misses(
    State(controlled): Shared,
    query: Result<Query<wire::MissesQuery>, QueryRejection>,
) -> Result<Json<wire::MissList>, ApiError> {
    let Query(query) =
        query.map_err(|error| ApiError::bad_request(error.body_text(), "see `transfuse tables misses --help`"))?;
    let since_ms = query.since.as_deref().map(|text| moment("since", text)).transpose()?;
    let query = MissQuery {
        interface: query.interface,
        table: query.table,
        since_ms,
    };
    let found = on_a_thread(&controlled, move |controlled| {
        let behind = controlled.observing.catch_up();
        controlled.tables.misses(&query).map(|found| (found, behind))
    });
    let ((found, answered), behind) = found.await?.map_err(|error| ApiError::internal(&error))?;
    let misses = found.listed.into_iter().map(|miss| wire::MissListed {
        table: miss.table,
        column: miss.column,
        value: miss.value.lossy_text().into_owned().into(),
        messages: miss.asked.messages,
        first_at: time(miss.asked.first_at_ms),
        last_at: time(miss.asked.last_at_ms),
        interfaces: miss.interfaces.into_iter().collect(),
    });
    Ok(Json(wire::MissList {
        misses: misses.collect(),
        added_since: answered,
        unlisted: found.unlisted,
        messages: found.messages as u64,
        has_older: found.has_older,
        behind,
    }))
}

pub(super) async fn history(
    State(controlled): Shared,
    Path(name): Path<String>,
) -> Result<Json<wire::TableHistory>, ApiError> {
    let table = name.clone();
    let found = on_a_thread(&controlled, move |controlled| controlled.tables.history(&table)).await?;
    let found = found.map_err(|error| ApiError::internal(error.as_ref()))?;
    if found.is_empty() {
        let hint = "`transfuse tables list` shows which there are";
        return Err(ApiError::not_found(
            format!("no version of a table `{name}` was ever live"),
            hint,
        ));
    }
    let changes = found.into_iter().map(|(change, row_count)| wire::TableVersionLive {
        digest: change.digest,
        rows: row_count as u64,
        author: change.author,
        reason: change.reason,
        at: time(change.at_ms),
    });
    Ok(Json(wire::TableHistory {
        table: name,
        changes: changes.collect(),
    }))
}

pub(super) async fn change(
    State(controlled): Shared,
    Path(name): Path<String>,
    author: Identity,
    body: Result<Json<wire::TableChange>, JsonRejection>,
) -> Result<Json<wire::TableChanged>, ApiError> {
    let Json(body) = body.map_err(|_| {
        ApiError::bad_request(
            "the body is no change of a table".to_owned(),
            "write `{ \"rows\": [[\"cell\", \"cell\"]], \"dry_run\": true }`",
        )
    })?;
    let dry_run = body.dry_run;
    require_words([&body.reason], &body.reason, dry_run)?;
    let rows = body.rows.into_iter();
    let wish = Change {
        rows: rows
            .map(|row| row.iter().map(|cell| cell.as_str().to_owned()).collect())
            .collect(),
        key: body.key,
        dry_run,
        author,
        reason: body.reason,
        version: None,
    };
    // A change that has begun is finished, whether or not its asker still listens.
    let (controlled, table) = (Arc::clone(&controlled), name.clone());
    let changing = tokio::spawn(async move {
        let changed = controlled.tables.change(&table, wish).await;
        // The table is changed, whatever the site's other files look like.
        if let Err(error) = controlled.changes.tell_drift_anew().await {
            tracing::warn!(%error, "how the site folder differs from what is live is not known");
        }
        changed
    });
    let changed = changing.await.map_err(|panicked| ApiError::internal(&panicked))?;
    match changed {
        Ok(changed) => Ok(Json(view(name, dry_run, changed))),
        Err(error @ ChangeError::Failed(_)) => Err(failed(&error)),
        Err(error) => {
            let hint = error.hint(&name).unwrap_or_default();
            Err(ApiError::bad_request(error.to_string(), &hint).without_empty_hint())
        }
    }
}

/// What the disk said is what an admin needs to know, and nothing of it comes from a message.
fn failed(error: &ChangeError) -> ApiError {
    tracing::error!(%error, "a code table could not be changed");
    ApiError::failed(error.to_string())
}

fn view(table: String, dry_run: bool, changed: Changed) -> wire::TableChanged {
    wire::TableChanged {
        table,
        dry_run,
        before: changed.before,
        after: changed.after,
        rows: changed.row_count as u64,
        rehearsed: changed.rehearsed.into_iter().map(rehearsed).collect(),
    }
}

fn rehearsed(one: Rehearsed) -> wire::Rehearsed {
    wire::Rehearsed {
        interface: one.interface,
        quarantined: tried(one.quarantined),
        refused: tried(one.refused),
        trouble: one.trouble,
    }
}

fn tried(Tried { run, pass, not_run }: Tried) -> wire::Tried {
    wire::Tried { run, pass, not_run }
}

impl Controlled {
    /// What runs, for questions that compare with it.
    pub(super) async fn running_interfaces(&self) -> Vec<crate::configuration::resolved::Interface> {
        let running = self.tables.running().await;
        running.into_iter().map(|one| one.interface).collect()
    }
}
