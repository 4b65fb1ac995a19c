//! What plugins touch in production, added up from the details that the journal keeps of every message.
//!
//! An [`Observer`] follows the journal behind the engine, so that nothing is counted on the way of a message, and what a kill
//! cuts short is counted later. It keeps names of fields, tables and destinations, and no value of a message: values that a
//! code table did not have stay in the journal, and [`misses`] reads them from there.

mod misses;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use transfuse_store::{DetailRecord, Details, Mark, ReadError, Store, Tally, UsageError};

use crate::detail::{AccessNote, Detail, StepNote};

pub use misses::{Miss, MissQuery, Misses, misses};

/// Entries of the journal in one transaction of the observer: some milliseconds, during which other questions wait.
const BATCH_ENTRIES: usize = 500;

/// Names of each kind that are told apart for one version of a plugin. Mappings touch some dozens; what goes beyond is
/// counted together.
const NAMES_MAX: usize = 512;

/// Follows the journal. Its calls block on the disk.
#[derive(Debug)]
pub struct Observer {
    store: Store,
    /// By key.
    uses: BTreeMap<String, PluginUse>,
    position: i64,
}

/// What one version of a plugin touched in one interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginUse {
    /// The interface.
    pub interface: String,
    /// `vendor/name`.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The digest of its package.
    pub digest: String,
    /// The messages that it saw.
    pub seen: Count,
    /// Fields that it read, as grants are written.
    pub read: BTreeMap<String, Count>,
    /// Fields that it changed.
    pub written: BTreeMap<String, Count>,
    /// Code tables that it opened.
    pub tables: BTreeMap<String, Count>,
    /// Destinations that it named.
    pub to: BTreeMap<String, Count>,
    /// Messages of which it forwarded what it made itself.
    pub create: Count,
    /// Messages in which it used its state.
    pub state: Count,
    /// Messages that it read whole.
    pub everything: Count,
    /// How often it touched what has no place in the lists any more.
    pub unlisted: u64,
}

/// How many messages, and from when to when, in milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Messages.
    pub messages: u64,
    /// The first one.
    pub first_at_ms: i64,
    /// The last one.
    pub last_at_ms: i64,
}

