//! Framings of the site's own as a plain value: push bytes in, take events out. However the stream is cut into pieces, the
//! events are the same.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memmem;
use transfuse_message::Payload;

use super::framing::{Framing, Length, Marks};
use crate::frame::{Defect, Truncation};
use crate::mllp::{Event, GARBAGE_BYTES_MAX, KEPT_BYTES_MAX, Pending, SKIP_FACTOR};

/// Takes frames out of a stream. Its memory is bounded by the frame limit and the size of what is pushed at once.
///
/// What it tolerates: CR and LF in front of a start mark, and empty frames, which some senders use to see whether anybody is
/// there. Other bytes in front of a start mark are one [`Defect::Garbage`]; a start mark inside a frame cuts it short; a frame
/// above the limit is one [`Defect::TooLong`], and skipped up to its end while that is near.
#[derive(Debug)]
pub(crate) struct Cutter {
    framing: Framing,
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
    /// `buffer` begins with the first byte of the content, which has so many bytes where that is known.
    Inside(Option<usize>),
    /// Inside a frame that is over-long; `bytes` of its content were dropped, and so many are to come where that is known.
    Skipping {
        bytes: usize,
        kept: Bytes,
        left: Option<usize>,
    },
    GivenUp,
}

/// Whether the search goes on, has an event, or needs more bytes.
enum Found {
    Event(Event),
    Next,
    NeedsBytes,
}

