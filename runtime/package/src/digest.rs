//! Digests: what everything in a package is known by.

use sha2::{Digest, Sha256};

/// The only algorithm that this format has.
pub(crate) const ALGORITHM: &str = "sha256:";

/// Hexadecimal digits of a digest.
const DIGITS: usize = 64;

/// `sha256:` and the digest of the bytes in lower-case hexadecimal.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    format!("{ALGORITHM}{}", hexadecimal(&Sha256::digest(bytes)))
}

/// The digits of a digest; none where the text is no digest in exactly this form.
pub(crate) fn digits_of(digest: &str) -> Option<&str> {
    let digits = digest.strip_prefix(ALGORITHM)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == DIGITS && digits.bytes().all(is_digit)).then_some(digits)
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string has no way to fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::{digest_of, digits_of};

    #[test]
    fn a_digest_is_that_of_other_tools_and_nothing_else_passes_for_one() {
        // printf '{}' | sha256sum
        let digest = digest_of(b"{}");
        assert_eq!(
            digest,
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert_eq!(digits_of(&digest).map(str::len), Some(64));
        for other in [
            digest.to_uppercase(),
            digest.replace("sha256:", ""),
            digest.replace("sha256:", "sha512:"),
            format!("{digest}0"),
            "sha256:../../../etc/passwd".to_owned(),
        ] {
            assert_eq!(digits_of(&other), None, "{other}");
        }
    }
}
