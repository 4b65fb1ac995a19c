//! Rules that cannot all be kept, or that can never be broken: found when a profile is read, and not at a message.

use super::profile::{Check, ProfileFault, Rule};

/// What is wrong with rules on their own and beside one another, as far as it can be told without a message.
pub(super) fn of(rules: &[Rule]) -> Vec<ProfileFault> {
    let alone = rules.iter().filter_map(alone);
    let pairs = rules.iter().enumerate().filter_map(|(index, rule)| {
        let before = rules.get(..index).unwrap_or_default();
        before.iter().find_map(|other| beside(rule, other))
    });
    let mut faults: Vec<_> = alone.chain(pairs).collect();
    faults.sort_by_key(|fault| fault.line);
    faults
}

/// What is wrong with one rule.
fn alone(rule: &Rule) -> Option<ProfileFault> {
    let reason = rule.checks.iter().find_map(|check| check_alone(rule, check))?;
    Some(ProfileFault {
        line: rule.line,
        reason,
    })
}

fn check_alone(rule: &Rule, check: &Check) -> Option<String> {
    let of_values = !matches!(check, Check::Required | Check::Count { .. });
    match check {
        _ if of_values && rule.is_of_segment() => Some(format!(
            "`{}` is a segment, and has no value: name a field of it",
            rule.path
        )),
        Check::OneOf { values, .. } if values.is_empty() => Some("no value at all is allowed".to_owned()),
        Check::Count {
            least,
            most: Some(most),
        } if least > most => Some(format!("at least {least} and at most {most} cannot both be")),
        Check::Count { .. } if rule.path.field().is_some_and(|field| field.component().is_some()) => {
            Some(format!("`{}` is part of a repetition, and cannot repeat", rule.path))
        }
        Check::Count { most: Some(0), .. } if is_required(rule) => {
            Some("it is required, and may not stand at all".to_owned())
        }
        _ => None,
    }
}

fn is_required(rule: &Rule) -> bool {
    rule.checks.iter().any(|check| matches!(check, Check::Required))
}

/// What is wrong with a rule beside an earlier one that holds wherever it does. Only rules without conditions are
/// compared: whether two conditions can meet is a question of the messages.
fn beside(rule: &Rule, earlier: &Rule) -> Option<ProfileFault> {
    let same_place = rule.path == earlier.path && rule.when.is_empty() && earlier.when.is_empty();
    let same_types = earlier.types.is_empty() || rule.types.is_empty() || earlier.types == rule.types;
    if !same_place || !same_types {
        return None;
    }
    let checks = || {
        rule.checks
            .iter()
            .flat_map(|one| earlier.checks.iter().map(move |other| (one, other)))
    };
    let what = checks().find_map(|(one, other)| contradiction(one, other))?;
    Some(ProfileFault {
        line: rule.line,
        reason: format!("{what}, which contradicts line {}", earlier.line),
    })
}

fn contradiction(one: &Check, other: &Check) -> Option<&'static str> {
    match (one, other) {
        (Check::Required, Check::Count { most: Some(0), .. }) => Some("it is required"),
        (Check::Count { most: Some(0), .. }, Check::Required) => Some("it may not stand at all"),
        (
            Check::Count { least, most },
            Check::Count {
                least: least_before,
                most: most_before,
            },
        ) => {
            let apart = most.is_some_and(|most| most < *least_before) || most_before.is_some_and(|most| most < *least);
            apart.then_some("no number of them fits")
        }
        (Check::OneOf { values, .. }, Check::OneOf { values: before, .. }) => {
            values.is_disjoint(before).then_some("no value fits")
        }
        _ => None,
    }
}
