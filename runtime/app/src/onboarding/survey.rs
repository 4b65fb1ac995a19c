//! What the samples of a sender have in common.

use std::collections::BTreeMap;

use transfuse_message::batch::{PartKind, parts};
use transfuse_message::schema::{self, Definition};
use transfuse_message::{Charset, Message, ParseOptions, Schema, StructureFinding};

use super::codes::CodeSet;
use super::encoding::{Evidence, Verdict};
use super::privacy::{self, Identities};
use super::samples::Samples;
use crate::message_file::MessageFile;
use crate::visible::one_line;

/// Counts, and no message.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) files: u64,
    /// Files without a message.
    pub(crate) other_files: Listed,
    pub(crate) messages: u64,
    pub(crate) unreadable: Listed,
    /// Type and version of the messages.
    pub(crate) types: BTreeMap<(String, String), u64>,
    /// MSH-3 and MSH-4.
    pub(crate) senders: BTreeMap<(String, String), u64>,
    /// MSH-1 and MSH-2.
    pub(crate) delimiters: BTreeMap<String, u64>,
    pub(crate) line_ends: BTreeMap<&'static str, u64>,
    /// Messages that stood between batch headers.
    pub(crate) batch_headers: u64,
    /// Messages whose MSH-7 says its offset from UTC, and those where it does not.
    pub(crate) with_offset: u64,
    pub(crate) without_offset: u64,
    /// Messages that ask for enhanced acknowledgements, by MSH-15 and MSH-16.
    pub(crate) enhanced: u64,
    pub(crate) segments: BTreeMap<String, SegmentUse>,
    /// What the structure finds wrong: code, element and how many messages.
    pub(crate) structure: BTreeMap<String, u64>,
    pub(crate) with_structure_findings: u64,
    /// Types of which no structure is known.
    pub(crate) without_structure: u64,
}

/// Things that are counted, and of which the first ones are named.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) count: u64,
    pub(crate) first: Vec<String>,
}

/// How a segment is used.
#[derive(Debug, Default)]
pub(crate) struct SegmentUse {
    pub(crate) occurrences: u64,
    pub(crate) messages: u64,
    pub(crate) fields: BTreeMap<u32, FieldUse>,
    /// How many other segments were seen before it: the order that people know.
    pub(crate) order: usize,
    last_message: u64,
}

/// How a field is used.
#[derive(Debug, Default)]
pub(crate) struct FieldUse {
    /// In how many segments it holds something.
    pub(crate) filled: u64,
    /// The most repetitions.
    pub(crate) repetitions: usize,
    /// Whether HL7 requires it in every version that was seen.
    pub(crate) is_standard_required: bool,
    /// Whether it only numbers the segments.
    pub(crate) is_set_id: bool,
    pub(crate) codes: Option<CodeSet>,
}

/// How many unreadable messages and foreign files are named; of more there is only the number.
const LISTED_MAX: usize = 20;

/// Different names of senders, types, segments and so on that are kept. More are a field that means something else.
const NAMES_MAX: usize = 200;

/// The highest field number that is counted; the longest standard segment has 88 fields (IN2: 72).
const FIELDS_MAX: u32 = 200;

/// Looks at all samples twice: at their bytes, to learn the character set, and then at their fields. `progress` hears
/// the bytes that were read.
pub(crate) fn survey(samples: &Samples, charset: Option<Charset>, mut progress: impl FnMut(u64)) -> (Survey, Verdict) {
    let mut evidence = Evidence::default();
    for file in samples.read() {
        for part in &file.parts {
            evidence.take(&file.content(part));
        }
        progress(file.bytes.len() as u64);
    }
    let verdict = evidence.verdict();
    let options = ParseOptions {
        charset: charset.or(verdict.charset),
        ..ParseOptions::default()
    };
    let mut survey = Survey::default();
    for file in samples.read() {
        survey.take_file(&file, &options);
        progress(file.bytes.len() as u64);
    }
    (survey, verdict)
}

impl Survey {
    /// How many messages could be read.
    pub(crate) fn read(&self) -> u64 {
        self.messages - self.unreadable.count
    }

