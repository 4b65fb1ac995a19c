//! Every fact of a folder of JSON files about HL7 v2, kept outside the project, is what the schema answers, and the
//! schema knows nothing beyond them.
//!
//! The folder is named by `TRANSFUSE_HL7_SCHEMA`, or found as `shared/data/hl7-schema` beside one of the folders above
//! this crate. `schema/generate.py` made the schema's tables from it; this test reads it in its own way.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use transfuse_message::Schema;
use transfuse_message::schema::{Cardinality, Definition, Element, ElementKind};

/// What the folder has wrong, and the schema knows better: version, kind, name.
const CORRECTED: &[(&str, &str, &str)] = &[
    // A leaf that was taken for a segment.
    ("2.1", "segments", "ORO"),
    // Field 30 has its type for a name, and its name for a table.
    ("2.1", "segments", "RX1"),
];

#[test]
fn every_fact_about_every_version_is_what_the_schema_answers() {
    let Some(folder) = folder() else {
        report("SKIPPED: no facts about HL7 v2 (TRANSFUSE_HL7_SCHEMA, or shared/data/hl7-schema above the project)\n");
        return;
    };
    for schema in Schema::all() {
        let file = folder.join(format!("hl7v{}.json", schema.version().replace('.', "_")));
        let facts: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let counts = [
            compare_segments(schema, &facts),
            compare_datatypes(schema, &facts),
            compare_structures(schema, &facts),
            compare_tables(schema, &facts),
        ];
        let [fields, components, elements, codes] = counts;
        report(&format!(
            "{:<6} {fields:>5} fields {components:>5} components {elements:>6} elements of structures {codes:>6} codes\n",
            schema.version()
        ));
    }
}

fn compare_segments(schema: &'static Schema, facts: &Value) -> usize {
    let expected = names(schema, facts, "segments");
    assert_eq!(schema.segments().collect::<BTreeSet<_>>(), expected, "{schema:?}");
    let compare = |name: &&str| {
        let definition = schema.segment(name).unwrap();
        assert_eq!(definition.name, *name);
        compare_nodes(schema, name, &definition.fields, &facts["segments"][*name], 5)
    };
    let checked = expected.iter().filter(|name| !is_corrected(schema, "segments", name));
    checked.map(compare).sum()
}

fn compare_datatypes(schema: &'static Schema, facts: &Value) -> usize {
    let expected = names(schema, facts, "datatypes");
    assert_eq!(schema.datatypes().collect::<BTreeSet<_>>(), expected, "{schema:?}");
    let compare = |name: &&str| {
        let definition = schema.datatype(name).unwrap();
        assert_eq!(definition.name, *name);
        compare_nodes(schema, name, &definition.components, &facts["datatypes"][*name], 4)
    };
    expected.iter().map(compare).sum()
}

/// Fields and components are found by the position that the facts give, and by no other.
fn compare_nodes(schema: &Schema, holder: &str, found: &[Definition], facts: &Value, cardinality: usize) -> usize {
    let facts = facts.as_array().unwrap();
    assert_eq!(found.len(), facts.len(), "{schema:?} {holder}");
    for fact in facts {
        let position = fact[0].as_u64().unwrap();
        let place = format!("{schema:?} {holder}-{position}");
        let node = found.iter().find(|node| u64::from(node.position) == position);
        let node = node.unwrap_or_else(|| panic!("{place} is missing"));
        assert_eq!(letters(node.name), letters(fact[1].as_str().unwrap()), "{place}");
        let datatype = fact[2].as_str().unwrap_or_default().replace("wd", "WD");
        assert_eq!(node.datatype, datatype, "{place}");
        assert_eq!(node.table, fact[3].as_str(), "{place}");
        assert_eq!(pair(node.cardinality), fact[cardinality], "{place}");
    }
    facts.len()
}

