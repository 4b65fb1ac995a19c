//! `[destinations.answers]`: what a receiver's answers are taken for.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use transfuse_engine::{AnswerRule, AnswerTable, AnswerThen as Then, StatusRule};
use transfuse_message::AcknowledgementCode;

use super::resolved::AnswerThen;
use super::section::Section;

/// Answers that may be taken for something else than what HL7 says. What accepts is taken at its word.
const CODES: [AcknowledgementCode; 4] = {
    use AcknowledgementCode::{AE, AR, CE, CR};
    [AE, AR, CE, CR]
};

const WORDS: [(&str, AnswerThen); 4] = [
    ("delivered", AnswerThen::Delivered),
    ("retry", AnswerThen::Retry),
    ("hold", AnswerThen::Hold),
    ("quarantine", AnswerThen::Quarantine),
];

/// The most characters of an error code that a table names. HL7's own (table 0357) have three.
const ERROR_CHARACTERS_MAX: usize = 20;

/// Whose answers a table is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Mllp,
    /// Statuses too.
    Http,
}

/// The whole table: that of the standards, with what the file says in its place.
pub(super) fn read(section: &mut Section<'_>, of: Of) -> BTreeMap<String, AnswerThen> {
    let default = match of {
        Of::Mllp => AnswerTable::default(),
        Of::Http => AnswerTable::http(),
    };
    let codes = default.rules().iter();
    let codes = codes.map(|rule| (key(rule.code, rule.error.as_deref()), resolved(rule.then)));
    let statuses = default.statuses().iter();
    let statuses = statuses.map(|rule| (status_key(&rule.statuses), resolved(rule.then)));
    let mut table: BTreeMap<String, AnswerThen> = codes.chain(statuses).collect();
    let own = section.named_choices("answers", "`[destinations.answers]`", &WORDS);
    for (name, then) in own {
        if let Some((code, error)) = parsed(&name.value) {
            table.insert(key(code, error), then);
            continue;
        }
        if let Some(statuses) = parsed_statuses(&name.value).filter(|_| of == Of::Http) {
            table.insert(status_key(&statuses), then);
            continue;
        }
        let message = format!("`{}` is no answer that can be taken for something else", name.value);
        let mut hint =
            "write `AE`, `AR`, `CE` or `CR` (MSA-1), or with the code of an error (ERR-3): `\"AE 207\"`".to_owned();
        if of == Of::Http {
            hint.push_str("; or a status, `404`, or a hundred of them, `\"4xx\"`, from 300 on");
        }
        section.faults().at_with_hint(&name.place, message, hint);
    }
    table
}

/// What the engine works with.
pub(crate) fn answer_table(resolved: &BTreeMap<String, AnswerThen>) -> anyhow::Result<AnswerTable> {
    let (mut rules, mut statuses) = (Vec::new(), Vec::new());
    for (name, then) in resolved {
        let then = match then {
            AnswerThen::Delivered => Then::Delivered,
            AnswerThen::Retry => Then::Retry,
            AnswerThen::Hold => Then::Hold,
            AnswerThen::Quarantine => Then::Quarantine,
        };
        if let Some(about) = parsed_statuses(name) {
            statuses.push(StatusRule { statuses: about, then });
            continue;
        }
        let (code, error) = parsed(name).ok_or_else(|| anyhow::anyhow!("`{name}` is no answer"))?;
        rules.push(AnswerRule {
            code,
            error: error.map(str::to_owned),
            then,
        });
    }
    Ok(AnswerTable::new(rules).with_statuses(statuses))
}

/// `404`, or `4xx` for all that begin so.
fn status_key(statuses: &RangeInclusive<u16>) -> String {
    if statuses.start() == statuses.end() {
        statuses.start().to_string()
    } else {
        format!("{}xx", statuses.start() / 100)
    }
}

/// 2xx is taken at its word, and 1xx is no answer.
fn parsed_statuses(name: &str) -> Option<RangeInclusive<u16>> {
    let statuses = match name.strip_suffix("xx") {
        Some(hundred) if hundred.len() == 1 => {
            let first = hundred.parse::<u16>().ok()? * 100;
            first..=first + 99
        }
        None if name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_digit()) => {
            let status = name.parse().ok()?;
            status..=status
        }
        _ => return None,
    };
    (300..=599).contains(statuses.start()).then_some(statuses)
}

fn key(code: AcknowledgementCode, error: Option<&str>) -> String {
    error.map_or_else(|| code.to_string(), |error| format!("{code} {error}"))
}

fn parsed(name: &str) -> Option<(AcknowledgementCode, Option<&str>)> {
    let (code, error) = match name.split_once(' ') {
        Some((code, error)) => (code, Some(error.trim())),
        None => (name, None),
    };
    let code = CODES.into_iter().find(|known| known.as_str() == code)?;
    let is_sound = |error: &str| {
        !error.is_empty() && error.len() <= ERROR_CHARACTERS_MAX && error.bytes().all(|byte| byte.is_ascii_graphic())
    };
    error.is_none_or(is_sound).then_some((code, error))
}

fn resolved(then: Then) -> AnswerThen {
    match then {
        Then::Delivered => AnswerThen::Delivered,
        Then::Retry => AnswerThen::Retry,
        Then::Hold => AnswerThen::Hold,
        Then::Quarantine => AnswerThen::Quarantine,
    }
}
