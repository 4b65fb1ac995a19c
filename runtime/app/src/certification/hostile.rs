//! Messages that no honest system sends, made of one that it does.

use transfuse_message::{Message, ParseOptions};

/// Segments that the longest hostile message has more than its vector: six times what a large result has. A plugin gets
/// the same fuel for every message, whatever its length: five thousand would test the default limit and not the plugin.
const SEGMENTS: usize = 1_000;

/// Bytes of the largest hostile field: a scanned page in base64.
const FIELD_BYTES: usize = 512 * 1024;

/// Repetitions, components and the like of the most divided field.
const PARTS: usize = 10_000;

/// Every hostile message, by name. `base` is a message of the plugin's vectors.
pub(super) fn messages(base: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let segments: Vec<&[u8]> = base
        .split(|byte| *byte == b'\r')
        .filter(|one| !one.is_empty())
        .collect();
    let header = segments.first().copied().unwrap_or_default();
    let body = segments.get(1..).unwrap_or_default();
    let last = body.last().copied().unwrap_or(b"NTE|1||x");
    vec![
        ("the header alone", joined(&[header])),
        ("empty fields", joined(&emptied(header, body))),
        (
            "half a message",
            base.get(..base.len() / 2).unwrap_or_default().to_vec(),
        ),
        (
            "all but the last byte of a segment",
            base.get(..base.len().saturating_sub(2)).unwrap_or_default().to_vec(),
        ),
        (
            "a thousand segments",
            with(base, &[last, b"\r"].concat().repeat(SEGMENTS)),
        ),
        (
            "a huge field",
            with(base, &[b"NTE|1||", "x".repeat(FIELD_BYTES).as_bytes()].concat()),
        ),
        (
            "thousands of repetitions",
            with(base, &[last, "~x".repeat(PARTS).as_bytes()].concat()),
        ),
        (
            "thousands of components",
            with(base, &[last, "^x".repeat(PARTS).as_bytes()].concat()),
        ),
        (
            "thousands of fields",
            with(base, &[last, "|x".repeat(PARTS).as_bytes()].concat()),
        ),
        ("odd delimiters", redelimited(base)),
        (
            "bytes of another character set",
            with(base, b"NTE|1||\xff\xfe\xc3\x28\xa0"),
        ),
        ("a character set that is not so", misdeclared(base)),
        ("escapes without an end", with(base, b"NTE|1||\\H\\\\X0\\\\.sp\\\\Z")),
        ("segments in the wrong order", joined(&reversed(header, body))),
        ("every segment twice", joined(&doubled(header, body))),
        (
            "names of segments that nobody knows",
            with(base, b"ZZ9|1|2\r0A1|x\rZZZ"),
        ),
    ]
}

/// What cannot be parsed never reaches a plugin.
pub(super) fn parse(message: Vec<u8>) -> Option<Message> {
    Message::parse(message, &ParseOptions::default()).ok()
}

fn joined(segments: &[&[u8]]) -> Vec<u8> {
    let mut message = segments.join(&b'\r');
    message.push(b'\r');
    message
}

fn with(base: &[u8], more: &[u8]) -> Vec<u8> {
    let mut message = base.to_vec();
    if !message.ends_with(b"\r") {
        message.push(b'\r');
    }
    message.extend_from_slice(more);
    message.push(b'\r');
    message
}

/// Names of segments with nothing behind them.
fn emptied<'b>(header: &'b [u8], body: &[&'b [u8]]) -> Vec<&'b [u8]> {
    let names = body.iter().map(|segment| segment.get(..3).unwrap_or(segment));
    std::iter::once(header).chain(names).collect()
}

fn reversed<'b>(header: &'b [u8], body: &[&'b [u8]]) -> Vec<&'b [u8]> {
    std::iter::once(header).chain(body.iter().rev().copied()).collect()
}

fn doubled<'b>(header: &'b [u8], body: &[&'b [u8]]) -> Vec<&'b [u8]> {
    std::iter::once(header)
        .chain(body.iter().flat_map(|one| [*one, *one]))
        .collect()
}

/// The same message with delimiters that the standard allows and nobody uses.
fn redelimited(base: &[u8]) -> Vec<u8> {
    let other = |byte: &u8| match byte {
        b'|' => b'#',
        b'^' => b'*',
        b'~' => b'+',
        b'\\' => b'!',
        b'&' => b'%',
        other => *other,
    };
    base.iter().map(other).collect()
}

/// Says UTF-8 in MSH-18, and holds bytes that are none.
fn misdeclared(base: &[u8]) -> Vec<u8> {
    const CHARSET: usize = 17;
    let end = base.iter().position(|byte| *byte == b'\r').unwrap_or(base.len());
    let (header, rest) = base.split_at(end);
    let mut fields: Vec<&[u8]> = header.split(|byte| *byte == b'|').collect();
    fields.resize(fields.len().max(CHARSET + 1), b"");
    if let Some(field) = fields.get_mut(CHARSET) {
        *field = b"UNICODE UTF-8";
    }
    with(&[&fields.join(&b'|'), rest].concat(), b"NTE|1||K\xf5r\xf5s")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &[u8] = b"MSH|^~\\&|LAB|A|EHR|B|20260301120000||ORU^R01|1|P|2.5\rPID|1||1\rOBX|1|NM|GLU||5\r";

    #[test]
    fn most_of_them_reach_the_plugin_and_none_is_the_message_itself() {
        let made = messages(BASE);
        assert!(made.iter().all(|(_, message)| message != BASE));
        let parsed = made
            .iter()
            .filter(|(_, message)| parse(message.clone()).is_some())
            .count();
        assert!(parsed + 2 >= made.len(), "only {parsed} of {}", made.len());
    }

    #[test]
    fn the_character_set_is_field_18_of_the_header() {
        let message = String::from_utf8_lossy(&misdeclared(BASE)).into_owned();
        assert!(
            message.starts_with("MSH|^~\\&|LAB|A|EHR|B|20260301120000||ORU^R01|1|P|2.5||||||UNICODE UTF-8\rPID"),
            "{message}"
        );
    }
}
