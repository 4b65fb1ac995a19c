//! What is deployed: interfaces and their revisions, packages and code tables.

use crate::CatalogError;

/// The catalog of one store. Its calls block on the disk; use them outside the message path.
#[derive(Debug)]
pub struct Catalog {
    _private: (),
}

/// A revision to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRevision {
    /// The interface.
    pub interface: String,
    /// The resolved settings.
    pub content: String,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// An immutable state of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The interface.
    pub interface: String,
    /// Its number within the interface, from 1.
    pub number: u32,
    /// The resolved settings.
    pub content: String,
    /// `sha256:` and the hexadecimal digest of the content.
    pub digest: String,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

/// One change of what is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChange {
    /// The revision that went live.
    pub number: u32,
    /// Who did it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// A stored package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageEntry {
    /// `sha256:` and the hexadecimal digest of the component.
    pub digest: String,
    /// `vendor/name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The manifest's text.
    pub manifest: String,
    /// The component.
    pub component: Vec<u8>,
}

/// A package without its component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSummary {
    /// The digest.
    pub digest: String,
    /// `vendor/name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it was stored, in milliseconds since 1970 UTC.
    pub stored_at_ms: i64,
}

/// A stored code table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableEntry {
    /// Its digest.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its content, in the encoding of whoever stored it.
    pub content: Vec<u8>,
}

/// A code table without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// The digest.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// When it was stored, in milliseconds since 1970 UTC.
    pub stored_at_ms: i64,
}

impl Catalog {
    /// Names of all interfaces.
    pub fn interfaces(&self) -> Result<Vec<String>, CatalogError> {
        todo!()
    }

    /// The live revision of an interface.
    pub fn live(&self, _interface: &str) -> Result<Option<Revision>, CatalogError> {
        todo!()
    }

    /// Every change of what was live, newest first.
    pub fn live_history(&self, _interface: &str) -> Result<Vec<LiveChange>, CatalogError> {
        todo!()
    }

    /// Makes the next revision. A content equal to the newest revision's makes none: that one is given back.
    pub fn add_revision(&self, _revision: &NewRevision) -> Result<Revision, CatalogError> {
        todo!()
    }

    /// Makes a revision live.
    pub fn set_live(&self, _interface: &str, _number: u32, _author: &str, _reason: &str) -> Result<(), CatalogError> {
        todo!()
    }

    /// One revision.
    pub fn revision(&self, _interface: &str, _number: u32) -> Result<Option<Revision>, CatalogError> {
        todo!()
    }

    /// All revisions, newest first.
    pub fn revisions(&self, _interface: &str) -> Result<Vec<Revision>, CatalogError> {
        todo!()
    }

    /// Stores a package under its digest. Storing the same again changes nothing.
    pub fn put_package(&self, _package: &PackageEntry) -> Result<(), CatalogError> {
        todo!()
    }

    /// A package by digest.
    pub fn package(&self, _digest: &str) -> Result<Option<PackageEntry>, CatalogError> {
        todo!()
    }

    /// All packages by name and version.
    pub fn packages(&self) -> Result<Vec<PackageSummary>, CatalogError> {
        todo!()
    }

    /// Stores a code table under its digest. Storing the same again makes it the newest of its name.
    pub fn put_table(&self, _table: &TableEntry) -> Result<(), CatalogError> {
        todo!()
    }

    /// A code table by digest.
    pub fn table(&self, _digest: &str) -> Result<Option<TableEntry>, CatalogError> {
        todo!()
    }

    /// The newest table of a name.
    pub fn newest_table(&self, _name: &str) -> Result<Option<TableEntry>, CatalogError> {
        todo!()
    }

    /// All code tables by name, newest first.
    pub fn tables(&self) -> Result<Vec<TableSummary>, CatalogError> {
        todo!()
    }
}
