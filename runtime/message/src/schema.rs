//! What HL7 says about segments, fields, datatypes, tables and message structures, version by version.
//!
//! The schema annotates: it gives names, types and groups to what is there. It never decides whether a message can be
//! read. The facts lie in the binary as text (`runtime/message/schema/`), shared by all versions; what is asked for is
//! decoded at the first question and kept.

mod catalogue;
mod events;
mod nodes;
mod structure;
mod version;

use catalogue::{Catalogue, Shelf};

pub(crate) use structure::all;
pub use structure::{Element, ElementKind, Structure};

/// The facts of one version of HL7 v2.
///
/// ```
/// use transfuse_message::Schema;
///
/// let field = Schema::of("2.5.1").segment("PID").and_then(|segment| segment.field(3)).unwrap();
/// assert_eq!((field.name, field.datatype), ("Patient Identifier List", "CX"));
/// assert!(field.cardinality.is_required() && field.cardinality.may_repeat());
/// ```
pub struct Schema {
    version: usize,
    segments: Shelf<SegmentDefinition>,
    datatypes: Shelf<DatatypeDefinition>,
    tables: Shelf<TableDefinition>,
    structures: Shelf<Structure>,
}

/// A segment and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentDefinition {
    /// The name, such as `PID`.
    pub name: &'static str,
    /// Its fields, sorted by position; positions that the version does not define are left out.
    pub fields: Vec<Definition>,
}

/// A datatype that has components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatatypeDefinition {
    /// The name, such as `CX`. Where a version knows one name for many types, as CM up to 2.3, it tells them apart:
    /// `CM_PAT_ID`.
    pub name: &'static str,
    /// Its components, sorted by position.
    pub components: Vec<Definition>,
}

/// A field or a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its number, from one.
    pub position: u32,
    /// What people call it, such as `Patient Identifier List`; empty where the standard gives no name.
    pub name: &'static str,
    /// Such as `CX` or `ST`; `varies` where another field decides; empty where the version has no use for it.
    pub datatype: &'static str,
    /// The number of the table that its codes are of, such as `0001`.
    pub table: Option<&'static str>,
    /// How often it stands.
    pub cardinality: Cardinality,
}

/// How often something may and must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cardinality {
    /// The least.
    pub min: u32,
    /// The most; `None` where there is no limit. Zero is for what the version has withdrawn.
    pub max: Option<u32>,
}

/// A table of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDefinition {
    /// The number, such as `0001`.
    pub number: &'static str,
    /// What it is a table of, such as `Administrative Sex`.
    pub name: &'static str,
    /// The codes that the standard lists, sorted. For a user-defined table they are suggestions, and some entries are
    /// descriptions of a range, such as `E1 ... E9`; an empty list means that the standard lists none.
    pub codes: Vec<&'static str>,
}

/// Fields whose datatype stands in another field: segment, field, and the field that names the type.
const TYPED_BY: &[(&str, u32, u32)] = &[("OBX", 5, 2), ("MFE", 4, 5), ("MFA", 5, 6)];

static SEGMENTS: Catalogue = Catalogue::new(include_str!("../schema/segments.txt"));
static DATATYPES: Catalogue = Catalogue::new(include_str!("../schema/datatypes.txt"));
static TABLES: Catalogue = Catalogue::new(include_str!("../schema/tables.txt"));
static STRUCTURES: Catalogue = Catalogue::new(include_str!("../schema/structures.txt"));

static SCHEMAS: [Schema; version::VERSIONS.len()] = [
    Schema::new(0),
    Schema::new(1),
    Schema::new(2),
    Schema::new(3),
    Schema::new(4),
    Schema::new(5),
    Schema::new(6),
    Schema::new(7),
    Schema::new(8),
    Schema::new(9),
    Schema::new(10),
    Schema::new(11),
];

/// Types without components. `CM` is a composite whose parts a version never said.
const PRIMITIVES: &[&str] = &[
    "CM", "DT", "DTM", "FT", "GTS", "ID", "IS", "NM", "SI", "SNM", "ST", "TM", "TN", "TS", "TX",
];

