//! What a rule does, statement by statement.

use toml::de::DeValue;
use transfuse_plugin::log::Level;
use transfuse_plugin::{AmbiguousTime, Code, Precision};

use super::Reader;
use crate::document::Entry;
use crate::mapping::{Action, Rejection, Time};
use crate::path::Path;
use crate::problem::{Problem, hint};

/// An action with its line.
type Placed = (usize, Action);

/// What a `time` may say.
const TIME_KEYS: [&str; 6] = ["from", "to", "zone", "read-zone", "precision", "ambiguous"];

/// What a `reject` may say.
const REJECT_KEYS: [&str; 3] = ["code", "at", "reason"];

/// The precisions of a time.
const PRECISIONS: [(&str, Precision); 7] = [
    ("year", Precision::Year),
    ("month", Precision::Month),
    ("day", Precision::Day),
    ("hour", Precision::Hour),
    ("minute", Precision::Minute),
    ("second", Precision::Second),
    ("fraction", Precision::Fraction),
];

/// What becomes of a time that a zone has twice, or not at all.
const AMBIGUOUS: [(&str, AmbiguousTime); 4] = [
    ("before", AmbiguousTime::Before),
    ("earlier", AmbiguousTime::Earlier),
    ("later", AmbiguousTime::Later),
    ("reject", AmbiguousTime::Reject),
];

/// The levels of a log line.
const LEVELS: [(&str, Level); 4] = [
    ("debug", Level::Debug),
    ("info", Level::Info),
    ("warn", Level::Warn),
    ("error", Level::Error),
];

