//! `[destinations.answers]`: what a receiver's answers are taken for.

use std::collections::BTreeMap;

use transfuse_engine::{AnswerRule, AnswerTable, AnswerThen as Then};
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

/// The whole table: HL7's, with what the file says in its place.
pub(super) fn read(section: &mut Section<'_>) -> BTreeMap<String, AnswerThen> {
    let mut table: BTreeMap<String, AnswerThen> = AnswerTable::default()
        .rules()
        .iter()
        .map(|rule| (key(rule.code, rule.error.as_deref()), resolved(rule.then)))
        .collect();
    let own = section.named_choices("answers", "`[destinations.answers]`", &WORDS);
    for (name, then) in own {
        if let Some((code, error)) = parsed(&name.value) {
            table.insert(key(code, error), then);
            continue;
        }
        let message = format!("`{}` is no answer that can be taken for something else", name.value);
        let hint = "write `AE`, `AR`, `CE` or `CR` (MSA-1), or with the code of an error (ERR-3): `\"AE 207\"`";
        section.faults().at_with_hint(&name.place, message, hint);
    }
    table
}

/// What the engine works with.
pub(crate) fn answer_table(resolved: &BTreeMap<String, AnswerThen>) -> anyhow::Result<AnswerTable> {
    let rule = |(name, then): (&String, &AnswerThen)| {
        let (code, error) = parsed(name).ok_or_else(|| anyhow::anyhow!("`{name}` is no answer"))?;
        Ok(AnswerRule {
            code,
            error: error.map(str::to_owned),
            then: match then {
                AnswerThen::Delivered => Then::Delivered,
                AnswerThen::Retry => Then::Retry,
                AnswerThen::Hold => Then::Hold,
                AnswerThen::Quarantine => Then::Quarantine,
            },
        })
    };
    Ok(AnswerTable::new(
        resolved.iter().map(rule).collect::<anyhow::Result<_>>()?,
    ))
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
