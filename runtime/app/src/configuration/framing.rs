//! `framing` and `acknowledgement` of sources and destinations with `type = "tcp"`.

use bytes::Bytes;
use transfuse_transport::tcp::{self, Acknowledging};

use super::document::Located;
use super::resolved::{Acknowledgement, ByteOrder, Framing};
use super::section::Section;

/// What a text begins with whose bytes are written as hexadecimal digits.
const HEX: &str = "hex:";

/// The longest mark and the longest word. Those in use have one to four bytes.
const MARK_BYTES_MAX: usize = 64;

const EXAMPLE: &str = "write `{ start = \"\\u0002\", end = \"\\u0003\" }`, `{ delimiter = \"\\r\\n\" }`, `{ length = 4 }` or \
                       `{ to_end = true }`";

/// How frames stand in the stream. None where something in it is missing or wrong.
pub(super) fn read(section: &mut Section<'_>) -> Option<Framing> {
    let mut framing = section.required_section("framing", "`framing`")?;
    let read = if framing.has("length") {
        length(&mut framing)
    } else if framing.has("delimiter") {
        mark(&mut framing, "delimiter").map(|end| Framing::Marked {
            start: String::new(),
            end,
        })
    } else if framing.has_any(&["start", "end"]) {
        marks(&mut framing)
    } else if framing.flag("to_end") == Some(true) {
        Some(Framing::ToEnd)
    } else {
        let place = framing.place().clone();
        framing
            .faults()
            .at_with_hint(&place, "`framing` does not say where a frame ends", EXAMPLE);
        None
    };
    framing.finish();
    read
}

fn marks(framing: &mut Section<'_>) -> Option<Framing> {
    framing.require("start");
    framing.require("end");
    let (start, end) = (mark(framing, "start"), mark(framing, "end"));
    let (start, end) = (start?, end?);
    if start != end && (start.contains(&end) || end.contains(&start)) {
        let place = framing.place().clone();
        let message = "one of the marks is a part of the other, so that they cannot be told apart";
        framing.faults().at_with_hint(&place, message, EXAMPLE);
        return None;
    }
    Some(Framing::Marked { start, end })
}

fn length(framing: &mut Section<'_>) -> Option<Framing> {
    let bytes = framing.located_count("length", &(1..=4))?;
    let orders = [("big", ByteOrder::Big), ("little", ByteOrder::Little)];
    let order = framing.choice("byte_order", &orders);
    let counts_itself = framing.flag("counts_itself").unwrap_or(false);
    if bytes.value == 3 {
        let hint = "write 1, 2 or 4";
        framing
            .faults()
            .at_with_hint(&bytes.place, "a length has 1, 2 or 4 bytes", hint);
        return None;
    }
    Some(Framing::Length {
        bytes: bytes.value,
        byte_order: order.map_or(ByteOrder::Big, |order| order.value),
        counts_itself,
    })
}

/// What one side tells the other of a frame: an acknowledgement of HL7 in a frame, nothing, or one of two words as they are.
pub(super) fn acknowledgement(section: &mut Section<'_>) -> Acknowledgement {
    if section.holds_table("acknowledgement") {
        let Some(mut words) = section.section("acknowledgement", "`acknowledgement`") else {
            return Acknowledgement::Hl7;
        };
        words.require("accepted");
        words.require("refused");
        let (accepted, refused) = (mark(&mut words, "accepted"), mark(&mut words, "refused"));
        let place = words.place().clone();
        let faults = words.faults();
        words.finish();
        let (Some(accepted), Some(refused)) = (accepted, refused) else {
            return Acknowledgement::Hl7;
        };
        if accepted.starts_with(&refused) || refused.starts_with(&accepted) {
            let message = "one of the words is the beginning of the other, so that they cannot be told apart";
            faults.at_with_hint(
                &place,
                message,
                "write `{ accepted = \"\\u0006\", refused = \"\\u0015\" }`",
            );
        }
        return Acknowledgement::Words { accepted, refused };
    }
    let choices = [("hl7", false), ("none", true)];
    match section.choice("acknowledgement", &choices) {
        Some(is_none) if is_none.value => Acknowledgement::None,
        _ => Acknowledgement::Hl7,
    }
}

/// The bytes of a text, as hexadecimal digits: those of a revision are text.
fn mark(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let text = section.text(key)?;
    let bytes = match text.value.strip_prefix(HEX) {
        None => Some(text.value.as_bytes().to_vec()),
        Some(digits) => from_hex(digits),
    };
    match bytes {
        Some(bytes) if (1..=MARK_BYTES_MAX).contains(&bytes.len()) => Some(to_hex(&bytes)),
        _ => {
            unusable(section, &text, key);
            None
        }
    }
}

fn unusable(section: &Section<'_>, text: &Located<String>, key: &str) {
    let message = format!("`{key}` is no text of 1 to {MARK_BYTES_MAX} bytes");
    let hint = "write a text such as `\"\\r\\n\"`, or its bytes as `\"hex:0D0A\"`";
    section.faults().at_with_hint(&text.place, message, hint);
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

fn bytes_of(hex: &str) -> anyhow::Result<Bytes> {
    let bytes = from_hex(hex).ok_or_else(|| anyhow::anyhow!("`{hex}` is no bytes"))?;
    Ok(bytes.into())
}

impl Framing {
    /// As the transport takes it.
    pub(crate) fn settings(&self) -> anyhow::Result<tcp::Framing> {
        Ok(match self {
            Self::Marked { start, end } => tcp::Framing::Marked(tcp::Marks {
                start: bytes_of(start)?,
                end: bytes_of(end)?,
            }),
            Self::Length {
                bytes,
                byte_order,
                counts_itself,
            } => tcp::Framing::Length(tcp::Length {
                bytes: usize::try_from(*bytes)?,
                order: match byte_order {
                    ByteOrder::Big => tcp::ByteOrder::Big,
                    ByteOrder::Little => tcp::ByteOrder::Little,
                },
                counts_itself: *counts_itself,
            }),
            Self::ToEnd => tcp::Framing::ToEnd,
        })
    }

    /// In the words of `check`.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Marked { start, end } if start.is_empty() => format!("frames end with 0x{end}"),
            Self::Marked { start, end } => format!("frames from 0x{start} to 0x{end}"),
            Self::Length { bytes, .. } => format!("frames behind a length of {bytes} bytes"),
            Self::ToEnd => "a frame for each connection".to_owned(),
        }
    }
}

impl Acknowledgement {
    /// As a listener takes it.
    pub(crate) fn told_by_listener(&self) -> anyhow::Result<Acknowledging> {
        Ok(match self {
            Self::Hl7 => Acknowledging::Reply,
            Self::None => Acknowledging::Nothing,
            Self::Words { accepted, refused } => Acknowledging::Fixed {
                accepted: bytes_of(accepted)?,
                refused: bytes_of(refused)?,
            },
        })
    }

    /// The words that a receiver may say, the accepting one first; none where it says something else or nothing.
    pub(crate) fn words(&self) -> anyhow::Result<Option<[Bytes; 2]>> {
        match self {
            Self::Words { accepted, refused } => Ok(Some([bytes_of(accepted)?, bytes_of(refused)?])),
            Self::Hl7 | Self::None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_texts_or_digits() {
        assert_eq!(from_hex("0D0a"), Some(b"\r\n".to_vec()));
        assert_eq!(to_hex(b"\x02\xff"), "02ff");
        for wrong in ["0", "0g", "ő"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
