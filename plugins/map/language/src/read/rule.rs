//! `[[rules]]`: what they are done on, when, and what they do.

use toml::de::DeValue;

use super::{DEPTH_MAX, Reader};
use crate::document::Entry;
use crate::mapping::{Over, Rule, Statement};
use crate::path::Path;
use crate::problem::Problem;

/// Everything that a rule may say.
const KEYS: [&str; 24] = [
    "about",
    "when",
    "for-each",
    "add",
    "after",
    "split",
    "segments",
    "set",
    "copy",
    "clear",
    "remove",
    "change",
    "let",
    "collect",
    "lookup",
    "time",
    "set-attribute",
    "log",
    "filter",
    "reject",
    "forward",
    "also-forward",
    "do",
    "else",
];

/// What a rule says of what it is done on; at most one.
const OVER: [&str; 3] = ["for-each", "add", "split"];

impl Reader {
    /// The rules of a list.
    pub(super) fn rules(&mut self, list: Entry<'_>) -> Vec<Rule> {
        let items = self.lines.items(list);
        let Some(items) = self.noted(items.ok_or_else(|| list.wrong(&format!("written [[{}]]", list.key)))) else {
            return Vec::new();
        };
        if self.depth == DEPTH_MAX {
            self.problem(list.line, format!("rules stand in rules at most {DEPTH_MAX} deep"));
            return Vec::new();
        }
        self.depth += 1;
        let rules = items.into_iter().filter_map(|item| self.rule(item)).collect();
        self.depth -= 1;
        rules
    }

    fn rule(&mut self, item: Entry<'_>) -> Option<Rule> {
        let table = self.noted(item.table("[[rules]]"))?;
        let entries = self.lines.entries(table);
        let line = entries.first().map_or(item.line, |entry| entry.line);
        let (variables, frames) = (self.variables.len(), self.frames.len());
        let over = self.over(&entries);
        if matches!(over, Some(Over::Each { .. } | Over::Parts { .. })) {
            self.variables.push(("number".to_owned(), false));
        }
        let when = entries.iter().find(|entry| entry.key == "when").and_then(|when| {
            let source = self.noted(when.text())?;
            self.expression(*when, source, &[])
        });
        let is_block = when.is_some() || !matches!(over, Some(Over::Here));
        let (statements, otherwise) = self.body(&entries, line, when.is_some());
        if is_block {
            self.variables.truncate(variables);
        }
        self.frames.truncate(frames);
        let mut rule = Rule {
            line,
            over: over?,
            when,
            statements,
            otherwise,
        };
        let does_take_out = rule.may_take_out();
        if let Over::Each { may_take_out, .. } = &mut rule.over {
            *may_take_out = does_take_out;
        }
        Some(rule)
    }

