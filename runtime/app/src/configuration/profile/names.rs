//! The names in a path, held to what HL7 defines in any version: a slip in one would make a rule that never holds.

use std::sync::LazyLock;

use transfuse_message::schema::{Element, Schema};
use transfuse_message::{GroupStep, Path};

use crate::configuration::document::Place;
use crate::configuration::fault::Faults;
use crate::configuration::suggest;

/// Reports segments and groups that no version has. Segments of a site's own begin with Z.
pub(super) fn check(path: &Path, place: &Place, faults: &Faults) {
    let segment = path.segment();
    let is_own = path.is_group() || segment.starts_with('Z');
    if !is_own && Schema::all().all(|schema| schema.segment(segment).is_none()) {
        let known: Vec<&str> = Schema::all().flat_map(Schema::segments).collect();
        let message = format!("no version of HL7 v2 has a segment `{segment}`");
        faults.at_with_hints(place, message, near(segment, &known));
    }
    for group in path.groups().iter().map(GroupStep::name) {
        if GROUPS.binary_search(&group).is_err() {
            let message = format!("no message structure of HL7 v2 has a group `{group}`");
            faults.at_with_hints(place, message, near(group, &GROUPS));
        }
    }
}

/// The names of all groups of all structures of all versions, sorted.
static GROUPS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names = Vec::new();
    for schema in Schema::all() {
        let structures = schema.structures().filter_map(|name| schema.structure(name));
        structures.for_each(|structure| collect(&structure.elements, &mut names));
    }
    names.sort_unstable();
    names.dedup();
    names
});

fn near(written: &str, known: &[&str]) -> Vec<String> {
    let near = suggest::nearest(written, known.iter().copied());
    near.map(|name| format!("did you mean `{name}`?")).into_iter().collect()
}

fn collect(elements: &[Element], names: &mut Vec<&'static str>) {
    for element in elements.iter().filter(|element| element.is_group()) {
        names.push(element.name);
        collect(&element.elements, names);
    }
}
