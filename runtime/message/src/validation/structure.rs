//! The second level: what HL7 defines for the message's version.
//!
//! It is strict about what a receiver has to rely on, and no stricter. Fields and components beyond those that a
//! version defines, Z segments and `""` are never wrong. User-defined tables (datatype IS, and coded elements) are
//! local by definition, so that no value can be missing from them; a profile says what a site has agreed on. Lengths
//! are not judged: from version 2.7 on they are what a receiver must keep, and not what a sender may send.
//!
//! What keeps a receiver from using a message is an error. A warning is what most receivers live with: a segment that
//! the structure does not have, which they ignore (chapter 2.14), a set id that is left out, a component that is
//! missing, or a code of a component, such as the type of an identifier, which countries and sites add to.

use super::format;
use super::nodes::{Occurrences, Reading, is_delete};
use super::report::{Found, Report};
use crate::path::FieldPath;
use crate::schema::{self, Definition, Schema, TableDefinition};
use crate::{Message, Path, SegmentView, Severity, StructureFault};

/// Fields that the schema takes for required, and that the standard requires under a condition.
const CONDITIONAL: &[(&str, u32)] = &[("OBX", 2), ("OBX", 4)];

/// Fields of MSH whose absence is a finding of the level below.
const NEEDED_TO_READ: &[u32] = &[9, 10, 11, 12];

/// The table of value types. OBX-2 may name any datatype, and each version lists those that it knows.
const VALUE_TYPES: &str = "0125";

/// Tables that are not closed, although their datatype says so: coding systems are a registry that grows between
/// versions and takes local names (`99LAB`); of codes, events and structures of messages it is found out as a whole
/// whether a structure belongs to them.
const OPEN_TABLES: &[&str] = &["0396", "0076", "0003", "0354"];

/// Datatypes that need not be looked up to know that they have no parts to judge. TS has a second one, which says less
/// than the digits of the first.
const WITHOUT_PARTS: &[&str] = &["ST", "NM", "ID", "IS", "TX", "FT", "SI", "TS", "DTM", "DT", "TM", ""];

pub(super) fn validate(message: &Message, report: &mut Report<'_>) {
    groups(message, report);
    let mut judge = Judge {
        reading: Reading::of(message),
        schema: message.schema(),
        report,
    };
    let mut occurrences = Occurrences::default();
    for segment in message.segments() {
        if let Ok(name) = segment.name().as_bytes().try_into() {
            judge.segment(segment, &Path::found(name, occurrences.next(name)));
        }
    }
}

/// What the structure of the message finds wrong with its segments.
fn groups(message: &Message, report: &mut Report<'_>) {
    let groups = message.groups();
    if groups.structure().is_none() {
        let path = Path::of_segment(*b"MSH", 0).with_field(FieldPath::new(9, 0, 0, 0));
        report.add_unless_tolerated(found(Severity::Warning, "200", path), || {
            "MSH-9 names no message structure that HL7 defines: the order of the segments is not judged".to_owned()
        });
    }
    for finding in groups.findings() {
        let is_ignored = finding.fault == StructureFault::Unexpected && finding.element.is_empty();
        let severity = if is_ignored { Severity::Warning } else { Severity::Error };
        report.add_unless_tolerated(found(severity, finding.code(), finding.path.clone()), || finding.text());
    }
}

struct Judge<'r, 't> {
    reading: Reading,
    schema: &'static Schema,
    report: &'r mut Report<'t>,
}

impl Judge<'_, '_> {
    /// A segment that the version does not define is not judged.
    fn segment(&mut self, segment: SegmentView<'_>, path: &Path) {
        let Some(definition) = self.schema.segment(segment.name()) else {
            return;
        };
        let mut fields = self.reading.fields(segment.name(), segment.raw()).peekable();
        for field in &definition.fields {
            while fields.next_if(|(number, _)| *number < field.position).is_some() {}
            let bytes = fields.next_if(|(number, _)| *number == field.position);
            let bytes = bytes.map_or(&[][..], |(_, bytes)| bytes);
            let is_delimiters = segment.name() == "MSH" && field.position <= 2;
            if !is_delimiters && !field.cardinality.is_withdrawn() {
                self.field(segment, field, bytes, path);
            }
        }
    }

    fn field(&mut self, segment: SegmentView<'_>, field: &Definition, bytes: &[u8], path: &Path) {
        let node = FieldPath::new(field.position, 0, 0, 0);
        if !self.reading.is_valued(bytes) {
            if is_required(segment.name(), field) {
                let severity = if field.datatype == "SI" {
                    Severity::Warning
                } else {
                    Severity::Error
                };
                self.add(severity, "101", path, node, || format!("{} is required", field.name));
            }
            return;
        }
        let reading = self.reading;
        let mut valued = 0_u32;
        for (number, repetition) in reading.repetitions(bytes).filter(|(_, bytes)| reading.is_valued(bytes)) {
            valued = valued.saturating_add(1);
            let node = node.part(0, number).without_first_repetition();
            let datatype = match schema::typed_by(segment.name(), field.position) {
                Some(by) => self.named_type(segment, by, number, path),
                None => Some(field.datatype),
            };
            if let Some(datatype) = datatype {
                self.value(&Definition { datatype, ..*field }, repetition, path, node, 0);
            }
        }
        if let Some(most) = field.cardinality.max.filter(|most| valued > *most) {
            self.add(Severity::Error, "198", path, node, || {
                format!("{} stands {valued} times, and may stand {most} times", field.name)
            });
        }
    }

