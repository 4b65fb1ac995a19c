//! Which stored messages: what one search says, what is wrong with it, and how it is told.
//!
//! Lists, verification, replays and the gate `replay` take the same one, a [`Query`] of the store. Its written form is read in
//! `control/server/selecting.rs`, its arguments in `commands/selecting.rs`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use transfuse_store::{CatalogError, MessageId, Query, ReadError, Store};

use crate::layout::counted;

/// Messages that one search may name: each is looked up, and no address of a request grows beyond some kilobytes.
pub(crate) const IDS_MAX: usize = 500;

/// Messages that are named for one reason: somebody opens two or three.
const EXAMPLES_MAX: usize = 5;

/// Nothing can match, because something is named that there is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectionError {
    #[error("there is no interface `{0}`")]
    UnknownInterface(String),
    #[error("there is no message {0}")]
    UnknownMessage(MessageId),
    #[error("message {id} is of `{own}`, and not of `{wanted}`")]
    OfAnother { id: MessageId, own: String, wanted: String },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Messages that something is not done with, by the reason: how many, and some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reasons(pub(crate) BTreeMap<String, (u64, Vec<MessageId>)>);

/// Whether a query looks for something, and does not just take all of an interface.
pub(crate) fn is_search(query: &Query) -> bool {
    let everything = Query {
        interface: query.interface.clone(),
        before: query.before,
        after: query.after,
        repeats_as_one: query.repeats_as_one,
        oldest_first: query.oldest_first,
        limit: query.limit,
        ..Query::default()
    };
    *query != everything
}

/// Finds out whether the interface and the messages exist that a query names. Blocks on the disk.
pub(crate) fn check(store: &Store, query: &Query) -> Result<(), SelectionError> {
    if let Some(name) = &query.interface
        && store.catalog().revision(name, 1)?.is_none()
    {
        return Err(SelectionError::UnknownInterface(name.clone()));
    }
    if query.ids.is_empty() {
        return Ok(());
    }
    let named = store.messages(&Query {
        ids: query.ids.clone(),
        limit: query.ids.len(),
        ..Query::default()
    })?;
    for id in &query.ids {
        let found = named.iter().find(|message| message.id == *id);
        let found = found.ok_or(SelectionError::UnknownMessage(*id))?;
        if let Some(wanted) = query.interface.as_ref().filter(|wanted| **wanted != *found.interface) {
            return Err(SelectionError::OfAnother {
                id: *id,
                own: found.interface.to_string(),
                wanted: wanted.clone(),
            });
        }
    }
    Ok(())
}

/// What a query looks for within an interface, in words: `of type ORU^R01, received since 2026-11-20T00:00:00Z`. Empty where that
/// is everything.
pub(crate) fn told(query: &Query) -> String {
    let moment =
        |at_ms: i64| Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| at.to_string());
    let words = [
        (!query.ids.is_empty()).then(|| format!("{} by name", counted(query.ids.len(), "message"))),
        query.message_type.as_ref().map(|text| format!("of type {text}")),
        query.since_ms.map(|at| format!("received since {}", moment(at))),
        query.until_ms.map(|at| format!("received before {}", moment(at))),
        query.stage.map(|stage| format!("in stage {stage}")),
        query.control_id.as_ref().map(|text| format!("with control id {text}")),
        query.decided_by.map(|number| format!("decided by revision {number}")),
        query
            .delivered_by
            .map(|number| format!("delivered by revision {number}")),
        query
            .quarantined_at
            .as_ref()
            .map(|name| format!("in quarantine at `{name}`")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl SelectionError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownInterface(_) => "`transfuse status` shows the interfaces".to_owned(),
            Self::UnknownMessage(_) => "`transfuse messages list` shows them".to_owned(),
            Self::OfAnother { own, wanted, .. } => {
                format!("name messages of `{wanted}`, or ask about `{own}`")
            }
            Self::Read(_) | Self::Catalog(_) => return None,
        };
        Some(hint)
    }
}

impl Reasons {
    pub(crate) fn add(&mut self, message: MessageId, why: &dyn std::fmt::Display) {
        let (count, examples) = self.0.entry(why.to_string()).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(message);
        }
    }

    /// Adds messages that nobody has looked at.
    pub(crate) fn add_unseen(&mut self, messages: u64, why: &dyn std::fmt::Display) {
        if messages > 0 {
            self.0.entry(why.to_string()).or_default().0 += messages;
        }
    }

    /// How many messages there are, whatever the reason.
    pub(crate) fn messages(&self) -> u64 {
        self.0.values().map(|(count, _)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_told_in_the_words_in_which_it_is_asked() {
        let query = Query {
            message_type: Some("ORU^R01".to_owned()),
            since_ms: Some(0),
            delivered_by: Some(12),
            ..Query::default()
        };
        let words = "of type ORU^R01, received since 1970-01-01T00:00:00Z, delivered by revision 12";
        assert_eq!(told(&query), words);
        assert_eq!(told(&Query::default()), "");
    }

    #[test]
    fn an_interface_and_a_page_of_it_are_no_search() {
        let page = Query {
            interface: Some("lab".to_owned()),
            limit: 5,
            oldest_first: true,
            ..Query::default()
        };
        assert!(!is_search(&page));
        let until_ms = Some(5);
        assert!(is_search(&Query { until_ms, ..page }));
    }
}
