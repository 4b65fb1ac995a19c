//! What code tables were asked for and do not hold, from the messages that asked.

use std::collections::{BTreeMap, BTreeSet};

use transfuse_message::Payload;
use transfuse_store::{DetailRecord, MarkQuery, Store};

use super::{Count, ObserveError};
use crate::detail::{Detail, MissNote};

/// Messages with misses that one question looks at, the newest ones. Each is read from the journal, which takes some ten
/// microseconds; a steward works with the values that come up again and again, and those are among them.
const MESSAGES_MAX: usize = 5_000;

/// Values that one question tells apart: as many as a person can work through.
const VALUES_MAX: usize = 5_000;

/// Which misses are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissQuery {
    /// Only of this interface.
    pub interface: Option<String>,
    /// Only of this table.
    pub table: Option<String>,
    /// Only from this moment on, in milliseconds since 1970 UTC.
    pub since_ms: Option<i64>,
}

/// One value that a table does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The table.
    pub table: String,
    /// The column that was searched.
    pub column: String,
    /// What it was searched for. May hold patient data.
    pub value: Payload,
    /// The messages that asked for it.
    pub asked: Count,
    /// Their interfaces.
    pub interfaces: BTreeSet<String>,
}

/// What was asked for in vain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misses {
    /// The most frequent first.
    pub listed: Vec<Miss>,
    /// Misses beyond the limits of a message, and values beyond those of this list.
    pub unlisted: u64,
    /// The messages that were looked at.
    pub messages: usize,
    /// Whether there are older ones that were not.
    pub has_older: bool,
}

type Values = BTreeMap<(String, String, String), (Count, BTreeSet<String>)>;

/// Reads the misses of the messages that an [`Observer`](super::Observer) has found. Blocks on the disk.
pub fn misses(store: &Store, query: &MissQuery) -> Result<Misses, ObserveError> {
    let marks = store.usage().marks(&MarkQuery {
        interface: query.interface.clone(),
        since_ms: query.since_ms,
        limit: MESSAGES_MAX + 1,
    })?;
    let mut found = Misses {
        has_older: marks.len() > MESSAGES_MAX,
        ..Misses::default()
    };
    let mut values = Values::new();
    for mark in marks.iter().take(MESSAGES_MAX) {
        let Some(record) = store.detail(mark.position)? else {
            continue;
        };
        let Ok(detail) = Detail::open(record.detail.bytes()) else {
            continue;
        };
        found.messages += 1;
        found.unlisted += detail.table_misses_unlisted;
        let wanted = |miss: &&MissNote| query.table.as_ref().is_none_or(|table| *table == miss.table);
        for miss in detail.table_misses.iter().filter(wanted) {
            found.unlisted += u64::from(!add(&mut values, &record, miss));
        }
    }
    found.listed = listed(values);
    Ok(found)
}

/// False where there is no room for another value.
fn add(values: &mut Values, record: &DetailRecord, miss: &MissNote) -> bool {
    let key = (miss.table.clone(), miss.column.clone(), miss.value.clone());
    if values.len() >= VALUES_MAX && !values.contains_key(&key) {
        return false;
    }
    let (count, interfaces) = values.entry(key).or_default();
    count.add(record.at_ms);
    if !interfaces.contains(&*record.interface) {
        interfaces.insert(record.interface.to_string());
    }
    true
}

fn listed(values: Values) -> Vec<Miss> {
    let mut listed: Vec<Miss> = values
        .into_iter()
        .map(|((table, column, value), (asked, interfaces))| Miss {
            table,
            column,
            value: Payload::from(value),
            asked,
            interfaces,
        })
        .collect();
    listed.sort_by(|one, other| {
        let frequency = other.asked.messages.cmp(&one.asked.messages);
        frequency.then_with(|| (&one.table, &one.column).cmp(&(&other.table, &other.column)))
    });
    listed
}
