//! What was denied, and the line that would allow it.

use transfuse_message::Path;

/// The longest name of a table or destination that is shown. A plugin chose it, so that it may be anything.
const NAME_BYTES_MAX: usize = 64;

/// Something that a plugin did and no grant allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    /// What it did, such as `read PID-5`.
    pub(crate) deed: String,
    /// The line that would allow it.
    pub(crate) hint: String,
}

impl Denial {
    pub(super) fn read(path: &Path) -> Self {
        Self::of_fields("read", "read", &pattern(path))
    }

    pub(super) fn read_field(segment: &str, field: u32) -> Self {
        Self::of_fields("read", "read", &format!("{segment}-{field}"))
    }

    pub(super) fn read_segment(segment: &str) -> Self {
        Self::of_fields("read", "read", &format!("{segment}-*"))
    }

    pub(super) fn read_all() -> Self {
        Self {
            deed: "read a whole message".to_owned(),
            hint: "grants = { read = [\"*\"] }".to_owned(),
        }
    }

    pub(super) fn write(path: &Path) -> Self {
        Self::of_fields("wrote", "write", &pattern(path))
    }

    pub(super) fn write_field(segment: &str, field: u32) -> Self {
        Self::of_fields("wrote", "write", &format!("{segment}-{field}"))
    }

    pub(super) fn write_segment(segment: &str) -> Self {
        Self::of_fields("wrote", "write", &format!("{segment}-*"))
    }

    pub(super) fn table(name: &str) -> Self {
        let name = shown(name);
        Self {
            deed: format!("opened the table {name}"),
            hint: format!("grants = {{ tables = [\"{name}\"] }}"),
        }
    }

    pub(super) fn destination(name: &str) -> Self {
        let name = shown(name);
        Self {
            deed: format!("named the destination {name}"),
            hint: format!("grants = {{ to = [\"{name}\"] }}"),
        }
    }

    pub(super) fn create() -> Self {
        let deed = "forwarded what it made itself".to_owned();
        Self {
            deed,
            hint: "grants = { create = true }".to_owned(),
        }
    }

    fn of_fields(deed: &str, grant: &str, pattern: &str) -> Self {
        Self {
            deed: format!("{deed} {pattern}"),
            hint: format!("grants = {{ {grant} = [\"{pattern}\"] }}"),
        }
    }
}

fn pattern(path: &Path) -> String {
    match path.field() {
        Some(field) => format!("{}-{}", path.segment(), field.field()),
        None if path.is_group() => "*".to_owned(),
        None => format!("{}-*", path.segment()),
    }
}

/// A name as it is, where it looks like one; otherwise a placeholder, because it may hold anything.
pub(crate) fn shown(name: &str) -> &str {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_name) {
        name
    } else {
        "NAME"
    }
}
