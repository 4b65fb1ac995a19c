//! What takes frames out of a stream, whatever their framing.

use bytes::BytesMut;

use super::cutter::Cutter;
use super::framing::Framing;
use crate::frame::Truncation;
use crate::mllp::{self, Event, Pending};

/// The decoder of one direction of a connection.
#[derive(Debug)]
pub(crate) enum Decoder {
    Mllp(mllp::Decoder),
    Other(Cutter),
}

impl Decoder {
    pub(crate) fn new(framing: &Framing, frame_bytes_max: usize) -> Self {
        match framing {
            Framing::Mllp(_) => Self::Mllp(mllp::Decoder::new(frame_bytes_max)),
            other => Self::Other(Cutter::new(other.clone(), frame_bytes_max)),
        }
    }

    /// The buffer that bytes of the stream can be appended to without a copy. Nothing else may be done to it.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        match self {
            Self::Mllp(decoder) => decoder.buffer(),
            Self::Other(cutter) => cutter.buffer(),
        }
    }

    /// The next event in what has come so far, or `None` when more bytes are needed.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        match self {
            Self::Mllp(decoder) => decoder.next_event(),
            Self::Other(cutter) => cutter.next_event(),
        }
    }

    /// What is waited for; meaningful after `next_event` returned `None`.
    pub(crate) fn pending(&self) -> Pending {
        match self {
            Self::Mllp(decoder) => decoder.pending(),
            Self::Other(cutter) => cutter.pending(),
        }
    }

    /// How many bytes of what is pending have arrived.
    pub(crate) fn pending_bytes(&self) -> usize {
        match self {
            Self::Mllp(decoder) => decoder.pending_bytes(),
            Self::Other(cutter) => cutter.pending_bytes(),
        }
    }

    /// Whether the stream is hopeless.
    pub(crate) fn has_given_up(&self) -> bool {
        match self {
            Self::Mllp(decoder) => decoder.has_given_up(),
            Self::Other(cutter) => cutter.has_given_up(),
        }
    }

    /// As of MLLP, which alone has frames that may end with their last byte.
    pub(crate) fn accept_end(&mut self) -> Option<Event> {
        match self {
            Self::Mllp(decoder) => decoder.accept_end(),
            Self::Other(_) => None,
        }
    }

    /// Ends the stream for the given reason.
    pub(crate) fn finish(&mut self, reason: Truncation) -> Option<Event> {
        match self {
            Self::Mllp(decoder) => decoder.finish(reason),
            Self::Other(cutter) => cutter.finish(reason),
        }
    }
}
