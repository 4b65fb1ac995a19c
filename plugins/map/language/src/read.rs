//! From a mapping's text to a [`Mapping`], and everything that is wrong with it on the way.

mod action;
mod constants;
mod lookup;
mod rule;

use minijinja::Value;
use serde_json::{Map, Value as Json};
use toml::de::DeTable;
use transfuse_plugin::prelude::*;

use crate::document::{Entry, Lines};
use crate::expression::{Expression, Surroundings, Text};
use crate::lexer::Read;
use crate::mapping::{Mapping, Name};
use crate::path::Path;
use crate::problem::{Problem, hint};
use crate::requests::{Elsewhere, Needs, Requests};
use crate::tables::CodeTable;

/// What reading gives.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) mapping: Mapping,
    pub(crate) needs: Needs,
}

/// Facts about the message that every expression may name.
pub(crate) const FACTS: [&str; 5] = ["attempt", "delete", "interface", "message_id", "time_zone"];

/// What the top of a mapping may hold.
const SECTIONS: [&str; 4] = ["about", "parameters", "codes", "rules"];

/// How deep rules may stand in rules. Whoever needs more has lost the thread, and the plugin its stack.
const DEPTH_MAX: usize = 8;

/// Everything that is known while reading.
struct Reader {
    lines: Lines,
    problems: Vec<Problem>,
    constants: Vec<(Name, Value)>,
    choices: Vec<(Name, Vec<String>)>,
    /// Variables that can be named here, and whether each is a list.
    variables: Vec<(String, bool)>,
    /// The `for-each` that surround what is read, from the outside in.
    frames: Vec<Path>,
    depth: usize,
    /// Empty where the messages that are accepted are not known.
    elsewhere: Elsewhere,
    needs: Needs,
    /// Whether there is a site, with tables and values for what has to be set.
    has_site: bool,
    /// Tables with the columns that are asked of them; none stands for the first one.
    lookups: Vec<(usize, String, Vec<String>)>,
}

/// Reads and checks a mapping with the values that the site gives for its parameters, and with its tables. Whoever builds
/// its package has `requests` and no site: there are no tables then, and what the standard says of groups is known.
pub(crate) fn read<T: CodeTable>(
    text: &str,
    given: &Map<String, Json>,
    requests: Option<&Requests>,
) -> Result<Reading, Vec<Problem>> {
    let has_site = requests.is_none();
    let lines = Lines::of(text);
    let document = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.at(span.start));
        vec![Problem::new(line, error.message().trim().replace('\n', ", "))]
    })?;
    let mut reader = Reader::new(lines, has_site);
    reader.elsewhere = requests.map(|requests| requests.elsewhere.clone()).unwrap_or_default();
    let rules = reader.document(document.get_ref(), given);
    if !T::ARE_THERE {
        reader.refuse_tables();
    } else if has_site && reader.problems.is_empty() {
        reader.check_tables::<T>();
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    reader.needs.settle();
    Ok(Reading {
        mapping: Mapping {
            constants: reader.constants,
            rules,
            choices: reader.choices,
        },
        needs: reader.needs,
    })
}

impl Reader {
    fn new(lines: Lines, has_site: bool) -> Self {
        Self {
            lines,
            problems: Vec::new(),
            constants: Vec::new(),
            choices: Vec::new(),
            variables: Vec::new(),
            frames: Vec::new(),
            depth: 0,
            elsewhere: Elsewhere::default(),
            needs: Needs::default(),
            has_site,
            lookups: Vec::new(),
        }
    }

    fn document(&mut self, document: &DeTable<'_>, given: &Map<String, Json>) -> Vec<crate::mapping::Rule> {
        let entries = self.lines.entries(document);
        for entry in &entries {
            if !SECTIONS.contains(&entry.key) {
                self.unknown(*entry, "a mapping", &SECTIONS);
            }
        }
        let section = |key: &str| entries.iter().find(|entry| entry.key == key).copied();
        self.parameters(section("parameters"), given);
        self.codes(section("codes"));
        if let Some(rules) = section("rules") {
            self.rules(rules)
        } else {
            self.problem(
                1,
                "the mapping has no rules: write [[rules]] and what is to be done below it",
            );
            Vec::new()
        }
    }

    fn problem(&mut self, line: usize, text: impl Into<String>) {
        self.problems.push(Problem::new(line, text));
    }

    /// The value, or none after noting what is wrong.
    fn noted<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn unknown(&mut self, entry: Entry<'_>, place: &str, known: &[&str]) {
        let hint = match hint(entry.key, known.iter().copied()) {
            none if none.is_empty() => format!("; there is {}", known.join(", ")),
            hint => hint,
        };
        self.problem(entry.line, format!("{place} has no `{}`{hint}", entry.key));
    }

