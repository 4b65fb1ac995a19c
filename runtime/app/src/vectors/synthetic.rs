//! Taking out of a message what may identify somebody, so that it can be published as a vector.
//!
//! Letters and digits are replaced, of the same kind and number, so that the shape of a value stays: `Szabó` becomes
//! `Aaaaá`. At first that is done with everything that the standard does not fix. Where the plugin then no longer fails,
//! codes outside the segments about persons are kept, unless they are or hold what identifies somebody in the same
//! message. Where that does not do either, the content itself matters, and only a person can write the vector.

use transfuse_message::{Message, Path};

use crate::onboarding::privacy::{Identities, is_about_person, is_identifying};

/// Datatypes whose values are words of a list and not of a person.
const CODED: [&str; 7] = ["CE", "CWE", "CNE", "ID", "IS", "CF", "MSG"];

/// Fields whose values the standard fixes, or that say how the rest is to be read.
const FIXED: [&str; 9] = [
    "MSH-9", "MSH-11", "MSH-12", "MSH-15", "MSH-16", "MSH-18", "MSH-20", "OBX-2", "OBX-11",
];

/// The longest number that counts segments, in their first field.
const SET_ID_BYTES_MAX: usize = 4;

/// How much of a message is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All that the standard does not fix.
    Everything,
    /// The same, but for codes outside the segments about persons.
    AllButCodes,
}

/// A message without what may identify somebody.
#[derive(Debug, Clone)]
pub(crate) struct Synthetic {
    pub(crate) message: Vec<u8>,
    /// The fields whose values were replaced, such as `PID-5`, each once.
    pub(crate) replaced: Vec<String>,
}

/// Replaces what may identify somebody.
pub(crate) fn synthetic(message: &Message, extent: Extent) -> Synthetic {
    let identities = identities(message);
    let delimiters = message.delimiters();
    let mut replaced: Vec<String> = Vec::new();
    let mut lines = Vec::with_capacity(message.segment_count());
    for segment in message.segments() {
        let name = segment.name();
        let is_header = matches!(name, "MSH" | "FHS" | "BHS");
        // The first part is the name, and of a header the second one its delimiters.
        let fixed = if is_header { 2 } else { 1 };
        let fields = segment.raw().split(|byte| *byte == delimiters.field).enumerate();
        let written: Vec<Vec<u8>> = fields
            .map(|(index, field)| {
                let number = if is_header { index + 1 } else { index };
                let title = format!("{name}-{number}");
                if name.is_empty() {
                    return replace(field);
                }
                if index < fixed || is_kept(&title, field, message, &identities, extent) {
                    return field.to_vec();
                }
                let synthetic = replace(field);
                if synthetic != field && !replaced.contains(&title) {
                    replaced.push(title);
                }
                synthetic
            })
            .collect();
        lines.push(written.join(&delimiters.field));
    }
    let mut message = lines.join(&b'\r');
    message.push(b'\r');
    Synthetic { message, replaced }
}

/// Every value of a datatype that identifies somebody, and every value of segments about persons.
fn identities(message: &Message) -> Identities {
    let mut identities = Identities::default();
    for segment in message.segments() {
        for (number, field) in segment
            .raw()
            .split(|byte| *byte == message.delimiters().field)
            .enumerate()
        {
            let datatype = datatype(message, &format!("{}-{number}", segment.name()));
            if is_about_person(segment.name()) || datatype.is_some_and(is_identifying) {
                let text = String::from_utf8_lossy(field);
                text.split(|character: char| !character.is_alphanumeric())
                    .for_each(|word| identities.add(word));
            }
        }
    }
    identities
}

fn is_kept(title: &str, field: &[u8], message: &Message, identities: &Identities, extent: Extent) -> bool {
    let (segment, number) = title.split_once('-').unwrap_or((title, ""));
    let is_set_id = number == "1" && field.len() <= SET_ID_BYTES_MAX && field.iter().all(u8::is_ascii_digit);
    if FIXED.contains(&title) || is_set_id {
        return true;
    }
    let is_coded = datatype(message, title).is_some_and(|datatype| CODED.contains(&datatype));
    extent == Extent::AllButCodes
        && is_coded
        && !is_about_person(segment)
        && !identities.are_in(&String::from_utf8_lossy(field))
}

fn datatype(message: &Message, field: &str) -> Option<&'static str> {
    let path: Path = field.parse().ok()?;
    Some(message.definition(&path)?.datatype)
}

/// Letters and digits of the same kind and number. What is neither, and bytes that are no UTF-8, stay: without letters
/// and digits around them they say nothing.
fn replace(field: &[u8]) -> Vec<u8> {
    let mut synthetic = Vec::with_capacity(field.len());
    for chunk in field.utf8_chunks() {
        for character in chunk.valid().chars() {
            let stand_in = match character {
                '0'..='9' => '1',
                'A'..='Z' => 'A',
                'a'..='z' => 'a',
                other if other.is_uppercase() && other.len_utf8() == 2 => 'Á',
                other if other.is_alphanumeric() && other.len_utf8() == 2 => 'á',
                other if other.is_alphanumeric() => '\u{3042}',
                other => other,
            };
            let mut bytes = [0; 4];
            synthetic.extend_from_slice(stand_in.encode_utf8(&mut bytes).as_bytes());
        }
        synthetic.extend_from_slice(chunk.invalid());
    }
    synthetic
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use transfuse_message::ParseOptions;

    use super::*;

    const MESSAGE: &str = "MSH|^~\\&|LAB|KÓRHÁZ|||20260301||ORU^R01|K1|P|2.5\rPID|1||4711^^^MRN||PRÓBABETEG^GŐZŐ||19700101\r\
                           OBX|1|NM|GLU^próbabeteg^L||5.4|mmol/l\rOBX|2|NM|NA^Nátrium^L||140|mmol/l\rZZZ|Próbabeteg";

    fn text(extent: Extent) -> (String, Vec<String>) {
        let message = Message::parse(MESSAGE, &ParseOptions::default()).unwrap();
        let Synthetic { message, replaced } = synthetic(&message, extent);
        (String::from_utf8(message).unwrap(), replaced)
    }

    #[test]
    fn every_letter_and_digit_of_a_senders_own_is_replaced() {
        let (text, replaced) = text(Extent::Everything);
        assert!(
            text.contains("PID|1||1111^^^AAA||AAÁAAAAAAA^AÁAÁ||11111111\r"),
            "{text}"
        );
        assert!(text.contains("OBX|1|NM|AAA^aaáaaaaaaa^A||1.1|aaaa/a\r"), "{text}");
        assert!(text.contains("||ORU^R01|"), "{text}");
        assert_eq!(replaced.first().map(String::as_str), Some("MSH-3"));
        assert!(
            replaced.contains(&"PID-5".to_owned()) && replaced.contains(&"ZZZ-1".to_owned()),
            "{replaced:?}"
        );
    }

    #[test]
    fn a_code_is_kept_unless_it_holds_a_name() {
        let (text, _) = text(Extent::AllButCodes);
        assert!(text.contains("OBX|2|NM|NA^Nátrium^L||111|mmol/l\r"), "{text}");
        assert!(text.contains("OBX|1|NM|AAA^aaáaaaaaaa^A||1.1|mmol/l\r"), "{text}");
        assert!(text.ends_with("ZZZ|Aaáaaaaaaa\r"), "{text}");
    }
}
