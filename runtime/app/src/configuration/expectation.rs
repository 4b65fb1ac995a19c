//! `[[expectations]]`: traffic that is missed when it does not come.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::Time;

use super::document::Located;
use super::message_types;
use super::name;
use super::quantity::milliseconds;
use super::resolved::{Awaited, Expectation, Hours, Weekday};
use super::section::Section;

/// How long traffic may be missed before somebody is told: from what a test wants to what a monthly report needs.
const TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 31);

/// How long an answer may take: each question is remembered for as long.
const ANSWER_TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 7);

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

pub(super) fn read(mut section: Section<'_>) -> Option<Expectation> {
    let name = section
        .required_text("name")
        .and_then(|name| checked_name(name, &section));
    let types = message_types::read(&mut section);
    let muted_by = section.texts("muted_by").unwrap_or_default();
    let is_answer = section.has_any(&["answered_by", "within", "key", "answer_key", "answers_at"]);
    let awaited = if is_answer {
        answer(&mut section)
    } else {
        section.require("every");
        silence(&mut section)
    };
    if is_answer && types.is_empty() {
        let message = "`types` is missing: which messages are answered";
        section.faults().at(section.place(), message.to_owned());
    }
    section.finish();
    Some(Expectation {
        name: name?,
        types,
        awaited: awaited?,
        muted_by: muted_by.into_iter().map(|name| name.value).collect(),
    })
}

fn checked_name(name: Located<String>, section: &Section<'_>) -> Option<String> {
    if name::is_sound(&name.value) {
        return Some(name.value);
    }
    let message = format!("`{}` cannot name an expectation", name.value);
    section.faults().at_with_hint(&name.place, message, name::RULE);
    None
}

fn silence(section: &mut Section<'_>) -> Option<Awaited> {
    let every = section.duration("every", &TIMES);
    let days = days(section);
    let (from, to) = (time(section, "from"), time(section, "to"));
    let place = section.place().clone();
    let (from, to) = (from.unwrap_or(Time::midnight()), to.unwrap_or(Time::midnight()));
    let is_all_day = from == to;
    if !is_all_day && to != Time::midnight() && from > to {
        let hint = "a night is two expectations: one to \"00:00\", and one from it";
        let message = "`from` is later than `to`".to_owned();
        section.faults().at_with_hint(&place, message, hint);
        return None;
    }
    Some(Awaited::Silence {
        every_ms: milliseconds(every?),
        hours: Hours { days, from, to },
    })
}

/// Days of the week; all where nothing is said.
pub(super) fn days(section: &mut Section<'_>) -> Vec<Weekday> {
    let Some(texts) = section.texts("days") else {
        return WEEKDAYS.map(|(_, day)| day).to_vec();
    };
    let mut days = Vec::new();
    for text in texts {
        if let Some(range) = range(&text.value) {
            days.extend(range);
        } else {
            let message = format!("`{}` is no day of the week", text.value);
            let hint = "write `days = [\"mon-fri\"]`, or `[\"mon\", \"sat\"]`";
            section.faults().at_with_hint(&text.place, message, hint);
        }
    }
    days.sort_unstable();
    days.dedup();
    days
}

fn range(text: &str) -> Option<Vec<Weekday>> {
    let day = |text: &str| WEEKDAYS.iter().position(|(name, _)| *name == text);
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(text)?, day(text)?),
    };
    let range = WEEKDAYS.get(first..=last)?;
    Some(range.iter().map(|(_, day)| *day).collect())
}

fn time(section: &mut Section<'_>, key: &'static str) -> Option<Time> {
    let text = section.text(key)?;
    let time = text.value.parse::<Time>();
    if time.is_err() {
        let message = format!("`{key}` is no time of day");
        section.faults().at_with_hint(&text.place, message, "write \"07:00\"");
    }
    time.ok()
}

fn answer(section: &mut Section<'_>) -> Option<Awaited> {
    section.require("within");
    let within = section.duration("within", &ANSWER_TIMES);
    let by = section.texts("answered_by").unwrap_or_default();
    if by.is_empty() {
        let hint = "`answered_by = [\"ORU^R01\"]`";
        let message = "`answered_by` is missing: which messages answer".to_owned();
        section.faults().at_with_hint(section.place(), message, hint);
    }
    let mut answered_by = Vec::new();
    for text in by {
        if message_types::is_message_type(&text.value) {
            answered_by.push(text.value);
        } else {
            let message = format!("`{}` is not a message type", text.value);
            section.faults().at(&text.place, message);
        }
    }
    let key = section.required_text("key").and_then(|key| checked_path(key, section));
    let answer_key = section.text("answer_key").and_then(|key| checked_path(key, section));
    let answers_at = section.text("answers_at").map(|name| name.value);
    let key = key?;
    (!answered_by.is_empty()).then_some(Awaited::Answer {
        answered_by,
        within_ms: milliseconds(within?),
        answer_key: answer_key.unwrap_or_else(|| key.clone()),
        key,
        answers_at,
    })
}

fn checked_path(text: Located<String>, section: &Section<'_>) -> Option<String> {
    match text.value.parse::<transfuse_message::Path>() {
        Ok(_) => Some(text.value),
        Err(error) => {
            let hint = "a field that both have, such as the placer's number of the order: `ORC-2.1`";
            section.faults().at_with_hint(&text.place, error.to_string(), hint);
            None
        }
    }
}
