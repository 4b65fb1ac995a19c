//! Making a message smaller while a plugin still fails on it.

/// Tries for one message. Removing segments and fields by halves needs some hundred; the rest shortens values.
const TRIES_MAX: usize = 2_000;

/// The smallest message that could be found on which `fails` still holds. It holds on the one that is given.
pub(super) fn minimise(message: Vec<u8>, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut tries = TRIES_MAX;
    let mut try_smaller = |smaller: &[u8]| {
        if tries == 0 {
            return false;
        }
        tries -= 1;
        fails(smaller)
    };
    let mut smallest = message;
    for separator in [b'\r', b'|', b'~', b'^'] {
        smallest = without_parts(smallest, separator, &mut try_smaller);
    }
    without_bytes(smallest, &mut try_smaller)
}

/// Takes away runs of parts, half of them at first and single ones in the end. The first part stays: it is the header,
/// or its name.
fn without_parts(mut message: Vec<u8>, separator: u8, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let count = message.split(|byte| *byte == separator).count();
    let mut length = count / 2;
    while length > 0 {
        let mut at = 1;
        loop {
            let parts: Vec<&[u8]> = message.split(|byte| *byte == separator).collect();
            if at >= parts.len() {
                break;
            }
            let kept = parts.iter().take(at).chain(parts.iter().skip(at + length));
            let smaller = kept.copied().collect::<Vec<_>>().join(&separator);
            if fails(&smaller) {
                message = smaller;
            } else {
                at += length;
            }
        }
        length /= 2;
    }
    message
}

/// Takes away runs of bytes, from long ones to single ones.
fn without_bytes(mut message: Vec<u8>, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut length = message.len() / 2;
    while length > 0 {
        let mut at = 0;
        while at < message.len() {
            let mut smaller = message.clone();
            drop(smaller.drain(at..message.len().min(at + length)));
            if fails(&smaller) {
                message = smaller;
            } else {
                at += length;
            }
        }
        length /= 2;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_left_and_nothing_else() {
        let message = b"MSH|^~\\&|LAB|X\rPID|1||TESZT^ELEK\rOBX|1|NM|GLU||boom\rNTE|1".to_vec();
        let fails = &mut |message: &[u8]| message.starts_with(b"MSH|^~\\&") && message.ends_with(b"boom");
        assert_eq!(minimise(message.clone(), fails), b"MSH|^~\\&boom");
        assert_eq!(
            minimise(message, &mut |smaller| smaller.windows(4).any(|four| four == b"boom")),
            b"boom"
        );
    }

    #[test]
    fn a_message_that_cannot_be_made_smaller_stays() {
        let message = b"MSH|a\rPID|b".to_vec();
        assert_eq!(minimise(message.clone(), &mut |_| false), message);
    }
}
