//! What a step's plugin may touch, and the line that would allow what it may not.

mod denial;
mod patterns;

use transfuse_message::schema::{Element, Structure};
use transfuse_message::{Change, GroupStep, Message, Path};

pub(crate) use denial::{Denial, shown};
pub use patterns::{FieldPatternError, FieldPatterns};

/// The name that stands for all destinations in [`Grants::to`].
const ANY_DESTINATION: &str = "*";

/// What an interface allows a plugin. The default grants nothing but to pass messages on and to log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// The fields that it may read. Reading a message whole needs `*`.
    pub read: FieldPatterns,
    /// The fields that it may change.
    pub write: FieldPatterns,
    /// The code tables that it may open, by name.
    pub tables: Vec<String>,
    /// The destinations that it may name; `*` stands for all. Without any, its outputs go where routing says.
    pub to: Option<Vec<String>>,
    /// Whether it may forward what it made itself: messages that it parsed, and documents.
    pub create: bool,
    /// Whether it may keep state between messages.
    pub state: bool,
}

impl Grants {
    /// Reading what `path` leads to: a field, or a segment with all its fields.
    pub(crate) fn check_read(&self, path: &Path) -> Result<(), Denial> {
        if is_allowed(&self.read, path) {
            Ok(())
        } else {
            Err(Denial::read(path))
        }
    }

    /// Changing what `path` leads to.
    pub(crate) fn check_write(&self, path: &Path) -> Result<(), Denial> {
        if is_allowed(&self.write, path) {
            Ok(())
        } else {
            Err(Denial::write(path))
        }
    }

    /// Reading fields of every segment of a name.
    pub(crate) fn check_read_fields(&self, segment: &str, mut fields: impl Iterator<Item = u32>) -> Result<(), Denial> {
        match fields.find(|field| !self.read.allows(segment, *field)) {
            Some(field) => Err(Denial::read_field(segment, field)),
            None => Ok(()),
        }
    }

    /// Reading every byte of a message.
    pub(crate) fn check_read_all(&self) -> Result<(), Denial> {
        if self.read.allows_everything() {
            Ok(())
        } else {
            Err(Denial::read_all())
        }
    }

    /// Learning how many there are. The number of a segment is open to whoever may touch any field of it, because
    /// paths to the second and third one could not be written otherwise. How many fields one of them has says which are
    /// there, and is for whoever may read them all.
    pub(crate) fn check_count(&self, message: &Message, path: &Path) -> Result<(), Denial> {
        if path.is_group() {
            return self.check_group(message, path);
        }
        let is_open = path.field().is_none() && path.given_occurrence().is_none() && self.touches(path.segment());
        if is_open { Ok(()) } else { self.check_read(path) }
    }

    /// Learning how many groups there are, and of how many segments: open, for the same reason, to whoever may touch
    /// any field of a segment that can stand in such a group. What the structure does not know tells nothing.
    pub(crate) fn check_group(&self, message: &Message, path: &Path) -> Result<(), Denial> {
        let mut segments = segments_of_group(message, path).peekable();
        let Some(first) = segments.peek().copied() else {
            return Ok(());
        };
        if segments.any(|segment| self.touches(segment)) {
            Ok(())
        } else {
            Err(Denial::read_segment(first))
        }
    }

    fn touches(&self, segment: &str) -> bool {
        self.read.touches(segment) || self.write.touches(segment)
    }

    /// Adding an empty segment, which whoever may write one of its fields may do.
    pub(crate) fn check_insert(&self, segment: &Path) -> Result<(), Denial> {
        if self.write.touches(segment.segment()) {
            Ok(())
        } else {
            Err(Denial::write(segment))
        }
    }

    /// Forwarding a message that was made of another one. What is compared is what there is, and not what was called: so no
    /// way of editing that nobody thought of is a way around the grant.
    pub(crate) fn check_changes(&self, message: &Message, input: &Message) -> Result<(), Denial> {
        if self.write.allows_everything() {
            return Ok(());
        }
        message.changes_since(input, |change| match change {
            Change::Field { segment, field } if !self.write.allows(segment, field) => {
                Err(Denial::write_field(segment, field))
            }
            Change::Inserted { segment } if !self.write.touches(segment) => Err(Denial::write_segment(segment)),
            Change::Removed { segment } if !self.write.allows_segment(segment) => Err(Denial::write_segment(segment)),
            Change::Everything => Err(Denial::create()),
            _ => Ok(()),
        })
    }

