//! What the samples are, for people and for programs.

use serde::Serialize;
use transfuse_message::Schema;

use super::encoding::Verdict;
use super::survey::{Listed, SegmentUse, Survey};
use crate::console::{Palette, Tone};
use crate::layout::{self, Cell, counted};
use crate::segment_names::segment_name;
use crate::visible::visible;

/// What was found in the samples, as `--json` writes it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    files: u64,
    messages: u64,
    /// Files that hold no message.
    other_files: Named,
    unreadable: Named,
    types: Vec<TypeReport>,
    senders: Vec<Sender>,
    charset: Verdict,
    delimiters: Vec<Counted>,
    line_ends: Vec<Counted>,
    batch_headers: u64,
    /// Messages whose MSH-7 has an offset from UTC, and messages whose MSH-7 has none.
    timestamps_with_offset: u64,
    timestamps_without_offset: u64,
    enhanced_acknowledgement: u64,
    segments: Vec<SegmentReport>,
    structure: Structure,
    code_sets: Vec<CodeSetReport>,
}

#[derive(Debug, Serialize)]
struct Named {
    count: u64,
    first: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TypeReport {
    #[serde(rename = "type")]
    message_type: String,
    version: String,
    messages: u64,
}

#[derive(Debug, Serialize)]
struct Sender {
    application: String,
    facility: String,
    messages: u64,
}

#[derive(Debug, Serialize)]
struct Counted {
    value: String,
    messages: u64,
}

#[derive(Debug, Serialize)]
struct SegmentReport {
    segment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    /// The sender's own.
    local: bool,
    messages: u64,
    occurrences: u64,
    fields: Vec<FieldReport>,
}

#[derive(Debug, Serialize)]
struct FieldReport {
    field: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'static str,
    /// In how many of the segments it holds something.
    filled: u64,
    /// The most repetitions.
    repetitions: usize,
}

#[derive(Debug, Serialize)]
struct Structure {
    /// Messages of which something is not as their structure says.
    messages: u64,
    /// Messages of a type whose structure is not known.
    unknown: u64,
    findings: Vec<Counted>,
}

#[derive(Debug, Serialize)]
struct CodeSetReport {
    path: String,
    name: &'static str,
    datatype: &'static str,
    values: u64,
    different: usize,
    without_code: u64,
    withheld: u64,
}

impl Report {
    pub(crate) fn new(survey: &Survey, verdict: Verdict) -> Self {
        let schema = survey.schema();
        Self {
            files: survey.files,
            messages: survey.messages,
            other_files: named(&survey.other_files),
            unreadable: named(&survey.unreadable),
            types: types(survey),
            senders: senders(survey),
            charset: verdict,
            delimiters: most(survey.delimiters.iter().map(|(value, count)| (value.clone(), *count))),
            line_ends: most(
                survey
                    .line_ends
                    .iter()
                    .map(|(value, count)| ((*value).to_owned(), *count)),
            ),
            batch_headers: survey.batch_headers,
            timestamps_with_offset: survey.with_offset,
            timestamps_without_offset: survey.without_offset,
            enhanced_acknowledgement: survey.enhanced,
            segments: segments(survey, schema),
            structure: Structure {
                messages: survey.with_structure_findings,
                unknown: survey.without_structure,
                findings: most(survey.structure.iter().map(|(text, count)| (text.clone(), *count))),
            },
            code_sets: code_sets(survey, schema),
        }
    }
}

/// How many lines of a list are shown; JSON has all of them.
const LISTED_MAX: usize = 24;

/// The report in lines.
pub(crate) fn lines(report: &Report, palette: Palette) -> Vec<String> {
    let readable = report.messages - report.unreadable.count;
    let mut lines = vec![format!(
        "{} in {}: {readable} read, {} not",
        counted(number(report.messages), "message"),
        counted(number(report.files), "file"),
        report.unreadable.count
    )];
    lines.extend(named_lines(&report.unreadable));
    if report.other_files.count > 0 {
        lines.push(format!(
            "{} without a message:",
            counted(number(report.other_files.count), "file")
        ));
        lines.extend(named_lines(&report.other_files));
    }
    let mut section = |title: &str, rows: Vec<Vec<Cell>>| {
        lines.push(String::new());
        lines.push(palette.paint(Tone::Strong, title).to_string());
        let hidden = rows.len().saturating_sub(LISTED_MAX);
        let shown = rows.get(..LISTED_MAX).unwrap_or(&rows);
        lines.extend(layout::table(shown, palette).iter().map(|line| format!("  {line}")));
        if hidden > 0 {
            lines.push(format!("  and {hidden} more (--json has all)"));
        }
    };
    let types = report
        .types
        .iter()
        .map(|one| vec![Cell::number(one.messages), text(&one.message_type), text(&one.version)]);
    section("types and versions", types.collect());
    let senders = report
        .senders
        .iter()
        .map(|one| vec![Cell::number(one.messages), text(&one.application), text(&one.facility)]);
    section("senders (MSH-3, MSH-4)", senders.collect());
    section("writing", writing(report));
    section("character set", charset(&report.charset));
    let findings = report
        .structure
        .findings
        .iter()
        .map(|one| vec![Cell::number(one.messages), text(&one.value)]);
    if report.structure.messages > 0 {
        section("messages that are not as their structure says", findings.collect());
    }
    let codes = report.code_sets.iter().map(code_row);
    section("coded fields", codes.collect());
    lines.push(String::new());
    lines.push(
        palette
            .paint(
                Tone::Strong,
                "segments and the fields that are used (in how many of 100)",
            )
            .to_string(),
    );
    lines.extend(
        report
            .segments
            .iter()
            .flat_map(|segment| segment_lines(segment, report.messages, palette)),
    );
    lines
}

fn writing(report: &Report) -> Vec<Vec<Cell>> {
    let told = |counted: &[Counted]| {
        let told = counted
            .iter()
            .map(|one| format!("{} ({})", visible(&one.value), one.messages));
        told.collect::<Vec<_>>().join(", ")
    };
    let offsets = format!(
        "with offset from UTC {}, without {}",
        report.timestamps_with_offset, report.timestamps_without_offset
    );
    let mut rows = vec![
        vec![Cell::new("delimiters"), Cell::new(told(&report.delimiters))],
        vec![Cell::new("line ends"), Cell::new(told(&report.line_ends))],
        vec![Cell::new("MSH-7"), Cell::new(offsets)],
    ];
    let modes = report.enhanced_acknowledgement;
    if modes > 0 {
        rows.push(vec![
            Cell::new("MSH-15, MSH-16"),
            Cell::new(format!("enhanced acknowledgement is asked for in {modes}")),
        ]);
    }
    if report.batch_headers > 0 {
        rows.push(vec![Cell::new("batches"), Cell::new(report.batch_headers.to_string())]);
    }
    rows
}

fn charset(verdict: &Verdict) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = verdict.reasons.iter().map(|reason| vec![text(reason)]).collect();
    if !verdict.letters.is_empty() {
        rows.push(vec![text(&format!("the letters beyond ASCII: {}", verdict.letters))]);
    }
    let decided = match verdict.name {
        Some(name) => format!("so the interface reads {name}, whatever MSH-18 says"),
        None => "so MSH-18 decides".to_owned(),
    };
    rows.push(vec![Cell::new(decided).tone(Tone::Good)]);
    rows
}

