//! The rules of a profile, asked of a message.

use std::collections::HashMap;

use super::nodes::{Reading, is_delete};
use super::profile::{Check, Condition, Profile, Rule, Test};
use super::report::{Found, Report};
use crate::{Message, Path, SegmentView};

/// Asks every rule that holds for messages of this type.
pub(super) fn validate(message: &Message, profile: &Profile, report: &mut Report<'_>) {
    let segments: Vec<SegmentView<'_>> = message.segments().collect();
    let mut run = Run {
        reading: Reading::of(message),
        profile,
        message_type: message.header().message_type(),
        places: Places::of(&segments),
        segments,
        met: vec![Vec::new(); profile.rules().len()],
        report,
    };
    for index in 0..run.segments.len() {
        run.segment(index);
    }
    run.counts();
}

/// One message under one profile.
struct Run<'a, 'm, 't> {
    reading: Reading,
    profile: &'a Profile,
    message_type: String,
    places: Places<'m>,
    segments: Vec<SegmentView<'m>>,
    /// What each condition of each rule said of which segment the last time. Segments are looked at in order, so a
    /// long one above many others is read once for each condition, and not once for each of the others.
    met: Vec<Vec<(usize, bool)>>,
    report: &'a mut Report<'t>,
}

/// Where the segments of each name stand, in order.
struct Places<'m>(HashMap<&'m str, Vec<usize>>);

impl<'m> Places<'m> {
    fn of(segments: &[SegmentView<'m>]) -> Self {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, segment) in segments.iter().enumerate() {
            places.entry(segment.name()).or_default().push(index);
        }
        Self(places)
    }

    fn named(&self, name: &str) -> &[usize] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Which of the segments of its name it is, counted from one.
    fn occurrence(&self, name: &str, index: usize) -> u32 {
        let before = self.named(name).partition_point(|other| *other < index);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    /// The nearest segment of this name at or above a place, or else the first one.
    fn nearest(&self, name: &str, index: usize) -> Option<usize> {
        let named = self.named(name);
        let above = named.partition_point(|other| *other <= index);
        named.get(above.saturating_sub(1)).copied()
    }
}

impl Run<'_, '_, '_> {
    /// The rules that look into one segment, in the order of its fields.
    fn segment(&mut self, index: usize) {
        let profile = self.profile;
        let Some(segment) = self.segments.get(index).copied() else {
            return;
        };
        let occurrence = self.places.occurrence(segment.name(), index);
        let mut rules = profile.rules_within(segment.name()).peekable();
        for (number, field) in self.reading.fields(segment.name(), segment.raw()) {
            while let Some((at, rule)) = rules.next_if(|(_, rule)| rule.field_number() <= number) {
                self.rule_at(at, rule, index, occurrence, field);
            }
            if rules.peek().is_none() {
                return;
            }
        }
        for (at, rule) in rules {
            self.rule_at(at, rule, index, occurrence, &[]);
        }
    }

    fn rule_at(&mut self, at: usize, rule: &Rule, index: usize, occurrence: u32, field: &[u8]) {
        let is_meant = rule.path.given_occurrence().is_none_or(|wanted| wanted == occurrence);
        if is_meant && rule.is_for(&self.message_type) && self.holds(at, rule, index) {
            self.field(rule, occurrence, field);
        }
    }

