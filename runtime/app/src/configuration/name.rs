//! The names that people give to interfaces, destinations and tables.

use super::document::Located;
use super::fault::Faults;

/// Names stand in file names, addresses of the control API and log lines; longer ones break every table.
const NAME_BYTES_MAX: usize = 64;

/// Lower-case letters, digits and hyphens, beginning with a letter.
pub(crate) fn is_sound(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

pub(crate) const RULE: &str =
    "names begin with a letter, and hold lower-case letters, digits and hyphens, at most 64 of them";

pub(super) fn checked(text: Located<String>, kind: &str, faults: &Faults) -> Option<Located<String>> {
    if is_sound(&text.value) {
        return Some(text);
    }
    faults.at_with_hint(&text.place, format!("`{}` cannot name a {kind}", text.value), RULE);
    None
}
