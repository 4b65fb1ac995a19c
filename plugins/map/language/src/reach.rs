//! Rules that can never do anything: behind one that ends the mapping, or under a condition that cannot hold.
//!
//! What is said here is certain. A condition is taken apart only where it is made of comparisons with texts, joined by
//! `and`; of any other only its wording is known.

use crate::expression::Expression;
use crate::mapping::{Mapping, Name, Over, Rule, Statement};
use crate::problem::Problem;

/// A comparison that holds: `PV1-2` is `"I"`.
type Fact = (String, String);

struct Check<'m> {
    mapping: &'m Mapping,
    problems: Vec<Problem>,
}

/// Finds them all.
pub(crate) fn check(mapping: &Mapping) -> Result<(), Vec<Problem>> {
    let mut check = Check {
        mapping,
        problems: Vec::new(),
    };
    check.rules(&mapping.rules, &[]);
    if check.problems.is_empty() {
        Ok(())
    } else {
        Err(check.problems)
    }
}

impl Check<'_> {
    fn rules(&mut self, rules: &[Rule], facts: &[Fact]) {
        let mut facts = facts.to_vec();
        // Conditions under which an earlier rule has ended the mapping.
        let mut ended: Vec<(&str, usize)> = Vec::new();
        let mut end = None;
        for rule in rules {
            if let Some(end) = end {
                let text = format!("this rule is never reached: the one in line {end} has ended the mapping");
                self.problems.push(Problem::new(rule.line, text));
                return;
            }
            let condition = rule.when.as_ref().map(|when| when.source.as_str());
            let before = ended.iter().find(|(source, _)| condition == Some(source));
            if let Some((_, line)) = before.filter(|_| matches!(rule.over, Over::Here)) {
                let text = format!(
                    "this rule's condition never holds: the rule in line {line} has ended the mapping under the same one"
                );
                self.problems.push(Problem::new(rule.line, text));
            }
            self.rule(rule, &facts);
            end = rule.ends().then_some(rule.line);
            if changes(rule) {
                ended.clear();
                facts.clear();
            }
            if let (Some(condition), Over::Here, true) = (condition, &rule.over, rule.body_ends()) {
                ended.push((condition, rule.line));
            }
        }
    }

    fn rule(&mut self, rule: &Rule, around: &[Fact]) {
        let mut facts = match rule.over {
            Over::Here => around.to_vec(),
            // A path means something else in a for-each.
            _ => Vec::new(),
        };
        if let Some(when) = &rule.when {
            self.condition(rule.line, when, &mut facts);
            self.rules(&rule.otherwise, &[]);
        }
        let mut end: Option<usize> = None;
        for Statement { line, action } in &rule.statements {
            if let Some(end) = end {
                let text = format!("this is never done: line {end} has ended the mapping");
                self.problems.push(Problem::new(*line, text));
                return;
            }
            if let crate::mapping::Action::Do(rules) = action {
                self.rules(rules, &facts);
            }
            if action.changes() {
                facts.clear();
            }
            end = action.ends().then_some(*line);
        }
    }

    /// A condition that can be known beforehand is a mistake.
    fn condition(&mut self, line: usize, when: &Expression, facts: &mut Vec<Fact>) {
        if let Some(always) = when.constant() {
            let text = if always {
                "always holds: leave it out"
            } else {
                "never holds"
            };
            self.problems
                .push(Problem::new(line, format!("the condition `{}` {text}", when.source)));
            return;
        }
        for (left, right) in comparisons(&when.source) {
            if let Some((_, other)) = facts.iter().find(|(known, other)| *known == left && *other != right) {
                let text = format!(
                    "the condition `{}` never holds: {left} is \"{other}\" here",
                    when.source
                );
                self.problems.push(Problem::new(line, text));
            }
            let choices: Option<&(Name, Vec<String>)> = self.mapping.choices.iter().find(|(name, _)| **name == *left);
            if let Some((name, choices)) = choices.filter(|(_, choices)| !choices.contains(&right)) {
                let choices = choices.join(", ");
                let text = format!(
                    "the condition `{}` never holds: `{name}` is one of {choices}",
                    when.source
                );
                self.problems.push(Problem::new(line, text));
            }
            facts.push((left, right));
        }
    }
}

/// Whether what a rule does can change what a later condition sees. What it does before it ends the mapping cannot.
fn changes(rule: &Rule) -> bool {
    let of_body = !rule.body_ends() && rule.statements.iter().any(|statement| statement.action.changes());
    of_body || matches!(rule.over, Over::Added { .. }) || rule.otherwise.iter().any(changes)
}

/// The comparisons that all have to hold for a condition to hold; none where it is made of anything else.
fn comparisons(source: &str) -> Vec<Fact> {
    if source.contains(['(', ')', '|', '~'])
        || source.contains(" or ")
        || source.contains("not ")
        || source.contains(" if ")
    {
        return Vec::new();
    }
    let comparison = |part: &str| {
        let (left, right) = part.split_once("==")?;
        let right = right.trim();
        let quote = right.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let text = right.strip_prefix(quote)?.strip_suffix(quote)?;
        let is_plain = !text.contains([quote, '\\']);
        is_plain.then(|| (left.trim().to_owned(), text.to_owned()))
    };
    source.split(" and ").filter_map(comparison).collect()
}
