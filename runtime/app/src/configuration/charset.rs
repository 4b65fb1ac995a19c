//! Character sets: `charset` of a source, `charset` and `unmappable` of a destination.

use transfuse_message::Charset;

use super::resolved::Unmappable;
use super::section::Section;
use super::suggest;

/// Character sets to list where nothing resembles what was written. More labels than these are understood.
const CHARSETS: [&str; 10] = [
    "utf-8",
    "ascii",
    "windows-1250",
    "windows-1252",
    "8859/1",
    "8859/2",
    "8859/15",
    "iso-8859-1",
    "iso-8859-2",
    "UNICODE UTF-8",
];

/// The set's own name, or none where nothing is written.
pub(super) fn read(section: &mut Section<'_>) -> Option<String> {
    let text = section.text("charset")?;
    if let Some(charset) = Charset::from_label(&text.value) {
        return Some(charset.label().to_owned());
    }
    let (message, hint) = match Charset::refusal(&text.value) {
        Some(reason) => (
            format!("the character set `{}` is not supported", text.value),
            reason.to_owned(),
        ),
        None => (format!("unknown character set `{}`", text.value), hint(&text.value)),
    };
    section.faults().at_with_hint(&text.place, message, hint);
    None
}

/// What becomes of a character that a destination's set lacks.
pub(super) fn unmappable(section: &mut Section<'_>, charset: Option<&str>) -> Unmappable {
    let choices = [("fault", Unmappable::Fault), ("escape", Unmappable::Escape)];
    let Some(choice) = section.choice("unmappable", &choices) else {
        return Unmappable::Fault;
    };
    if charset.is_none() && !section.has("charset") {
        section.faults().at_with_hint(
            &choice.place,
            "`unmappable` says nothing without `charset`",
            "write the character set that the receiver wants: `charset = \"8859/2\"`",
        );
    }
    choice.value
}

fn hint(written: &str) -> String {
    match suggest::nearest(written, CHARSETS.into_iter().chain(Charset::labels())) {
        Some(name) => format!("did you mean `{name}`?"),
        None => suggest::existing("character set", &CHARSETS),
    }
}
