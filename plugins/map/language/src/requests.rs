//! Which fields and tables a mapping touches, and whether its package requests them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;

use crate::lexer::Read;
use crate::path::Path;

/// What the manifest of a mapping's package requests, as `plugin build` hands it over.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Requests {
    read: Vec<String>,
    write: Vec<String>,
    tables: Vec<String>,
    /// Whether requesting more than the mapping touches is an error as well.
    exactly: bool,
    /// For each group of the messages that are accepted, the segments that stand elsewhere in them and never in it.
    pub(crate) elsewhere: Elsewhere,
}

/// Segments by the name of a group in which they never stand.
pub(crate) type Elsewhere = BTreeMap<String, BTreeSet<String>>;

/// A field of a segment, or all of them.
type Pattern = (String, Option<u32>);

/// What a mapping touches.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    read: BTreeSet<Pattern>,
    write: BTreeSet<Pattern>,
    tables: BTreeSet<String>,
    /// Segments that are only counted, which is open to whoever may touch any field of them.
    counted: BTreeSet<String>,
}

impl Needs {
    pub(crate) fn reads(&mut self, path: &Path) {
        self.read.insert((path.segment.clone(), path.field));
    }

    pub(crate) fn writes(&mut self, path: &Path) {
        self.write.insert((path.segment.clone(), path.field));
    }

    /// Taking segments of a name out, or putting one in.
    pub(crate) fn writes_segment(&mut self, segment: &str) {
        self.write.insert((segment.to_owned(), None));
    }

    pub(crate) fn counts(&mut self, path: &Path) {
        if path.field.is_some() {
            self.reads(path);
        } else if !path.is_group() {
            self.counted.insert(path.segment.clone());
        }
    }

    pub(crate) fn opens(&mut self, table: &str) {
        self.tables.insert(table.to_owned());
    }

    pub(crate) fn expression<'r>(&mut self, reads: impl IntoIterator<Item = &'r Read>) {
        for read in reads {
            match read {
                Read::Field(path) => self.reads(path),
                Read::Count(path) | Read::Exists(path) => self.counts(path),
                Read::Attribute(_) => {}
            }
        }
    }

    /// Whatever is only counted is read, where nothing else of the segment is touched.
    pub(crate) fn settle(&mut self) {
        for segment in std::mem::take(&mut self.counted) {
            let is_touched = self
                .read
                .iter()
                .chain(&self.write)
                .any(|(touched, _)| *touched == segment);
            if !is_touched {
                self.read.insert((segment, None));
            }
        }
    }

    /// Compares what is touched with what is requested. The error is for the person who wrote both.
    pub(crate) fn compare(&self, requests: &Requests) -> Result<(), String> {
        let is_missing = is_missing(&self.read, &requests.read)
            || is_missing(&self.write, &requests.write)
            || self.tables.iter().any(|table| !requests.tables.contains(table));
        if is_missing {
            return Err(format!(
                "the mapping touches more than plugin.toml requests; it needs\n\n{self}"
            ));
        }
        let more = [
            ("read", superfluous(&self.read, &requests.read)),
            ("write", superfluous(&self.write, &requests.write)),
            (
                "tables",
                requests
                    .tables
                    .iter()
                    .filter(|table| !self.tables.contains(*table))
                    .cloned()
                    .collect(),
            ),
        ];
        if !requests.exactly || more.iter().all(|(_, more)| more.is_empty()) {
            return Ok(());
        }
        let mut text = "plugin.toml requests more than the mapping touches:".to_owned();
        for (key, more) in more.iter().filter(|(_, more)| !more.is_empty()) {
            // A string cannot fail to be written to.
            let _ = write!(text, " {key} {}", more.join(", "));
        }
        Err(text)
    }
}

/// The lines for `plugin.toml`.
impl std::fmt::Display for Needs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[requests]")?;
        let tables = self.tables.iter().cloned().collect();
        let lists = [
            ("read", shown(&self.read)),
            ("write", shown(&self.write)),
            ("tables", tables),
        ];
        for (key, list) in lists.iter().filter(|(_, list): &&(_, Vec<String>)| !list.is_empty()) {
            write!(formatter, "\n{key} = [\"{}\"]", list.join("\", \""))?;
        }
        Ok(())
    }
}

/// Patterns that no wider one makes needless.
fn shown(patterns: &BTreeSet<Pattern>) -> Vec<String> {
    let is_needed = |(segment, field): &&Pattern| field.is_none() || !patterns.contains(&(segment.clone(), None));
    patterns.iter().filter(is_needed).map(pattern).collect()
}

fn pattern((segment, field): &Pattern) -> String {
    field.map_or_else(|| format!("{segment}-*"), |field| format!("{segment}-{field}"))
}

fn is_missing(needed: &BTreeSet<Pattern>, requested: &[String]) -> bool {
    needed
        .iter()
        .any(|need| !requested.iter().any(|request| covers(request, need)))
}

fn superfluous(needed: &BTreeSet<Pattern>, requested: &[String]) -> Vec<String> {
    let is_idle = |request: &&String| !needed.iter().any(|need| covers(request, need));
    requested.iter().filter(is_idle).cloned().collect()
}

/// Whether a request (`PID-5`, `PID-*`, `Z*-*`, `*`) opens a field.
fn covers(request: &str, (segment, field): &Pattern) -> bool {
    if request == "*" {
        return true;
    }
    let Some((name, number)) = request.rsplit_once('-') else {
        return false;
    };
    let is_named = name
        .strip_suffix('*')
        .map_or(name == segment, |start| segment.starts_with(start));
    is_named && (number == "*" || field.is_some_and(|field| number.parse() == Ok(field)))
}
