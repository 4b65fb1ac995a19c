//! The mapping as TOML: tables in the order in which they were written, every entry with its line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::Problem;

/// Where the lines of a text begin.
pub(crate) struct Lines(Vec<usize>);

/// One entry of a table.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'d> {
    pub(crate) key: &'d str,
    /// The line of the key.
    pub(crate) line: usize,
    pub(crate) value: &'d DeValue<'d>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(ends.map(|(index, _)| index).collect())
    }

    /// The line of a place, counted from one.
    pub(crate) fn at(&self, place: usize) -> usize {
        self.0.partition_point(|end| *end < place) + 1
    }

    /// The entries of a table, in the order in which they were written.
    pub(crate) fn entries<'d>(&self, table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
        let mut entries: Vec<(usize, Entry<'d>)> = table
            .iter()
            .map(|(key, value)| {
                let place = key.span().start;
                let entry = Entry {
                    key: key.get_ref(),
                    line: self.at(place),
                    value: value.get_ref(),
                };
                (place, entry)
            })
            .collect();
        entries.sort_unstable_by_key(|(place, _)| *place);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The items of an array, each as an entry of the array's name.
    pub(crate) fn items<'d>(&self, entry: Entry<'d>) -> Option<Vec<Entry<'d>>> {
        let DeValue::Array(array) = entry.value else {
            return None;
        };
        let item = |value: &'d Spanned<DeValue<'d>>| Entry {
            key: entry.key,
            line: self.at(value.span().start),
            value: value.get_ref(),
        };
        Some(array.iter().map(item).collect())
    }
}

/// What sort of thing stands there, for a person.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl<'d> Entry<'d> {
    /// The text that stands there.
    pub(crate) fn text(self) -> Result<&'d str, Problem> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong("text in quotes")),
        }
    }

    /// True or false.
    pub(crate) fn boolean(self) -> Result<bool, Problem> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong("true or false")),
        }
    }

    /// The table that stands there.
    pub(crate) fn table(self, example: &str) -> Result<&'d DeTable<'d>, Problem> {
        match self.value {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.wrong(&format!("a table, such as {example}"))),
        }
    }

    /// One text, or a list of them.
    pub(crate) fn texts(self, lines: &Lines) -> Result<Vec<Entry<'d>>, Problem> {
        let items = match self.value {
            DeValue::String(_) => vec![self],
            _ => lines
                .items(self)
                .ok_or_else(|| self.wrong("text in quotes, or a list of such"))?,
        };
        match items.iter().find(|item| !matches!(item.value, DeValue::String(_))) {
            Some(item) => Err(item.wrong("text in quotes")),
            None => Ok(items),
        }
    }

    pub(crate) fn wrong(self, wanted: &str) -> Problem {
        Problem::new(
            self.line,
            format!("`{}` is {wanted}, and not {}", self.key, kind(self.value)),
        )
    }
}
