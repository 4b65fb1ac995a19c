//! Segments, datatypes and tables, decoded from their blocks.

use super::version::holds;
use super::{Cardinality, Definition, TableDefinition};

/// The fields or components that a version defines; `None` where it does not know the holder at all.
pub(super) fn decode(block: &'static str, version: usize) -> Option<Vec<Definition>> {
    let mut lines = block.lines();
    let versions = lines.next().unwrap_or_default().trim_start();
    if !holds(versions, version) {
        return None;
    }
    Some(lines.filter_map(|line| definition(line, version)).collect())
}

/// A line such as ` 3 d-l CX+ #0061 Patient Identifier List`.
fn definition(line: &'static str, version: usize) -> Option<Definition> {
    let mut words = line.trim_start().splitn(4, ' ');
    let (position, versions, typed) = (words.next()?, words.next()?, words.next()?);
    if !holds(versions, version) {
        return None;
    }
    let rest = words.next().unwrap_or_default();
    let (table, name) = match rest.strip_prefix('#') {
        Some(rest) => rest
            .split_once(' ')
            .map_or((Some(rest), ""), |(table, name)| (Some(table), name)),
        None => (None, rest),
    };
    let (datatype, cardinality) = typed_cardinality(typed);
    Some(Definition {
        position: position.parse().ok()?,
        name,
        datatype,
        table,
        cardinality,
    })
}

/// `CX+` is a CX that stands once or more often. Also reads the names of structures, which are written alike.
pub(super) fn typed_cardinality(text: &'static str) -> (&'static str, Cardinality) {
    let end = text.find(['?', '*', '+', '-', '{']).unwrap_or(text.len());
    let (name, written) = text.split_at(end);
    let (min, max) = match written {
        "?" => (0, Some(1)),
        "*" => (0, None),
        "+" => (1, None),
        "-" => (0, Some(0)),
        "" => (1, Some(1)),
        range => numbers(range),
    };
    (name, Cardinality { min, max })
}

/// `{1,20}`.
fn numbers(range: &str) -> (u32, Option<u32>) {
    let inner = range.trim_matches(['{', '}']);
    let (min, max) = inner.split_once(',').unwrap_or((inner, inner));
    (min.parse().unwrap_or(0), max.parse().ok())
}

/// A table's lines: ` =d Sex` gives titles, ` d-l` and tabs before each give codes.
pub(super) fn decode_table(number: &'static str, block: &'static str, version: usize) -> Option<TableDefinition> {
    let mut name = None;
    let mut codes = Vec::new();
    for line in block.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)) {
        if let Some((versions, title)) = line.strip_prefix('=').and_then(|line| line.split_once(' ')) {
            name = name.or(holds(versions, version).then_some(title));
        } else {
            let mut parts = line.split('\t');
            if holds(parts.next().unwrap_or_default(), version) {
                codes.extend(parts);
            }
        }
    }
    codes.sort_unstable();
    name.map(|name| TableDefinition { number, name, codes })
}