fn compare_structures(schema: &'static Schema, facts: &Value) -> usize {
    let expected = names(schema, facts, "messages");
    assert_eq!(schema.structures().collect::<BTreeSet<_>>(), expected, "{schema:?}");
    let compare = |name: &&str| {
        let structure = schema.structure(name).unwrap();
        assert_eq!(structure.name, *name);
        compare_elements(schema, name, &structure.elements, facts, &facts["messages"][*name])
    };
    expected.iter().map(compare).sum()
}

fn compare_elements(schema: &Schema, structure: &str, found: &[Element], facts: &Value, expected: &Value) -> usize {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len(), "{schema:?} {structure}");
    let compare = |(element, fact): (&Element, &Value)| {
        let name = fact[0].as_str().unwrap();
        let place = format!("{schema:?} {structure} {name}");
        assert_eq!(pair(element.cardinality), fact[1], "{place}");
        if fact[2] == "SEG" {
            let expected = name.replace("ANYHL7SEGMENT", "*");
            assert_eq!((element.name, element.is_group()), (&*expected, false), "{place}");
            assert_eq!(element.kind == ElementKind::AnySegment, expected == "*", "{place}");
            return 1;
        }
        let group = format!("{}_{}", structure.to_uppercase(), element.name);
        assert_eq!((group.as_str(), element.is_group()), (name, true), "{place}");
        assert!(
            element.kind != ElementKind::Choice || is_choice(&facts["groups"][name]),
            "{place}"
        );
        assert!(
            element.kind == ElementKind::Choice || !name.ends_with("CHOICE"),
            "{place}"
        );
        1 + compare_elements(schema, structure, &element.elements, facts, &facts["groups"][name])
    };
    found.iter().zip(expected).map(compare).sum()
}

/// The facts write one of several segments as a group in which each is required.
fn is_choice(group: &Value) -> bool {
    let elements = group.as_array().unwrap();
    elements.len() > 1 && elements.iter().all(|element| element[1] == serde_json::json!([1, 1]))
}

fn compare_tables(schema: &'static Schema, facts: &Value) -> usize {
    let expected = names(schema, facts, "tables");
    assert_eq!(schema.tables().collect::<BTreeSet<_>>(), expected, "{schema:?}");
    let compare = |number: &&str| {
        let table = schema.table(number).unwrap();
        let fact = &facts["tables"][*number];
        let place = format!("{schema:?} table {number}");
        assert_eq!(
            (table.number, table.name),
            (*number, &*trimmed(fact[0].as_str().unwrap())),
            "{place}"
        );
        let codes: BTreeSet<_> = fact[1]
            .as_array()
            .unwrap()
            .iter()
            .map(|code| trimmed(code.as_str().unwrap()))
            .collect();
        let codes: Vec<_> = codes.into_iter().filter(|code| !code.is_empty()).collect();
        assert_eq!(table.codes, codes, "{place}");
        assert!(codes.iter().all(|code| table.contains(code)), "{place}");
        codes.len()
    };
    expected.iter().map(compare).sum()
}

fn names<'a>(schema: &Schema, facts: &'a Value, kind: &str) -> BTreeSet<&'a str> {
    let names = facts[kind].as_object().unwrap().keys().map(String::as_str);
    names
        .filter(|name| *name != "ORO" || !is_corrected(schema, kind, name))
        .collect()
}

fn is_corrected(schema: &Schema, kind: &str, name: &str) -> bool {
    CORRECTED.contains(&(schema.version(), kind, name))
}

/// Names are for people: compared are their letters and digits.
fn letters(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_lowercase()
}

/// Codes without the blanks around them, of which some are not in ASCII or were decoded twice.
fn trimmed(text: &str) -> String {
    text.replace("\u{c2}\u{a0}", " ")
        .replace('\u{a0}', " ")
        .trim()
        .to_owned()
}

fn pair(cardinality: Cardinality) -> Value {
    serde_json::json!([cardinality.min, cardinality.max.map_or(-1, i64::from)])
}

fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("TRANSFUSE_HL7_SCHEMA") {
        return Some(folder.into());
    }
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .map(|folder| folder.join("shared/data/hl7-schema"))
        .find(|folder| folder.is_dir())
}

/// Past the capture of the test runner, so that a skipped comparison is seen.
fn report(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
