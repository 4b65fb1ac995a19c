//! Which messages a pilot decides.

use transfuse_message::{Message, Path, Value};

use crate::stable_hash::stable_hash;

/// A part of an interface's messages.
#[derive(Debug, Clone)]
pub enum Selection {
    /// Those whose field has one of these values.
    Filter(Filter),
    /// A share of them, always the same of whatever the path names: one patient, one ward.
    Share(Share),
}

/// A field and its values.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The field: its first occurrence, where there are several.
    pub path: Path,
    /// The values, as they are read; a composite is compared as it is written.
    pub values: Vec<String>,
}

/// A share of messages.
#[derive(Debug, Clone)]
pub struct Share {
    /// What is not divided. A message that has nothing there stays with the live revision.
    pub by: Path,
    /// How many of a thousand.
    pub per_mille: u32,
}

impl Selection {
    /// Whether a message belongs to it.
    #[must_use]
    pub fn takes(&self, message: &Message) -> bool {
        match self {
            Self::Filter(Filter { path, values }) => {
                let written = written(message, path);
                let read = message.get(path).ok().and_then(Value::into_option);
                values.iter().any(|wanted| {
                    read.as_deref() == Some(wanted.as_str()) || written.as_deref() == Some(wanted.as_bytes())
                })
            }
            Self::Share(Share { by, per_mille }) => written(message, by).is_some_and(|key| place(&key) < *per_mille),
        }
    }
}

/// What stands there, as it is written; none where that is nothing.
fn written(message: &Message, path: &Path) -> Option<Vec<u8>> {
    let written = message.get_raw(path).ok().flatten()?;
    (!written.is_empty()).then(|| written.into_owned())
}

/// A key's place among a thousand: the same on every machine and in every version, because a share that moved would give a
/// patient's messages to another revision half-way. The low bits are folded in so that similar keys spread.
fn place(key: &[u8]) -> u32 {
    let hash = stable_hash(&[key]);
    let folded = (hash >> 32) ^ hash;
    // Below a thousand.
    u32::try_from(folded % 1_000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use transfuse_message::ParseOptions;

    use super::*;

    fn message(patient: u32, ward: &str) -> Message {
        let text = format!("MSH|^~\\&|A|B|C|D|1||ADT^A01|1|T|2.5\rPID|1||{patient}^^^H\rPV1|1|I|{ward}^12^1\r");
        Message::parse(text.into_bytes(), &ParseOptions::default()).expect("a message")
    }

    fn path(text: &str) -> Path {
        text.parse().expect("a path")
    }

    #[test]
    fn a_filter_asks_for_a_value() {
        let filter = |at: &str, value: &str| {
            Selection::Filter(Filter {
                path: path(at),
                values: vec![value.to_owned()],
            })
        };
        assert!(filter("PV1-3.1", "4EAST").takes(&message(1, "4EAST")));
        assert!(!filter("PV1-3.1", "4EAST").takes(&message(1, "4WEST")));
        assert!(filter("PV1-3", "4EAST^12^1").takes(&message(1, "4EAST")));
        assert!(!filter("PV2-3", "4EAST").takes(&message(1, "4EAST")));
    }

    #[test]
    fn a_share_takes_about_as_many_and_always_the_same() {
        let share = |per_mille| {
            Selection::Share(Share {
                by: path("PID-3.1"),
                per_mille,
            })
        };
        let taken = |per_mille| {
            let share = share(per_mille);
            (0..10_000)
                .filter(|patient| share.takes(&message(*patient, "A")))
                .collect::<Vec<_>>()
        };
        let (few, more) = (taken(50), taken(250));
        assert!((400..=600).contains(&few.len()), "{}", few.len());
        assert!((2_300..=2_700).contains(&more.len()), "{}", more.len());
        assert!(few.iter().all(|patient| more.contains(patient)));
        assert_eq!((taken(0).len(), taken(1_000).len()), (0, 10_000));
        let nobody = Selection::Share(Share {
            by: path("PID-18"),
            per_mille: 1_000,
        });
        assert!(!nobody.takes(&message(1, "A")));
    }
}
