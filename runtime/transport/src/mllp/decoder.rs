//! MLLP framing as a plain value: push bytes in, take events out. However the stream is cut into pieces, the events
//! are the same.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};
use transfuse_message::Payload;

use crate::frame::{Defect, Truncation};

/// Begins a frame: vertical tab.
pub(crate) const START: u8 = 0x0B;
/// Ends a frame, together with [`RETURN`]: file separator.
pub(crate) const END: u8 = 0x1C;
/// Follows [`END`]. Many senders leave it out.
pub(crate) const RETURN: u8 = 0x0D;
/// What some senders write for [`RETURN`] or after it.
const LINE_FEED: u8 = 0x0A;

/// How much of garbage and of over-long frames is kept: enough for a whole MSH segment, so that a refusal can name the
/// message, and for a person to see what spoke to the port.
pub(crate) const KEPT_BYTES_MAX: usize = 4 * 1024;

/// After so many bytes outside of any frame the decoder gives up: who sends more without a start byte speaks another
/// protocol.
pub(crate) const GARBAGE_BYTES_MAX: usize = 64 * 1024;

/// An over-long frame is skipped up to its end while it stays below so many times the limit, so that an oversized
/// document costs one refusal and not the connection; beyond, the decoder gives up.
pub(crate) const SKIP_FACTOR: usize = 4;

/// A buffer that grew beyond this for a large frame is given back when that frame is taken.
const BUFFER_BYTES_KEPT: usize = 64 * 1024;

/// What the stream contained.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A whole frame, without its framing bytes; a slice of the read buffer, not a copy.
    Frame(Payload),
    /// Something else.
    Defect {
        /// What is wrong with it.
        defect: Defect,
        /// As much of it as is kept: all of a truncated frame, at most the first 4 KiB of anything else.
        kept: Payload,
    },
}

/// What the decoder waits for, once [`Decoder::next_event`] has nothing more to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Nothing: the stream stands between two frames.
    Nothing,
    /// The end of a frame that has begun.
    Frame,
    /// The byte after 0x1C, which decides whether the frame has ended: see [`Decoder::accept_end`].
    ByteAfterEnd,
    /// The start byte that ends a stretch of garbage.
    Start,
}

/// The framing decoder. Its memory is bounded by the frame limit and the size of what is pushed at once.
///
/// What it tolerates:
/// - CR and LF between frames are ignored.
/// - A frame ends at 0x1C that is followed by CR, by LF, or by the start of the next frame; at the end of the stream
///   0x1C alone suffices. Any other 0x1C is content: MLLP forbids it there, but ending the frame would silently
///   shorten a message that carries binary data.
/// - Other bytes between frames are one [`Defect::Garbage`], up to the next start byte.
/// - A start byte inside a frame cuts it short ([`Truncation::NewStart`]); an empty frame that is cut short so is no
///   event.
/// - A frame above the limit is one [`Defect::TooLong`], and skipped up to its end.
#[derive(Debug)]
pub struct Decoder {
    frame_bytes_max: usize,
    buffer: BytesMut,
    /// So many bytes at the front of `buffer` were searched and need not be searched again.
    searched: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Between,
    Garbage {
        bytes: usize,
        kept: BytesMut,
    },
    /// `buffer` begins with the first byte of the content.
    Inside,
    /// Inside a frame that is over-long; `bytes` of its content were dropped from `buffer`.
    Skipping {
        bytes: usize,
        kept: Bytes,
    },
    GivenUp,
}

/// Whether the search goes on, has an event, or needs more bytes.
enum Found {
    Event(Event),
    Next,
    NeedsBytes,
}

impl Decoder {
    /// A decoder at the beginning of a stream that takes frames of at most `frame_bytes_max` bytes of content.
    #[must_use]
    pub fn new(frame_bytes_max: usize) -> Decoder {
        Decoder {
            frame_bytes_max,
            buffer: BytesMut::new(),
            searched: 0,
            state: State::Between,
        }
    }

