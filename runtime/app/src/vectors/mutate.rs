//! Messages that nobody would send, made of ones that somebody did: what a plugin must cope with.

use super::random::Random;

/// The most bytes that a mutated message grows to: some hundred segments, in which every branch of a mapping is met,
/// and small enough that a thousand of them run in a second.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Changes to one message. More would leave nothing of it that a plugin looks into.
const CHANGES_MAX: usize = 6;

/// How often a segment is repeated at most.
const COPIES_MAX: usize = 40;

/// What messages are made of, more often than chance would have it: values that conversions fail on, delimiters, escape
/// sequences whole and cut, bytes of several character sets.
const VALUES: &[&[u8]] = &[
    b"",
    b"\"\"",
    b"0",
    b"-1",
    b"1",
    b"+",
    b"<",
    b"NaN",
    b"1e400",
    b"0x10",
    b"5,4",
    b"99999999999999999999",
    b"-0.0",
    b"00000000",
    b"20260230",
    b"20261399256199+9900",
    b"2026",
    b"A",
    b" ",
    b"\t",
    b"\\F\\",
    b"\\T\\",
    b"\\E\\",
    b"\\X0D0A\\",
    b"\\X00\\",
    b"\\.br\\",
    b"\\H\\",
    b"\\",
    b"\\Z",
    b"^",
    b"^^^^^^",
    b"~",
    b"~~~",
    b"&",
    b"&&",
    b"|",
    b"UNICODE UTF-8",
    b"8859/2",
    b"OBX",
    "ő".as_bytes(),
    "İ".as_bytes(),
    "ß".as_bytes(),
    "µ".as_bytes(),
    "\u{1f489}".as_bytes(),
    "e\u{301}".as_bytes(),
    b"\xf5",
    b"\xff",
];

/// Makes new messages of known ones.
pub(super) struct Mutator<'m> {
    known: &'m [Vec<u8>],
    random: Random,
}

impl<'m> Mutator<'m> {
    pub(super) fn new(known: &'m [Vec<u8>], random: Random) -> Self {
        Self { known, random }
    }

    /// The known message `base` with some changes; the header's delimiters mostly stay.
    pub(super) fn message(&mut self, base: usize) -> Vec<u8> {
        let mut message = self.known.get(base).cloned().unwrap_or_default();
        for _ in 0..=self.random.below(CHANGES_MAX) {
            match self.random.below(10) {
                0..=3 => self.change_field(&mut message),
                4 => self.change_segments(&mut message),
                5 => self.repeat_segment(&mut message),
                6 => self.take_segment(&mut message),
                7 => self.insert(&mut message),
                8 => self.cut(&mut message),
                _ => self.lengthen(&mut message),
            }
        }
        message.truncate(MESSAGE_BYTES_MAX);
        message
    }

    /// Puts a value in place of what stands between two delimiters.
    fn change_field(&mut self, message: &mut Vec<u8>) {
        let from = self.random.below(message.len());
        let ahead = message.get(from..).unwrap_or_default();
        let Some(start) = ahead
            .iter()
            .position(|byte| is_delimiter(*byte))
            .map(|at| from + at + 1)
        else {
            return;
        };
        let rest = message.get(start..).unwrap_or_default();
        let end = start + rest.iter().position(|byte| is_delimiter(*byte)).unwrap_or(rest.len());
        let value = if self.random.below(2) == 0 {
            self.random.one_of(VALUES).copied().unwrap_or_default()
        } else {
            self.known_value()
        };
        message.splice(start..end, value.iter().copied());
    }

    /// A value of any known message: what is good in one place may be wrong in another.
    fn known_value(&mut self) -> &'m [u8] {
        let known: &'m [Vec<u8>] = self.known;
        let message = self.random.one_of(known).map(Vec::as_slice).unwrap_or_default();
        let values: Vec<&'m [u8]> = message.split(|byte| is_delimiter(*byte)).collect();
        self.random.one_of(&values).copied().unwrap_or_default()
    }

    /// Takes a segment away, or exchanges two.
    fn change_segments(&mut self, message: &mut Vec<u8>) {
        let mut segments: Vec<Vec<u8>> = message.split(|byte| *byte == b'\r').map(<[u8]>::to_vec).collect();
        let count = segments.len();
        // The header stays in front: without it nothing is a message.
        let others = count.saturating_sub(1);
        let (one, other) = (1 + self.random.below(others), 1 + self.random.below(others));
        if count < 2 || one >= count || other >= count {
            return;
        }
        if self.random.below(2) == 0 {
            segments.remove(one);
        } else {
            segments.swap(one, other);
        }
        *message = segments.join(&b'\r');
    }

    fn repeat_segment(&mut self, message: &mut Vec<u8>) {
        let segments: Vec<&[u8]> = message.split(|byte| *byte == b'\r').collect();
        let at = 1 + self.random.below(segments.len().saturating_sub(1));
        let copies = 1 + self.random.below(COPIES_MAX);
        let mut longer = Vec::with_capacity(segments.len() + copies);
        for (index, segment) in segments.into_iter().enumerate() {
            longer.push(segment);
            if index == at {
                longer.extend(std::iter::repeat_n(segment, copies));
            }
        }
        *message = longer.join(&b'\r');
    }

    /// Adds a segment of another known message.
    fn take_segment(&mut self, message: &mut Vec<u8>) {
        let Some(other) = self.random.one_of(self.known) else {
            return;
        };
        let segments: Vec<&[u8]> = other.split(|byte| *byte == b'\r').skip(1).collect();
        if let Some(segment) = self.random.one_of(&segments) {
            message.push(b'\r');
            message.extend_from_slice(segment);
        }
    }

    fn insert(&mut self, message: &mut Vec<u8>) {
        let at = self.random.below(message.len() + 1);
        let value = self.random.one_of(VALUES).copied().unwrap_or_default();
        message.splice(at..at, value.iter().copied());
    }

    fn cut(&mut self, message: &mut Vec<u8>) {
        let at = self.random.below(message.len() + 1);
        let length = self.random.below(24.min(message.len() - at) + 1);
        drop(message.drain(at..at + length));
    }

    /// A long value: what a plugin may have assumed to be short.
    fn lengthen(&mut self, message: &mut Vec<u8>) {
        let at = self.random.below(message.len() + 1);
        let length = 1 << self.random.below(13);
        let byte = b"A1 ^~0".get(self.random.below(6)).copied().unwrap_or(b'A');
        message.splice(at..at, std::iter::repeat_n(byte, length));
    }
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'|' | b'^' | b'~' | b'&' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "MSH|^~\\&|LAB|||||||K1|P|2.5\rPID|1||4711||TESZT^ELEK\rOBX|1|NM|GLU||5.4\r";

    #[test]
    fn a_seed_gives_the_same_messages_again_and_another_gives_others() {
        let known = [KNOWN.as_bytes().to_vec(), b"MSH|".to_vec(), Vec::new()];
        let messages = |seed| {
            let mut mutator = Mutator::new(&known, Random::new(seed));
            (0..2_000)
                .map(|index| mutator.message(index % known.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(messages(1), messages(1));
        assert_ne!(messages(1), messages(2));
        assert!(messages(3).iter().all(|message| message.len() <= MESSAGE_BYTES_MAX));
    }
}