    /// The datatype that another field of the segment names for a repetition.
    fn named_type(&mut self, segment: SegmentView<'_>, by: u32, repetition: u32, path: &Path) -> Option<&'static str> {
        let reading = self.reading;
        let field = reading.field(segment.name(), segment.raw(), by);
        let of = |wanted| reading.repetitions(field).find(|(number, _)| *number == wanted);
        let named = of(repetition).or_else(|| of(1)).map_or(&[][..], |(_, bytes)| bytes);
        if !reading.is_valued(named) && repetition == 1 {
            let node = FieldPath::new(by, 0, 0, 0);
            self.add(Severity::Warning, "101", path, node, || {
                "the datatype of a value is required".to_owned()
            });
        }
        let name = reading.text(reading.first_leaf(named))?;
        self.schema.nearby().find_map(|schema| schema.datatype_name(&name))
    }

    /// A value at a level: 0 for a repetition, 1 for a component, 2 for a subcomponent.
    fn value(&mut self, definition: &Definition, bytes: &[u8], path: &Path, node: FieldPath, level: usize) {
        if is_delete(bytes) {
            return;
        }
        let datatype = definition.datatype;
        let may_have_parts = level < 2 && !WITHOUT_PARTS.contains(&datatype);
        let parts = may_have_parts.then(|| self.schema.datatype_of_any(datatype)).flatten();
        let Some(parts) = parts else {
            return self.leaf(definition, bytes, path, node, level);
        };
        let reading = self.reading;
        let mut found = reading.below(level, bytes);
        let mut next = found.next();
        for part in &parts.components {
            while next.is_some_and(|(number, _)| number < part.position) {
                next = found.next();
            }
            let bytes = next
                .filter(|(number, _)| *number == part.position)
                .map_or(&[][..], |(_, bytes)| bytes);
            let node = node.part(level + 1, part.position);
            if reading.is_valued(bytes) {
                self.value(part, bytes, path, node, level + 1);
            } else if part.cardinality.is_required() {
                self.add(Severity::Warning, "101", path, node, || {
                    format!("{} is required", part.name)
                });
            }
        }
    }

    /// A value without parts, or the first part of one that should have none.
    fn leaf(&mut self, definition: &Definition, bytes: &[u8], path: &Path, node: FieldPath, level: usize) {
        let leaf = self.reading.first_leaf(bytes);
        if leaf.is_empty() || is_delete(leaf) {
            return;
        }
        if let Some(expected) = format::wrong(definition.datatype, leaf) {
            self.add(Severity::Error, "102", path, node, || {
                format!("{} is not {expected}", definition.name)
            });
        }
        if definition.datatype == "ID"
            && let Some(table) = self.closed_table_without(definition, leaf)
        {
            let severity = if level == 0 { Severity::Error } else { Severity::Warning };
            self.add(severity, "103", path, node, || {
                format!("{} is not in HL7 table {}", definition.name, table.number)
            });
        }
    }

    /// The table that HL7 itself defines for a value, where it lists its codes one by one, and this is none of them.
    fn closed_table_without(&self, definition: &Definition, leaf: &[u8]) -> Option<&'static TableDefinition> {
        let number = definition.table.filter(|number| !OPEN_TABLES.contains(number))?;
        let table = self.schema.table(number)?;
        let text = self.reading.text(leaf)?;
        let is_known = table.contains(&text) || number == VALUE_TYPES && self.is_datatype(&text);
        let is_closed = !table.codes.is_empty() && table.codes.iter().all(|code| !code.contains("..."));
        (!is_known && is_closed).then_some(table)
    }

    fn is_datatype(&self, name: &str) -> bool {
        self.schema.nearby().any(|schema| schema.datatype_name(name).is_some())
    }

    fn add(&mut self, severity: Severity, code: &str, path: &Path, node: FieldPath, text: impl FnOnce() -> String) {
        let path = path.with_field(node);
        self.report.add_unless_tolerated(found(severity, code, path), text);
    }
}

/// Whether the standard asks for a field in any case.
fn is_required(segment: &str, field: &Definition) -> bool {
    let at = (segment, field.position);
    let is_known_otherwise = segment == "MSH" && NEEDED_TO_READ.contains(&field.position);
    field.cardinality.is_required() && !is_known_otherwise && !CONDITIONAL.contains(&at)
}

fn found(severity: Severity, code: &str, path: Path) -> Found<'_> {
    Found {
        severity,
        code,
        path: Some(path),
    }
}
