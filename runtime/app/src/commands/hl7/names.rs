//! What the standard calls the parts of a message.

use serde::Serialize;
use transfuse_message::schema::{self, Definition};
use transfuse_message::{Message, Path, Schema};

/// The names of one message's version. Nothing is looked up in the message, so that a walk over it stays one pass.
pub(super) struct Names {
    schema: &'static Schema,
}

/// The name and datatype of a node.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Named {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) name: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) datatype: &'static str,
}

/// Where a segment's name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SegmentKind {
    /// The message's version defines it.
    Standard,
    /// Only other versions do.
    OtherVersion,
    /// The sender's own: its name begins with Z.
    Local,
    /// No version defines it.
    Unknown,
    /// A line that is not a segment.
    Text,
}

/// A node within its segment: field, component, subcomponent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) field: u32,
    pub(super) component: Option<u32>,
    pub(super) subcomponent: Option<u32>,
}

impl Names {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            schema: message.schema(),
        }
    }

    /// The version whose names they are: that of MSH-12, or the nearest known one.
    pub(super) fn version(&self) -> &'static str {
        self.schema.version()
    }

    pub(super) fn kind(&self, name: &str) -> SegmentKind {
        match name.as_bytes() {
            [] => SegmentKind::Text,
            [b'Z', ..] => SegmentKind::Local,
            _ if self.schema.segment(name).is_some() => SegmentKind::Standard,
            _ if Schema::all().any(|schema| schema.segment(name).is_some()) => SegmentKind::OtherVersion,
            _ => SegmentKind::Unknown,
        }
    }

    /// The number of the last field that the version defines.
    pub(super) fn last_field(&self, segment: &str) -> u32 {
        let fields = self.schema.segment(segment).map(|segment| &segment.fields);
        fields
            .and_then(|fields| fields.last())
            .map_or(0, |field| field.position)
    }

    /// The number of the field that names the datatype of another one of the segment, such as OBX-2 for OBX-5.
    pub(super) fn naming_field(segment: &str) -> Option<u32> {
        const FIELDS_MAX: u32 = 5;
        (1..=FIELDS_MAX).find_map(|field| schema::typed_by(segment, field))
    }

    /// A node's name and datatype; `value_type` is what the segment says about the field that has no type of its own.
    pub(super) fn node(&self, segment: &str, position: Position, value_type: Option<&str>) -> Option<Named> {
        let mut definition = self.field(segment, position.field, value_type)?;
        for part in [position.component, position.subcomponent].into_iter().flatten() {
            definition = *self.schema.datatype_of_any(definition.datatype)?.component(part)?;
        }
        Some(Named {
            name: definition.name,
            datatype: definition.datatype,
        })
    }

    fn field(&self, segment: &str, number: u32, value_type: Option<&str>) -> Option<Definition> {
        let mut definition = *self.schema.segment(segment)?.field(number)?;
        let is_named = value_type.filter(|_| schema::typed_by(segment, number).is_some());
        if let Some(named) = is_named.and_then(|name| self.schema.datatype_name(name)) {
            definition.datatype = named;
        }
        Some(definition)
    }

    /// The names on the way to a node, such as `Patient Name, Family Name`. `message` says what OBX-5 is.
    pub(super) fn full(message: &Message, path: &Path) -> Option<String> {
        let field = path.field()?;
        let field_path = whole_field(path)?;
        let mut names = vec![message.definition(&field_path)?.name];
        if field.component().is_some() {
            names.extend(message.definition(path).map(|definition| definition.name));
        }
        names.retain(|name| !name.is_empty());
        names.dedup();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// `OBX[2]-5` of `OBX[2]-5[3].1.2`.
fn whole_field(path: &Path) -> Option<Path> {
    let text = path.to_string();
    let (segment, field) = text.rsplit_once('-')?;
    let number: String = field.chars().take_while(char::is_ascii_digit).collect();
    format!("{segment}-{number}").parse().ok()
}
