//! What release 2 of MLLP adds: blocks that say whether a block of content is in safe storage.

use transfuse_message::Payload;

/// Which MLLP the two ends speak. They have to agree; nothing on the wire says which it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// A frame is content, and all that is ever answered is content too.
    #[default]
    One,
    /// Each frame of content is answered by a commit block first: 0x06 where it is in safe storage, 0x15 where it is
    /// not. The replies of HL7 are content like any other.
    Two,
}

/// What stands in a frame that is no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commit {
    /// The content is in safe storage.
    Stored,
    /// It is not; its sender still has to care for it.
    NotStored,
}

impl Commit {
    /// The whole content of the block.
    pub(super) fn content(self) -> &'static [u8] {
        match self {
            Commit::Stored => b"\x06",
            Commit::NotStored => b"\x15",
        }
    }

    /// The commit block that a frame is, unless it is content: in release 1 every frame is.
    pub(super) fn of(content: &Payload, release: Release) -> Option<Commit> {
        let commits = [Commit::Stored, Commit::NotStored];
        match release {
            Release::One => None,
            Release::Two => commits
                .into_iter()
                .find(|commit| commit.content() == content.as_slice()),
        }
    }
}
