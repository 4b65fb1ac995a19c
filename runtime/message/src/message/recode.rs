//! The message in another character set.

use bytes::Bytes;
use thiserror::Error;

use super::{Message, ParseError, ParseOptions};
use crate::escape::{self, Part, Parts};
use crate::path::FieldPath;
use crate::{Charset, Path};

/// What to do with a character that the other set lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unmappable {
    /// Nothing is written at all: a person has to decide.
    #[default]
    Fault,
    /// It is written as an escape sequence of its code point in eight digits: ő as `\X00000151\`, which [`Message`]
    /// reads as the character again whatever the set. Other receivers may show it as it stands.
    Escape,
}

/// Why a message cannot be written in another character set. The text names a path, and never a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecodeError {
    /// The other set lacks a character.
    #[error("{path} holds a character that the character set {charset} lacks")]
    Unmappable {
        /// The first such node.
        path: String,
        /// The other set.
        charset: Charset,
    },
    /// A character would have to be escaped, and the message has no escape character.
    #[error("{path} holds a character that the character set {charset} lacks, and MSH-2 names no escape character")]
    NoEscape {
        /// The first such node.
        path: String,
        /// The other set.
        charset: Charset,
    },
    /// The bytes are not text in the message's own set.
    #[error("the bytes of {path} are not text in the character set {charset}: set the sender's charset on the source")]
    Undecodable {
        /// The first such node.
        path: String,
        /// The message's own set.
        charset: Charset,
    },
    /// Without the shifts of the message's own set, text of this line would be read as the name of a segment.
    #[error(
        "{path} would be read as another segment in the character set {charset}, because text in it looks like one"
    )]
    AnotherSegment {
        /// The segment, or the line.
        path: String,
        /// The other set.
        charset: Charset,
    },
    /// In the other set the message has grown beyond what can be read.
    #[error("the message cannot be written in another character set: {0}")]
    Unreadable(#[from] ParseError),
}

/// How long the escape sequence of a code point is.
const CODE_POINT_BYTES: usize = r"\X00000000\".len();

impl Message {
    /// The message in another character set: the same text at the same paths, and MSH-18 (with MSH-20) says so. The
    /// delimiters stay, and so does every escape sequence but `\X..\` of bytes, which is written anew to stand for the
    /// same characters. In the set that the message is in already no byte changes, but for those of MSH-18 and MSH-20.
    pub fn to_charset(&self, charset: Charset, unmappable: Unmappable) -> Result<Self, RecodeError> {
        let mut message = self.clone();
        message.declare(charset);
        if charset == self.charset {
            return Ok(message);
        }
        let options = ParseOptions {
            charset: Some(charset),
            segments_max: self.segments_max as usize,
        };
        Ok(Self::parse(message.recoded(charset, unmappable)?, &options)?)
    }

    fn recoded(&self, charset: Charset, unmappable: Unmappable) -> Result<Bytes, RecodeError> {
        let mut out = Vec::with_capacity(self.original.len() + self.original.len() / 8);
        let first = self.segments.first().map_or(0, |segment| segment.start as usize);
        let before = self.original.get(..first).unwrap_or_default();
        // Blank lines stay; a byte-order mark says UTF-8, which it would not be any more.
        out.extend(before.iter().filter(|byte| byte.is_ascii()));
        for (index, segment) in self.segments.iter().enumerate() {
            let recoding = Recoding {
                message: self,
                index,
                charset,
                unmappable,
                out: Vec::new(),
            };
            let reading = recoding.segment()?;
            if !self.is_same_segment(index, &reading) {
                let path = path_at(self, index, 0);
                return Err(RecodeError::AnotherSegment { path, charset });
            }
            out.extend_from_slice(&charset.printed(&reading));
            self.print_ending(index, segment, &mut out);
        }
        Ok(out.into())
    }
}

