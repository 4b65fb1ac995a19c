//! Which segments stand in a message and never in one of its groups, as HL7 says: a mapping that looks for one there finds
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use transfuse_message::Schema;
use transfuse_message::schema::{Element, Structure};

/// Segments by the name of a group in which they never stand.
type Elsewhere = BTreeMap<&'static str, BTreeSet<&'static str>>;

/// Of all versions of the messages of these types, as manifests name them: `ORU^R01`, `ADT^*`, `*`. What one version has in a
/// group is not told of any.
pub(super) fn elsewhere<'t>(accepts: impl Iterator<Item = &'t str>) -> Elsewhere {
    let structures: Vec<&Structure> = accepts
        .flat_map(|accepted| Schema::all().flat_map(move |schema| structures(schema, accepted)))
        .collect();
    let (mut around, mut inside) = (Elsewhere::new(), Elsewhere::new());
    for structure in structures {
        let all = || structure.elements.iter().flat_map(named);
        for group in structure.groups() {
            around.entry(group.name).or_default().extend(all());
            inside.entry(group.name).or_default().extend(named(group));
        }
    }
    for (group, segments) in &inside {
        if let Some(around) = around.get_mut(group) {
            // A group that takes any segment takes all.
            around.retain(|segment| !segments.contains(segment) && !segments.contains("*"));
        }
    }
    around
}

/// The segment itself, or those of a group.
fn named(element: &'static Element) -> impl Iterator<Item = &'static str> {
    let own = (!element.is_group()).then_some(element.name);
    own.into_iter().chain(element.segments().map(|segment| segment.name))
}

fn structures(schema: &'static Schema, accepted: &str) -> Vec<&'static Structure> {
    match accepted.split_once('^') {
        Some((code, "*")) => of_code(schema, &format!("{code}_")),
        Some((code, event)) => schema.structure_of_event(code, event).into_iter().collect(),
        None => of_code(schema, ""),
    }
}

fn of_code(schema: &'static Schema, start: &str) -> Vec<&'static Structure> {
    let names = schema.structures().filter(|name| name.starts_with(start));
    names.filter_map(|name| schema.structure(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(accepts: &[&str], group: &str, segment: &str) -> bool {
        let elsewhere = elsewhere(accepts.iter().copied());
        elsewhere.get(group).is_some_and(|segments| segments.contains(segment))
    }

    #[test]
    fn a_patient_never_stands_in_an_order_of_results_and_a_note_may() {
        assert!(never(&["ORU^R01"], "ORDER_OBSERVATION", "PID"));
        for segment in ["OBR", "OBX", "NTE", "ZPI"] {
            assert!(!never(&["ORU^R01"], "ORDER_OBSERVATION", segment), "{segment}");
        }
        assert!(!never(&["ORU^R01"], "PATIENT", "PID"));
        assert!(never(&["ORU^R01"], "PATIENT", "OBR"));
    }

    #[test]
    fn what_one_of_the_accepted_messages_has_is_told_of_none() {
        // Of an order, a prior result may come with its patient.
        assert!(!never(&["OML^O21"], "ORDER", "PID"));
        assert!(!never(&["ORU^R01", "OML^O21"], "ORDER", "PID"));
        assert!(!never(&["*"], "ORDER", "PID"));
    }
}
