//! `[context]`: what the plugin is told beside the message.

use transfuse_message::Charset;
use transfuse_sandbox::Context;

use super::read::texts_by_key;
use crate::configuration::{Located, Section};

/// When the message of a vector arrives that does not say: a morning on which no clock is changed anywhere.
const RECEIVED_AT: &str = "2026-03-01T12:00:00Z";

/// Where the source of a vector stands that does not say.
const TIME_ZONE: &str = "Europe/Budapest";

/// The interface of a vector that does not say.
const INTERFACE: &str = "vectors";

/// Attempts are counted in single digits; the bound only keeps typing errors out.
const ATTEMPTS_MAX: u64 = 1_000;

/// What the section says, and how the input is to be read.
pub(super) struct Written {
    pub(super) context: Context,
    /// Wins over MSH-18, as a source's own does.
    pub(super) charset: Option<Charset>,
}

/// The context of a vector's message, with what the vector does not say filled in: nothing depends on the machine.
pub(super) fn read(name: &str, section: Option<Section<'_>>) -> Written {
    let mut context = usual(name);
    let Some(mut section) = section else {
        return Written { context, charset: None };
    };
    if let Some(text) = section.text("received_at") {
        if let Some(at) = milliseconds(&text.value) {
            context.received_at_ms = at;
        } else {
            let message = format!("`received_at` cannot be `{}`", text.value);
            let hint = format!("write a date with its time and offset: `{RECEIVED_AT}`");
            section.faults().at_with_hint(&text.place, message, hint);
        }
    }
    if let Some(zone) = section.text("time_zone").and_then(|text| time_zone(&section, text)) {
        context.time_zone = zone.into();
    }
    if let Some(interface) = section.text("interface") {
        context.interface = interface.value.into();
    }
    if let Some(attempt) = section.count("attempt", &(1..=ATTEMPTS_MAX)) {
        context.attempt = u32::try_from(attempt).unwrap_or(1);
    }
    if let Some(attributes) = texts_by_key(&mut section, "attributes") {
        context.attributes = attributes.into_iter().collect();
    }
    let charset = section.text("charset").and_then(|text| charset(&section, &text));
    section.finish();
    Written { context, charset }
}

/// The context of a message about which nothing is said.
pub(crate) fn usual(name: &str) -> Context {
    Context {
        id: format!("vector-{name}"),
        interface: INTERFACE.into(),
        received_at_ms: milliseconds(RECEIVED_AT).unwrap_or_default(),
        time_zone: TIME_ZONE.into(),
        attempt: 1,
        attributes: Vec::new(),
    }
}

fn milliseconds(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}

fn time_zone(section: &Section<'_>, text: Located<String>) -> Option<String> {
    if jiff::tz::TimeZone::get(&text.value).is_ok() {
        return Some(text.value);
    }
    let message = format!("there is no time zone `{}`", text.value);
    section
        .faults()
        .at_with_hint(&text.place, message, format!("zones are named as in `{TIME_ZONE}`"));
    None
}

fn charset(section: &Section<'_>, text: &Located<String>) -> Option<Charset> {
    let charset = Charset::from_label(&text.value);
    if charset.is_none() {
        let message = format!("the character set `{}` is not supported", text.value);
        section.faults().at(&text.place, message);
    }
    charset
}