    /// The rules about segments themselves: that one must stand, and how many may.
    fn counts(&mut self) {
        let profile = self.profile;
        for (at, rule) in profile
            .rules()
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.is_of_segment())
        {
            let named = self.places.named(rule.path.segment());
            let (count, first) = (named.len(), named.first().copied().unwrap_or_default());
            if rule.is_for(&self.message_type) && self.holds(at, rule, first) {
                let found = match rule.path.given_occurrence() {
                    Some(wanted) => usize::from(count >= wanted as usize),
                    None => count,
                };
                self.count(rule, &rule.path, u32::try_from(found).unwrap_or(u32::MAX));
            }
        }
    }

    /// Whether all conditions of a rule are met at a place of the message.
    fn holds(&mut self, at: usize, rule: &Rule, index: usize) -> bool {
        rule.when.iter().enumerate().all(|(number, condition)| {
            let Some(found) = self.meant(condition, index) else {
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
        })
    }

    /// The segment that a condition looks at.
    fn meant(&self, condition: &Condition, index: usize) -> Option<usize> {
        let path = &condition.path;
        match path.given_occurrence() {
            Some(wanted) => self.places.named(path.segment()).get(wanted as usize - 1).copied(),
            None => self.places.nearest(path.segment(), index),
        }
    }

    /// Whether a condition is met in a segment.
    fn is_met(&self, condition: &Condition, index: usize) -> bool {
        let Condition { path, test } = condition;
        let Some((segment, node)) = self.segments.get(index).zip(path.field()) else {
            return !test.is_met_by_nothing();
        };
        let field = self.reading.field(segment.name(), segment.raw(), node.field());
        let nodes = self.reading.selected(field, node);
        let is_valued = || nodes.iter().any(|(_, bytes)| self.reading.is_valued(bytes));
        let is_any = |values: &[String]| nodes.iter().any(|(_, bytes)| self.is_one_of(bytes, values));
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

    /// One rule in one segment.
    fn field(&mut self, rule: &Rule, occurrence: u32, field: &[u8]) {
        let Some(path) = rule.path.field() else { return };
        let whole = Path::found(rule.path.name(), occurrence);
        if rule.path.is_delimiters() {
            return self.node(rule, &whole.with_field(path), field);
        }
        let nodes = self.reading.selected(field, path);
        if rule.checks.iter().any(|check| matches!(check, Check::Count { .. })) {
            let valued = nodes.iter().filter(|(_, bytes)| self.reading.is_valued(bytes)).count();
            self.count(rule, &whole.with_field(path), u32::try_from(valued).unwrap_or(u32::MAX));
        }
        for (node, bytes) in nodes {
            self.node(rule, &whole.with_field(node.without_first_repetition()), bytes);
        }
    }

    /// What a rule asks of one node.
    fn node(&mut self, rule: &Rule, path: &Path, node: &[u8]) {
        let is_valued = self.reading.is_valued(node);
        for check in &rule.checks {
            let wrong = match check {
                Check::Required => (!is_valued).then(|| "is required".to_owned()),
                _ if !is_valued || is_delete(node) => None,
                check => self.value(check, node),
            };
            if let Some(what) = wrong {
                self.report(rule, check, path, &what);
            }
        }
    }

    /// What is wrong with a value, if anything. What cannot be decoded is told as such elsewhere.
    fn value(&self, check: &Check, node: &[u8]) -> Option<String> {
        let text = |bytes| self.reading.text(bytes);
        match check {
            Check::OneOf { description, values } => {
                let value = text(self.reading.first_leaf(node))?;
                (!values.contains(value.as_ref())).then(|| format!("must be {description}"))
            }
            Check::Matches(pattern) => {
                let value = text(self.reading.first_leaf(node))?;
                (!pattern.matches(&value)).then(|| format!("must match {}", pattern.as_str()))
            }
            Check::LengthMax(most) => {
                let length = text(node)?.chars().take(*most as usize + 1).count();
                (length > *most as usize).then(|| format!("must have at most {most} characters"))
            }
            Check::Required | Check::Count { .. } => None,
        }
    }

    /// The checks of a rule that ask how many there are.
    fn count(&mut self, rule: &Rule, path: &Path, found: u32) {
        for check in &rule.checks {
            match check {
                Check::Required if rule.is_of_segment() && found == 0 => {
                    self.report(rule, check, path, "is required");
                }
                Check::Count { least, most } if found < *least || most.is_some_and(|most| found > most) => {
                    let asked = asked(*least, *most);
                    self.report(
                        rule,
                        check,
                        path,
                        &format!("must stand {asked}, and stands {found} times"),
                    );
                }
                _ => {}
            }
        }
    }

    fn report(&mut self, rule: &Rule, check: &Check, path: &Path, what: &str) {
        let found = Found {
            severity: rule.severity,
            code: rule.code.as_deref().unwrap_or(check.code()),
            path: Some(path.clone()),
        };
        let profile = self.profile.name();
        self.report.add(found, || match &rule.text {
            Some(text) => text.clone(),
            None => format!("{path} {what} ({profile} line {})", rule.line),
        });
    }
}

/// A cardinality in words.
fn asked(least: u32, most: Option<u32>) -> String {
    match most {
        None => format!("at least {least} times"),
        Some(most) if most == least => format!("exactly {least} times"),
        Some(most) => format!("{least} to {most} times"),
    }
}
