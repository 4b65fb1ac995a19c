//! `[source]` with `type = "timer"`.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use transfuse_message::{Message, ParseOptions};
use transfuse_transport::timer::Template;

use super::super::expectation;
use super::super::quantity::milliseconds;
use super::super::resolved::{SourceWire, Ticks, TimerSource};
use super::super::section::Section;
use super::super::step::Surroundings;
use super::{ONE_SECOND, ONE_WEEK};

/// What a tick holds where nothing else is asked for: a header, for a step to make something of.
fn header_only(processing_id: &str) -> String {
    format!("MSH|^~\\&|TRANSFUSE||||{{time}}||ZTK^Z01|{{control_id}}|{processing_id}|2.5.1")
}

pub(super) fn read(section: &mut Section<'_>, surroundings: &Surroundings<'_>) -> Option<SourceWire> {
    let every = section.duration("every", &(ONE_SECOND..=ONE_WEEK));
    let times = times(section);
    let has_days = section.has("days");
    let days = expectation::days(section);
    let missed = section.choice("missed", &[("one", true), ("none", false)]);
    let message = message(section, surroundings);
    let place = section.place().clone();
    let ticks = match (every, times) {
        (Some(every), None) if !has_days => Some(whole(every)),
        (None, Some(times)) if !times.is_empty() => Some(Ticks::At { days, times }),
        (None, Some(_)) => None,
        _ => {
            let hint = "write `every = \"15min\"`, or `at = [\"02:00\"]`, which `days = [\"mon-fri\"]` may go with";
            let message = "a timer has either distances or times of day";
            section.faults().at_with_hint(&place, message, hint);
            None
        }
    };
    Some(SourceWire::Timer(TimerSource {
        ticks: ticks?,
        makes_up: missed.is_none_or(|missed| missed.value),
        message: message?,
    }))
}

fn whole(every: Duration) -> Ticks {
    Ticks::Every {
        every_ms: milliseconds(every),
    }
}

/// None where the key is missing. What is no time of day is told and left out.
fn times(section: &mut Section<'_>) -> Option<Vec<Time>> {
    let texts = section.texts("at")?;
    let mut times = Vec::new();
    for text in texts {
        if let Ok(time) = text.value.parse::<Time>() {
            times.push(time);
            continue;
        }
        let message = format!("`{}` is no time of day", text.value);
        section.faults().at_with_hint(&text.place, message, "write \"02:00\"");
    }
    times.sort_unstable();
    times.dedup();
    Some(times)
}

/// The message of each tick, which has to be one.
fn message(section: &mut Section<'_>, surroundings: &Surroundings<'_>) -> Option<String> {
    let Some(text) = section.text("message") else {
        let processing_id = surroundings.environment.processing_ids.first();
        return Some(header_only(processing_id.map_or("P", String::as_str)));
    };
    let template = match text.value.parse::<Template>() {
        Ok(template) => template,
        Err(error) => {
            section.faults().at(&text.place, format!("`message`: {error}"));
            return None;
        }
    };
    let filled = template.fill(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
    if let Err(error) = Message::parse(Bytes::from(filled), &ParseOptions::default()) {
        let hint = "write it as it is to be: `\"\"\"` and a line for each segment, the first one with MSH";
        let message = format!("`message` is no HL7 v2 message: {error}");
        section.faults().at_with_hint(&text.place, message, hint);
        return None;
    }
    Some(text.value)
}
