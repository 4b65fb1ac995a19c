//! What becomes of a delivery by what its receiver answers: a table that a site can change.

use std::ops::RangeInclusive;

use transfuse_message::AcknowledgementCode;

/// What each answer is taken for. An answer that accepts is always taken at its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerTable {
    rules: Vec<AnswerRule>,
    statuses: Vec<StatusRule>,
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

/// What the statuses of HTTP (RFC 9110) are taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRule {
    /// One of them, or some in a row. Where several rules are about a status, that of the fewest counts.
    pub statuses: RangeInclusive<u16>,
    /// What they are taken for.
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

/// Statuses that blame neither the message nor the receiver's settings, but the moment: it is busy, or what stands in front of it
/// does not reach it. They may last as long as a receiver is down, and deliveries are tried again for as long.
const MOMENTARY: [u16; 6] = [408, 425, 429, 502, 503, 504];

/// Whether a status is about the moment.
pub(crate) fn is_momentary(status: u16) -> bool {
    MOMENTARY.contains(&status)
}

/// Whether a status says that the receiver has the message.
pub(crate) fn is_success(status: u16) -> bool {
    (200..=299).contains(&status)
}

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
        Self::new(rules)
    }
}

impl AnswerTable {
    /// A table of these rules. An answer that none of them is about goes to quarantine.
    #[must_use]
    pub fn new(rules: Vec<AnswerRule>) -> Self {
        Self {
            rules,
            statuses: Vec::new(),
        }
    }

    /// The same, with rules for the statuses of HTTP. A status that none of them is about goes to quarantine.
    #[must_use]
    pub fn with_statuses(self, statuses: Vec<StatusRule>) -> Self {
        Self { statuses, ..self }
    }

    /// What HTTP says of its statuses (RFC 9110, 15) beside what HL7 says of its codes. 4xx: the message is at fault, but for
    /// those that blame the moment (408, 425, 429), and for those that blame what this side shows of itself (401, 403, 407):
    /// the next message would fare no better. 3xx: the receiver is elsewhere, and so it is for all messages. 5xx: the
    /// receiver has failed.
    #[must_use]
    pub fn http() -> Self {
        use AnswerThen::{Hold, Quarantine, Retry};
        let rule = |statuses, then| StatusRule { statuses, then };
        let one = |status: u16, then| rule(status..=status, then);
        let mut statuses = vec![
            rule(300..=399, Hold),
            rule(400..=499, Quarantine),
            rule(500..=599, Retry),
        ];
        statuses.extend([401, 403, 407].map(|status| one(status, Hold)));
        statuses.extend([408, 425, 429].map(|status| one(status, Retry)));
        Self::default().with_statuses(statuses)
    }

    /// Its rules for statuses.
    #[must_use]
    pub fn statuses(&self) -> &[StatusRule] {
        &self.statuses
    }

    /// What a status is taken for.
    pub(crate) fn of_status(&self, status: u16) -> AnswerThen {
        let about = self.statuses.iter().filter(|rule| rule.statuses.contains(&status));
        about
            .min_by_key(|rule| rule.statuses.end() - rule.statuses.start())
            .map_or(AnswerThen::Quarantine, |rule| rule.then)
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
    fn a_status_blames_the_message_the_moment_or_the_settings_and_the_closest_rule_wins() {
        let table = AnswerTable::http();
        for (status, expected) in [
            (301, Hold),
            (400, Quarantine),
            (401, Hold),
            (403, Hold),
            (404, Quarantine),
            (408, Retry),
            (422, Quarantine),
            (425, Retry),
            (429, Retry),
            (500, Retry),
            (503, Retry),
            (600, Quarantine),
        ] {
            assert_eq!(table.of_status(status), expected, "{status}");
        }
        assert_eq!(then(&table, AR, &[]), Some(Retry), "HL7's own codes are known too");
        let mut statuses = table.statuses().to_vec();
        statuses.push(StatusRule {
            statuses: 404..=404,
            then: Hold,
        });
        assert_eq!(table.with_statuses(statuses).of_status(404), Hold);
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
