//! What a structure finds wrong with a message.

use crate::Path;

/// The most findings that are kept. A person reads the first few, and a message of a hundred thousand segments in the
/// wrong order must not become as many texts.
pub(super) const FINDINGS_MAX: usize = 1_000;

/// Something that the structure of a message does not allow. Holds names only, and no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructureFinding {
    /// What is wrong.
    pub fault: StructureFault,
    /// Where: the segment that is too much or out of place, such as `PV1[2]`, or where the missing one would stand,
    /// such as `ORDER_OBSERVATION[2]/OBR`.
    pub path: Path,
    /// The segment or group that it is about.
    pub element: &'static str,
}

/// What may be wrong with the segments of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructureFault {
    /// The structure has no such segment, or not after those before it.
    Unexpected,
    /// A required segment is missing.
    MissingSegment,
    /// A required group is missing.
    MissingGroup,
    /// A segment or group stands more often than it may.
    TooMany,
}

impl StructureFinding {
    /// The code of table 0357.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.fault {
            StructureFault::TooMany => "198",
            _ => "100",
        }
    }

    /// What a person at the sender's side should read.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { path, element, .. } = self;
        match self.fault {
            StructureFault::Unexpected if element.is_empty() => {
                format!("the structure of the message has no segment {}", path.segment())
            }
            StructureFault::Unexpected => format!("{element} does not belong here, after the segments before it"),
            StructureFault::MissingSegment => format!("the segment {element} is required and missing"),
            StructureFault::MissingGroup => format!("the group {element} is required and missing"),
            StructureFault::TooMany => format!("{element} stands more often than the structure allows"),
        }
    }
}