fn code_row(set: &CodeSetReport) -> Vec<Cell> {
    let mut remarks = vec![format!(
        "{} of {}",
        counted(set.different, "code"),
        counted(number(set.values), "value")
    )];
    if set.without_code > 0 {
        remarks.push(format!("{} without a code", set.without_code));
    }
    if set.withheld > 0 {
        remarks.push(format!("{} withheld", set.withheld));
    }
    vec![
        Cell::new(&set.path).tone(Tone::Name),
        Cell::new(set.datatype).tone(Tone::Faint),
        Cell::new(set.name),
        Cell::new(remarks.join(", ")),
    ]
}

/// `PID  Patient Identification  in 100 % of messages` and its fields, as many as fit a line.
fn segment_lines(segment: &SegmentReport, messages: u64, palette: Palette) -> Vec<String> {
    const WIDTH: usize = 96;
    let name = match (segment.name, segment.local) {
        (Some(name), _) => name,
        (None, true) => "(the sender's own)",
        (None, false) => "(no version has it)",
    };
    let mut lines = vec![format!(
        "  {}  {name}, in {} % of messages, {} in all",
        palette.paint(Tone::Name, &segment.segment),
        percent(segment.messages, messages),
        segment.occurrences
    )];
    let mut line = String::new();
    for field in &segment.fields {
        let word = match percent(field.filled, segment.occurrences) {
            100 => format!("{}", field.field),
            part => format!("{} ({part})", field.field),
        };
        if line.len() + word.len() + 6 > WIDTH {
            lines.push(format!("      {}", std::mem::take(&mut line)));
        }
        line = if line.is_empty() {
            word
        } else {
            format!("{line}  {word}")
        };
    }
    if !line.is_empty() {
        lines.push(format!("      {line}"));
    }
    lines
}

