//! The codes of coded fields, counted: what a code table and the value sets of a profile begin with.

use std::collections::BTreeMap;

use transfuse_message::schema::Definition;
use transfuse_message::{Message, Schema};

use super::privacy::{self, Identities};
use crate::visible::one_line;

/// What a sender writes in one coded field.
#[derive(Debug, Default)]
pub(crate) struct CodeSet {
    /// The datatype, as the first message has it; OBX-5, and fields of other versions, may have others later.
    pub(crate) datatype: &'static str,
    /// Whether codes come with texts and systems, in any message.
    pub(crate) is_triple: bool,
    /// The HL7 table of the field.
    pub(crate) table: Option<&'static str>,
    /// How often the field held something, repetitions by themselves.
    pub(crate) values: u64,
    /// By code and coding system.
    pub(crate) codes: BTreeMap<(String, String), Code>,
    /// Values without a code: text alone, which is never kept.
    pub(crate) without_code: u64,
    /// Values that are not kept, because they may identify somebody or are no codes.
    pub(crate) withheld: u64,
    /// Values beyond the most different codes that are kept.
    pub(crate) beyond: u64,
    /// Whether HL7's own table lists every code that was kept.
    pub(crate) is_outside_table: bool,
}

/// One code.
#[derive(Debug, Default, Clone)]
pub(crate) struct Code {
    pub(crate) count: u64,
    /// The texts that were sent with it, and how often.
    texts: BTreeMap<String, u64>,
}

/// How the parts of a coded value are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The code alone.
    Plain,
    /// Code, text, coding system.
    Triple,
}

/// Different codes of one field that are kept. Laboratories have some thousands of tests; more are no codes.
const CODES_MAX: usize = 5_000;

/// Texts of one code that are kept: the most frequent one is written, and the first few are enough to find it.
const TEXTS_MAX: usize = 8;

/// A longer code is text in the wrong place.
const CODE_CHARS_MAX: usize = 60;

/// A longer text of a code is a note in the wrong place.
const TEXT_CHARS_MAX: usize = 120;

/// Up to so many different codes are always a code set.
pub(super) const FEW: usize = 50;

impl CodeSet {
    /// Whether the values of a field are codes at all.
    pub(super) fn is_coded(datatype: &str) -> bool {
        shape(datatype).is_some()
    }

    pub(super) fn of(definition: &Definition) -> Self {
        Self {
            datatype: definition.datatype,
            table: definition.table,
            ..Self::default()
        }
    }

    /// Counts one repetition of the field, which has the datatype `datatype` in this message.
    pub(super) fn take(
        &mut self,
        segment: &str,
        datatype: &str,
        bytes: &[u8],
        message: &Message,
        identities: &Identities,
    ) {
        let schema = message.schema();
        self.values += 1;
        let mut parts = bytes.split(|byte| *byte == message.delimiters().component);
        let mut part = || {
            let bytes = parts.next().unwrap_or_default();
            message.decode(bytes).map(|text| one_line(text.trim()))
        };
        let is_triple = shape(datatype) == Some(Shape::Triple);
        self.is_triple |= is_triple;
        let Some(code) = part() else {
            self.withheld += 1;
            return;
        };
        let text = part().filter(|_| is_triple).unwrap_or_default();
        let system = part().filter(|_| is_triple).unwrap_or_default();
        if code.is_empty() {
            self.without_code += 1;
        } else if !self.may_keep(segment, &code, schema) || identities.are_in(&code) || identities.are_in(&system) {
            self.withheld += 1;
        } else {
            let text = if identities.are_in(&text) { String::new() } else { text };
            self.keep(code, text, system, schema);
        }
    }

    /// Of a segment about persons, only what HL7 lists.
    fn may_keep(&self, segment: &str, code: &str, schema: &'static Schema) -> bool {
        let is_short = code.chars().count() <= CODE_CHARS_MAX;
        is_short && (!privacy::is_about_person(segment) || self.is_in_table(code, schema))
    }

    fn is_in_table(&self, code: &str, schema: &'static Schema) -> bool {
        let table = self.table.and_then(|number| schema.table(number));
        table.is_some_and(|table| table.contains(code))
    }

    fn keep(&mut self, code: String, text: String, system: String, schema: &'static Schema) {
        self.is_outside_table |= !self.is_in_table(&code, schema);
        let key = (code, system);
        if self.codes.len() >= CODES_MAX && !self.codes.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let known = self.codes.entry(key).or_default();
        known.count += 1;
        let is_text = !text.is_empty() && text.chars().count() <= TEXT_CHARS_MAX;
        if is_text && (known.texts.len() < TEXTS_MAX || known.texts.contains_key(&text)) {
            *known.texts.entry(text).or_default() += 1;
        }
    }

    /// Whether what was kept is a set of codes, and no list of things that are different every time.
    pub(crate) fn is_set(&self) -> bool {
        let different = self.codes.len() as u64;
        different > 0 && self.beyond == 0 && (self.codes.len() <= FEW || different * 2 <= self.values)
    }

    /// The codes with their systems, the most frequent first.
    pub(crate) fn sorted(&self) -> Vec<(&str, &str, &Code)> {
        let mut codes: Vec<_> = self
            .codes
            .iter()
            .map(|((code, system), counted)| (code.as_str(), system.as_str(), counted))
            .collect();
        codes.sort_by(|left, right| right.2.count.cmp(&left.2.count).then(left.0.cmp(right.0)));
        codes
    }
}

impl Code {
    /// The text that is sent most often with the code.
    pub(crate) fn text(&self) -> &str {
        let most = self.texts.iter().max_by_key(|(_, count)| **count);
        most.map_or("", |(text, _)| text)
    }
}

fn shape(datatype: &str) -> Option<Shape> {
    match datatype {
        "ID" | "IS" => Some(Shape::Plain),
        "CE" | "CF" | "CNE" | "CWE" => Some(Shape::Triple),
        _ => None,
    }
}
