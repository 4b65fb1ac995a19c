//! What puts a message into a lane: a patient, an order, whatever its interface's `order` names.

use std::str::FromStr;

use transfuse_message::{FieldPath, Message, Path, PathError, Value};
use transfuse_store::Lanes;

use crate::everywhere::{self, REPETITIONS_MAX};
use crate::stable_hash::stable_hash;

/// A field whose identifiers are lanes.
///
/// Every repetition in every segment of that name is one: its identifier (the first component) with its assigning authority
/// (the fourth), as CX has them (HL7 v2 chapter 2A). So two fields mean the same lane by the same identifier, and a merge,
/// which names one patient in PID-3 and another in MRG-1, belongs to both. A path with a component names plain values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneKey {
    path: Path,
    /// For each repetition in turn: the value, and after it the parts of the authority where a whole field is named.
    leaves: Vec<FieldPath>,
}

/// Everything that an interface is ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneKeys {
    keys: Vec<LaneKey>,
    /// Stands for these fields wherever lanes are kept.
    number: u32,
}

/// Why a text names no lanes.
#[derive(Debug, thiserror::Error)]
pub enum LaneKeyError {
    /// It is no path.
    #[error("`{text}` is no path: {source}")]
    NoPath {
        /// What was written.
        text: String,
        /// Why.
        source: PathError,
    },
    /// It is a path of something else.
    #[error("`{0}` is not a field, such as PID-3, or a component of one, such as PV1-19.1")]
    NoField(String),
}

impl LaneKeys {
    /// The lanes of a message: all of them where it names none, where one cannot be read or where there are too many.
    pub(crate) fn lanes(&self, message: &Message) -> Lanes {
        let mut numbers = Vec::new();
        for key in &self.keys {
            if key.add(message, &mut numbers).is_none() {
                return Lanes::All;
            }
        }
        Lanes::of(self.number, numbers)
    }
}

impl From<Vec<LaneKey>> for LaneKeys {
    fn from(keys: Vec<LaneKey>) -> Self {
        let paths: Vec<String> = keys.iter().map(|key| key.path.to_string()).collect();
        let paths: Vec<&[u8]> = paths.iter().map(String::as_bytes).collect();
        Self {
            number: folded(stable_hash(&paths)),
            keys,
        }
    }
}

impl LaneKey {
    /// Adds the lanes of one field; none where they cannot be known.
    fn add(&self, message: &Message, numbers: &mut Vec<u32>) -> Option<()> {
        let repetitions = self.repetitions(message)?;
        let for_each = self.leaves.len() / REPETITIONS_MAX as usize;
        let leaves = self.leaves.get(..repetitions * for_each)?;
        for row in message.rows(self.path.segment(), leaves).ok()? {
            let parts = row.chunks(for_each);
            numbers.extend(parts.filter_map(number));
        }
        Some(())
    }

    /// The most repetitions that a segment has; none where that is too many, and the message belongs to all lanes.
    fn repetitions(&self, message: &Message) -> Option<usize> {
        let segment: Path = self.path.segment().parse().ok()?;
        let mut most = 0;
        for occurrence in 1..=message.count(&segment).ok()? {
            let field = self.path.field()?.field();
            let at: Path = format!("{}[{occurrence}]-{field}", self.path.segment()).parse().ok()?;
            most = most.max(message.count(&at).ok()?);
        }
        (most <= REPETITIONS_MAX).then_some(most as usize)
    }
}

/// The number of a lane: short, so that it names nobody, and the same after a restart. Two lanes of one number are one lane,
/// which costs a wait.
fn number(parts: &[Value<'_>]) -> Option<u32> {
    let text = |value: &Value<'_>| match value {
        Value::Text(text) => text.trim().to_owned(),
        Value::Absent | Value::Empty | Value::Delete => String::new(),
    };
    let mut parts = parts.iter().map(text);
    let identifier = parts.next().filter(|identifier| !identifier.is_empty())?;
    // A namespace, or else a universal id: some senders write both, some the first alone.
    let authority = parts.find(|part| !part.is_empty()).unwrap_or_default();
    let hash = stable_hash(&[identifier.as_bytes(), authority.as_bytes()]);
    Some(folded(hash))
}

