//! Building the acknowledgement of a message.

use std::borrow::Cow;

use bytes::Bytes;

use super::error_segment::push_errors;
use super::{AcknowledgementCode, AcknowledgementContext, Finding};
use crate::path::FieldPath;
use crate::{Charset, Delimiters, Message, ParseOptions, Path, Value, escape};

/// The most characters of MSA-3 (its length in the standard).
const TEXT_CHARACTERS_MAX: usize = 80;

/// The most bytes of a header that is looked at when the message itself could not be read. A header has some hundred.
const UNREADABLE_HEADER_BYTES_MAX: usize = 8 * 1024;

/// What is answered to where the sender's header tells nothing.
const UNKNOWN_HEADER: &[u8] = b"MSH|^~\\&|||||||||P|2.5";

/// The accepting acknowledgement (AA). Whoever sends it owns the message.
///
/// Delimiters, character set, MSH-11, MSH-12 and MSH-18 are the request's, sender and receiver change places. Segments
/// end in CR whatever the request's end in.
#[must_use]
pub fn accept(request: &Message, context: &AcknowledgementContext<'_>) -> Bytes {
    answer(request, AcknowledgementCode::AA, &[], context)
}

/// The accept acknowledgement (CA): the message is in safe storage, and its sender need not care for it any more. Whoever
/// sends it owns the message.
#[must_use]
pub fn commit(request: &Message, context: &AcknowledgementContext<'_>) -> Bytes {
    answer(request, AcknowledgementCode::CA, &[], context)
}

/// A refusing acknowledgement with its findings in ERR: in the form of version 2.5 and later, or in the older one
/// where MSH-12 says so. A code that accepts is turned into its error, because nothing may be accepted here.
#[must_use]
pub fn refuse(
    request: &Message,
    code: AcknowledgementCode,
    findings: &[Finding],
    context: &AcknowledgementContext<'_>,
) -> Bytes {
    let code = match code {
        AcknowledgementCode::AA => AcknowledgementCode::AE,
        AcknowledgementCode::CA => AcknowledgementCode::CE,
        refusing => refusing,
    };
    answer(request, code, findings, context)
}

/// Refuses bytes that could not be parsed. Where they begin with a header of which the fields can be told, it is
/// answered as usual; otherwise the acknowledgement names neither sender nor control id.
#[must_use]
pub fn refuse_unreadable(
    raw: &[u8],
    code: AcknowledgementCode,
    findings: &[Finding],
    context: &AcknowledgementContext<'_>,
) -> Bytes {
    let request = header_of(raw).or_else(|| parsed(UNKNOWN_HEADER.to_vec()));
    request.map_or_else(Bytes::new, |request| refuse(&request, code, findings, context))
}

/// The header that unreadable bytes begin with, as a message of its own; none where its fields cannot be told.
pub(super) fn header_of(raw: &[u8]) -> Option<Message> {
    parsed(header_line(raw)).or_else(|| parsed(with_standard_delimiters(raw)))
}

fn parsed(bytes: Vec<u8>) -> Option<Message> {
    Message::parse(bytes, &ParseOptions::default()).ok()
}

fn answer(
    request: &Message,
    code: AcknowledgementCode,
    findings: &[Finding],
    context: &AcknowledgementContext<'_>,
) -> Bytes {
    let mut writer = Writer {
        out: Vec::with_capacity(256),
        request,
        delimiters: request.delimiters(),
        charset: request.charset(),
        version: Version::of(request),
    };
    writer.header(context);
    writer.acknowledgement(code, findings);
    push_errors(&mut writer, findings);
    writer.charset.printed(&writer.out).into_owned().into()
}

/// The version of a message, as far as the form of an acknowledgement depends on it. One that cannot be read counts as
/// new, because all that is new was only added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

impl Version {
    const UNKNOWN: Self = Self(u32::MAX, 0);
    /// MSH-9 has an event.
    const EVENT: Self = Self(2, 2);
    /// MSH-9 has a structure.
    const STRUCTURE: Self = Self(2, 4);
    /// ERR has a field for each part of a finding.
    pub(super) const ERROR_FIELDS: Self = Self(2, 5);
    /// MSA-3 is withdrawn.
    const NO_TEXT: Self = Self(2, 7);

    fn of(request: &Message) -> Self {
        let version = request.get(&header_node(FieldPath::new(12, 1, 1, 0)));
        let text = version.as_ref().ok().and_then(Value::as_option).unwrap_or_default();
        let mut numbers = text.trim().split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Self(major, minor),
            _ => Self::UNKNOWN,
        }
    }
}

/// Writes segments in the request's delimiters, and in the reading of its character set.
pub(super) struct Writer<'a> {
    pub(super) out: Vec<u8>,
    request: &'a Message,
    pub(super) delimiters: Delimiters,
    charset: Charset,
    pub(super) version: Version,
}

