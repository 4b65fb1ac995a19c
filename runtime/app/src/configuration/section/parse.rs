//! From the text of a document to its tables.

use std::sync::Arc;

use toml::de::DeTable;

use super::super::document::{Document, Place};
use super::super::fault::Faults;

/// Parses a document, reporting every syntax error; none where there is one: keys may be absent then that the person did
/// write, so that what is missing must not be reported.
pub(crate) fn parse<'d>(document: &'d Arc<Document>, faults: &Faults) -> Option<DeTable<'d>> {
    let (table, is_sound) = parse_with(document, |place, message| faults.at(place, message));
    is_sound.then_some(table)
}

/// The same, reporting in another way; the table holds what could be read in spite of the errors, and the second value says
/// whether there was none.
pub(crate) fn parse_with(document: &Arc<Document>, report: impl Fn(&Place, String)) -> (DeTable<'_>, bool) {
    let (table, errors) = DeTable::parse_recoverable(&document.text);
    for error in &errors {
        let place = Place::new(document, error.span().unwrap_or(0..0));
        report(&place, error.message().trim_end().to_owned());
    }
    (table.into_inner(), errors.is_empty())
}
