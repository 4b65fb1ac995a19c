//! What a plugin touched: the grants that it made use of.

use transfuse_message::{GroupStep, Message, Path};

use crate::grants::{segments_of_group, shown as printable};

/// Fields of one step that are told apart; a mapper of a large message touches some dozens. Beyond that a list tells
/// people nothing, and the segments are listed whole.
const FIELDS_MAX: usize = 256;

/// Tables and destinations of one step that are listed. An interface has a few of each.
const NAMES_MAX: usize = 64;

/// Kinds of groups that are told apart; no structure of HL7 has as many.
const GROUPS_MAX: usize = 64;

/// What a step's plugin touched, as grants would be written: the smallest ones under which it could do the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The fields that it read, sorted: `PID-5`, `OBX-*` for a whole segment, `*` where there were too many to list.
    pub read: Vec<String>,
    /// The fields that it changed, or tried to.
    pub written: Vec<String>,
    /// The code tables that it opened, sorted.
    pub tables: Vec<String>,
    /// The destinations that it named, sorted.
    pub to: Vec<String>,
    /// Whether it forwarded what it made itself.
    pub create: bool,
    /// Whether it used its state.
    pub state: bool,
    /// Whether it read a message or its bytes whole, which needs `read = ["*"]`.
    pub everything: bool,
}

/// A segment's name.
type Name = [u8; 3];

/// What a plugin touches while it runs. Noting a field again is what mostly happens, so that looking is quick and
/// nothing is formatted before the end. Public for whoever measures what that costs.
#[derive(Debug, Default)]
pub struct Touched {
    read: Fields,
    written: Fields,
    /// Segments of which the number was asked, and those that were inserted: any field of them opens that.
    segments: Vec<Name>,
    /// Groups that were asked for: a field of any of their segments opens that.
    groups: Vec<(String, Vec<Name>)>,
    tables: Vec<String>,
    to: Vec<String>,
    create: bool,
    state: bool,
    everything: bool,
}

/// Fields, each once. Field 0 stands for all fields of its segment.
#[derive(Debug, Default)]
struct Fields {
    noted: Vec<(Name, u32)>,
    is_coarse: bool,
    is_everything: bool,
}

impl Touched {
    /// A field that is read, or a segment with all its fields.
    pub fn note_read(&mut self, path: &Path) {
        self.read
            .note(name(path.segment()), path.field().map_or(0, |field| field.field()));
    }

    /// Fields of every segment of a name that are read.
    pub fn note_read_fields(&mut self, segment: &str, fields: impl Iterator<Item = u32>) {
        fields.for_each(|field| self.read.note(name(segment), field));
    }

    /// A field that is changed, or a segment with all its fields.
    pub fn note_written(&mut self, path: &Path) {
        self.written
            .note(name(path.segment()), path.field().map_or(0, |field| field.field()));
    }

    pub(crate) fn note_segment(&mut self, segment: &str) {
        let name = name(segment);
        if !self.segments.contains(&name) && self.segments.len() < FIELDS_MAX {
            self.segments.push(name);
        }
    }

    /// A question how many there are.
    pub(crate) fn note_count(&mut self, message: &Message, path: &Path) {
        if path.is_group() {
            let name = path.groups().last().map_or("", GroupStep::name);
            self.note_group(name, segments_of_group(message, path));
        } else if path.field().is_none() && path.given_occurrence().is_none() {
            self.note_segment(path.segment());
        } else {
            self.note_read(path);
        }
    }

    pub(crate) fn note_group<'a>(&mut self, group: &str, segments: impl Iterator<Item = &'a str>) {
        if self.groups.len() < GROUPS_MAX && self.groups.iter().all(|(known, _)| known != group) {
            self.groups.push((group.to_owned(), segments.map(name).collect()));
        }
    }

    /// A code table that is opened.
    pub fn note_table(&mut self, table: &str) {
        note_name(&mut self.tables, table);
    }

    pub(crate) fn note_to(&mut self, destinations: &[String]) {
        for destination in destinations {
            note_name(&mut self.to, printable(destination));
        }
    }

    pub(crate) fn note_create(&mut self) {
        self.create = true;
    }

    pub(crate) fn note_state(&mut self) {
        self.state = true;
    }

    pub(crate) fn note_everything(&mut self) {
        self.everything = true;
    }

    /// The grants. What any field of a segment would have opened is left out where there is one.
    #[must_use]
    pub fn access(&self) -> Access {
        let is_open = |name: Name| self.read.touch(name) || self.written.touch(name);
        let mut opened: Vec<Name> = self.segments.iter().copied().filter(|name| !is_open(*name)).collect();
        for (_, segments) in &self.groups {
            if !segments.iter().any(|name| is_open(*name) || opened.contains(name)) {
                opened.extend(segments.first());
            }
        }
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        Access {
            read: self.read.shown(&opened),
            written: self.written.shown(&[]),
            tables: sorted(&self.tables),
            to: sorted(&self.to),
            create: self.create,
            state: self.state,
            everything: self.everything,
        }
    }
}