    /// The schema of the version that most messages have.
    pub(crate) fn schema(&self) -> &'static Schema {
        let most = self.types.iter().max_by_key(|(_, count)| **count);
        Schema::of(most.map_or("", |((_, version), _)| version))
    }

    /// The coded fields that hold something, with their segment and number.
    pub(crate) fn code_sets(&self) -> impl Iterator<Item = (&str, u32, &CodeSet)> {
        self.segments.iter().flat_map(|(segment, used)| {
            let coded = used.fields.iter();
            coded.filter_map(move |(number, field)| Some((segment.as_str(), *number, field.codes.as_ref()?)))
        })
    }

    fn take_file(&mut self, file: &MessageFile, options: &ParseOptions) {
        self.files += 1;
        if file.parts.is_empty() {
            self.other_files.add(|| file.name());
            return;
        }
        let envelopes = parts(file.bytes.clone()).filter(|part| part.kind == PartKind::BatchHeader);
        self.batch_headers += envelopes.count() as u64;
        for part in &file.parts {
            self.messages += 1;
            match file.parse(part, options) {
                Ok(message) => self.take(&message),
                Err(error) => self.unreadable.add(|| format!("{}: {error}", file.label(part))),
            }
        }
    }

    fn take(&mut self, message: &Message) {
        let header = message.header();
        count(&mut self.types, (header.message_type(), header.version().to_owned()));
        let sender = (
            header.sending_application().to_owned(),
            header.sending_facility().to_owned(),
        );
        count(&mut self.senders, sender);
        count(&mut self.delimiters, delimiters(message));
        *self.line_ends.entry(line_end(&message.encode())).or_default() += 1;
        match has_offset(header.timestamp()) {
            Some(true) => self.with_offset += 1,
            Some(false) => self.without_offset += 1,
            None => {}
        }
        let asks = [header.accept_acknowledgement(), header.application_acknowledgement()];
        self.enhanced += u64::from(asks.iter().any(|ask| !ask.is_empty()));
        self.take_structure(message);
        self.take_segments(message);
    }

    fn take_structure(&mut self, message: &Message) {
        let groups = message.groups();
        self.without_structure += u64::from(groups.structure().is_none());
        let mut told: Vec<String> = groups
            .findings()
            .iter()
            // The sender's own segments are told by themselves.
            .filter(|finding| !(finding.element.is_empty() && finding.path.segment().starts_with('Z')))
            .map(StructureFinding::text)
            .collect();
        self.with_structure_findings += u64::from(!told.is_empty());
        told.sort_unstable();
        told.dedup();
        for text in told {
            count(&mut self.structure, text);
        }
    }

    fn take_segments(&mut self, message: &Message) {
        let schema = message.schema();
        let identities = identities(message, schema);
        for view in message.segments().filter(|view| !view.name().is_empty()) {
            if self.segments.len() >= NAMES_MAX && !self.segments.contains_key(view.name()) {
                continue;
            }
            let order = self.segments.len();
            let known = self
                .segments
                .entry(view.name().to_owned())
                .or_insert_with(|| SegmentUse {
                    order,
                    ..SegmentUse::default()
                });
            known.occurrences += 1;
            if known.last_message != self.messages {
                known.last_message = self.messages;
                known.messages += 1;
            }
            for (number, bytes) in fields(view.name(), view.raw(), message) {
                let definition = definition(view.name(), view.raw(), number, message, schema);
                let field = known.fields.entry(number).or_default();
                field.take(view.name(), bytes, definition, message, &identities);
            }
        }
    }
}

impl FieldUse {
    fn take(
        &mut self,
        segment: &str,
        bytes: &[u8],
        definition: Option<Definition>,
        message: &Message,
        identities: &Identities,
    ) {
        self.filled += 1;
        let is_required = definition.is_some_and(|definition| definition.cardinality.is_required());
        self.is_standard_required = is_required && (self.filled == 1 || self.is_standard_required);
        self.is_set_id = definition.is_some_and(|definition| definition.datatype == "SI");
        let separator = message.delimiters().repetition.filter(|_| segment != "MSH");
        let repetitions = bytes
            .split(|byte| Some(*byte) == separator)
            .filter(|bytes| !bytes.is_empty());
        let as_coded = definition.filter(|definition| CodeSet::is_coded(definition.datatype) && segment != "MSH");
        let mut number = 0;
        for repetition in repetitions {
            number += 1;
            if let Some(definition) = &as_coded {
                let set = self.codes.get_or_insert_with(|| CodeSet::of(definition));
                set.take(segment, definition.datatype, repetition, message, identities);
            }
        }
        self.repetitions = self.repetitions.max(number);
    }
}

