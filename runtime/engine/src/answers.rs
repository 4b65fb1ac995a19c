//! What becomes of a delivery by what its receiver answers: a table that a site can change.

use transfuse_message::AcknowledgementCode;

/// What each answer is taken for. An answer that accepts is always taken at its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerTable {
    rules: Vec<AnswerRule>,
}

/// What one kind of answer is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRule {
    /// MSA-1.
    pub code: AcknowledgementCode,
    /// ERR-3.1 of the answer: one of its errors has this code. None for any answer with that MSA-1, with errors or without.
    pub error: Option<String>,
    /// What it is taken for.
    pub then: AnswerThen,
}

/// What an answer is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerThen {
    /// The receiver has the message.
    Delivered,
    /// Another attempt may succeed; how many there are, and what follows them, the retries say.
    Retry,
    /// A person has to say whether it is tried again or left out. Nothing overtakes it.
    Hold,
    /// The message is to blame: it goes to quarantine, and the next one goes on.
    Quarantine,
}

/// Errors (table 0357) with which AR and CR blame the message and not the moment: a message type, event, processing id or
/// version that the receiver does not support. Table 0008 has the same answer for both.
const UNSUPPORTED: [&str; 4] = ["200", "201", "202", "203"];

impl Default for AnswerTable {
    /// What HL7 says of its codes (table 0008). AE and CE: the message is at fault, and sent again as it is would be refused
    /// again. AR and CR: the receiver cannot take it now, for a reason that is not in its content; unless the error says
    /// that it never takes such messages.
    fn default() -> Self {
        use AcknowledgementCode::{AE, AR, CE, CR};
        let any = |code, then| AnswerRule {
            code,
            error: None,
            then,
        };
        let unsupported = |code| {
            UNSUPPORTED.map(|error| AnswerRule {
                error: Some(error.to_owned()),
                ..any(code, AnswerThen::Quarantine)
            })
        };
        let mut rules = [AE, CE].map(|code| any(code, AnswerThen::Quarantine)).to_vec();
        for code in [AR, CR] {
            rules.push(any(code, AnswerThen::Retry));
            rules.extend(unsupported(code));
        }
        Self { rules }
    }
}

impl AnswerTable {
    /// A table of these rules. An answer that none of them is about goes to quarantine.
    #[must_use]
    pub fn new(rules: Vec<AnswerRule>) -> Self {
        Self { rules }
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> &[AnswerRule] {
        &self.rules
    }

    /// The rule for an answer: that of its first error which has one, or else that of its code.
    pub(crate) fn rule(&self, code: AcknowledgementCode, errors: &[String]) -> Option<&AnswerRule> {
        let of_code = || self.rules.iter().filter(move |rule| rule.code == code);
        let of_error = |error: &String| of_code().find(|rule| rule.error.as_ref() == Some(error));
        errors
            .iter()
            .find_map(of_error)
            .or_else(|| of_code().find(|rule| rule.error.is_none()))
    }
}

#[cfg(test)]
mod tests {
    use AcknowledgementCode::{AE, AR, CE, CR};
    use AnswerThen::{Delivered, Hold, Quarantine, Retry};

    use super::*;

    fn then(table: &AnswerTable, code: AcknowledgementCode, errors: &[&str]) -> Option<AnswerThen> {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        table.rule(code, &errors).map(|rule| rule.then)
    }

    #[test]
    fn by_default_an_error_blames_the_message_and_a_rejection_the_moment() {
        let table = AnswerTable::default();
        for (code, errors, expected) in [
            (AE, &[][..], Quarantine),
            (CE, &["207"], Quarantine),
            (AR, &[], Retry),
            (AR, &["207"], Retry),
            (CR, &["206"], Retry),
            (AR, &["200"], Quarantine),
            (CR, &["207", "203"], Quarantine),
        ] {
            assert_eq!(then(&table, code, errors), Some(expected), "{code} {errors:?}");
        }
    }

    #[test]
    fn the_first_error_with_a_rule_wins_over_the_code() {
        let rule = |code, error: &str, then| AnswerRule {
            code,
            error: (!error.is_empty()).then(|| error.to_owned()),
            then,
        };
        let table = AnswerTable::new(vec![
            rule(AE, "", Quarantine),
            rule(AE, "205", Delivered),
            rule(AE, "X1", Hold),
            rule(AR, "205", Retry),
        ]);
        assert_eq!(then(&table, AE, &["101", "205", "X1"]), Some(Delivered));
        assert_eq!(then(&table, AE, &["X1", "205"]), Some(Hold));
        assert_eq!(then(&table, AE, &["101"]), Some(Quarantine));
        assert_eq!(then(&table, AR, &[]), None);
    }
}