impl Fields {
    fn note(&mut self, segment: Name, field: u32) {
        let field = (segment, if self.is_coarse { 0 } else { field });
        if self.is_everything || self.noted.last() == Some(&field) || self.noted.contains(&field) {
            return;
        }
        self.noted.push(field);
        if self.noted.len() > FIELDS_MAX {
            self.coarsen();
        }
    }

    /// Segments in place of fields, and everything in place of too many segments.
    fn coarsen(&mut self) {
        self.is_everything = self.is_coarse;
        self.is_coarse = true;
        for field in &mut self.noted {
            field.1 = 0;
        }
        self.noted.sort_unstable();
        self.noted.dedup();
        if self.is_everything {
            self.noted.clear();
        }
    }

    fn touch(&self, name: Name) -> bool {
        self.is_everything || self.noted.iter().any(|(segment, _)| *segment == name)
    }

    /// As grants would be written, with a field of each of the segments `opened`.
    fn shown(&self, opened: &[Name]) -> Vec<String> {
        if self.is_everything {
            return vec!["*".to_owned()];
        }
        let mut noted = self.noted.clone();
        noted.extend(opened.iter().map(|name| (*name, 1)));
        noted.sort_unstable();
        let is_whole = |name: &Name| noted.binary_search(&(*name, 0)).is_ok();
        let listed = noted.iter().filter(|(name, field)| *field == 0 || !is_whole(name));
        listed.map(|(name, field)| shown(*name, *field)).collect()
    }
}

fn name(segment: &str) -> Name {
    segment.as_bytes().try_into().unwrap_or_default()
}

fn shown(name: Name, field: u32) -> String {
    let name = String::from_utf8_lossy(&name).into_owned();
    match field {
        0 => format!("{name}-*"),
        field => format!("{name}-{field}"),
    }
}

fn note_name(names: &mut Vec<String>, name: &str) {
    if names.len() < NAMES_MAX && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn read(paths: &[&str]) -> Touched {
        let mut touched = Touched::default();
        for path in paths {
            touched.note_read(&path.parse().unwrap());
        }
        touched
    }

    #[test]
    fn every_name_of_a_field_is_the_same_field() {
        let access = read(&[
            "PID-5.1",
            "OBX[2]-5",
            "PID-5[2]",
            "PID[1]-5",
            "ORDER_OBSERVATION[2]/OBX-5",
            "MSH-9",
        ])
        .access();
        assert_eq!(access.read, ["MSH-9", "OBX-5", "PID-5"]);
        assert_eq!(
            access,
            Access {
                read: access.read.clone(),
                ..Access::default()
            }
        );
    }

    #[test]
    fn fields_are_sorted_by_number_and_a_whole_segment_holds_them() {
        assert_eq!(
            read(&["PID-11", "PID-3", "OBX-5", "OBX", "OBX-3"]).access().read,
            ["OBX-*", "PID-3", "PID-11"]
        );
    }

    #[test]
    fn a_count_asks_for_one_field_unless_another_is_touched_anyway() {
        let mut touched = read(&["PID-3"]);
        touched.note_segment("PID");
        touched.note_segment("OBX");
        touched.note_group("ORDER_OBSERVATION", ["ORC", "OBR", "OBX"].into_iter());
        touched.note_group("PATIENT", ["NK1", "ZZZ"].into_iter());
        assert_eq!(touched.access().read, ["NK1-1", "OBX-1", "PID-3"]);
    }

    #[test]
    fn too_many_fields_become_segments_and_too_many_segments_everything() {
        let mut touched = Touched::default();
        touched.note_read_fields("PID", 1..=300);
        assert_eq!(touched.access().read, ["PID-*"]);
        for letter in b'A'..=b'Z' {
            for other in b'A'..=b'Z' {
                touched.read.note([b'Z', letter, other], 3);
            }
        }
        assert_eq!(touched.access().read, ["*"]);
        assert!(touched.read.noted.len() <= FIELDS_MAX);
    }
}
