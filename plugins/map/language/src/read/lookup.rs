//! `lookup`: what is looked up where, and what becomes of it.

use super::Reader;
use crate::document::Entry;
use crate::expression::Text;
use crate::mapping::{Lookup, OnMiss, Target};
use crate::path::Path;
use crate::problem::Problem;

/// What a `lookup` may say.
const KEYS: [&str; 8] = ["value", "in", "column", "take", "optional", "on-miss", "at", "default"];

/// What can become of a value that the table does not have.
const ON_MISS: [&str; 3] = ["keep", "clear", "reject"];

/// A lookup while its parts are read.
#[derive(Default)]
struct Draft<'d> {
    value: Option<Text>,
    table: Option<String>,
    column: Option<String>,
    take: Vec<(Target, String)>,
    optional: Vec<String>,
    on_miss: Option<String>,
    at: Option<Path>,
    default: Option<Entry<'d>>,
}

impl Reader {
    pub(super) fn lookup(&mut self, entry: Entry<'_>) -> Option<Lookup> {
        let table = entry.table(r#"{ value = "{{ OBX-3.1 }}", in = "lab-codes", take = { "OBX-3.1" = "loinc" } }"#);
        let parts = self.noted(table).map(|table| self.lines.entries(table))?;
        let mut draft = Draft::default();
        for part in parts {
            self.lookup_part(&mut draft, part)?;
        }
        let missing = |key: &str, what: &str| Problem::new(entry.line, format!("`{key}` is missing: {what}"));
        let table = self.noted(
            draft
                .table
                .take()
                .ok_or_else(|| missing("in", "the name of the code table")),
        )?;
        let value = self.noted(
            draft
                .value
                .take()
                .ok_or_else(|| missing("value", "what is looked up, such as \"{{ OBX-3.1 }}\"")),
        )?;
        if draft.take.is_empty() {
            let what = "where the columns of the row go, such as take = { \"OBX-3.1\" = \"loinc\" }";
            self.problem(entry.line, missing("take", what).text);
            return None;
        }
        self.note_table(entry.line, &table, &draft);
        let on_miss = self.on_miss(entry, &mut draft)?;
        Some(Lookup {
            value,
            table,
            column: draft.column,
            take: draft.take,
            optional: draft.optional,
            on_miss,
        })
    }

    fn lookup_part<'d>(&mut self, draft: &mut Draft<'d>, part: Entry<'d>) -> Option<()> {
        match part.key {
            "value" => draft.value = Some(self.text(part)?),
            "in" => draft.table = Some(self.settled(part)?),
            "column" => draft.column = Some(self.settled(part)?),
            "take" => draft.take = self.take(part)?,
            "optional" => {
                let texts = part.texts(&self.lines);
                let texts = self.noted(texts)?;
                draft.optional = texts
                    .into_iter()
                    .filter_map(|text| text.text().ok())
                    .map(str::to_owned)
                    .collect();
            }
            "on-miss" => draft.on_miss = Some(self.settled(part)?),
            "at" => draft.at = Some(self.path(part)?),
            "default" => draft.default = Some(part),
            _ => self.unknown(part, "lookup", &KEYS),
        }
        Some(())
    }

    /// Columns on the right, fields and variables on the left.
    fn take(&mut self, entry: Entry<'_>) -> Option<Vec<(Target, String)>> {
        let table = entry.table(r#"{ "OBX-3.1" = "loinc", unit = "unit" }"#);
        let mut take = Vec::new();
        for part in self.noted(table).map(|table| self.lines.entries(table))? {
            let column = self.settled(part)?;
            take.push((self.target(part)?, column));
        }
        Some(take)
    }

    fn target(&mut self, entry: Entry<'_>) -> Option<Target> {
        if entry.key.starts_with(|first: char| first.is_ascii_lowercase()) {
            self.name(entry.key, entry.line);
            if !self.variables.iter().any(|(name, _)| name == entry.key) {
                self.variables.push((entry.key.to_owned(), false));
            }
            return Some(Target::Variable(entry.key.into()));
        }
        let path = self.field(entry.line, entry.key)?;
        self.needs.writes(&path);
        Some(Target::Path(path))
    }

    fn note_table(&mut self, line: usize, table: &str, draft: &Draft<'_>) {
        self.needs.opens(table);
        let taken = draft.take.iter().map(|(_, column)| column);
        let needed = taken
            .filter(|column| !draft.optional.contains(column))
            .chain(&draft.column);
        self.lookups.push((line, table.to_owned(), needed.cloned().collect()));
    }

    fn on_miss(&mut self, entry: Entry<'_>, draft: &mut Draft<'_>) -> Option<OnMiss> {
        let on_miss = draft.on_miss.as_deref();
        if let Some(default) = draft.default {
            if on_miss.is_some() {
                self.problem(entry.line, "a lookup has either `on-miss` or `default`");
                return None;
            }
            return self.defaults(default, &draft.take).map(OnMiss::Default);
        }
        match on_miss.unwrap_or("keep") {
            "keep" => Some(OnMiss::Keep),
            "clear" => Some(OnMiss::Clear),
            "reject" => Some(OnMiss::Reject { at: draft.at.take() }),
            other => {
                let text = format!(
                    "`on-miss` is one of {}, and not `{other}`; or there is a `default`",
                    ON_MISS.join(", ")
                );
                self.problem(entry.line, text);
                None
            }
        }
    }

    /// A text for some of what is taken; the others are left as they are, or empty.
    fn defaults(&mut self, entry: Entry<'_>, take: &[(Target, String)]) -> Option<Vec<(Target, Text)>> {
        let table = entry.table(r#"{ "OBX-3.1" = "UNKNOWN" }"#);
        let mut defaults = Vec::new();
        for part in self.noted(table).map(|table| self.lines.entries(table))? {
            let target = self.target(part)?;
            if !take.iter().any(|(taken, _)| taken.is(&target)) {
                self.problem(
                    part.line,
                    format!("`{}` has a default and is not taken from the table", part.key),
                );
            }
            defaults.push((target, self.text(part)?));
        }
        Some(defaults)
    }
}

impl Target {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(one), Self::Path(other)) => one == other,
            (Self::Variable(one), Self::Variable(other)) => one == other,
            _ => false,
        }
    }
}