/// One segment on its way into another set. Its parts are given with where they stand in the segment's reading.
struct Recoding<'a> {
    message: &'a Message,
    index: usize,
    charset: Charset,
    unmappable: Unmappable,
    out: Vec<u8>,
}

impl Recoding<'_> {
    /// The segment's reading in the other set.
    fn segment(mut self) -> Result<Vec<u8>, RecodeError> {
        let message = self.message;
        let content = message.content(self.index);
        let escape = message.delimiters.escape;
        let is_escaped = escape.is_some_and(|escape| memchr::memchr(escape, content).is_some());
        if content.is_ascii() && !is_escaped {
            return Ok(content.to_vec());
        }
        let start = if self.index == 0 { header_start(message) } else { 0 };
        let (delimiters, content) = content.split_at(start.min(content.len()));
        self.out.extend_from_slice(delimiters);
        match escape {
            Some(escape) => self.parts(content, escape, start)?,
            None => self.text(content, start)?,
        }
        Ok(self.out)
    }

    fn parts(&mut self, content: &[u8], escape: u8, mut at: usize) -> Result<(), RecodeError> {
        let parts = Parts::of(content, escape, self.message.delimiters, self.message.charset);
        let mut run = Run::default();
        for (part, raw) in parts {
            if let Part::Bytes(digits) = part {
                run.add(digits, raw, at);
            } else {
                self.bytes(&std::mem::take(&mut run), escape)?;
                match part {
                    Part::Text => self.text(raw, at)?,
                    // Four digits are a code point only in a set of several bytes a character.
                    Part::Character(character) if raw.len() < CODE_POINT_BYTES => {
                        self.escaped(character, escape, at)?;
                    }
                    _ => self.out.extend_from_slice(raw),
                }
            }
            at += raw.len();
        }
        self.bytes(&run, escape)
    }

    fn text(&mut self, reading: &[u8], at: usize) -> Result<(), RecodeError> {
        let text = self.message.charset.text(reading);
        if let Some(reading) = text.as_deref().and_then(|text| self.charset.reading_of_text(text)) {
            self.out.extend_from_slice(&reading);
            return Ok(());
        }
        self.leaves(reading, at)
    }

    /// Each leaf by itself, where not all can be written: the error names one.
    fn leaves(&mut self, reading: &[u8], mut at: usize) -> Result<(), RecodeError> {
        let separators = self.message.delimiters.separators();
        for leaf in reading.split_inclusive(|byte| separators.contains(&Some(*byte))) {
            let text = self.message.charset.text(leaf).ok_or_else(|| self.undecodable(at))?;
            self.characters(&text, at)?;
            at += leaf.len();
        }
        Ok(())
    }

    /// Each character by itself, where not all of them fit.
    fn characters(&mut self, text: &str, at: usize) -> Result<(), RecodeError> {
        for character in text.chars() {
            match self.charset.reading_of_text(character.encode_utf8(&mut [0; 4])) {
                Some(reading) => self.out.extend_from_slice(&reading),
                None => self.unmapped(character, at)?,
            }
        }
        Ok(())
    }

    /// Escapes of bytes: as they stand where they mean the same in both sets, or written anew.
    fn bytes(&mut self, run: &Run<'_>, escape: u8) -> Result<(), RecodeError> {
        if run.bytes.is_empty() {
            return Ok(());
        }
        let text = self.message.charset.decode(&run.bytes);
        let text = text.ok_or_else(|| self.undecodable(run.at))?;
        if run.bytes.is_ascii() && text.is_ascii() {
            run.raw.iter().for_each(|raw| self.out.extend_from_slice(raw));
            return Ok(());
        }
        // A sequence that begins with a zero byte could be taken for a code point.
        if let Some(bytes) = self.charset.encode(&text).filter(|bytes| bytes.first() != Some(&0)) {
            push_escape(&bytes, escape, &mut self.out);
            return Ok(());
        }
        text.chars()
            .try_for_each(|character| self.escaped(character, escape, run.at))
    }

    fn escaped(&mut self, character: char, escape: u8, at: usize) -> Result<(), RecodeError> {
        match self.charset.encode(character.encode_utf8(&mut [0; 4])) {
            Some(bytes) => push_escape(&bytes, escape, &mut self.out),
            None => self.unmapped(character, at)?,
        }
        Ok(())
    }

    fn unmapped(&mut self, character: char, at: usize) -> Result<(), RecodeError> {
        let charset = self.charset;
        let path = || path_at(self.message, self.index, at);
        match (self.unmappable, self.message.delimiters.escape) {
            (Unmappable::Fault, _) => Err(RecodeError::Unmappable { path: path(), charset }),
            (Unmappable::Escape, None) => Err(RecodeError::NoEscape { path: path(), charset }),
            (Unmappable::Escape, Some(escape)) => {
                push_escape(&u32::from(character).to_be_bytes(), escape, &mut self.out);
                Ok(())
            }
        }
    }

    fn undecodable(&self, at: usize) -> RecodeError {
        RecodeError::Undecodable {
            path: path_at(self.message, self.index, at),
            charset: self.message.charset,
        }
    }
}

