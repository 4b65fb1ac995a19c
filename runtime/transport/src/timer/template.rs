//! What a tick's message holds.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A text with places for what belongs to a tick. Line ends become the carriage returns of HL7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder that does not exist.
    #[error("`{{{0}}}` is not a placeholder; there are `{{control_id}}`, `{{time}}` and `{{date}}`")]
    Unknown(String),
    /// A brace without its partner.
    #[error("a `{{` is never closed")]
    Unclosed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// Of 15 characters, and another one for each tick.
    ControlId,
    /// To the second, with the offset of the zone.
    Time,
    Date,
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let text = text.trim_end().replace("\r\n", "\r").replace('\n', "\r") + "\r";
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, tail) = behind.split_once('}').ok_or(TemplateError::Unclosed)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name {
                "control_id" => Part::ControlId,
                "time" => Part::Time,
                "date" => Part::Date,
                other => return Err(TemplateError::Unknown(other.to_owned())),
            });
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }
}

impl Template {
    /// The message of a tick.
    #[must_use]
    pub fn fill(&self, tick: Timestamp, time_zone: &TimeZone) -> String {
        let zoned = tick.to_zoned_datetime(time_zone.clone());
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::ControlId => tick.strftime("T%Y%m%d%H%M%S").to_string(),
            Part::Time => zoned.strftime("%Y%m%d%H%M%S%z").to_string(),
            Part::Date => zoned.strftime("%Y%m%d").to_string(),
        });
        parts.collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_template_is_filled_for_each_tick() {
        let template: Template = "MSH|^~\\&|{time}|{control_id}\nZTK|{date}\n".parse().unwrap();
        let tick: Timestamp = "2026-11-28T23:30:00Z".parse().unwrap();
        assert_eq!(
            template.fill(tick, &TimeZone::get("Europe/Budapest").unwrap()),
            "MSH|^~\\&|20261129003000+0100|T20261128233000\rZTK|20261129\r"
        );
    }

    #[test]
    fn what_is_no_template_says_why() {
        let unknown = TemplateError::Unknown("patient".to_owned());
        assert_eq!("{patient}".parse::<Template>(), Err(unknown));
        assert_eq!("{time".parse::<Template>(), Err(TemplateError::Unclosed));
    }
}