/// Why the journal cannot be followed. Asking again is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The journal.
    #[error("cannot add up what plugins touch: {0}")]
    Journal(#[from] ReadError),
    /// The sums.
    #[error("cannot keep what plugins touch: {0}")]
    Usage(#[from] UsageError),
}

impl Observer {
    /// Takes up where the last one stopped.
    pub fn new(store: Store) -> Result<Self, ObserveError> {
        let position = store.usage().position()?;
        let tallies = store.usage().tallies()?;
        let uses = tallies
            .into_iter()
            .filter_map(|tally| Some((tally.key, read(&tally.content)?)))
            .collect();
        Ok(Self { store, uses, position })
    }

    /// Adds up at most about `entries_max` more entries of the journal, and gives how many are left.
    pub fn catch_up(&mut self, entries_max: usize) -> Result<u64, ObserveError> {
        let mut looked_at = 0;
        loop {
            let Details { records, through, left } = self.store.details(self.position, BATCH_ENTRIES)?;
            if through == self.position {
                return Ok(left);
            }
            self.take(&records, through)?;
            looked_at += BATCH_ENTRIES;
            if left == 0 || looked_at >= entries_max {
                return Ok(left);
            }
        }
    }

    /// What every version of every plugin touched, by interface and plugin.
    pub fn uses(&self) -> impl Iterator<Item = &PluginUse> {
        self.uses.values()
    }

    /// The sums in memory move on only when those on the disk have.
    fn take(&mut self, records: &[DetailRecord], through: i64) -> Result<(), ObserveError> {
        let (mut changed, mut marks) = (BTreeMap::new(), Vec::new());
        for record in records {
            let Ok(detail) = Detail::open(record.detail.bytes()) else {
                tracing::warn!(message = %record.message, "what its plugins touched cannot be read, and is not counted");
                continue;
            };
            self.add(record, &detail, &mut changed);
            marks.extend(mark(record, &detail));
        }
        let tallies: Vec<Tally> = changed.iter().map(|(key, used)| tally(key, used)).collect();
        self.store.usage().advance(through, &tallies, &marks)?;
        self.uses.extend(changed);
        self.position = through;
        Ok(())
    }

    /// A message counts once for each version, however many steps of its chain run that.
    fn add(&self, record: &DetailRecord, detail: &Detail, changed: &mut BTreeMap<String, PluginUse>) {
        let mut seen = BTreeSet::new();
        for step in &detail.steps {
            let key = format!("{} {}", record.interface, step.digest);
            let used = changed
                .entry(key)
                .or_insert_with_key(|key| self.uses.get(key).cloned().unwrap_or_default());
            if used.digest.is_empty() {
                used.name(record, step);
            }
            if seen.insert(step.digest.as_str()) {
                used.seen.add(record.at_ms);
            }
            used.add(record.at_ms, &named(&step.access, record));
        }
    }
}

impl PluginUse {
    fn name(&mut self, record: &DetailRecord, step: &StepNote) {
        self.interface = record.interface.to_string();
        self.plugin.clone_from(&step.plugin);
        self.version.clone_from(&step.version);
        self.digest.clone_from(&step.digest);
    }

    fn add(&mut self, at_ms: i64, access: &AccessNote) {
        let lists = [
            (&mut self.read, &access.read),
            (&mut self.written, &access.written),
            (&mut self.tables, &access.tables),
            (&mut self.to, &access.to),
        ];
        for (counts, names) in lists {
            for name in names {
                let has_room = counts.len() < NAMES_MAX;
                match counts.get_mut(name) {
                    Some(count) => count.add(at_ms),
                    None if has_room => drop(counts.insert(name.clone(), Count::one(at_ms))),
                    None => self.unlisted += 1,
                }
            }
        }
        let flags = [
            (&mut self.create, access.create),
            (&mut self.state, access.state),
            (&mut self.everything, access.everything),
        ];
        for (count, _) in flags.into_iter().filter(|(_, is_used)| *is_used) {
            count.add(at_ms);
        }
    }
}

/// Without destinations that nothing went to: a plugin that may name any destination may put anything into a name.
fn named(access: &AccessNote, record: &DetailRecord) -> AccessNote {
    let mut access = access.clone();
    access
        .to
        .retain(|name| record.destinations.iter().any(|one| **one == **name));
    access
}

impl Count {
    fn one(at_ms: i64) -> Self {
        Self {
            messages: 1,
            first_at_ms: at_ms,
            last_at_ms: at_ms,
        }
    }

    fn add(&mut self, at_ms: i64) {
        if self.messages == 0 {
            *self = Self::one(at_ms);
            return;
        }
        self.messages += 1;
        self.first_at_ms = self.first_at_ms.min(at_ms);
        self.last_at_ms = self.last_at_ms.max(at_ms);
    }
}

/// A decision in which a code table was asked for what it does not hold.
fn mark(record: &DetailRecord, detail: &Detail) -> Option<Mark> {
    let has_misses = !detail.table_misses.is_empty() || detail.table_misses_unlisted > 0;
    has_misses.then(|| Mark {
        position: record.position,
        at_ms: record.at_ms,
        interface: std::sync::Arc::clone(&record.interface),
    })
}

/// The first byte of every stored sum.
const FORMAT: u8 = 1;

fn tally(key: &str, used: &PluginUse) -> Tally {
    Tally {
        key: key.to_owned(),
        // Nothing in the type can fail to encode into memory.
        content: postcard::to_extend(used, vec![FORMAT]).unwrap_or_default(),
    }
}

/// None for what a newer engine counted: it begins again with the next message.
fn read(content: &[u8]) -> Option<PluginUse> {
    match content.split_first() {
        Some((&FORMAT, body)) => postcard::from_bytes(body).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touching(read: &[&str]) -> AccessNote {
        AccessNote {
            read: read.iter().map(ToString::to_string).collect(),
            create: true,
            ..AccessNote::default()
        }
    }

    #[test]
    fn what_is_touched_is_counted_by_message_with_the_first_and_the_last_one() {
        let mut used = PluginUse::default();
        used.add(20, &touching(&["PID-5", "OBX-3"]));
        used.add(10, &touching(&["PID-5"]));
        let count = |messages, first_at_ms, last_at_ms| Count {
            messages,
            first_at_ms,
            last_at_ms,
        };
        assert_eq!(used.read.get("PID-5"), Some(&count(2, 10, 20)));
        assert_eq!(used.read.get("OBX-3"), Some(&count(1, 20, 20)));
        assert_eq!((used.create, used.state), (count(2, 10, 20), Count::default()));
        assert_eq!(read(&tally("k", &used).content), Some(used));
        assert_eq!(read(&[9, 0]), None);
    }

    #[test]
    fn names_beyond_the_limit_are_counted_together() {
        let mut used = PluginUse::default();
        let names: Vec<String> = (0..NAMES_MAX + 3).map(|number| format!("ZZZ-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        used.add(1, &touching(&names));
        used.add(2, &touching(&["ZZZ-1"]));
        assert_eq!((used.read.len(), used.unlisted), (NAMES_MAX, 3));
        assert_eq!(used.read.get("ZZZ-1").map(|count| count.messages), Some(2));
    }
}
