//! `when`: where a rule holds.

use transfuse_message::validation::{Condition, Test};

use super::path_without_groups;
use crate::configuration::section::Section;

/// `when = { .. }`, or a list of such tables, all of which must hold.
pub(super) fn read(section: &mut Section<'_>) -> Vec<Condition> {
    section
        .one_or_more("when", "`when`")
        .into_iter()
        .filter_map(condition)
        .collect()
}

fn condition(mut section: Section<'_>) -> Option<Condition> {
    let path = path_without_groups(&mut section);
    let place = section.place().clone();
    let equals = section.text("equals").map(|text| Test::In(vec![text.value]));
    let within = section.texts("in").map(|texts| Test::In(values(texts)));
    let without = section.texts("not_in").map(|texts| Test::NotIn(values(texts)));
    let present = section
        .flag("present")
        .map(|is_present| if is_present { Test::Present } else { Test::Absent });
    let is_of_segment = path.as_ref().is_some_and(|path| path.field().is_none());
    let asks_for_value = equals.is_some() || within.is_some() || without.is_some();
    let mut tests = [equals, within, without, present].into_iter().flatten();
    let (test, second) = (tests.next(), tests.next());
    if second.is_some() {
        section.faults().at_with_hint(
            &place,
            "a condition asks one thing",
            "write a list of conditions where all must hold: `when = [{ .. }, { .. }]`",
        );
    }
    if is_of_segment && asks_for_value {
        let hint = "name a field of it, or ask whether it is there: `present = true`";
        section.faults().at_with_hint(&place, "a segment has no value", hint);
    }
    if test.is_none() {
        let hint = "write `equals`, `in`, `not_in` or `present`";
        section
            .faults()
            .at_with_hint(&place, "the condition asks nothing of its path", hint);
    }
    section.finish();
    Some(Condition {
        path: path?,
        test: test?,
    })
}

fn values(texts: Vec<crate::configuration::document::Located<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}