    /// The names that an expression may use here, and more of them.
    fn known<'k>(&'k self, more: &[&'k str]) -> Vec<&'k str> {
        let constants = self.constants.iter().map(|(name, _)| &**name);
        let variables = self.variables.iter().map(|(name, _)| name.as_str());
        constants
            .chain(variables)
            .chain(FACTS)
            .chain(more.iter().copied())
            .collect()
    }

    fn text(&mut self, entry: Entry<'_>) -> Option<Text> {
        let source = self.noted(entry.text())?;
        let text = Text::compile(source, &self.known(&[]));
        let text = self.noted(text.map_err(|why| Problem::new(entry.line, why)))?;
        text.reads().for_each(|read| self.check_read(entry.line, read));
        self.needs.expression(text.reads());
        Some(text)
    }

    fn expression(&mut self, entry: Entry<'_>, source: &str, more: &[&str]) -> Option<Expression> {
        let expression = Expression::compile(source, &self.known(more));
        let expression = self.noted(expression.map_err(|why| Problem::new(entry.line, why)))?;
        expression
            .reads
            .iter()
            .for_each(|read| self.check_read(entry.line, read));
        self.needs.expression(&expression.reads);
        Some(expression)
    }

    /// A path as the text of an entry.
    fn path(&mut self, entry: Entry<'_>) -> Option<Path> {
        let text = self.noted(entry.text())?;
        self.path_of(entry.line, text)
    }

    fn path_of(&mut self, line: usize, text: &str) -> Option<Path> {
        let path = self.noted(Path::parse(text).map_err(|why| Problem::new(line, why)))?;
        self.check_place(line, &path);
        Some(path)
    }

    fn check_read(&mut self, line: usize, read: &Read) {
        match read {
            Read::Field(path) | Read::Count(path) | Read::Exists(path) => self.check_place(line, path),
            Read::Attribute(_) => {}
        }
    }

    /// What stands elsewhere in the message and never in the group at hand would be read as absent, without a word. What
    /// the standard does not know, such as a Z segment, may stand anywhere.
    fn check_place(&mut self, line: usize, path: &Path) {
        let Some(group) = path.group_within(&self.frames) else {
            return;
        };
        let strangers = self.elsewhere.get(group);
        if strangers.is_some_and(|strangers| strangers.contains(&path.segment)) {
            let (plain, segment) = (path.plain(), &path.segment);
            let text = match path.group() {
                None => format!(
                    "`{plain}` leads nowhere: {segment} never stands in {group}; the message's own is `/{plain}`"
                ),
                Some(_) => format!("`{plain}` leads nowhere: {segment} never stands in {group}"),
            };
            self.problem(line, text);
        }
    }

    /// A path that leads to a field or a part of it, and may be written.
    fn field(&mut self, line: usize, text: &str) -> Option<Path> {
        let path = self.path_of(line, text)?;
        match path.field {
            None => {
                self.problem(
                    line,
                    format!("`{text}` is no field: write for example {}-1", path.segment),
                );
                None
            }
            Some(1 | 2) if path.segment == "MSH" => {
                self.problem(
                    line,
                    format!("`{text}` holds the delimiters of the message, which cannot be changed"),
                );
                None
            }
            Some(_) => Some(path),
        }
    }

    /// A text that only parameters may stand in, with their values.
    fn settled(&mut self, entry: Entry<'_>) -> Option<String> {
        let source = self.noted(entry.text())?;
        let known: Vec<&str> = self.constants.iter().map(|(name, _)| &**name).collect();
        let text = Text::compile(source, &known).and_then(|text| text.evaluate(&Constants(&self.constants)));
        self.noted(text.map_err(|why| Problem::new(entry.line, why)))
    }

    /// Every table that a rule names, with its columns.
    fn check_tables<T: CodeTable>(&mut self) {
        for (line, name, columns) in std::mem::take(&mut self.lookups) {
            let table = match T::open(&name) {
                Ok(table) => table,
                Err(stop) => {
                    let why = match stop {
                        Stop::Fault(fault) => fault.text,
                        _ => "it cannot be opened".to_owned(),
                    };
                    self.problem(line, format!("table `{name}`: {why}"));
                    continue;
                }
            };
            let known = table.columns();
            for column in columns.iter().filter(|column| !known.contains(column)) {
                let hint = hint(column, known.iter().map(String::as_str));
                let there = known.join(", ");
                self.problem(
                    line,
                    format!("table `{name}` has no column `{column}`{hint} (it has {there})"),
                );
            }
        }
    }

    fn refuse_tables(&mut self) {
        for (line, ..) in std::mem::take(&mut self.lookups) {
            self.problem(
                line,
                "`lookup` needs the plugin transfuse/map-tables, because transfuse/map has no code tables",
            );
        }
    }
}

/// Parameters and lists of codes, which have their values before there is a message.
struct Constants<'c>(&'c [(Name, Value)]);

impl Surroundings for Constants<'_> {
    type Error = String;

    fn read(&self, reads: &[Read]) -> Result<Vec<Value>, String> {
        if reads.is_empty() {
            Ok(Vec::new())
        } else {
            Err("only parameters may stand here, because the message is not there yet".to_owned())
        }
    }

    fn value(&self, name: &str) -> Value {
        let found = self.0.iter().find(|(known, _)| &**known == name);
        found.map_or(Value::UNDEFINED, |(_, value)| value.clone())
    }

    fn failed(&self, source: &str, why: &str) -> String {
        format!("`{source}`: {why}")
    }
}