    /// Appends bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// The buffer that bytes of the stream can be appended to without a copy. Nothing else may be done to it.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next event in what was pushed so far, or `None` when more bytes are needed. Linear in the pushed bytes.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let found = match self.state {
                State::Between => self.between(),
                State::Garbage { .. } => self.garbage(),
                State::Inside => self.inside(),
                State::Skipping { .. } => self.skipping(),
                State::GivenUp => self.given_up(),
            };
            match found {
                Found::Event(event) => return Some(event),
                Found::Next => {}
                Found::NeedsBytes => return None,
            }
        }
    }

    /// What the decoder waits for; meaningful after `next_event` returned `None`.
    #[must_use]
    pub fn pending(&self) -> Pending {
        match self.state {
            State::Between | State::GivenUp => Pending::Nothing,
            State::Garbage { .. } => Pending::Start,
            State::Inside | State::Skipping { .. } if self.ends_with_end() => Pending::ByteAfterEnd,
            State::Inside | State::Skipping { .. } => Pending::Frame,
        }
    }

    /// How many bytes of the pending frame or garbage have arrived.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        match self.state {
            State::Between | State::GivenUp => 0,
            State::Inside => self.buffer.len(),
            State::Garbage { bytes, .. } | State::Skipping { bytes, .. } => bytes + self.buffer.len(),
        }
    }

    /// Whether the stream is hopeless: an endless frame, or another protocol. The last event said which; what follows
    /// is thrown away, and the connection should be closed.
    #[must_use]
    pub fn has_given_up(&self) -> bool {
        matches!(self.state, State::GivenUp)
    }

    /// Ends a frame whose last byte so far is 0x1C, because nothing followed for a while; `None` where none is
    /// pending. A CR that follows late is ignored like any other between frames.
    pub fn accept_end(&mut self) -> Option<Event> {
        if self.pending() != Pending::ByteAfterEnd {
            return None;
        }
        let content = self.buffer.split_to(self.buffer.len() - 1).freeze();
        self.buffer.clear();
        match self.stand_between() {
            State::Skipping { bytes, kept } => Some(self.too_long(bytes + content.len(), kept)),
            _ => Some(Event::Frame(Payload::from(content))),
        }
    }

    /// Ends the stream for the given reason: the frame or garbage that is pending becomes an event. A frame whose
    /// last byte is 0x1C is whole. Afterwards the decoder stands between frames.
    pub fn finish(&mut self, reason: Truncation) -> Option<Event> {
        if self.has_given_up() {
            return None;
        }
        if let Some(event) = self.accept_end() {
            return Some(event);
        }
        let rest = self.buffer.split().freeze();
        match self.stand_between() {
            State::Between | State::GivenUp => None,
            State::Garbage { bytes, kept } => Some(garbage(bytes, kept)),
            State::Inside if rest.is_empty() => None,
            State::Inside => Some(defect(Defect::Truncated(reason), rest)),
            State::Skipping { bytes, kept } => Some(self.too_long(bytes + rest.len(), kept)),
        }
    }

    fn between(&mut self) -> Found {
        let ignored = self
            .buffer
            .iter()
            .take_while(|byte| matches!(**byte, RETURN | LINE_FEED))
            .count();
        self.buffer.advance(ignored);
        self.state = match self.buffer.first() {
            None => return Found::NeedsBytes,
            Some(&START) => {
                self.buffer.advance(1);
                State::Inside
            }
            Some(_) => State::Garbage {
                bytes: 0,
                kept: BytesMut::new(),
            },
        };
        Found::Next
    }

    fn garbage(&mut self) -> Found {
        let start = memchr(START, &self.buffer);
        let stretch = self.buffer.split_to(start.unwrap_or(self.buffer.len()));
        let State::Garbage { bytes, kept } = &mut self.state else {
            return Found::Next;
        };
        kept.extend(stretch.iter().take(KEPT_BYTES_MAX.saturating_sub(kept.len())));
        *bytes = (*bytes + stretch.len()).min(GARBAGE_BYTES_MAX + 1);
        let hopeless = *bytes > GARBAGE_BYTES_MAX;
        if start.is_none() && !hopeless {
            return Found::NeedsBytes;
        }
        let event = garbage(*bytes, std::mem::take(kept));
        self.state = if hopeless { State::GivenUp } else { State::Between };
        Found::Event(event)
    }

    fn inside(&mut self) -> Found {
        let Some((at, marker)) = self.next_marker() else {
            self.searched = self.buffer.len();
            return if self.searched > self.frame_bytes_max {
                self.skip()
            } else {
                Found::NeedsBytes
            };
        };
        if at > self.frame_bytes_max {
            return self.skip();
        }
        if marker == START {
            return self.cut_short(at);
        }
        match self.buffer.get(at + 1) {
            None => {
                self.searched = at;
                Found::NeedsBytes
            }
            Some(&(RETURN | LINE_FEED | START)) => Found::Event(self.take_frame(at)),
            Some(_) => {
                self.searched = at + 1;
                Found::Next
            }
        }
    }

    /// Takes the frame that ends before the 0x1C at `end`. What follows 0x1C stays: CR and LF are ignored there.
    fn take_frame(&mut self, end: usize) -> Event {
        let content = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        self.stand_between();
        self.shrink_after(content.len());
        Event::Frame(Payload::from(content))
    }

    fn cut_short(&mut self, start: usize) -> Found {
        let content = self.buffer.split_to(start).freeze();
        self.stand_between();
        self.shrink_after(content.len());
        if content.is_empty() {
            return Found::Next;
        }
        Found::Event(defect(Defect::Truncated(Truncation::NewStart), content))
    }

    /// Begins to skip the frame. Its head, which is certain to be content, is copied so that the large buffer can go.
    fn skip(&mut self) -> Found {
        let head = self
            .buffer
            .iter()
            .copied()
            .take(KEPT_BYTES_MAX.min(self.frame_bytes_max));
        self.state = State::Skipping {
            bytes: 0,
            kept: head.collect(),
        };
        self.searched = 0;
        Found::Next
    }

    fn skipping(&mut self) -> Found {
        let marker = self.next_marker();
        let dropped = marker.map_or(self.buffer.len(), |(at, _)| at);
        self.buffer.advance(dropped);
        self.searched = 0;
        let State::Skipping { bytes, kept } = &mut self.state else {
            return Found::Next;
        };
        *bytes += dropped;
        let (bytes, kept) = (*bytes, kept.clone());
        let bytes_max = self.frame_bytes_max.saturating_mul(SKIP_FACTOR);
        if bytes > bytes_max {
            self.state = State::GivenUp;
            return Found::Event(self.too_long(bytes_max.saturating_add(1), kept));
        }
        match (marker, self.buffer.get(1)) {
            (None, _) | (Some((_, END)), None) => return Found::NeedsBytes,
            (Some((_, END)), Some(&(RETURN | LINE_FEED | START))) => self.buffer.advance(1),
            (Some((_, END)), Some(_)) => {
                self.searched = 1;
                return Found::Next;
            }
            (Some(_), _) => {}
        }
        self.stand_between();
        self.shrink_after(bytes);
        Found::Event(self.too_long(bytes, kept))
    }

    fn given_up(&mut self) -> Found {
        self.buffer.clear();
        Found::NeedsBytes
    }

    /// Where the next byte stands that can end the content, and which one it is.
    fn next_marker(&self) -> Option<(usize, u8)> {
        let unsearched = self.buffer.get(self.searched..)?;
        let offset = memchr2(END, START, unsearched)?;
        let marker = *unsearched.get(offset)?;
        Some((self.searched + offset, marker))
    }

    /// Only a 0x1C whose successor is unknown is ever left unsearched as the last byte.
    fn ends_with_end(&self) -> bool {
        self.buffer.len() == self.searched + 1 && self.buffer.last() == Some(&END)
    }

    /// Leaves the current state.
    fn stand_between(&mut self) -> State {
        self.searched = 0;
        std::mem::replace(&mut self.state, State::Between)
    }

    /// Lets go of a buffer that had to grow for a frame of so many bytes.
    fn shrink_after(&mut self, bytes: usize) {
        if bytes > BUFFER_BYTES_KEPT && self.buffer.len() <= BUFFER_BYTES_KEPT {
            self.buffer = BytesMut::from(self.buffer.as_ref());
        }
    }

    fn too_long(&self, bytes: usize, kept: Bytes) -> Event {
        defect(
            Defect::TooLong {
                bytes: bytes as u64,
                bytes_max: self.frame_bytes_max as u64,
            },
            kept,
        )
    }
}

/// Appends `content` as one frame. Content that holds 0x0B or 0x1C cannot be framed: see [`super::NotSent`].
pub fn encode(content: &[u8], into: &mut BytesMut) {
    into.reserve(content.len() + 3);
    into.put_u8(START);
    into.put_slice(content);
    into.put_slice(&[END, RETURN]);
}

fn garbage(bytes: usize, kept: BytesMut) -> Event {
    defect(Defect::Garbage { bytes }, kept.freeze())
}

fn defect(defect: Defect, kept: Bytes) -> Event {
    Event::Defect {
        defect,
        kept: Payload::from(kept),
    }
}

#[cfg(test)]
mod tests;
