//! FHS, BHS, BTS and FTS: what stands around messages.

use std::fmt;

use bytes::Bytes;

use super::start::header_delimiters;
use super::{Part, PartKind};
use crate::{Charset, Delimiters, escape};

/// What a header begins, and a trailer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// FHS and FTS.
    File,
    /// BHS and BTS.
    Batch,
}

/// FHS or BHS: both have the same fields, with delimiters of their own. `Debug` prints the size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    level: Level,
    line: Bytes,
    /// None where FHS-1 or FHS-2 cannot be used.
    delimiters: Option<Delimiters>,
}

/// BTS or FTS. `Debug` prints the size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Trailer {
    level: Level,
    line: Bytes,
    separator: u8,
}

impl Level {
    /// The name of the segment that begins it.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::File => "FHS",
            Self::Batch => "BHS",
        }
    }

    /// The name of the segment that ends it.
    #[must_use]
    pub fn trailer(self) -> &'static str {
        match self {
            Self::File => "FTS",
            Self::Batch => "BTS",
        }
    }

    /// What its trailer counts.
    pub(super) fn counted(self) -> &'static str {
        match self {
            Self::File => "batches",
            Self::Batch => "messages",
        }
    }
}

impl Header {
    /// The header that a part is; none where it is none.
    #[must_use]
    pub fn of(part: &Part) -> Option<Self> {
        let level = match part.kind {
            PartKind::FileHeader => Level::File,
            PartKind::BatchHeader => Level::Batch,
            _ => return None,
        };
        let line = without_end(&part.bytes);
        let delimiters = header_delimiters(&line);
        Some(Self {
            level,
            line,
            delimiters,
        })
    }

    /// What it begins.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The delimiters that fields 1 and 2 declare; those of the standard where they cannot be used.
    #[must_use]
    pub fn delimiters(&self) -> Delimiters {
        self.delimiters.unwrap_or(Delimiters::STANDARD)
    }

    /// Whether its own fields 1 and 2 can be used.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.delimiters.is_some()
    }

    /// A field as it stands, from number 2 on; empty where there is none.
    #[must_use]
    pub fn field(&self, number: usize) -> &[u8] {
        let separator = self.delimiters().field;
        let mut fields = self.line.split(|byte| *byte == separator);
        fields.nth(number.saturating_sub(1)).unwrap_or_default()
    }

    /// FHS-11 or BHS-11, the control id of the file or batch, as text.
    #[must_use]
    pub fn control_id(&self) -> String {
        let bytes = self.field(11);
        let text = escape::decode(bytes, self.delimiters(), Charset::UTF_8);
        text.unwrap_or_else(|| String::from_utf8_lossy(bytes)).into_owned()
    }
}

impl Trailer {
    /// The trailer that a part is; none where it is none.
    #[must_use]
    pub fn of(part: &Part) -> Option<Self> {
        let level = match part.kind {
            PartKind::FileTrailer => Level::File,
            PartKind::BatchTrailer => Level::Batch,
            _ => return None,
        };
        let line = without_end(&part.bytes);
        let separator = line.get(3).copied().unwrap_or(Delimiters::STANDARD.field);
        Some(Self { level, line, separator })
    }

    /// What it ends.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// BTS-1 or FTS-1 as it stands; empty where nothing is counted.
    #[must_use]
    pub fn count(&self) -> &[u8] {
        let mut fields = self.line.split(|byte| *byte == self.separator);
        fields.nth(1).unwrap_or_default()
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({}, {} bytes)", self.level.header(), self.line.len())
    }
}

impl fmt::Debug for Trailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trailer({}, {} bytes)", self.level.trailer(), self.line.len())
    }
}

fn without_end(line: &Bytes) -> Bytes {
    let end = memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
    line.slice(..end)
}
