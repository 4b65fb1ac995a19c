//! `tables/NAME-*.csv`: the codes of one field with their texts and frequencies, and columns to map them in.

use super::codes::CodeSet;
use super::privacy;
use super::survey::Survey;

/// A code table to begin with.
#[derive(Debug)]
pub(crate) struct TableDraft {
    /// The field whose codes it holds: segment and number.
    pub(super) segment: String,
    pub(super) field: u32,
    /// The table's name, and that of its file.
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

/// The columns. The last three are for whoever maps.
const COLUMNS: [&str; 7] = [
    "code",
    "text",
    "system",
    "count",
    "target_code",
    "target_text",
    "target_system",
];

/// The column that the codes stand in.
pub(super) const CODE_COLUMN: &str = "code";

/// The tables of one sender: of every field whose codes are the sender's own.
pub(super) fn drafts(interface: &str, survey: &Survey) -> Vec<TableDraft> {
    survey
        .code_sets()
        .filter(|(segment, _, codes)| is_worth_a_table(segment, codes))
        .map(|(segment, field, codes)| TableDraft {
            name: format!("{interface}-{}-{field}", segment.to_ascii_lowercase()),
            segment: segment.to_owned(),
            field,
            content: content(codes),
        })
        .collect()
}

/// Codes that HL7 lists need no mapping, and those of segments about persons are left to the profile.
fn is_worth_a_table(segment: &str, codes: &CodeSet) -> bool {
    codes.is_set() && codes.is_outside_table && codes.datatype != "ID" && !privacy::is_about_person(segment)
}

fn content(codes: &CodeSet) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing equally long records to memory has no way to fail.
    let _ = writer.write_record(COLUMNS);
    for (code, system, counted) in codes.sorted() {
        let _ = writer.write_record([code, counted.text(), system, &counted.count.to_string(), "", "", ""]);
    }
    writer.into_inner().unwrap_or_default()
}
