//! `[[rules]]`: one thing that was agreed.

use std::collections::BTreeSet;

use transfuse_message::Severity;
use transfuse_message::schema::Schema;
use transfuse_message::validation::{Check, Rule, ValuePattern};

use super::{Tables, condition, line_of, path, tolerance};
use crate::configuration::document::Located;
use crate::configuration::message_types;
use crate::configuration::section::Section;
use crate::configuration::suggest;
use crate::configuration::table::CodeTable;

/// The longest value that a rule may ask for, in characters: more than any field that people agree a length for.
const LENGTH_MAX: u64 = 1_000_000;

/// How many values a finding lists; more are named by their count.
const VALUES_SHOWN_MAX: usize = 12;

pub(super) fn read(mut section: Section<'_>, tables: &Tables<'_>, used: &mut Vec<String>) -> Option<Rule> {
    let line = line_of(&section);
    let path = path(&mut section);
    let types = message_types::read(&mut section);
    let when = condition::read(&mut section);
    let checks = checks(&mut section, tables, used);
    let severities = [
        ("error", Severity::Error),
        ("warning", Severity::Warning),
        ("information", Severity::Information),
    ];
    let severity = section
        .choice("severity", &severities)
        .map_or(Severity::Error, |one| one.value);
    let code = section
        .text("code")
        .and_then(|code| tolerance::known_code(code, &section));
    let text = section.text("text").map(|text| text.value);
    if checks.is_empty() && !section.has_any(&CHECKS) {
        let hint = format!("write {}", suggest::either(&CHECKS));
        section
            .faults()
            .at_with_hint(section.place(), "the rule asks nothing of its path", hint);
    }
    section.finish();
    Some(Rule {
        path: path?,
        types,
        when,
        checks,
        severity,
        code,
        text,
        line,
    })
}

/// The keys that ask something.
const CHECKS: [&str; 7] = [
    "required",
    "cardinality",
    "one_of",
    "table",
    "pattern",
    "datatype",
    "length_max",
];

/// Datatypes whose values have a form of their own.
const DATATYPES: [&str; 6] = ["NM", "SI", "DT", "TM", "DTM", "TS"];

fn checks(section: &mut Section<'_>, tables: &Tables<'_>, used: &mut Vec<String>) -> Vec<Check> {
    let required = section
        .located_flag("required")
        .and_then(|flag| required(&flag, section));
    let cardinality = section.text("cardinality").and_then(|text| cardinality(&text, section));
    let one_of = section.texts("one_of").map(one_of);
    let table = table(section, tables, used);
    let pattern = section.text("pattern").and_then(|text| pattern(&text, section));
    let datatype = section
        .choice("datatype", &DATATYPES.map(|name| (name, name)))
        .map(|name| Check::Datatype(name.value.to_owned()));
    let length_max = section
        .count("length_max", &(1..=LENGTH_MAX))
        .map(|most| Check::LengthMax(u32::try_from(most).unwrap_or(u32::MAX)));
    [required, cardinality, one_of, table, pattern, datatype, length_max]
        .into_iter()
        .flatten()
        .collect()
}

/// `required = false` would be no rule at all, and nobody writes it without meaning something.
fn required(flag: &Located<bool>, section: &Section<'_>) -> Option<Check> {
    if !flag.value {
        let hint = "leave the rule out; a place that must stay empty has `cardinality = \"0..0\"`";
        section
            .faults()
            .at_with_hint(&flag.place, "`required = false` asks nothing", hint);
    }
    flag.value.then_some(Check::Required)
}

/// `1`, `0..1`, `1..*`.
fn cardinality(text: &Located<String>, section: &Section<'_>) -> Option<Check> {
    let (least, most) = text.value.split_once("..").unwrap_or((&text.value, &text.value));
    let count = match (least.parse(), most, most.parse()) {
        (Ok(least), "*", _) => Some(Check::Count { least, most: None }),
        (Ok(least), _, Ok(most)) => Some(Check::Count {
            least,
            most: Some(most),
        }),
        _ => None,
    };
    if count.is_none() {
        let message = format!("`{}` is no cardinality", text.value);
        section
            .faults()
            .at_with_hint(&text.place, message, "write `1`, `0..1`, `1..*` or `0..0`");
    }
    count
}

fn one_of(texts: Vec<Located<String>>) -> Check {
    let values: BTreeSet<String> = texts.into_iter().map(|text| text.value).collect();
    let description = if values.len() > VALUES_SHOWN_MAX {
        format!("one of {} values", values.len())
    } else {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        format!("one of {}", values.join(", "))
    };
    Check::OneOf { description, values }
}

fn pattern(text: &Located<String>, section: &Section<'_>) -> Option<Check> {
    match ValuePattern::parse(&text.value) {
        Ok(pattern) => Some(Check::Matches(pattern)),
        Err(message) => {
            section.faults().at(&text.place, format!("`pattern`: {message}"));
            None
        }
    }
}

/// The values of a column of a code table.
fn table(section: &mut Section<'_>, tables: &Tables<'_>, used: &mut Vec<String>) -> Option<Check> {
    let name = section.text("table");
    let column = section.text("column");
    let Some(name) = name else {
        if let Some(column) = column {
            section
                .faults()
                .at(&column.place, "`column` belongs to `table`, which is missing");
        }
        return None;
    };
    if let Some(number) = name.value.strip_prefix("HL7") {
        return hl7_table(number, &name, column.as_ref(), section);
    }
    let Some(table) = tables.get(name.value.as_str()) else {
        let known: Vec<&str> = tables.keys().copied().collect();
        let hints = suggest::hints(&name.value, "table", &known);
        section
            .faults()
            .at_with_hints(&name.place, format!("there is no table `{}`", name.value), hints);
        return None;
    };
    if !used.contains(&name.value) {
        used.push(name.value.clone());
    }
    let index = column_index(table, column.as_ref(), section)?;
    let values = table.rows.iter().filter_map(|row| row.get(index).cloned()).collect();
    Some(Check::OneOf {
        description: format!("in the table {}", name.value),
        values,
    })
}

/// `HL70001`, as HL7 itself names its tables in coded elements.
fn hl7_table(
    number: &str,
    name: &Located<String>,
    column: Option<&Located<String>>,
    section: &Section<'_>,
) -> Option<Check> {
    if let Some(column) = column {
        section
            .faults()
            .at(&column.place, "a table of HL7 has no columns to choose from");
    }
    let has_codes = Schema::all().any(|schema| schema.table(number).is_some_and(|table| !table.codes.is_empty()));
    if !has_codes {
        let message = format!("HL7 lists no codes of a table `{}`", name.value);
        section
            .faults()
            .at_with_hint(&name.place, message, "write four digits: `HL70001`");
    }
    has_codes.then(|| Check::InTable(number.to_owned()))
}

/// The column that is named, or the first one.
fn column_index(table: &CodeTable, column: Option<&Located<String>>, section: &Section<'_>) -> Option<usize> {
    let Some(column) = column else { return Some(0) };
    let found = table.columns.iter().position(|name| *name == column.value);
    if found.is_none() {
        let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
        let message = format!("the table `{}` has no column `{}`", table.name, column.value);
        let hints = suggest::hints(&column.value, "column", &columns);
        section.faults().at_with_hints(&column.place, message, hints);
    }
    found
}
