//! The same with other crates, as their documentation says it is done.

use std::borrow::Cow;
use std::hint::black_box;

use anyhow::{Context as _, ensure};
use rusthl7::escape_sequence::EscapeSequence;

use super::{Round, WANTED};

pub(super) fn hl7_parser(text: &str) -> Round<'_> {
    Box::new(move || {
        let message = hl7_parser::Message::parse(black_box(text))?;
        for wanted in &WANTED {
            let segment = message
                .segment_n(wanted.segment, wanted.occurrence)
                .context("a segment")?;
            let field = segment.field(wanted.field).context("a field")?;
            let raw = field.component(wanted.component).context("a component")?.raw_value();
            let value = if raw.contains(message.separators.escape) {
                Cow::Owned(message.separators.decode(raw).to_string())
            } else {
                Cow::Borrowed(raw)
            };
            ensure!(value == wanted.value, "{} is something else", wanted.segment);
        }
        Ok(())
    })
}

pub(super) fn rust_hl7(text: &str) -> Round<'_> {
    // It has no room for a terminator after the last segment, and asks that its decoder is made once.
    let text = text.trim_end_matches('\r');
    let decoder = EscapeSequence::new(rusthl7::message::Message::new(text).get_separators());
    Box::new(move || {
        let message = rusthl7::message::Message::try_from(black_box(text))?;
        for wanted in &WANTED {
            let segments = message.segments_by_name(wanted.segment)?;
            let segment = segments.get(wanted.occurrence - 1).context("a segment")?;
            let number = wanted.field - usize::from(wanted.segment == "MSH");
            let field = segment.fields.get(number).context("a field")?;
            let raw = field
                .components
                .first()
                .and_then(|repetition| repetition.get(wanted.component - 1));
            let value = decoder.decode(*raw.context("a component")?);
            ensure!(value == wanted.value, "{} is something else", wanted.segment);
        }
        Ok(())
    })
}
