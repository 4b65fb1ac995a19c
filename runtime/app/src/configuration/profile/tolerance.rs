//! `[[tolerances]]`: what the standard asks and this sender need not do.

use transfuse_message::acknowledgement;
use transfuse_message::validation::Tolerance;

use super::{line_of, path_without_groups};
use crate::configuration::document::Located;
use crate::configuration::section::Section;

pub(super) fn read(mut section: Section<'_>) -> Option<Tolerance> {
    let line = line_of(&section);
    let path = path_without_groups(&mut section);
    let codes = section.texts("codes").unwrap_or_default();
    let codes = codes
        .into_iter()
        .filter_map(|code| known_code(code, &section))
        .collect();
    // For people; nothing depends on it.
    section.text("reason");
    section.finish();
    Some(Tolerance {
        path: path?,
        codes,
        line,
    })
}

/// A code of table 0357, or else a fault.
pub(super) fn known_code(code: Located<String>, section: &Section<'_>) -> Option<String> {
    if acknowledgement::meaning(&code.value).is_some() {
        return Some(code.value);
    }
    let message = format!("`{}` is no code of HL7 table 0357", code.value);
    let hint = "101 a required field is missing, 102 wrong datatype, 103 not in the table, 104 too long, 198 wrong cardinality";
    section.faults().at_with_hint(&code.place, message, hint);
    None
}
