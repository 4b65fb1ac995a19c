//! Whether a rule holds at a place of a message.

use std::ops::Range;

use super::Run;
use crate::validation::profile::{Condition, Rule, Test};

impl Run<'_, '_, '_> {
    /// Whether the conditions of a rule are met for one segment, but for those that are asked of each repetition.
    pub(super) fn holds(&mut self, at: usize, rule: &Rule, index: usize) -> bool {
        let conditions = rule.when.iter().enumerate();
        conditions
            .filter(|(_, condition)| !rule.asks_of_repetition(condition))
            .all(|(number, condition)| {
                let found = self.meant(condition, index);
                self.is_met_in(at, rule, number, condition, found)
            })
    }

    /// Whether they are met for a rule about the segments within a range.
    pub(super) fn holds_within(&mut self, at: usize, rule: &Rule, range: &Range<usize>) -> bool {
        rule.when.iter().enumerate().all(|(number, condition)| {
            let inside = self.places.within(condition.path.segment(), range).first().copied();
            let found = inside.or_else(|| self.meant(condition, range.start));
            self.is_met_in(at, rule, number, condition, found)
        })
    }

    /// Whether the conditions on the rule's own field are met in one repetition of it.
    pub(super) fn holds_in_repetition(&self, rule: &Rule, repetition: &[u8]) -> bool {
        let own = rule.when.iter().filter(|condition| rule.asks_of_repetition(condition));
        own.filter_map(|condition| Some((&condition.test, condition.path.field()?)))
            .all(|(test, path)| self.fits(test, &[self.reading.within(repetition, path)]))
    }

    /// The segment that a condition looks at.
    fn meant(&self, condition: &Condition, index: usize) -> Option<usize> {
        let path = &condition.path;
        match path.given_occurrence() {
            Some(wanted) => self.places.nth(path.segment(), wanted),
            None => self.places.nearest(path.segment(), index),
        }
    }

    /// Whether a condition is met in a segment, remembered until it is asked of another one.
    fn is_met_in(
        &mut self,
        at: usize,
        rule: &Rule,
        number: usize,
        condition: &Condition,
        found: Option<usize>,
    ) -> bool {
        let Some(found) = found else {
            return condition.test.is_met_by_nothing();
        };
        let before = self.met.get(at).and_then(|met| met.get(number));
        if let Some((_, is_met)) = before.filter(|(segment, _)| *segment == found) {
            return *is_met;
        }
        let is_met = self.is_met(condition, found);
        if let Some(met) = self.met.get_mut(at) {
            met.resize(rule.when.len(), (usize::MAX, false));
            met.splice(number..=number, [(found, is_met)]);
        }
        is_met
    }

    fn is_met(&self, condition: &Condition, index: usize) -> bool {
        let Condition { path, test } = condition;
        let Some((segment, node)) = self.segments.get(index).zip(path.field()) else {
            return !test.is_met_by_nothing();
        };
        let field = self.reading.field(segment.name(), segment.raw(), node.field());
        let selected = self.reading.selected(field, node);
        let nodes: Vec<&[u8]> = selected.iter().map(|node| node.bytes).collect();
        self.fits(test, &nodes)
    }

    fn fits(&self, test: &Test, nodes: &[&[u8]]) -> bool {
        let is_valued = || nodes.iter().any(|node| self.reading.is_valued(node));
        let is_any = |values: &[String]| nodes.iter().any(|node| self.is_one_of(node, values));
        match test {
            Test::Present => is_valued(),
            Test::Absent => !is_valued(),
            Test::In(values) => is_any(values),
            Test::NotIn(values) => !is_any(values),
        }
    }

    fn is_one_of(&self, node: &[u8], values: &[String]) -> bool {
        let text = self.reading.text(self.reading.first_leaf(node));
        text.is_some_and(|text| values.iter().any(|value| *value == text))
    }
}
