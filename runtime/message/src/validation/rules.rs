//! The rules of a profile, asked of a message.

mod checks;
mod conditions;
mod places;

use super::nodes::Reading;
use super::profile::{Check, Profile, Rule};
use super::report::{Found, Report};
use crate::schema::Schema;
use crate::{Message, Path, SegmentView};
use places::{Places, Scope, number};

/// Asks every rule that holds for messages of this type.
pub(super) fn validate(message: &Message, profile: &Profile, report: &mut Report<'_>) {
    let segments: Vec<SegmentView<'_>> = message.segments().collect();
    let mut run = Run {
        reading: Reading::of(message),
        profile,
        message_type: message.header().message_type(),
        schema: message.schema(),
        places: Places::of(&segments),
        scopes: profile
            .rules()
            .iter()
            .map(|rule| Scope::all(message, &rule.path))
            .collect(),
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
    schema: &'static Schema,
    places: Places<'m>,
    /// Where each rule looks.
    scopes: Vec<Vec<Scope>>,
    segments: Vec<SegmentView<'m>>,
    /// What each condition of each rule said of which segment the last time. Segments are looked at in order, so a
    /// long one above many others is read once for each condition, and not once for each of the others.
    met: Vec<Vec<(usize, bool)>>,
    report: &'a mut Report<'t>,
}

impl Run<'_, '_, '_> {
    /// The rules that look into one segment, in the order of its fields.
    fn segment(&mut self, index: usize) {
        let profile = self.profile;
        let Some(segment) = self.segments.get(index).copied() else {
            return;
        };
        let occurrence = self.places.occurrence(segment.name(), 0, index);
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
        if rule.is_for(&self.message_type) && self.is_meant(at, rule, index) && self.holds(at, rule, index) {
            self.field(rule, occurrence, field);
        }
    }

    /// Whether a segment is one of those that a rule looks into.
    fn is_meant(&self, at: usize, rule: &Rule, index: usize) -> bool {
        let scopes = self.scopes.get(at).map_or(&[][..], Vec::as_slice);
        let before = scopes.partition_point(|scope| scope.segments.start <= index);
        let scope = before.checked_sub(1).and_then(|last| scopes.get(last));
        let Some(scope) = scope.filter(|scope| scope.segments.contains(&index)) else {
            return false;
        };
        let occurrence = || self.places.occurrence(rule.path.segment(), scope.segments.start, index);
        rule.path.given_occurrence().is_none_or(|wanted| wanted == occurrence())
    }

    /// The rules about segments and groups themselves: that one must stand, and how many may.
    fn counts(&mut self) {
        let profile = self.profile;
        let scopes = std::mem::take(&mut self.scopes);
        let rules = profile.rules().iter().zip(&scopes).enumerate();
        for (at, (rule, scopes)) in rules.filter(|(_, (rule, _))| rule.is_of_segment()) {
            if rule.is_for(&self.message_type) {
                for scope in scopes {
                    self.count_within(at, rule, scope);
                }
            }
        }
    }

    fn count_within(&mut self, at: usize, rule: &Rule, scope: &Scope) {
        let path = &rule.path;
        let (count, wanted, place) = match path.groups().last() {
            Some(group) if path.is_group() => (scope.groups, group.given_occurrence(), scope.path.with_group(group)),
            _ => {
                let count = self.places.within(path.segment(), &scope.segments).len();
                let place = scope
                    .path
                    .with_segment(path.name(), path.given_occurrence().unwrap_or(0));
                (count, path.given_occurrence(), place)
            }
        };
        if self.holds_within(at, rule, &scope.segments) {
            let found = wanted.map_or(count, |wanted| usize::from(count >= wanted as usize));
            self.count(rule, &place, number(found));
        }
    }

    /// One rule in one segment.
    fn field(&mut self, rule: &Rule, occurrence: u32, field: &[u8]) {
        let Some(path) = rule.path.field() else { return };
        let whole = Path::found(rule.path.name(), occurrence);
        if rule.path.is_delimiters() {
            return self.node(rule, &whole.with_field(path), field);
        }
        let mut nodes = self.reading.selected(field, path);
        nodes.retain(|node| self.holds_in_repetition(rule, node.repetition));
        if rule.checks.iter().any(|check| matches!(check, Check::Count { .. })) {
            let valued = nodes.iter().filter(|node| self.reading.is_valued(node.bytes)).count();
            self.count(rule, &whole.with_field(path), number(valued));
        }
        for node in nodes {
            let path = whole.with_field(node.path.without_first_repetition());
            self.node(rule, &path, node.bytes);
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
