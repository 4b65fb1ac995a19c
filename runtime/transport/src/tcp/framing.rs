//! How a stream of bytes is cut into frames.

use bytes::{BufMut as _, Bytes, BytesMut};
use memchr::memmem;

use crate::mllp::{self, Release};

/// How frames stand in a stream. Both ends have to agree; nothing on the wire says which it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Between the bytes of MLLP.
    Mllp(Release),
    /// Between bytes of the site's own, or before them.
    Marked(Marks),
    /// Behind its length.
    Length(Length),
    /// One frame, to the end of the connection.
    ToEnd,
    /// One of a few texts that never hold anything else: a receiver's answers. Nothing is sent in this way.
    Words(Vec<Bytes>),
}

/// Bytes around a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Before it; empty where a frame begins behind the end of the one before.
    pub start: Bytes,
    /// Behind it. At least one byte.
    pub end: Bytes,
}

/// The length in front of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// How many bytes it has: 1, 2 or 4.
    pub bytes: usize,
    /// In which order they come.
    pub order: ByteOrder,
    /// Whether it counts its own bytes too.
    pub counts_itself: bool,
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The most significant byte first, as networks have it.
    Big,
    /// The least significant byte first.
    Little,
}

/// How a listener tells its peer what became of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Acknowledging {
    /// With what the handler says, in a frame of its own.
    #[default]
    Reply,
    /// Not at all. A connection is closed where a frame cannot be taken.
    Nothing,
    /// With these bytes as they are.
    Fixed {
        /// For a frame that was taken.
        accepted: Bytes,
        /// For one that its sender keeps.
        refused: Bytes,
    },
}

/// Why a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unframeable {
    /// It holds a byte of its framing here.
    Holds { byte: u8, offset: usize },
    /// Its length does not fit.
    TooLong { bytes: usize, bytes_max: usize },
}

impl Framing {
    /// The release of MLLP; of other framings the first, which adds nothing to frames.
    #[must_use]
    pub fn release(&self) -> Release {
        match self {
            Self::Mllp(release) => *release,
            _ => Release::One,
        }
    }

    /// Whether a connection carries one frame only.
    pub(crate) fn ends_with_connection(&self) -> bool {
        *self == Self::ToEnd
    }

    /// Why `content` cannot be a frame, where it cannot.
    pub(crate) fn refuses(&self, content: &[u8]) -> Option<Unframeable> {
        let held = |mark: &[u8]| {
            let offset = memmem::find(content, mark).filter(|_| !mark.is_empty())?;
            Some(Unframeable::Holds {
                byte: mark.first().copied().unwrap_or_default(),
                offset,
            })
        };
        match self {
            Self::Mllp(_) => {
                let offset = memchr::memchr2(mllp::START, mllp::END, content)?;
                let byte = content.get(offset).copied().unwrap_or_default();
                Some(Unframeable::Holds { byte, offset })
            }
            // Where the content ends in the beginning of the mark, the two would be one.
            Self::Marked(Marks { start, end }) => {
                held(end).or_else(|| held(start)).or_else(|| overlapping(content, end))
            }
            Self::Length(length) => {
                let (bytes, bytes_max) = (content.len(), length.content_bytes_max());
                (bytes > bytes_max).then_some(Unframeable::TooLong { bytes, bytes_max })
            }
            Self::ToEnd | Self::Words(_) => None,
        }
    }

    /// Appends `content` as one frame, which [`Framing::refuses`] has nothing against.
    pub(crate) fn encode(&self, content: &[u8], into: &mut BytesMut) {
        into.put_slice(&self.before(content.len()));
        into.put_slice(content);
        into.put_slice(&self.behind());
    }

    /// What stands in front of so many bytes of content.
    pub(crate) fn before(&self, content_bytes: usize) -> Bytes {
        match self {
            Self::Mllp(_) => Bytes::from_static(&[mllp::START]),
            Self::Marked(marks) => marks.start.clone(),
            Self::Length(length) => length.written(content_bytes),
            Self::ToEnd | Self::Words(_) => Bytes::new(),
        }
    }

    /// What stands behind the content.
    pub(crate) fn behind(&self) -> Bytes {
        match self {
            Self::Mllp(_) => Bytes::from_static(&[mllp::END, mllp::RETURN]),
            Self::Marked(marks) => marks.end.clone(),
            Self::Length(_) | Self::ToEnd | Self::Words(_) => Bytes::new(),
        }
    }
}

impl Default for Framing {
    fn default() -> Self {
        Self::Mllp(Release::One)
    }
}

