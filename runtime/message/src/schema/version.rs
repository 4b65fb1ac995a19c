//! The versions of HL7 v2.

/// From the oldest on. Their places are the letters of the tables: `a` is 2.1.
pub(super) const VERSIONS: [&str; 12] = [
    "2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2",
];

/// The place of a version, or of the newest one before it; of the newest of all where it cannot be told.
pub(super) fn nearest(version: &str) -> usize {
    let exact = VERSIONS.iter().position(|known| *known == version);
    let newest = VERSIONS.len() - 1;
    exact.unwrap_or_else(|| match numbers(version) {
        Some(wanted) => VERSIONS
            .iter()
            .rposition(|known| numbers(known) <= Some(wanted))
            .unwrap_or(0),
        None => newest,
    })
}

/// Whether a set of versions, written as in `a-cf`, holds one.
pub(super) fn holds(set: &str, version: usize) -> bool {
    let wanted = u8::try_from(version).unwrap_or(u8::MAX).saturating_add(b'a');
    let mut letters = set.bytes();
    let mut first = 0;
    while let Some(letter) = letters.next() {
        let last = if letter == b'-' {
            letters.next().unwrap_or(0)
        } else {
            letter
        };
        first = if letter == b'-' { first } else { letter };
        if (first..=last).contains(&wanted) {
            return true;
        }
    }
    false
}

fn numbers(version: &str) -> Option<[u16; 3]> {
    let mut numbers = [0; 3];
    let mut parts = version.trim().split('.');
    for (number, part) in numbers.iter_mut().zip(&mut parts) {
        *number = part.parse().ok()?;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::{VERSIONS, holds, nearest};

    #[test]
    fn a_version_that_is_not_known_is_read_as_the_newest_before_it() {
        let known = |version| VERSIONS.get(nearest(version)).copied();
        let cases = [
            ("2.5.1", "2.5.1"),
            ("2.7.1", "2.7"),
            ("2.9", "2.8.2"),
            ("2.0", "2.1"),
            ("2", "2.1"),
            ("3", "2.8.2"),
            (" 2.4", "2.4"),
            ("", "2.8.2"),
            ("two", "2.8.2"),
            ("2.5.1.9", "2.5.1"),
        ];
        for (version, expected) in cases {
            assert_eq!(known(version), Some(expected), "{version}");
        }
    }

    #[test]
    fn a_set_of_versions_holds_its_letters_and_ranges() {
        let held = |set: &str| (0..12).filter(|version| holds(set, *version)).collect::<Vec<_>>();
        assert_eq!(held("a-cf"), [0, 1, 2, 5]);
        assert_eq!(held("bj-l"), [1, 9, 10, 11]);
        assert_eq!(held("de"), [3, 4]);
    }
}