    /// Opening a code table.
    pub(crate) fn check_table(&self, name: &str) -> Result<(), Denial> {
        if self.tables.iter().any(|granted| granted == name) {
            Ok(())
        } else {
            Err(Denial::table(name))
        }
    }

    /// Naming destinations.
    pub(crate) fn check_to(&self, destinations: &[String]) -> Result<(), Denial> {
        let granted = self.to.as_deref().unwrap_or_default();
        let is_granted = |name: &String| {
            granted
                .iter()
                .any(|granted| granted == name || granted == ANY_DESTINATION)
        };
        match destinations.iter().find(|name| !is_granted(name)) {
            Some(name) => Err(Denial::destination(name)),
            None => Ok(()),
        }
    }

    /// Forwarding what was made rather than received.
    pub(crate) fn check_create(&self) -> Result<(), Denial> {
        if self.create { Ok(()) } else { Err(Denial::create()) }
    }
}

/// The segments that can stand in the group that a path ends in; none where the structure has no such group.
pub(crate) fn segments_of_group<'a>(
    message: &'a Message,
    path: &'a Path,
) -> impl Iterator<Item = &'static str> + use<'a> {
    let name = path.groups().last().map(GroupStep::name);
    let groups = message.groups().structure().into_iter().flat_map(Structure::groups);
    groups
        .filter(move |group| Some(group.name) == name)
        .flat_map(Element::segments)
        .map(|segment| segment.name)
}

/// Whatever the occurrence, repetition and component: a field is granted whole, so that no alias of it slips through.
fn is_allowed(patterns: &FieldPatterns, path: &Path) -> bool {
    match path.field() {
        Some(field) => patterns.allows(path.segment(), field.field()),
        None => patterns.allows_segment(path.segment()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use transfuse_message::ParseOptions;

    use super::*;

    const INPUT: &str = "MSH|^~\\&|A\rPID|1||4711~12||PROBA^BETEG\rOBX|1||K||4.1\rOBX|2||NA||140\r";

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    type Edit = fn(&mut Message);

    /// The line that an output would need, made by editing where no grant was asked.
    fn missing(write: &[&str], edit: Edit) -> Option<String> {
        let input = Message::parse(INPUT, &ParseOptions::default()).unwrap();
        let mut output = input.clone();
        edit(&mut output);
        let grants = Grants {
            write: FieldPatterns::parse(write).unwrap(),
            ..Grants::default()
        };
        grants.check_changes(&output, &input).err().map(|denial| denial.hint)
    }

    #[test]
    fn an_output_needs_the_grant_for_every_field_that_differs_however_it_came_about() {
        let needs = |pattern: &str| Some(format!("grants = {{ write = [\"{pattern}\"] }}"));
        let edits: [(Edit, &str); 8] = [
            (|output| output.set(&path("PID[1]-5[2].1"), "X").unwrap(), "PID-5"),
            (
                |output| output.set_raw(&path("PID"), b"PID|1||4711~12||X").unwrap(),
                "PID-5",
            ),
            (|output| output.remove(&path("PID-3[2]")).unwrap(), "PID-3"),
            (|output| output.clear(&path("OBX[2]")).unwrap(), "OBX-1"),
            (|output| output.remove(&path("OBX[1]")).unwrap(), "OBX-*"),
            (
                |output| {
                    let source = output.clone();
                    output.copy_from(&source, &path("PID-5"), &path("OBX-5")).unwrap();
                },
                "OBX-5",
            ),
            (|output| drop(output.insert("NTE", None).unwrap()), "NTE-*"),
            (
                |output| {
                    let at = output.insert("OBX", None).unwrap();
                    output.set(&path(&format!("{at}-5")), "X").unwrap();
                },
                "OBX-5",
            ),
        ];
        for (edit, pattern) in edits {
            assert_eq!(missing(&["MSH-*", "PID-9", "OBX-3"], edit), needs(pattern), "{pattern}");
            assert_eq!(missing(&["PID-3", "PID-5", "OBX-*", "NTE-3"], edit), None, "{pattern}");
            assert_eq!(missing(&["*"], edit), None, "{pattern}");
        }
        assert_eq!(missing(&[], |_| {}), None);
    }

    #[test]
    fn a_message_of_another_origin_is_not_an_edited_one() {
        let parse = || Message::parse(INPUT.to_owned(), &ParseOptions::default()).unwrap();
        let denial = Grants::default().check_changes(&parse(), &parse()).unwrap_err();
        assert_eq!(denial.hint, "grants = { create = true }");
    }
}
