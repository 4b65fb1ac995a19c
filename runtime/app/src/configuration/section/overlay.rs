//! Keys that another document puts in front of a table's own.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::document::Document;

/// Keys of another document that stand in front of a table's own.
#[derive(Clone, Copy)]
pub(crate) struct Overlay<'d> {
    pub(super) document: &'d Arc<Document>,
    pub(super) table: &'d DeTable<'d>,
    /// The keys of the table that count.
    pub(super) keys: &'static [&'static str],
}

impl<'d> Overlay<'d> {
    pub(super) fn get(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table.get(key).filter(|_| self.keys.contains(&key))
    }
}
