//! Which names are taken, and which are given.

use std::fmt;
use std::str::FromStr;

/// Leaves room below the 255 bytes of common file systems for a number and for the suffix of a reason file.
const NAME_BYTES_MAX: usize = 200;

/// An extension longer than this is part of the name.
const EXTENSION_BYTES_MAX: usize = 16;

/// Names that Windows treats as devices, whatever their extension: a folder may be a share.
const DEVICES: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9", "LPT1", "LPT2",
    "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

/// A pattern for file names: `*` stands for any characters, `?` for one; letters match in both cases, since many
/// files come from Windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<char>);

/// The pattern cannot match a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadPattern;

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Pattern, BadPattern> {
        if text.is_empty() || text.contains(['/', '\\', '\0']) {
            return Err(BadPattern);
        }
        Ok(Pattern(text.chars().map(lower).collect()))
    }
}

impl Pattern {
    /// At most quadratic in the lengths, which are those of file names.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().map(lower).collect();
        let (mut at, mut pattern_at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while let Some(letter) = name.get(at) {
            match self.0.get(pattern_at) {
                Some('*') => {
                    star = Some((pattern_at + 1, at));
                    pattern_at += 1;
                }
                Some(wanted) if wanted == letter || *wanted == '?' => {
                    at += 1;
                    pattern_at += 1;
                }
                _ => {
                    let Some((after_star, taken)) = star else { return false };
                    star = Some((after_star, taken + 1));
                    pattern_at = after_star;
                    at = taken + 1;
                }
            }
        }
        self.0.iter().skip(pattern_at).all(|rest| *rest == '*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(formatter, "{letter}"))
    }
}

/// Whether a name says that its file is none of ours yet: hidden, a backup, or still being written.
pub(super) fn is_unfinished(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(['.', '~']) || [".tmp", ".part", "~"].iter().any(|end| name.ends_with(end))
}

/// Turns any text, control ids of foreign systems included, into a name that every file system takes as one plain
/// name: letters, digits, `.`, `-` and `_`, neither hidden nor a device nor like an option of a command, at most 200
/// bytes with its extension kept.
/// Different texts may give the same name; see [`numbered`].
pub(super) fn safe(text: &str) -> String {
    let safe: String = text
        .chars()
        .map(|letter| if is_safe(letter) { letter } else { '_' })
        .collect();
    let (stem, extension) = split(safe.trim_end_matches('.'));
    let stem: String = stem.chars().take(NAME_BYTES_MAX - extension.len() - 1).collect();
    let device = stem.split('.').next().is_some_and(is_device);
    match stem.strip_prefix(['.', '-']) {
        Some(rest) => format!("_{rest}{extension}"),
        None if stem.is_empty() => format!("message{extension}"),
        None if device => format!("_{stem}{extension}"),
        None => format!("{stem}{extension}"),
    }
}

/// `result.hl7` with the number 2 is `result.2.hl7`; the number 0 is the name itself.
pub(super) fn numbered(name: &str, number: u128) -> String {
    let (stem, extension) = split(name);
    match number {
        0 => name.to_owned(),
        _ => format!("{stem}.{number}{extension}"),
    }
}

/// Stem and extension, which keeps its dot. A name that only begins with a dot has no extension.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= EXTENSION_BYTES_MAX => name.split_at(at),
        _ => (name, ""),
    }
}

fn is_safe(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_')
}

fn is_device(stem: &str) -> bool {
    DEVICES.iter().any(|device| device.eq_ignore_ascii_case(stem))
}

fn lower(letter: char) -> char {
    letter.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
