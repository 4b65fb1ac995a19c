//! What a rule asks of a node, and of how many there are.

use super::Run;
use crate::Path;
use crate::validation::format;
use crate::validation::nodes::is_delete;
use crate::validation::profile::{Check, Rule};

impl Run<'_, '_, '_> {
    /// What a rule asks of one node.
    pub(super) fn node(&mut self, rule: &Rule, path: &Path, node: &[u8]) {
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
            Check::InTable(table) => {
                let value = text(self.reading.first_leaf(node))?;
                (!self.is_in_table(table, &value)).then(|| format!("must be in HL7 table {table}"))
            }
            Check::Datatype(datatype) => {
                let expected = format::wrong(datatype, self.reading.first_leaf(node))?;
                Some(format!("must be {expected}"))
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

    /// Whether HL7 lists a value, in the message's version or the nearest that has the table.
    fn is_in_table(&self, table: &str, value: &str) -> bool {
        let found = self.schema.nearby().find_map(|schema| schema.table(table));
        found.is_none_or(|table| table.contains(value))
    }

    /// The checks of a rule that ask how many there are.
    pub(super) fn count(&mut self, rule: &Rule, path: &Path, found: u32) {
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
}

/// A cardinality in words.
fn asked(least: u32, most: Option<u32>) -> String {
    match most {
        None => format!("at least {least} times"),
        Some(most) if most == least => format!("exactly {least} times"),
        Some(most) => format!("{least} to {most} times"),
    }
}