impl Reader {
    /// The actions of one statement. The caller has seen that the key is one.
    pub(super) fn actions(&mut self, entry: Entry<'_>) -> Vec<Placed> {
        match entry.key {
            "set" => self.each_of(entry, r#"{ "MSH-5" = "EHR" }"#, Self::set),
            "copy" => self.each_of(entry, r#"{ "PID-4" = "PID-3" }"#, Self::copy),
            "change" => self.each_of(entry, r#"{ "PID-5.1" = "title" }"#, Self::change),
            "let" => self.each_of(entry, r#"{ unit = "{{ OBX-6.1 }}" }"#, Self::assign),
            "collect" => self.each_of(entry, r#"{ lines = "{{ OBX-5 }}" }"#, Self::collect),
            "set-attribute" => self.each_of(entry, r#"{ ward = "{{ PV1-3.1 }}" }"#, Self::attribute),
            "clear" => self.each_text(entry, Self::clear),
            "remove" => self.each_text(entry, Self::remove),
            "log" => self.log(entry),
            _ => self.one(entry).map(|action| (entry.line, action)).into_iter().collect(),
        }
    }

    fn one(&mut self, entry: Entry<'_>) -> Option<Action> {
        match entry.key {
            "lookup" => self.lookup(entry).map(|lookup| Action::Lookup(Box::new(lookup))),
            "time" => self.time(entry).map(|time| Action::Time(Box::new(time))),
            "filter" => self.text(entry).map(Action::Filter),
            "reject" => self
                .rejection(entry)
                .map(|rejection| Action::Reject(Box::new(rejection))),
            "forward" => self.destinations(entry).map(Action::Forward),
            "also-forward" => self.destinations(entry).map(Action::AlsoForward),
            _ => Some(Action::Do(self.rules(entry))),
        }
    }

    /// One action for each entry of a table.
    fn each_of(
        &mut self,
        entry: Entry<'_>,
        example: &str,
        read: fn(&mut Self, Entry<'_>) -> Option<Action>,
    ) -> Vec<Placed> {
        let table = entry.table(example);
        let Some(table) = self.noted(table) else {
            return Vec::new();
        };
        let entries = self.lines.entries(table);
        entries
            .into_iter()
            .filter_map(|entry| Some((entry.line, read(self, entry)?)))
            .collect()
    }

    /// One action for each text.
    fn each_text(&mut self, entry: Entry<'_>, read: fn(&mut Self, Entry<'_>) -> Option<Action>) -> Vec<Placed> {
        let texts = entry.texts(&self.lines);
        let texts = self.noted(texts).unwrap_or_default();
        texts
            .into_iter()
            .filter_map(|entry| Some((entry.line, read(self, entry)?)))
            .collect()
    }

    fn set(&mut self, entry: Entry<'_>) -> Option<Action> {
        let path = self.field(entry.line, entry.key);
        let text = self.text(entry)?;
        let path = path?;
        self.needs.writes(&path);
        Some(Action::Set(path, text))
    }

    fn copy(&mut self, entry: Entry<'_>) -> Option<Action> {
        let to = self.path_of(entry.line, entry.key)?;
        let from = self.path(entry)?;
        let depth = |path: &Path| (path.is_group(), path.field.is_some(), path.parts.matches('.').count());
        if depth(&to) != depth(&from) || to.is_group() {
            let text =
                "copy copies like to like: a segment to a segment, a field to a field, a component to a component";
            self.problem(entry.line, text);
            return None;
        }
        self.needs.reads(&from);
        self.needs.writes(&to);
        Some(Action::Copy(to, from))
    }

    fn change(&mut self, entry: Entry<'_>) -> Option<Action> {
        let path = self.field(entry.line, entry.key);
        let functions = self.noted(entry.text())?;
        let expression = self.expression(entry, &format!("value | {functions}"), &["value"])?;
        let path = path?;
        self.needs.reads(&path);
        self.needs.writes(&path);
        Some(Action::Change(path, expression))
    }

    fn assign(&mut self, entry: Entry<'_>) -> Option<Action> {
        let is_list = matches!(entry.value, DeValue::Array(list) if list.is_empty());
        let text = if is_list { None } else { Some(self.text(entry)?) };
        self.name(entry.key, entry.line);
        match self.variables.iter_mut().find(|(name, _)| name == entry.key) {
            Some((_, was_list)) => *was_list = is_list,
            None => self.variables.push((entry.key.to_owned(), is_list)),
        }
        let name = entry.key.into();
        Some(text.map_or_else(
            || Action::LetList(std::sync::Arc::clone(&name)),
            |text| Action::Let(std::sync::Arc::clone(&name), text),
        ))
    }

    fn collect(&mut self, entry: Entry<'_>) -> Option<Action> {
        let text = self.text(entry);
        if !self
            .variables
            .iter()
            .any(|(name, is_list)| name == entry.key && *is_list)
        {
            let name = entry.key;
            self.problem(
                entry.line,
                format!("there is no list `{name}` here: make it before with let = {{ {name} = [] }}"),
            );
            return None;
        }
        Some(Action::Collect(entry.key.into(), text?))
    }

    fn attribute(&mut self, entry: Entry<'_>) -> Option<Action> {
        let name = crate::expression::Text::compile(entry.key, &[]).map_err(|why| Problem::new(entry.line, why));
        let name = self.noted(name)?;
        Some(Action::Attribute(name, self.text(entry)?))
    }

    fn clear(&mut self, entry: Entry<'_>) -> Option<Action> {
        let path = self.path(entry)?;
        if path.is_group() || path.plain() == "MSH" {
            self.problem(
                entry.line,
                format!(
                    "`{}` cannot be cleared: name a field, a part of one, or a segment",
                    path.plain()
                ),
            );
            return None;
        }
        self.needs.writes(&path);
        Some(Action::Clear(path))
    }

    fn remove(&mut self, entry: Entry<'_>) -> Option<Action> {
        let path = self.path(entry)?;
        let is_at_hand = self
            .frames
            .last()
            .is_some_and(|frame| frame.field.is_some() && frame.pattern() == path.pattern());
        let is_repetition = path.field.is_some() && path.parts.is_empty() && (path.repetition.is_some() || is_at_hand);
        let is_segment = path.field.is_none() && !path.is_group() && path.segment != "MSH";
        if !is_repetition && !is_segment {
            let text = format!(
                "`{}` cannot be removed: name a segment (NTE) or a repetition (PID-3[2]); fields are cleared",
                path.plain()
            );
            self.problem(entry.line, text);
            return None;
        }
        self.needs.writes(&path);
        self.needs.counts(&path);
        Some(Action::Remove(path))
    }

    fn log(&mut self, entry: Entry<'_>) -> Vec<Placed> {
        if let DeValue::String(_) = entry.value {
            let text = self.text(entry);
            return text
                .map(|text| (entry.line, Action::Log(Level::Info, text)))
                .into_iter()
                .collect();
        }
        self.each_of(entry, r#"{ warn = "no unit" }"#, |reader, entry| {
            let Some((_, level)) = LEVELS.iter().find(|(word, _)| *word == entry.key) else {
                reader.unknown(entry, "log", &["debug", "info", "warn", "error"]);
                return None;
            };
            Some(Action::Log(*level, reader.text(entry)?))
        })
    }

    fn rejection(&mut self, entry: Entry<'_>) -> Option<Rejection> {
        let (mut code, mut at, mut reason) = (Code::OtherHl7Error, None, None);
        if let DeValue::String(_) = entry.value {
            let reason = self.text(entry)?;
            return Some(Rejection { code, at, reason });
        }
        let table = entry.table(r#"{ code = "101", at = "PID-3", reason = "no patient id" }"#);
        for part in self.noted(table).map(|table| self.lines.entries(table))? {
            match part.key {
                "code" => code = self.code(part)?,
                "at" => at = Some(self.path(part)?),
                "reason" => reason = Some(self.text(part)?),
                _ => self.unknown(part, "reject", &REJECT_KEYS),
            }
        }
        let missing = || Problem::new(entry.line, "`reason` is missing: it tells the sender what is wrong");
        let reason = self.noted(reason.ok_or_else(missing))?;
        Some(Rejection { code, at, reason })
    }

    /// A code of HL7 table 0357.
    fn code(&mut self, entry: Entry<'_>) -> Option<Code> {
        let text = self.noted(entry.text())?;
        let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_code {
            self.problem(
                entry.line,
                "`code` is one of HL7 table 0357, such as 101 (required field missing) or 103 (value not found)",
            );
            return None;
        }
        Some(Code::Other(text.to_owned()))
    }

    fn time(&mut self, entry: Entry<'_>) -> Option<Time> {
        let table = entry.table(r#"{ from = "OBR-7", to = "OBR-7", zone = "Europe/Budapest" }"#);
        let parts = self.noted(table).map(|table| self.lines.entries(table))?;
        let (mut from, mut to) = (None, None);
        let (mut zone, mut read_zone) = (String::new(), String::new());
        let (mut precision, mut ambiguous) = (None, AmbiguousTime::Before);
        for part in parts {
            match part.key {
                "from" if part.text() == Ok("received-at") => from = Some(None),
                "from" => from = Some(Some(self.path(part)?)),
                "to" => {
                    let text = self.noted(part.text())?;
                    to = Some(self.field(part.line, text)?);
                }
                "zone" => zone = self.settled(part)?,
                "read-zone" => read_zone = self.settled(part)?,
                "precision" => precision = Some(self.word(part, &PRECISIONS)?),
                "ambiguous" => ambiguous = self.word(part, &AMBIGUOUS)?,
                _ => self.unknown(part, "time", &TIME_KEYS),
            }
        }
        let missing = |key: &str, what: &str| Problem::new(entry.line, format!("`{key}` is missing: {what}"));
        let from = self.noted(from.ok_or_else(|| missing("from", "the field of the time, or \"received-at\"")))?;
        let to = self.noted(to.ok_or_else(|| missing("to", "the field that the time is written to")))?;
        if let Some(from) = &from {
            self.needs.reads(from);
        }
        self.needs.writes(&to);
        Some(Time {
            from,
            to,
            read_zone,
            zone,
            precision,
            ambiguous,
        })
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, entry: Entry<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.noted(entry.text())?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = hint(text, known.iter().copied());
            self.problem(
                entry.line,
                format!("`{}` is one of {}, and not `{text}`{hint}", entry.key, known.join(", ")),
            );
        }
        found.map(|(_, value)| *value)
    }
}