impl Listed {
    fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < LISTED_MAX {
            self.first.push(one_line(&name()));
        }
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    if counts.len() < NAMES_MAX || counts.contains_key(&key) {
        *counts.entry(key).or_default() += 1;
    }
}

/// The fields that hold something, by number. `""` is something.
fn fields<'m>(name: &str, raw: &'m [u8], message: &Message) -> impl Iterator<Item = (u32, &'m [u8])> + use<'m> {
    let separator = message.delimiters().field;
    // MSH-1 is the separator itself, so that what follows it counts from two.
    let first = if name == "MSH" { 2 } else { 1 };
    let fields = (first..=FIELDS_MAX).zip(raw.split(move |byte| *byte == separator).skip(1));
    fields.filter(|(_, bytes)| !bytes.is_empty())
}

fn definition(
    segment: &str,
    raw: &[u8],
    number: u32,
    message: &Message,
    schema: &'static Schema,
) -> Option<Definition> {
    let mut definition = *schema.segment(segment)?.field(number)?;
    if let Some(by) = schema::typed_by(segment, number) {
        let mut fields = raw.split(|byte| *byte == message.delimiters().field);
        let named = fields.nth(by as usize).and_then(|bytes| message.decode(bytes));
        definition.datatype = named.and_then(|name| schema.datatype_name(&name)).unwrap_or_default();
        // What table the codes of an observation's value are of depends on the observation.
        definition.table = None;
    }
    Some(definition)
}

/// Every value of the message that identifies somebody: all of the segments about persons but for codes and numbers,
/// and identifying datatypes wherever they stand.
fn identities(message: &Message, schema: &'static Schema) -> Identities {
    let mut identities = Identities::default();
    for view in message
        .segments()
        .filter(|view| !view.name().is_empty() && view.name() != "MSH")
    {
        for (number, bytes) in fields(view.name(), view.raw(), message) {
            let datatype = definition(view.name(), view.raw(), number, message, schema)
                .map_or("", |definition| definition.datatype);
            let is_about_person =
                privacy::is_about_person(view.name()) && !CodeSet::is_coded(datatype) && datatype != "SI";
            if is_about_person || privacy::is_identifying(datatype) {
                add_leaves(bytes, message, &mut identities);
            }
        }
    }
    identities
}

fn add_leaves(bytes: &[u8], message: &Message, identities: &mut Identities) {
    let delimiters = message.delimiters();
    let separates = |byte: u8| {
        byte == delimiters.component || Some(byte) == delimiters.repetition || Some(byte) == delimiters.subcomponent
    };
    for leaf in bytes.split(|byte| separates(*byte)).filter(|leaf| !leaf.is_empty()) {
        if let Some(text) = message.decode(leaf) {
            identities.add(&text);
        }
    }
}

fn delimiters(message: &Message) -> String {
    let header = message.segments().next();
    let raw = header.as_ref().map_or(&[][..], |view| view.raw());
    let separator = message.delimiters().field;
    let end = raw
        .iter()
        .skip(4)
        .position(|byte| *byte == separator)
        .map_or(raw.len(), |at| at + 4);
    one_line(&String::from_utf8_lossy(raw.get(3..end).unwrap_or_default()))
}

/// What ends the first segment.
fn line_end(bytes: &[u8]) -> &'static str {
    match bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        None => "none",
        Some(at) => match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => "CR LF",
            (Some(b'\r'), _) => "CR",
            _ => "LF",
        },
    }
}

/// Whether a timestamp says its offset; none where there is no time of the day to say it of.
fn has_offset(timestamp: &str) -> Option<bool> {
    let digits = timestamp.chars().take_while(char::is_ascii_digit).count();
    (digits > 8).then(|| timestamp.contains(['+', '-']))
}
