//! A stored message is given other bytes. What came in stays in the journal beside them.

use transfuse_message::{Difference, Message, ParseError, Path, PathError, Payload, differences};
use transfuse_store::{MessageRecord, Sealed};

use crate::revision::Revision;

/// How a message is changed.
#[derive(Debug, Clone)]
pub enum Edit {
    /// These bytes take its place.
    Whole(Payload),
    /// Values at paths, one after the other.
    Fields(Vec<(Path, Payload)>),
}

/// What a message becomes.
#[derive(Debug, Clone)]
pub struct Edited {
    /// The bytes that it is decided by from then on.
    pub content: Sealed,
    /// Where that differs from what it was decided by before; none where that was no message.
    pub differences: Option<Vec<Difference>>,
}

/// Why a message stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEdited {
    /// It is on its way through its chain, or waits for the next start.
    #[error("it is not decided yet")]
    Undecided,
    /// What is stored of it is damaged.
    #[error("the journal is damaged where it was")]
    Damaged,
    /// There are no fields to be changed.
    #[error("what came in is no HL7 v2 message, and has no fields: give it whole")]
    NoFields,
    /// What it was given cannot be read.
    #[error("what it would become is no HL7 v2 message: {0}")]
    Unreadable(ParseError),
    /// A value cannot stand there.
    #[error("{0}")]
    Path(PathError),
    /// It is that already.
    #[error("nothing of it would change")]
    Same,
}

impl Revision {
    /// What an edit makes of a message, as this revision reads it.
    ///
    /// # Errors
    ///
    /// Where it may not be changed, or what comes of it would be no message.
    pub fn edit(&self, record: &MessageRecord, edit: &Edit) -> Result<Edited, NotEdited> {
        if record.decision.is_none() {
            return Err(NotEdited::Undecided);
        }
        if record.damage.is_some() {
            return Err(NotEdited::Damaged);
        }
        let before = Message::parse(record.content().bytes().clone(), &self.parse).ok();
        let content = match edit {
            Edit::Whole(content) => content.bytes().clone(),
            Edit::Fields(changes) => {
                let mut message = before.clone().ok_or(NotEdited::NoFields)?;
                for (path, value) in changes {
                    message.set(path, &value.lossy_text()).map_err(NotEdited::Path)?;
                }
                message.encode()
            }
        };
        let after = Message::parse(content.clone(), &self.parse).map_err(NotEdited::Unreadable)?;
        if content == *record.content().bytes() {
            return Err(NotEdited::Same);
        }
        Ok(Edited {
            differences: before.map(|before| differences(&before, &after)),
            content: Sealed::from(content),
        })
    }
}
