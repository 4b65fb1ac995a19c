//! What is wrong with a sequence of parts, in the words of HL7 v2 chapter 2, section 2.10.3.

use std::fmt;

use super::{Header, Level, Part, PartKind, Trailer};

/// The most flaws that are kept of one batch: they are read by a person, and a broken file has as many as lines.
const FLAWS_MAX: usize = 100;

/// What is wrong with a batch. None of it keeps a message from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// BTS-1 or FTS-1 is not what is there.
    Count {
        /// Batch: messages are counted; file: batches.
        level: Level,
        /// What the trailer says.
        said: u64,
        /// What is there.
        found: u64,
        /// Where the trailer begins.
        offset: u64,
    },
    /// BTS-1 or FTS-1 is not a number.
    NoNumber {
        /// Which of them.
        level: Level,
        /// Where the trailer begins.
        offset: u64,
    },
    /// A header without its trailer: the rest may be missing.
    NoTrailer {
        /// Which trailer.
        level: Level,
        /// Where its header begins.
        offset: u64,
    },
    /// A trailer without its header: the beginning may be missing.
    NoHeader {
        /// Which header.
        level: Level,
        /// Where the trailer begins.
        offset: u64,
    },
    /// A header whose delimiters cannot be used.
    UnreadableHeader {
        /// Which header.
        level: Level,
        /// Where it begins.
        offset: u64,
    },
    /// Text that belongs to no message.
    Text {
        /// Where its first line begins.
        offset: u64,
        /// How many lines there are, in all.
        lines: u64,
    },
}

/// Follows the parts of a batch, counts, and takes note of what is wrong.
#[derive(Debug, Default)]
pub struct Structure {
    messages: u64,
    has_envelope: bool,
    /// Batches with a header, and runs of messages without one.
    batches: u64,
    file: Option<u64>,
    batch: Option<Batch>,
    flaws: Vec<Flaw>,
    text: Option<(u64, u64)>,
}

/// A batch that is open.
#[derive(Debug)]
struct Batch {
    /// Where its header begins; none where messages began without one.
    header: Option<u64>,
    messages: u64,
}

impl Structure {
    /// Takes the next part.
    pub fn take(&mut self, part: &Part) {
        let offset = part.start;
        let is_envelope = !matches!(part.kind, PartKind::Message | PartKind::Text | PartKind::Filler);
        self.has_envelope |= is_envelope;
        match part.kind {
            PartKind::FileHeader | PartKind::BatchHeader => {
                if let Some(header) = Header::of(part) {
                    self.begin(&header, offset);
                }
            }
            PartKind::Message => self.take_message(),
            PartKind::BatchTrailer | PartKind::FileTrailer => {
                if let Some(trailer) = Trailer::of(part) {
                    self.end(&trailer, offset);
                }
            }
            PartKind::Text => self.text.get_or_insert((offset, 0)).1 += 1,
            PartKind::Filler => {}
        }
    }

    /// Whether there was more than one message, or a header or a trailer, until now.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        self.has_envelope || self.messages > 1
    }

    /// How many messages there were until now.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// The flaws that were found until now, in the order of the parts.
    #[must_use]
    pub fn flaws(&self) -> &[Flaw] {
        &self.flaws
    }

    /// All flaws, once there are no more parts.
    #[must_use]
    pub fn finish(mut self) -> Vec<Flaw> {
        self.end_batch_without_trailer();
        self.end_file_without_trailer();
        if let Some((offset, lines)) = self.text {
            self.flaw(Flaw::Text { offset, lines });
        }
        self.flaws
    }

    fn begin(&mut self, header: &Header, offset: u64) {
        self.end_batch_without_trailer();
        match header.level() {
            Level::File => {
                self.end_file_without_trailer();
                self.file = Some(offset);
                self.batches = 0;
            }
            Level::Batch => self.open_batch(Some(offset)),
        }
        if !header.is_readable() {
            let level = header.level();
            self.flaw(Flaw::UnreadableHeader { level, offset });
        }
    }

    fn take_message(&mut self) {
        self.messages += 1;
        if self.batch.is_none() {
            self.open_batch(None);
        }
        if let Some(batch) = &mut self.batch {
            batch.messages += 1;
        }
    }

    fn open_batch(&mut self, header: Option<u64>) {
        self.batches += 1;
        self.batch = Some(Batch { header, messages: 0 });
    }

    fn end(&mut self, trailer: &Trailer, offset: u64) {
        let level = trailer.level();
        let (found, has_header) = match level {
            Level::Batch => {
                let batch = self.batch.take();
                let header = batch.as_ref().is_some_and(|batch| batch.header.is_some());
                (batch.map_or(0, |batch| batch.messages), header)
            }
            Level::File => {
                self.end_batch_without_trailer();
                let found = std::mem::take(&mut self.batches);
                (found, self.file.take().is_some())
            }
        };
        if !has_header {
            self.flaw(Flaw::NoHeader { level, offset });
        }
        let said = trailer.count().trim_ascii();
        match std::str::from_utf8(said).ok().and_then(|said| said.parse().ok()) {
            _ if said.is_empty() => {}
            None => self.flaw(Flaw::NoNumber { level, offset }),
            Some(said) if said != found => self.flaw(Flaw::Count {
                level,
                said,
                found,
                offset,
            }),
            Some(_) => {}
        }
    }

    fn end_batch_without_trailer(&mut self) {
        if let Some(offset) = self.batch.take().and_then(|batch| batch.header) {
            let level = Level::Batch;
            self.flaw(Flaw::NoTrailer { level, offset });
        }
    }

    fn end_file_without_trailer(&mut self) {
        if let Some(offset) = self.file.take() {
            let level = Level::File;
            self.flaw(Flaw::NoTrailer { level, offset });
        }
    }

    fn flaw(&mut self, flaw: Flaw) {
        if self.flaws.len() < FLAWS_MAX {
            self.flaws.push(flaw);
        }
    }
}

impl Flaw {
    /// Where it is, in bytes from the beginning.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            Self::Count { offset, .. }
            | Self::NoNumber { offset, .. }
            | Self::NoTrailer { offset, .. }
            | Self::NoHeader { offset, .. }
            | Self::UnreadableHeader { offset, .. }
            | Self::Text { offset, .. } => *offset,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { level, said, found, .. } => {
                let (trailer, counted) = (level.trailer(), level.counted());
                write!(f, "{trailer}-1 says {said} {counted}, and there are {found}")
            }
            Self::NoNumber { level, .. } => write!(f, "{}-1 is not a number", level.trailer()),
            Self::NoTrailer { level, .. } => write!(f, "{} has no {}", level.header(), level.trailer()),
            Self::NoHeader { level, .. } => write!(f, "{} has no {}", level.trailer(), level.header()),
            Self::UnreadableHeader { level, .. } => {
                write!(f, "the delimiters of {} cannot be used", level.header())
            }
            Self::Text { lines, .. } => write!(f, "{lines} lines of text belong to no message"),
        }
    }
}
