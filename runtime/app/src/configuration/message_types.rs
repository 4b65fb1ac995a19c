//! Message types as routing and rules compare them: `ORU^R01`, or `ORU` for all of its events.

use super::section::Section;

/// The list `types`; faulty elements are reported and left out.
pub(super) fn read(section: &mut Section<'_>) -> Vec<String> {
    let mut types = Vec::new();
    for text in section.texts("types").unwrap_or_default() {
        if is_message_type(&text.value) {
            types.push(text.value);
        } else {
            let message = format!("`{}` is not a message type", text.value);
            let hint = "write code and event as in MSH-9: `ORU^R01`, or `ORU` for all of its events";
            section.faults().at_with_hint(&text.place, message, hint);
        }
    }
    types
}

/// Whether a text is `ORU^R01` or `ORU`.
pub(crate) fn is_message_type(text: &str) -> bool {
    let part = |part: &str| part.len() == 3 && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match text.split_once('^') {
        Some((code, event)) => part(code) && part(event),
        None => part(text),
    }
}