    fn body(&mut self, entries: &[Entry<'_>], line: usize, has_condition: bool) -> (Vec<Statement>, Vec<Rule>) {
        let (mut statements, mut otherwise) = (Vec::new(), Vec::new());
        let variables = self.variables.len();
        for entry in entries {
            match entry.key {
                "about" => _ = self.noted(entry.text()),
                "when" | "for-each" | "add" | "after" | "split" | "segments" => {}
                "else" if !has_condition => self.problem(entry.line, "`else` belongs to a `when`, and there is none"),
                "else" => {
                    // What is made where the condition holds is not there where it does not.
                    let made = self.variables.split_off(variables.min(self.variables.len()));
                    otherwise = self.rules(*entry);
                    self.variables.truncate(variables);
                    self.variables.extend(made);
                }
                key if KEYS.contains(&key) => {
                    let actions = self.actions(*entry);
                    statements.extend(actions.into_iter().map(|(line, action)| Statement { line, action }));
                }
                _ => self.unknown(*entry, "a rule", &KEYS),
            }
        }
        let does_something = entries.iter().any(|entry| {
            !matches!(
                entry.key,
                "about" | "when" | "for-each" | "split" | "after" | "segments"
            )
        });
        let splits = entries.iter().any(|entry| entry.key == "split");
        if !does_something && !splits {
            self.problem(
                line,
                "the rule does nothing: say what with set, copy, clear, .. or below it with [[rules.do]]",
            );
        }
        (statements, otherwise)
    }

    /// What the rule is done on; its frame stays until the rule was read.
    fn over(&mut self, entries: &[Entry<'_>]) -> Option<Over> {
        let mut named = entries.iter().filter(|entry| OVER.contains(&entry.key));
        let find = |key: &str| entries.iter().find(|entry| entry.key == key).copied();
        for (key, of) in [("after", "add"), ("segments", "split")] {
            if let Some(entry) = find(key).filter(|_| find(of).is_none()) {
                self.problem(entry.line, format!("`{key}` belongs to `{of}`, and there is none"));
            }
        }
        let Some(first) = named.next().copied() else {
            return Some(Over::Here);
        };
        if let Some(second) = named.next() {
            let text = format!(
                "a rule has one of for-each, add and split: put the `{}` into [[rules.do]]",
                second.key
            );
            self.problem(second.line, text);
            return None;
        }
        match first.key {
            "for-each" => self.each(first),
            "add" => self.added(first, find("after")),
            _ => self.parts(first, find("segments")),
        }
    }

    /// A segment, a group or a field, without numbers.
    fn several(&mut self, entry: Entry<'_>) -> Option<Path> {
        let text = self.noted(entry.text())?;
        let path = match Path::parse(text) {
            Ok(path) => {
                self.check_place(entry.line, &path);
                path
            }
            Err(_) if !text.contains('-') => self.path_of(entry.line, &format!("{text}/"))?,
            Err(why) => {
                self.problem(entry.line, why);
                return None;
            }
        };
        let last_is_numbered = path.is_group() && path.groups.ends_with("]/");
        let is_one = match path.field {
            Some(_) => path.repetition.is_some() || !path.parts.is_empty(),
            None => path.occurrence.is_some() || last_is_numbered,
        };
        if is_one {
            let text = format!(
                "`{text}` is one already: name a segment (OBX), a group (ORDER_OBSERVATION) or a field (PID-3)"
            );
            self.problem(entry.line, text);
            return None;
        }
        Some(path)
    }

    fn each(&mut self, entry: Entry<'_>) -> Option<Over> {
        let path = self.several(entry)?;
        self.needs.counts(&path);
        self.frames.push(path.clone());
        // Nobody knows yet what is done there.
        Some(Over::Each {
            path,
            may_take_out: true,
        })
    }

    fn added(&mut self, entry: Entry<'_>, after: Option<Entry<'_>>) -> Option<Over> {
        let text = self.noted(entry.text())?;
        // What is added may stand wherever the mapping says, so that its place is not checked.
        let path = self.noted(Path::parse(text).map_err(|why| Problem::new(entry.line, why)))?;
        if path.plain() != path.segment || path.segment == "MSH" {
            self.problem(
                entry.line,
                format!("`{}` cannot be added: name a segment, such as ZPI", path.plain()),
            );
            return None;
        }
        let after = match after {
            Some(after) => {
                let path = self.several_or_one(after)?;
                self.needs.counts(&path);
                Some(path)
            }
            None => None,
        };
        self.needs.writes_segment(&path.segment);
        self.frames.push(path.clone());
        Some(Over::Added {
            segment: path.segment,
            after,
        })
    }

    /// Where a segment is added: after a segment, or at the end of a group.
    fn several_or_one(&mut self, entry: Entry<'_>) -> Option<Path> {
        let path = self.path(entry)?;
        if path.field.is_some() {
            self.problem(
                entry.line,
                "a segment is added after a segment (PID), or at the end of a group (PATIENT/)",
            );
            return None;
        }
        Some(path)
    }

    fn parts(&mut self, entry: Entry<'_>, segments: Option<Entry<'_>>) -> Option<Over> {
        if !self.frames.is_empty() {
            self.problem(
                entry.line,
                "`split` makes messages of the whole message: it cannot stand in a for-each, add or split",
            );
            return None;
        }
        let path = self.several(entry)?;
        if path.field.is_some() {
            self.problem(
                entry.line,
                "a message is split by segments (OBR) or groups (ORDER_OBSERVATION)",
            );
            return None;
        }
        let segments = match segments {
            Some(segments) => self.segments(segments)?,
            None if path.is_group() => {
                let text = "`segments` is missing: the segments of such a group, in their order, such as segments = [\"ORC\", \"OBR\", \"OBX\"]";
                self.problem(entry.line, text);
                return None;
            }
            None => vec![path.segment.clone()],
        };
        for segment in &segments {
            self.needs.writes_segment(segment);
        }
        // In a part there is one of it, so that paths need no frame; but a part cannot be split again.
        self.frames.push(Path {
            segment: String::new(),
            groups: String::new(),
            ..path.clone()
        });
        Some(Over::Parts { path, segments })
    }

    fn segments(&mut self, entry: Entry<'_>) -> Option<Vec<String>> {
        let texts = entry.texts(&self.lines);
        let mut segments = Vec::new();
        for item in self.noted(texts)? {
            let path = self.path(item)?;
            if path.plain() != path.segment {
                self.problem(item.line, format!("`{}` is not the name of a segment", path.plain()));
                return None;
            }
            segments.push(path.segment);
        }
        Some(segments)
    }

    /// A list of destinations; `true` for those that routing finds.
    pub(super) fn destinations(&mut self, entry: Entry<'_>) -> Option<Vec<String>> {
        if matches!(entry.value, DeValue::Boolean(true)) {
            return Some(Vec::new());
        }
        let texts = entry.texts(&self.lines);
        let texts = texts.map_err(|_| entry.wrong("true, or the name of a destination, or a list of such"));
        let names = self.noted(texts)?;
        Some(
            names
                .into_iter()
                .filter_map(|name| name.text().ok())
                .map(str::to_owned)
                .collect(),
        )
    }
}
