//! Which stored messages, as it is asked: read, and refused where nothing could match.

use std::sync::Arc;

use jiff::Timestamp;
use transfuse_store::{MessageId, Query, Stage};

use super::{ApiError, Controlled, on_a_thread};
use crate::configuration::is_message_type;
use crate::control::wire;
use crate::selection::{self, IDS_MAX, SelectionError};

/// Messages of a page where the question says nothing: a screen's worth.
const PAGE_DEFAULT: u32 = 50;

/// Messages of the largest page. A page is held in memory as a whole.
const PAGE_MAX: u32 = 1_000;

/// One page of messages, of an interface and of messages that exist.
pub(super) async fn page(controlled: &Arc<Controlled>, wanted: &wire::MessagesQuery) -> Result<Query, ApiError> {
    let limit = wanted.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::bad_request(
            format!("`limit` must be from 1 to {PAGE_MAX}"),
            "ask for the next page with `before`",
        ));
    }
    let query = Query {
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        ..query(wanted)?
    };
    let asked = query.clone();
    let checked = on_a_thread(controlled, move |controlled| {
        selection::check(&controlled.store, &asked)
    })
    .await?;
    checked.map_err(|error| refused(&error))?;
    Ok(query)
}

/// What is looked for, with nothing said of how many and in which order.
pub(super) fn query(wanted: &wire::MessagesQuery) -> Result<Query, ApiError> {
    let ids = wanted
        .ids
        .iter()
        .map(|id| message_id(id))
        .collect::<Result<Vec<_>, _>>()?;
    if ids.len() > IDS_MAX {
        let message = format!("{} messages are named, and {IDS_MAX} may be", ids.len());
        return Err(ApiError::bad_request(message, "ask several times"));
    }
    let query = Query {
        interface: wanted.interface.clone(),
        ids,
        since_ms: wanted.since.as_deref().map(|text| moment("since", text)).transpose()?,
        until_ms: wanted.until.as_deref().map(|text| moment("until", text)).transpose()?,
        stage: wanted.stage.as_deref().map(stage).transpose()?,
        message_type: wanted.message_type.as_deref().map(message_type).transpose()?,
        control_id: wanted.control_id.clone(),
        decided_by: wanted.decided_by,
        delivered_by: wanted.delivered_by,
        quarantined_at: wanted.quarantined_at.clone(),
        before: wanted.before.as_deref().map(message_id).transpose()?,
        after: wanted.after.as_deref().map(message_id).transpose()?,
        ..Query::default()
    };
    require_sense(&query, wanted)?;
    // Whoever names messages, or asks how it was at some moment, wants every one of them.
    let repeats_as_one = query.ids.is_empty() && query.control_id.is_none() && query.until_ms.is_none();
    Ok(Query {
        repeats_as_one,
        ..query
    })
}

/// Refuses what contradicts itself.
fn require_sense(query: &Query, wanted: &wire::MessagesQuery) -> Result<(), ApiError> {
    if let (Some(since), Some(until)) = (query.since_ms, query.until_ms)
        && since >= until
    {
        let [since, until] = [&wanted.since, &wanted.until].map(|text| text.as_deref().unwrap_or_default());
        let message = format!("nothing is received since {since} and before {until}: that is not later");
        return Err(ApiError::bad_request(message, "`since` is the earlier one of the two"));
    }
    let search = Query {
        ids: Vec::new(),
        ..query.clone()
    };
    if !query.ids.is_empty() && selection::is_search(&search) {
        return Err(ApiError::bad_request(
            "messages are named, and looked for as well".to_owned(),
            "name their ids, or say what to look for, and not both",
        ));
    }
    Ok(())
}

pub(super) fn message_id(text: &str) -> Result<MessageId, ApiError> {
    text.parse().map_err(|_| {
        ApiError::bad_request(
            format!("`{text}` is not a message id"),
            "ids look like `20261123-000042`",
        )
    })
}

/// A moment in milliseconds since 1970 UTC.
pub(super) fn moment(name: &str, text: &str) -> Result<i64, ApiError> {
    let read = text.parse::<Timestamp>().map(Timestamp::as_millisecond);
    read.map_err(|_| {
        ApiError::bad_request(
            format!("`{name}` is no moment"),
            "write it as RFC 3339 has it: `2026-11-23T08:00:00Z`",
        )
    })
}

fn stage(text: &str) -> Result<Stage, ApiError> {
    text.parse().map_err(|_| {
        let stages = Stage::ALL.map(Stage::as_str).join(", ");
        ApiError::bad_request(format!("`{text}` is not a stage"), &format!("the stages are {stages}"))
    })
}

fn message_type(text: &str) -> Result<String, ApiError> {
    if is_message_type(text) {
        return Ok(text.to_owned());
    }
    Err(ApiError::bad_request(
        format!("`{text}` is not a message type"),
        "write code and event as in MSH-9: `ORU^R01`, or `ORU` for all of its events",
    ))
}

/// Something is named that there is not.
pub(super) fn refused(error: &SelectionError) -> ApiError {
    let hint = error.hint().unwrap_or_default();
    match error {
        SelectionError::UnknownInterface(_) | SelectionError::UnknownMessage(_) => {
            ApiError::not_found(error.to_string(), &hint)
        }
        SelectionError::OfAnother { .. } => ApiError::bad_request(error.to_string(), &hint),
        SelectionError::Read(_) | SelectionError::Catalog(_) => ApiError::internal(error),
    }
}
