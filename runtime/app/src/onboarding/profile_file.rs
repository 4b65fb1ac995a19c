//! `profiles/NAME.toml`: what the samples have in common, as rules to begin with.

use std::fmt::Write as _;

use transfuse_message::Schema;
use transfuse_message::validation::RULES_MAX;

use super::codes::CodeSet;
use super::interface_file::quoted;
use super::privacy;
use super::report::field_name;
use super::survey::Survey;
use super::table_file::{CODE_COLUMN, TableDraft};
use crate::layout::counted;
use crate::segment_names::segment_name;

/// A set of more codes than this is not closed, only small so far.
const VALUES_MAX: usize = 12;

/// How often a segment has to have been seen before its fields are spoken of; and each code of a closed set on average,
/// so that one which was not seen is unlikely.
const SEEN_MIN: u64 = 3;

/// The profile of a sender; none where its samples have nothing in common that the standard does not ask anyway.
pub(super) fn text(interface: &str, survey: &Survey, tables: &[TableDraft]) -> Option<String> {
    let schema = survey.schema();
    let mut rules: Vec<String> = required_segments(survey);
    rules.extend(required_fields(survey, schema));
    rules.extend(value_sets(survey, schema, tables));
    rules.extend(tables.iter().map(|table| table_rule(table, schema)));
    if rules.is_empty() {
        return None;
    }
    let shown = rules.len().min(RULES_MAX);
    let mut text = format!(
        "# What {} have in common. A rule here is an observation, not an agreement: it warns, and refuses\n\
         # nothing. Go through it with the sender, drop what is chance, and make what was agreed an error by leaving\n\
         # `severity` out. What HL7 requires by itself is not repeated.\n\
         description = \"The messages of {interface}, as its samples show them\"\n",
        counted(usize::try_from(survey.read()).unwrap_or(usize::MAX), "message")
    );
    for rule in rules.iter().take(shown) {
        // Writing to a string has no way to fail.
        let _ = write!(text, "\n{rule}");
    }
    Some(text)
}

/// Segments that every message of a type has.
fn required_segments(survey: &Survey) -> Vec<String> {
    let everywhere = survey
        .segments
        .iter()
        .filter(|(name, used)| used.messages == survey.read() && *name != "MSH");
    let rule = |name: &String| {
        let title = segment_name(name).unwrap_or("the sender's own");
        format!(
            "[[rules]]   # {title}: in every message\npath = {}\nrequired = true\nseverity = \"warning\"\n",
            quoted(name)
        )
    };
    everywhere.map(|(name, _)| rule(name)).collect()
}

/// Fields that hold something in every segment of their name.
fn required_fields(survey: &Survey, schema: &'static Schema) -> Vec<String> {
    let mut rules = Vec::new();
    let often = survey.segments.iter().filter(|(_, used)| used.occurrences >= SEEN_MIN);
    for (segment, used) in often.filter(|(segment, _)| is_named(segment)) {
        let always = used
            .fields
            .iter()
            .filter(|(_, field)| field.filled == used.occurrences && !field.is_standard_required && !field.is_set_id);
        rules.extend(always.map(|(number, _)| {
            let name = field_name(segment, *number, schema);
            let gap = if name.is_empty() { "" } else { ": " };
            format!(
                "[[rules]]   # {name}{gap}in all {} {segment}\npath = \"{segment}-{number}\"\nrequired = true\nseverity = \"warning\"\n",
                used.occurrences
            )
        }));
    }
    rules
}

/// Whether a rule may speak of a segment: MSH is judged without one, and of a name that is neither the standard's nor
/// the sender's own nobody knows what it is.
fn is_named(segment: &str) -> bool {
    segment != "MSH" && (segment.starts_with('Z') || segment_name(segment).is_some())
}

/// Small sets of codes that look closed.
fn value_sets(survey: &Survey, schema: &'static Schema, tables: &[TableDraft]) -> Vec<String> {
    let closed = survey.code_sets().filter(|(segment, field, codes)| {
        let has_table = tables
            .iter()
            .any(|table| table.segment == *segment && table.field == *field);
        is_closed(segment, codes) && !has_table
    });
    closed
        .map(|(segment, number, codes)| {
            let mut values: Vec<String> = codes.sorted().iter().map(|(code, ..)| quoted(code)).collect();
            values.dedup();
            let counts: Vec<String> = codes
                .sorted()
                .iter()
                .map(|(code, _, counted)| format!("{code} {}", counted.count))
                .collect();
            format!(
                "[[rules]]   # {}: {}\npath = \"{segment}-{number}{}\"\none_of = [{}]\nseverity = \"warning\"\n",
                field_name(segment, number, schema),
                counts.join(", "),
                component(codes),
                values.join(", ")
            )
        })
        .collect()
}

/// Whether a code that is not among those would be news. Codes of which HL7 lists every one are left to HL7's table,
/// but for segments about persons, where HL7's list is all that may be written.
fn is_closed(segment: &str, codes: &CodeSet) -> bool {
    let different = codes.codes.len();
    let is_open_list = codes.withheld > 0 || codes.without_code > 0 || codes.beyond > 0;
    let is_news = codes.is_outside_table || (codes.datatype != "ID" && privacy::is_about_person(segment));
    let is_seen = codes.values >= SEEN_MIN * different as u64;
    (1..=VALUES_MAX).contains(&different) && is_seen && is_news && !is_open_list
}

/// Codes that are in the table. New ones are worth knowing: somebody has to map them.
fn table_rule(table: &TableDraft, schema: &'static Schema) -> String {
    let TableDraft {
        segment, field, name, ..
    } = table;
    format!(
        "[[rules]]   # {}: one of the codes that were seen\npath = \"{segment}-{field}.1\"\ntable = {}\ncolumn = \"{CODE_COLUMN}\"\nseverity = \"warning\"\n",
        field_name(segment, *field, schema),
        quoted(name)
    )
}

fn component(codes: &CodeSet) -> &'static str {
    if codes.is_triple { ".1" } else { "" }
}