/// Escapes of bytes that stand side by side, and so may make one character together.
#[derive(Default)]
struct Run<'a> {
    at: usize,
    bytes: Vec<u8>,
    raw: Vec<&'a [u8]>,
}

impl<'a> Run<'a> {
    fn add(&mut self, digits: &[u8], raw: &'a [u8], at: usize) {
        if self.raw.is_empty() {
            self.at = at;
        }
        self.bytes.extend(escape::bytes(digits));
        self.raw.push(raw);
    }
}

fn push_escape(bytes: &[u8], escape: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[escape, b'X']);
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    out.extend(nibbles.filter_map(|nibble| DIGITS.get(usize::from(nibble))));
    out.push(escape);
}

/// Where MSH-2 ends, whose characters are no escapes.
fn header_start(message: &Message) -> usize {
    let characters = message.content(0).iter().skip(4);
    4 + characters.take_while(|byte| **byte != message.delimiters.field).count()
}

/// The path of the leaf that begins at this byte of a segment's reading, as short as it is clear.
fn path_at(message: &Message, index: usize, at: usize) -> String {
    let name = message.segments.get(index).map_or([0; 3], |segment| segment.name);
    if name == [0; 3] {
        return format!("line {}", index + 1);
    }
    let of_name = message.segments.iter().take(index + 1);
    let occurrence = of_name.filter(|segment| segment.name == name).count();
    let segment = Path::of_segment(name, if occurrence == 1 { 0 } else { number(occurrence) });
    let (mut before, after) = message.content(index).split_at(at.min(message.content(index).len()));
    let separators = message.delimiters.separators();
    let next = after
        .iter()
        .find_map(|byte| separators.iter().position(|separator| *separator == Some(*byte)));
    let [field, repetition, component, subcomponent] = separators.map(|separator| {
        let Some(separator) = separator else { return 0 };
        let passed = memchr::memchr_iter(separator, before).count();
        let last = memchr::memrchr(separator, before);
        before = last.and_then(|last| before.get(last + 1..)).unwrap_or(before);
        number(passed)
    });
    let has_subcomponents = subcomponent > 0 || next == Some(SUBCOMPONENT);
    let has_components = has_subcomponents || component > 0 || next == Some(COMPONENT);
    let node = FieldPath::new(
        field + u32::from(segment.is_of_header()),
        if repetition == 0 { 0 } else { repetition + 1 },
        if has_components { component + 1 } else { 0 },
        if has_subcomponents { subcomponent + 1 } else { 0 },
    );
    segment.with_field(node).to_string()
}

/// Where the separators of components and subcomponents stand among all of them.
const COMPONENT: usize = 2;
const SUBCOMPONENT: usize = 3;

/// A message has fewer bytes than can be counted.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