impl Cutter {
    pub(super) fn new(framing: Framing, frame_bytes_max: usize) -> Self {
        Self {
            framing,
            frame_bytes_max,
            buffer: BytesMut::new(),
            searched: 0,
            state: State::Between,
        }
    }

    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        loop {
            let found = match self.state {
                State::Between => self.between(),
                State::Garbage { .. } => self.garbage(),
                State::Inside(Some(bytes)) => self.counted(bytes),
                State::Inside(None) => self.inside(),
                State::Skipping { .. } => self.skipping(),
                State::GivenUp => {
                    self.buffer.clear();
                    Found::NeedsBytes
                }
            };
            match found {
                Found::Event(event) => return Some(event),
                Found::Next => {}
                Found::NeedsBytes => return None,
            }
        }
    }

    pub(super) fn pending(&self) -> Pending {
        match self.state {
            State::GivenUp => Pending::Nothing,
            State::Between if self.buffer.is_empty() => Pending::Nothing,
            State::Garbage { .. } => Pending::Start,
            State::Between | State::Inside(_) | State::Skipping { .. } => Pending::Frame,
        }
    }

    pub(super) fn pending_bytes(&self) -> usize {
        match self.state {
            State::GivenUp => 0,
            State::Between | State::Inside(_) => self.buffer.len(),
            State::Garbage { bytes, .. } | State::Skipping { bytes, .. } => bytes + self.buffer.len(),
        }
    }

    pub(super) fn has_given_up(&self) -> bool {
        matches!(self.state, State::GivenUp)
    }

    /// The end of the stream ends a frame only where the framing says so.
    pub(super) fn finish(&mut self, reason: Truncation) -> Option<Event> {
        let is_whole = self.framing.ends_with_connection() && reason == Truncation::StreamEnd;
        let rest = self.buffer.split().freeze();
        let state = std::mem::replace(&mut self.state, State::Between);
        self.searched = 0;
        match state {
            State::GivenUp => {
                self.state = State::GivenUp;
                None
            }
            State::Garbage { bytes, kept } => Some(garbage(bytes + rest.len(), kept.freeze())),
            State::Skipping { bytes, kept, .. } => Some(self.too_long(bytes + rest.len(), kept)),
            State::Between | State::Inside(_) if rest.is_empty() => None,
            State::Inside(_) if is_whole && rest.len() > self.frame_bytes_max => {
                let kept = rest.slice(..KEPT_BYTES_MAX.min(self.frame_bytes_max));
                Some(self.too_long(rest.len(), kept))
            }
            State::Inside(_) if is_whole => Some(Event::Frame(Payload::from(rest))),
            State::Between | State::Inside(_) => Some(defect(Defect::Truncated(reason), rest)),
        }
    }

    fn between(&mut self) -> Found {
        match &self.framing {
            _ if self.buffer.is_empty() => Found::NeedsBytes,
            Framing::Marked(marks) => {
                let start = marks.start.clone();
                self.marked(&start)
            }
            Framing::Length(length) => {
                let length = *length;
                self.announced(length)
            }
            Framing::Words(words) => {
                let words = words.clone();
                self.word(&words)
            }
            Framing::ToEnd | Framing::Mllp(_) => self.enter(State::Inside(None)),
        }
    }

    fn enter(&mut self, state: State) -> Found {
        self.searched = 0;
        self.state = state;
        Found::Next
    }

    fn marked(&mut self, start: &[u8]) -> Found {
        if start.is_empty() {
            return self.enter(State::Inside(None));
        }
        let is_line_end = |byte: &&u8| matches!(**byte, b'\r' | b'\n') && start.first() != Some(*byte);
        let ignored = self.buffer.iter().take_while(is_line_end).count();
        self.buffer.advance(ignored);
        if self.buffer.starts_with(start) {
            self.buffer.advance(start.len());
            return self.enter(State::Inside(None));
        }
        if start.starts_with(&self.buffer) {
            return Found::NeedsBytes;
        }
        let (bytes, kept) = (0, BytesMut::new());
        self.enter(State::Garbage { bytes, kept })
    }

    fn announced(&mut self, length: Length) -> Found {
        let Some(told) = self.buffer.get(..length.bytes) else {
            return Found::NeedsBytes;
        };
        let told = length.read(told);
        let Some(bytes) = told else {
            self.state = State::GivenUp;
            return Found::Event(garbage(length.bytes, self.buffer.split().freeze()));
        };
        self.buffer.advance(length.bytes);
        if bytes == 0 {
            return Found::Next;
        }
        if bytes <= self.frame_bytes_max {
            return self.enter(State::Inside(Some(bytes)));
        }
        if bytes > self.frame_bytes_max.saturating_mul(SKIP_FACTOR) {
            self.state = State::GivenUp;
            let kept = self.head();
            return Found::Event(self.too_long(bytes, kept));
        }
        let (kept, left) = (self.head(), Some(bytes));
        self.enter(State::Skipping { bytes: 0, kept, left })
    }

    fn word(&mut self, words: &[Bytes]) -> Found {
        if let Some(word) = words.iter().find(|word| self.buffer.starts_with(word)) {
            self.buffer.advance(word.len());
            return Found::Event(Event::Frame(Payload::from(word.clone())));
        }
        if words.iter().any(|word| word.starts_with(&self.buffer)) {
            return Found::NeedsBytes;
        }
        self.state = State::GivenUp;
        let (bytes, kept) = (self.buffer.len(), self.head());
        Found::Event(garbage(bytes, kept))
    }

    fn garbage(&mut self) -> Found {
        let Framing::Marked(Marks { start, .. }) = &self.framing else {
            return self.enter(State::Between);
        };
        let at = memmem::find(&self.buffer, start);
        // The last bytes may be the beginning of the mark.
        let certain = at.unwrap_or_else(|| (self.buffer.len() + 1).saturating_sub(start.len()));
        let stretch = self.buffer.split_to(certain);
        let State::Garbage { bytes, kept } = &mut self.state else {
            return Found::Next;
        };
        kept.extend(stretch.iter().take(KEPT_BYTES_MAX.saturating_sub(kept.len())));
        *bytes = (*bytes + stretch.len()).min(GARBAGE_BYTES_MAX + 1);
        let is_hopeless = *bytes > GARBAGE_BYTES_MAX;
        if at.is_none() && !is_hopeless {
            return Found::NeedsBytes;
        }
        let event = garbage(*bytes, std::mem::take(kept).freeze());
        self.state = if is_hopeless { State::GivenUp } else { State::Between };
        Found::Event(event)
    }

    fn counted(&mut self, bytes: usize) -> Found {
        if self.buffer.len() < bytes {
            return Found::NeedsBytes;
        }
        let content = self.buffer.split_to(bytes).freeze();
        self.state = State::Between;
        Found::Event(Event::Frame(Payload::from(content)))
    }

    fn inside(&mut self) -> Found {
        let Some(Mark { at, bytes, is_start }) = self.next_mark() else {
            if self.buffer.len() > self.frame_bytes_max + self.mark_bytes_max() {
                return self.skip();
            }
            return Found::NeedsBytes;
        };
        if at > self.frame_bytes_max {
            return self.skip();
        }
        let content = self.buffer.split_to(at).freeze();
        if !is_start {
            self.buffer.advance(bytes);
        }
        self.enter(State::Between);
        match (content.is_empty(), is_start) {
            (true, _) => Found::Next,
            (false, false) => Found::Event(Event::Frame(Payload::from(content))),
            (false, true) => Found::Event(defect(Defect::Truncated(Truncation::NewStart), content)),
        }
    }

    /// Begins to skip the frame. Its head, which is certain to be content, is copied so that the large buffer can go.
    fn skip(&mut self) -> Found {
        if self.framing.ends_with_connection() {
            self.state = State::GivenUp;
            let (bytes, kept) = (self.buffer.len(), self.head());
            return Found::Event(self.too_long(bytes, kept));
        }
        let kept = self.head();
        self.enter(State::Skipping {
            bytes: 0,
            kept,
            left: None,
        })
    }

    fn skipping(&mut self) -> Found {
        let mark = match self.state {
            State::Skipping { left: Some(left), .. } => (self.buffer.len() >= left).then_some(Mark {
                at: left,
                bytes: 0,
                is_start: false,
            }),
            _ => self.next_mark(),
        };
        let is_counted = matches!(self.state, State::Skipping { left: Some(_), .. });
        let undecided = if is_counted { 0 } else { self.mark_bytes_max() - 1 };
        let dropped = mark
            .as_ref()
            .map_or(self.buffer.len().saturating_sub(undecided), |mark| mark.at);
        self.buffer.advance(dropped);
        self.searched = 0;
        let State::Skipping { bytes, kept, left } = &mut self.state else {
            return Found::Next;
        };
        *bytes += dropped;
        *left = left.map(|left| left - dropped);
        let (bytes, kept) = (*bytes, kept.clone());
        let bytes_max = self.frame_bytes_max.saturating_mul(SKIP_FACTOR);
        if bytes > bytes_max {
            self.state = State::GivenUp;
            return Found::Event(self.too_long(bytes_max.saturating_add(1), kept));
        }
        let Some(mark) = mark else { return Found::NeedsBytes };
        if !mark.is_start {
            self.buffer.advance(mark.bytes);
        }
        self.enter(State::Between);
        Found::Event(self.too_long(bytes, kept))
    }

    /// The next mark that ends the content: that of its end, or that of the next frame's start.
    fn next_mark(&mut self) -> Option<Mark> {
        let Framing::Marked(Marks { start, end }) = &self.framing else {
            return None;
        };
        let unsearched = self.buffer.get(self.searched..)?;
        let ended = memmem::find(unsearched, end).map(|at| (at, end.len(), false));
        let started = (!start.is_empty() && start != end)
            .then(|| memmem::find(unsearched, start))
            .flatten()
            .map(|at| (at, start.len(), true));
        let first = ended.into_iter().chain(started).min();
        let Some((at, bytes, is_start)) = first else {
            self.searched = (self.buffer.len() + 1).saturating_sub(self.mark_bytes_max());
            return None;
        };
        let at = self.searched + at;
        Some(Mark { at, bytes, is_start })
    }

    fn mark_bytes_max(&self) -> usize {
        match &self.framing {
            Framing::Marked(Marks { start, end }) => start.len().max(end.len()).max(1),
            _ => 1,
        }
    }

    /// The beginning of what is in the buffer.
    fn head(&self) -> Bytes {
        let bytes = KEPT_BYTES_MAX.min(self.frame_bytes_max).min(self.buffer.len());
        Bytes::copy_from_slice(self.buffer.get(..bytes).unwrap_or_default())
    }

    fn too_long(&self, bytes: usize, kept: Bytes) -> Event {
        let (bytes, bytes_max) = (bytes as u64, self.frame_bytes_max as u64);
        defect(Defect::TooLong { bytes, bytes_max }, kept)
    }
}

/// Where content ends.
struct Mark {
    at: usize,
    bytes: usize,
    is_start: bool,
}

fn garbage(bytes: usize, kept: Bytes) -> Event {
    defect(Defect::Garbage { bytes }, kept)
}

fn defect(defect: Defect, kept: Bytes) -> Event {
    let kept = Payload::from(kept);
    Event::Defect { defect, kept }
}

#[cfg(test)]
mod tests;
