//! How an input is read: a message, then edits, each after a NUL. Both are text, so that a kept input can be read and
//! written by hand.

/// What takes the bytes of an input apart. No kept message needs one, and no sender sends it.
const SEPARATOR: u8 = 0;

/// The most edits of one input that are made. More make inputs slow without making them stranger.
const EDITS_MAX: usize = 24;

/// An input, taken apart.
pub(crate) struct Input<'a> {
    pub(crate) message: &'a [u8],
    pub(crate) edits: Vec<&'a str>,
}

impl<'a> Input<'a> {
    /// Edits that are not text are left out: a path and a value are text.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let mut parts = bytes.split(|byte| *byte == SEPARATOR);
        let message = parts.next().unwrap_or_default();
        let edits = parts.take(EDITS_MAX).filter_map(|edit| std::str::from_utf8(edit).ok());
        Self {
            message,
            edits: edits.collect(),
        }
    }
}