impl Writer<'_> {
    fn header(&mut self, context: &AcknowledgementContext<'_>) {
        let time = context.at.strftime("%Y%m%d%H%M%S%z").to_string();
        let message_type = self.message_type();
        self.out.extend_from_slice(b"MSH");
        self.field(&self.mirrored(2));
        for number in [5, 6, 3, 4] {
            self.field(&self.mirrored(number));
        }
        self.field(time.as_bytes());
        self.field(b"");
        self.field(&message_type);
        self.field(&self.text(context.control_id));
        self.field(&self.mirrored(11));
        self.field(&self.mirrored(12));
        self.out.extend_from_slice(&[self.delimiters.field; 2]);
        for condition in context
            .asks
            .map_or([""; 2], |asks| [asks.accept.as_str(), asks.application.as_str()])
        {
            self.field(condition.as_bytes());
        }
        self.field(b"");
        // How the acknowledgement's own text is to be read: MSH-18, and MSH-20 where the set is shifted to.
        self.field(&self.mirrored(18));
        self.field(b"");
        self.field(&self.mirrored(20));
        self.end();
    }

    fn message_type(&self) -> Vec<u8> {
        let event = self.mirrored_node(FieldPath::new(9, 0, 2, 0));
        let component: &[u8] = &[self.delimiters.component];
        if event.is_empty() || self.version < Version::EVENT {
            b"ACK".to_vec()
        } else if self.version < Version::STRUCTURE {
            [b"ACK", component, &event].concat()
        } else {
            [b"ACK", component, &event, component, b"ACK"].concat()
        }
    }

    fn acknowledgement(&mut self, code: AcknowledgementCode, findings: &[Finding]) {
        self.out.extend_from_slice(b"MSA");
        self.field(code.as_str().as_bytes());
        self.field(&self.mirrored(10));
        if self.version < Version::NO_TEXT && !findings.is_empty() {
            let texts: Vec<_> = findings.iter().map(|finding| finding.text.lossy_text()).collect();
            let text: String = texts.join("; ").chars().take(TEXT_CHARACTERS_MAX).collect();
            self.field(&self.text(&text));
        }
        self.end();
    }

    pub(super) fn field(&mut self, bytes: &[u8]) {
        self.out.push(self.delimiters.field);
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn end(&mut self) {
        while self.out.last() == Some(&self.delimiters.field) {
            self.out.pop();
        }
        self.out.push(b'\r');
    }

    fn mirrored(&self, number: u32) -> Vec<u8> {
        self.mirrored_node(FieldPath::new(number, 0, 0, 0))
    }

    /// A node of the request's header as it stands, but for bytes that would break the acknowledgement's frame.
    fn mirrored_node(&self, node: FieldPath) -> Vec<u8> {
        let reading = self.request.reading(&header_node(node));
        let mut bytes = reading.ok().flatten().unwrap_or_default().to_vec();
        for byte in bytes.iter_mut().filter(|byte| matches!(byte, b'\n' | 0x0b | 0x1c)) {
            *byte = b' ';
        }
        bytes
    }

    /// The engine's or a plugin's words, encoded. They have to arrive whatever the request's header allows: a
    /// character that its set lacks is written by its number, and delimiters become blanks where nothing escapes them.
    pub(super) fn text(&self, text: &str) -> Vec<u8> {
        let readable: String = text.chars().map(|character| self.readable(character)).collect();
        escape::encode(&readable, self.delimiters, self.charset)
            .map(Cow::into_owned)
            .unwrap_or_default()
    }

    fn readable(&self, character: char) -> Cow<'static, str> {
        let is_bare = self.delimiters.escape.is_none() && self.delimiters.contain(character);
        if character.is_control() || is_bare {
            Cow::Borrowed(" ")
        } else if self.charset.encode(character.encode_utf8(&mut [0; 4])).is_none() {
            Cow::Owned(format!("[U+{:04X}]", u32::from(character)))
        } else {
            Cow::Owned(character.to_string())
        }
    }
}

fn header_node(node: FieldPath) -> Path {
    Path::of_segment(*b"MSH", 0).with_field(node)
}

/// The first segment, without what may stand before it.
fn header_line(raw: &[u8]) -> Vec<u8> {
    let raw = raw
        .get(..raw.len().min(UNREADABLE_HEADER_BYTES_MAX))
        .unwrap_or_default();
    let start = memchr::memmem::find(raw, b"MSH").unwrap_or(raw.len());
    let line = raw
        .get(start..)
        .unwrap_or_default()
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .next();
    line.unwrap_or_default().to_vec()
}

/// The header with the usual MSH-2 in place of its own, so that its other fields can still be told.
fn with_standard_delimiters(raw: &[u8]) -> Vec<u8> {
    let line = header_line(raw);
    let Some(field) = line.get(3).copied().filter(|field| !b"^~\\&".contains(field)) else {
        return Vec::new();
    };
    let mut fields = line.splitn(3, |byte| *byte == field).skip(2);
    let rest = fields.next().unwrap_or_default();
    [b"MSH", &[field][..], b"^~\\&", &[field][..], rest].concat()
}
