//! What the standard calls the parts of a message.

use serde::Serialize;
use transfuse_message::Message;

/// Names of one message's version.
pub(super) struct Names<'m> {
    _message: &'m Message,
}

/// The name and datatype of a node.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) datatype: &'static str,
}

/// Where a segment's name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SegmentKind {
    /// The version defines it.
    Standard,
    /// The sender's own: its name begins with Z.
    Local,
    /// Neither.
    Unknown,
    /// A line that is not a segment.
    Text,
}

impl<'m> Names<'m> {
    pub(super) fn of(message: &'m Message) -> Self {
        Self { _message: message }
    }

    pub(super) fn segment(&self, _name: &str) -> Option<&'static str> {
        None
    }

    pub(super) fn kind(&self, name: &str) -> SegmentKind {
        match name.as_bytes() {
            [] => SegmentKind::Text,
            [b'Z', ..] => SegmentKind::Local,
            _ => SegmentKind::Unknown,
        }
    }

    /// The number of the last field that the version defines.
    pub(super) fn last_field(&self, _segment: &str) -> u32 {
        0
    }

    pub(super) fn groups(&self, _index: usize) -> Vec<String> {
        Vec::new()
    }

    pub(super) fn node(
        &self,
        _segment: &str,
        _field: u32,
        _component: Option<u32>,
        _subcomponent: Option<u32>,
        _value_type: Option<&str>,
    ) -> Option<Named> {
        None
    }

    /// The names on the way to a node: `Patient Name, Family Name`.
    pub(super) fn full(&self, _path: &transfuse_message::Path) -> Option<String> {
        None
    }
}