impl Length {
    /// The longest content that it can tell.
    pub(crate) fn content_bytes_max(self) -> usize {
        let own = if self.counts_itself { self.bytes } else { 0 };
        let bits = self.bytes.min(4) * 8;
        usize::try_from((1_u64 << bits) - 1).unwrap_or(usize::MAX) - own
    }

    fn written(self, content_bytes: usize) -> Bytes {
        let own = if self.counts_itself { self.bytes } else { 0 };
        let number = u32::try_from(content_bytes + own).unwrap_or(u32::MAX);
        let taken = self.bytes.min(4);
        match self.order {
            ByteOrder::Big => number.to_be_bytes().get(4 - taken..).map(Bytes::copy_from_slice),
            ByteOrder::Little => number.to_le_bytes().get(..taken).map(Bytes::copy_from_slice),
        }
        .unwrap_or_default()
    }

    /// The length of the content that these bytes tell; none where they count less than themselves.
    pub(crate) fn read(self, bytes: &[u8]) -> Option<usize> {
        let fold = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        let number = match self.order {
            ByteOrder::Big => bytes.iter().fold(0, fold),
            ByteOrder::Little => bytes.iter().rev().fold(0, fold),
        };
        let number = usize::try_from(number).ok()?;
        number.checked_sub(if self.counts_itself { self.bytes } else { 0 })
    }
}

/// The end of `content` that, with a mark behind it, would read as an earlier mark: `ab|` before `||`.
fn overlapping(content: &[u8], mark: &[u8]) -> Option<Unframeable> {
    let tail = content.len().saturating_sub(mark.len().saturating_sub(1));
    let tail_bytes = content.get(tail..)?;
    let joined = [tail_bytes, mark].concat();
    let at = memmem::find(&joined, mark)?;
    (at < tail_bytes.len()).then(|| Unframeable::Holds {
        byte: mark.first().copied().unwrap_or_default(),
        offset: tail + at,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn marked(start: &'static [u8], end: &'static [u8]) -> Framing {
        Framing::Marked(Marks {
            start: Bytes::from_static(start),
            end: Bytes::from_static(end),
        })
    }

    fn length(bytes: usize, order: ByteOrder, counts_itself: bool) -> Length {
        Length {
            bytes,
            order,
            counts_itself,
        }
    }

    #[test]
    fn content_is_framed_as_the_site_says() {
        let framed = |framing: &Framing| {
            let mut bytes = BytesMut::new();
            framing.encode(b"abc", &mut bytes);
            bytes.to_vec()
        };
        assert_eq!(framed(&Framing::default()), b"\x0babc\x1c\r");
        assert_eq!(framed(&marked(b"\x02", b"\x03")), b"\x02abc\x03");
        assert_eq!(framed(&marked(b"", b"\r\n")), b"abc\r\n");
        assert_eq!(framed(&Framing::Length(length(2, ByteOrder::Big, false))), b"\0\x03abc");
        assert_eq!(
            framed(&Framing::Length(length(4, ByteOrder::Little, true))),
            b"\x07\0\0\0abc"
        );
        assert_eq!(framed(&Framing::ToEnd), b"abc");
    }

    #[test]
    fn what_a_frame_cannot_hold_is_refused() {
        let holds = |byte, offset| Some(Unframeable::Holds { byte, offset });
        assert_eq!(Framing::default().refuses(b"a\x1cb"), holds(0x1c, 1));
        assert_eq!(marked(b"\x02", b"\x03").refuses(b"ab\x02"), holds(2, 2));
        assert_eq!(marked(b"", b"||").refuses(b"ab|"), holds(b'|', 2));
        assert_eq!(marked(b"", b"\n").refuses(b"a\rb\r"), None);
        let short = Framing::Length(length(1, ByteOrder::Big, true));
        assert_eq!(short.refuses(&[0; 254]), None);
        let bytes = 255;
        assert_eq!(
            short.refuses(&[0; 255]),
            Some(Unframeable::TooLong { bytes, bytes_max: 254 })
        );
    }

    #[test]
    fn a_length_is_read_as_it_is_written() {
        for bytes in [1, 2, 4] {
            for order in [ByteOrder::Big, ByteOrder::Little] {
                for counts_itself in [false, true] {
                    let length = length(bytes, order, counts_itself);
                    for content in [0, 1, 200, length.content_bytes_max()] {
                        assert_eq!(length.read(&length.written(content)).unwrap(), content, "{length:?}");
                    }
                }
            }
        }
        assert_eq!(length(2, ByteOrder::Big, true).read(&[0, 1]), None);
    }
}