impl Schema {
    /// The schema of a version as MSH-12 writes it. Of a version that is not known, the newest one before it; where
    /// there is no version, or it is no number, the newest of all.
    #[must_use]
    pub fn of(version: &str) -> &'static Self {
        let [oldest, ..] = &SCHEMAS;
        SCHEMAS.get(version::nearest(version)).unwrap_or(oldest)
    }

    /// Every version that is known, from the oldest on.
    pub fn all() -> impl DoubleEndedIterator<Item = &'static Self> {
        SCHEMAS.iter()
    }

    const fn new(version: usize) -> Self {
        Self {
            version,
            segments: Shelf::new(&SEGMENTS),
            datatypes: Shelf::new(&DATATYPES),
            tables: Shelf::new(&TABLES),
            structures: Shelf::new(&STRUCTURES),
        }
    }

    /// The version, such as `2.5.1`.
    #[must_use]
    pub fn version(&self) -> &'static str {
        version::VERSIONS.get(self.version).copied().unwrap_or_default()
    }

    /// A segment by its name.
    #[must_use]
    pub fn segment(&'static self, name: &str) -> Option<&'static SegmentDefinition> {
        self.segments.get(name, |name, block| {
            nodes::decode(block, self.version).map(|fields| SegmentDefinition { name, fields })
        })
    }

    /// This version, then those before it from the nearest on, then those after it: where to look for what a message
    /// uses although its version has withdrawn it, or does not have it yet.
    pub(crate) fn nearby(&'static self) -> impl Iterator<Item = &'static Self> {
        let (before, after) = SCHEMAS.split_at(self.version);
        std::iter::once(self)
            .chain(before.iter().rev())
            .chain(after.iter().skip(1))
    }

    /// A datatype by its name, where it has components.
    #[must_use]
    pub fn datatype(&'static self, name: &str) -> Option<&'static DatatypeDefinition> {
        self.datatypes.get(name, |name, block| {
            nodes::decode(block, self.version).map(|components| DatatypeDefinition { name, components })
        })
    }

    /// The same, looked for in other versions too: OBX-2 names types that the version has withdrawn. A type that has no
    /// components here has none.
    #[must_use]
    pub fn datatype_of_any(&'static self, name: &str) -> Option<&'static DatatypeDefinition> {
        let is_known = self.datatype(name).is_some() || PRIMITIVES.contains(&name);
        let places = if is_known { 1 } else { SCHEMAS.len() };
        self.nearby().take(places).find_map(|schema| schema.datatype(name))
    }

    /// Whether there is such a datatype, with components or without, and its name for good.
    #[must_use]
    pub fn datatype_name(&'static self, name: &str) -> Option<&'static str> {
        let primitive = || PRIMITIVES.iter().find(|known| **known == name).copied();
        self.datatype(name).map(|datatype| datatype.name).or_else(primitive)
    }

    /// A table by its number, such as `0001`.
    #[must_use]
    pub fn table(&'static self, number: &str) -> Option<&'static TableDefinition> {
        self.tables
            .get(number, |number, block| nodes::decode_table(number, block, self.version))
    }

    /// A message structure by its name, such as `ADT_A01`.
    #[must_use]
    pub fn structure(&'static self, name: &str) -> Option<&'static Structure> {
        self.structures
            .get(name, |name, block| Structure::decode(name, block, self.version))
    }

    /// The structure that messages of this code and event have, as MSH-9.1 and MSH-9.2 give them: `ADT_A01` for `ADT`
    /// and `A04`.
    #[must_use]
    pub fn structure_of_event(&'static self, code: &str, event: &str) -> Option<&'static Structure> {
        let own = self.structure(&format!("{code}_{event}"));
        let shared = || events::structures(code, event).find_map(|name| self.structure(name));
        own.or_else(shared).or_else(|| self.structure(code))
    }

    /// The names of all segments of the version, sorted.
    pub fn segments(&'static self) -> impl Iterator<Item = &'static str> {
        SEGMENTS.names().filter(|name| self.segment(name).is_some())
    }

    /// The names of all datatypes that have components, sorted.
    pub fn datatypes(&'static self) -> impl Iterator<Item = &'static str> {
        DATATYPES.names().filter(|name| self.datatype(name).is_some())
    }

    /// The numbers of all tables, sorted.
    pub fn tables(&'static self) -> impl Iterator<Item = &'static str> {
        TABLES.names().filter(|number| self.table(number).is_some())
    }

    /// The names of all message structures, sorted.
    pub fn structures(&'static self) -> impl Iterator<Item = &'static str> {
        STRUCTURES.names().filter(|name| self.structure(name).is_some())
    }
}

/// The field of a segment that names the datatype of another one: OBX-2 for OBX-5.
#[must_use]
pub fn typed_by(segment: &str, field: u32) -> Option<u32> {
    let typed = TYPED_BY
        .iter()
        .find(|(name, number, _)| *name == segment && *number == field);
    typed.map(|(_, _, by)| *by)
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({})", self.version())
    }
}

impl SegmentDefinition {
    /// A field by its number.
    #[must_use]
    pub fn field(&self, position: u32) -> Option<&Definition> {
        at(&self.fields, position)
    }
}

impl DatatypeDefinition {
    /// A component by its number.
    #[must_use]
    pub fn component(&self, position: u32) -> Option<&Definition> {
        at(&self.components, position)
    }
}

impl TableDefinition {
    /// Whether the standard lists a code.
    #[must_use]
    pub fn contains(&self, code: &str) -> bool {
        self.codes.binary_search(&code).is_ok()
    }
}

impl Cardinality {
    /// Whether it has to stand at least once.
    #[must_use]
    pub fn is_required(self) -> bool {
        self.min > 0
    }

    /// Whether it may stand more than once.
    #[must_use]
    pub fn may_repeat(self) -> bool {
        self.max.is_none_or(|max| max > 1)
    }

    /// Whether the version has withdrawn it.
    #[must_use]
    pub fn is_withdrawn(self) -> bool {
        self.max == Some(0)
    }
}

/// By position: versions leave gaps, so the index says nothing.
fn at(definitions: &[Definition], position: u32) -> Option<&Definition> {
    let found = definitions.binary_search_by_key(&position, |definition| definition.position);
    found.ok().and_then(|index| definitions.get(index))
}