fn folded(hash: u64) -> u32 {
    u32::try_from((hash >> 32) ^ (hash & u64::from(u32::MAX))).unwrap_or_default()
}

impl FromStr for LaneKey {
    type Err = LaneKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_path = |source| LaneKeyError::NoPath {
            text: text.to_owned(),
            source,
        };
        let path: Path = text.parse().map_err(no_path)?;
        let field = everywhere::field(&path, text);
        let field = field.ok_or_else(|| LaneKeyError::NoField(text.to_owned()))?;
        let parts = match everywhere::part(field) {
            None => [".1.1", ".4.1", ".4.2"].map(str::to_owned).to_vec(),
            Some(part) => vec![part],
        };
        let leaves = everywhere::leaves(field, REPETITIONS_MAX, &parts).map_err(no_path)?;
        Ok(Self { path, leaves })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use transfuse_message::ParseOptions;

    use super::*;

    fn lanes(order: &[&str], segments: &str) -> Lanes {
        let keys: Vec<LaneKey> = order.iter().map(|key| key.parse().expect("a key")).collect();
        let text = format!("MSH|^~\\&|A|B|C|D|1||ADT^A08|1|T|2.5\r{segments}\r");
        let message = Message::parse(text.into_bytes(), &ParseOptions::default()).expect("a message");
        LaneKeys::from(keys).lanes(&message)
    }

    fn patient(field: &str) -> Lanes {
        lanes(&["PID-3", "MRG-1"], &format!("PID|1||{field}"))
    }

    fn count(lanes: &Lanes) -> usize {
        match lanes {
            Lanes::Of { numbers, .. } => numbers.len(),
            Lanes::All | Lanes::None => 0,
        }
    }

    #[test]
    fn an_identifier_is_a_lane_of_its_authority() {
        assert_eq!(count(&patient("1^^^H")), 1);
        assert_eq!(patient("1^^^H"), patient("1^4^M11^H&1.2.3&ISO^MR"));
        assert_ne!(patient("1^^^H"), patient("1^^^G"));
        assert_ne!(patient("1^^^H"), patient("2^^^H"));
        assert_ne!(patient("1^^^&1.2.3&ISO"), patient("1"));
        assert_eq!(count(&patient("1^^^H~2^^^G~1^^^H~^^^H")), 2);
    }

    #[test]
    fn a_merge_belongs_to_both_patients() {
        let merge = lanes(&["PID-3", "MRG-1"], "PID|1||1^^^H\rMRG|2^^^H");
        let both = patient("1^^^H~2^^^H");
        assert_eq!((count(&merge), merge), (2, both));
        // A list of patients, as in a bulk merge.
        assert_eq!(count(&lanes(&["PID-3"], "PID|1||1^^^H\rPID|2||3^^^H~4^^^H")), 3);
    }

    #[test]
    fn without_an_identifier_it_is_a_message_of_all_lanes() {
        for nobody in ["", "^^^H", "\"\"^^^H"] {
            assert_eq!(patient(nobody), Lanes::All, "{nobody}");
        }
        assert_eq!(lanes(&["PID-3"], "NTE|1"), Lanes::All);
        assert_eq!(patient(&vec!["1^^^H"; 17].join("~")), Lanes::All);
    }

    #[test]
    fn a_component_is_a_plain_value() {
        let visit = |field: &str| lanes(&["PV1-19.1"], &format!("PV1|1|I{}{field}", "|".repeat(17)));
        assert_eq!(visit("7^^^H"), visit("7^^^G"));
        assert_eq!(count(&visit("7~8")), 2);
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for wrong in ["PID", "PID[1]-3", "PID-3[2]", "PATIENT/PID-3", "3", "PID-"] {
            assert!(wrong.parse::<LaneKey>().is_err(), "{wrong}");
        }
    }
}