fn named_lines(named: &Named) -> Vec<String> {
    let mut lines: Vec<String> = named
        .first
        .iter()
        .take(LISTED_MAX)
        .map(|name| format!("  {name}"))
        .collect();
    let hidden = number(named.count).saturating_sub(lines.len());
    if hidden > 0 {
        lines.push(format!("  and {hidden} more"));
    }
    lines
}

/// A cell with what a sender wrote.
fn text(text: &str) -> Cell {
    match text {
        "" => Cell::new("(empty)").tone(Tone::Faint),
        text => Cell::new(visible(text)),
    }
}

fn named(listed: &Listed) -> Named {
    Named {
        count: listed.count,
        first: listed.first.clone(),
    }
}

fn types(survey: &Survey) -> Vec<TypeReport> {
    let mut types: Vec<TypeReport> = survey
        .types
        .iter()
        .map(|((message_type, version), messages)| TypeReport {
            message_type: message_type.clone(),
            version: version.clone(),
            messages: *messages,
        })
        .collect();
    types.sort_by_key(|one| std::cmp::Reverse(one.messages));
    types
}

fn senders(survey: &Survey) -> Vec<Sender> {
    let mut senders: Vec<Sender> = survey
        .senders
        .iter()
        .map(|((application, facility), messages)| Sender {
            application: application.clone(),
            facility: facility.clone(),
            messages: *messages,
        })
        .collect();
    senders.sort_by_key(|one| std::cmp::Reverse(one.messages));
    senders
}

fn most(counts: impl Iterator<Item = (String, u64)>) -> Vec<Counted> {
    let mut counts: Vec<Counted> = counts.map(|(value, messages)| Counted { value, messages }).collect();
    counts.sort_by_key(|one| std::cmp::Reverse(one.messages));
    counts
}

/// In the order in which they were first seen.
fn segments(survey: &Survey, schema: &'static Schema) -> Vec<SegmentReport> {
    let mut used: Vec<_> = survey.segments.iter().collect();
    used.sort_by_key(|(_, used)| used.order);
    used.into_iter()
        .map(|(name, used)| segment(name, used, schema))
        .collect()
}

fn segment(name: &str, used: &SegmentUse, schema: &'static Schema) -> SegmentReport {
    let fields = used.fields.iter().map(|(number, field)| FieldReport {
        field: *number,
        name: field_name(name, *number, schema),
        filled: field.filled,
        repetitions: field.repetitions,
    });
    SegmentReport {
        segment: name.to_owned(),
        name: segment_name(name),
        local: name.starts_with('Z'),
        messages: used.messages,
        occurrences: used.occurrences,
        fields: fields.collect(),
    }
}

/// The most used first.
fn code_sets(survey: &Survey, schema: &'static Schema) -> Vec<CodeSetReport> {
    let mut sets: Vec<CodeSetReport> = survey
        .code_sets()
        .map(|(segment, number, codes)| CodeSetReport {
            path: format!("{segment}-{number}"),
            name: field_name(segment, number, schema),
            datatype: codes.datatype,
            values: codes.values,
            different: codes.codes.len(),
            without_code: codes.without_code,
            withheld: codes.withheld,
        })
        .collect();
    sets.sort_by_key(|set| std::cmp::Reverse(set.values));
    sets
}

/// What a field is called in the version that most messages have.
pub(super) fn field_name(segment: &str, number: u32, schema: &'static Schema) -> &'static str {
    let definition = schema.segment(segment).and_then(|segment| segment.field(number));
    definition.map_or("", |definition| definition.name)
}

/// Of a hundred; never 100 or 0 where it is not all or nothing.
fn percent(part: u64, whole: u64) -> u64 {
    match part * 100 / whole.max(1) {
        0 if part > 0 => 1,
        percent => percent,
    }
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
