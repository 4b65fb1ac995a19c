//! What the schema says about the nodes of a message.

use super::Message;
use crate::path::FieldPath;
use crate::schema::{self, Definition, Schema, Structure};
use crate::{Path, Value};

/// The datatype of a field that another field decides.
const VARIES: &str = "varies";

impl Message {
    /// The schema of the version in MSH-12.
    #[must_use]
    pub fn schema(&self) -> &'static Schema {
        Schema::of(&self.header_text(12, 1))
    }

    /// What the schema says about a field, component or subcomponent; `None` for what the version does not define,
    /// for a whole segment, and below a datatype that has no parts. Where another field names the type, as OBX-2
    /// does for OBX-5, it is read there.
    #[must_use]
    pub fn definition(&self, path: &Path) -> Option<Definition> {
        let field = path.field()?;
        let schema = self.schema();
        let mut definition = *schema.segment(path.segment())?.field(field.field())?;
        if let Some(datatype) = self.named_datatype(schema, path) {
            definition.datatype = datatype;
        }
        for part in [field.component(), field.subcomponent()].into_iter().flatten() {
            definition = match schema.datatype_of_any(definition.datatype) {
                Some(datatype) => *datatype.component(part)?,
                None if part == 1 && definition.datatype != VARIES => definition,
                None => return None,
            };
        }
        Some(definition)
    }

    /// The structure that MSH-9 names: its third component, or what belongs to code and event. Looked for in other
    /// versions too, because senders keep messages that their version has withdrawn.
    #[must_use]
    pub fn structure(&self) -> Option<&'static Structure> {
        let [code, event, structure] = [1, 2, 3].map(|component| self.header_text(9, component));
        let named = structure.split_once('_');
        self.schema().nearby().find_map(|schema| {
            let exact = schema.structure(&structure);
            let of_event = || named.and_then(|(code, event)| schema.structure_of_event(code, event));
            exact
                .or_else(of_event)
                .or_else(|| schema.structure_of_event(&code, &event))
        })
    }

    /// The field that names the datatype of the one that a path leads to: OBX-2 for OBX-5. Whoever asks for such a
    /// datatype reads it.
    #[must_use]
    pub fn datatype_field(path: &Path) -> Option<Path> {
        let field = path.field()?;
        let by = schema::typed_by(path.segment(), field.field())?;
        Some(path.with_field(FieldPath::new(by, field.repetition(), 1, 0)))
    }

    /// The datatype that such a field names; a type that stands once is for all repetitions.
    fn named_datatype(&self, schema: &'static Schema, path: &Path) -> Option<&'static str> {
        let own = Self::datatype_field(path)?;
        let first = own.field().map(|field| own.with_field(field.part(0, 1)));
        let text_at = |path: &Path| match self.get(path) {
            Ok(Value::Text(name)) => Some(name.into_owned()),
            _ => None,
        };
        let name = text_at(&own).or_else(|| text_at(&first?))?;
        schema.nearby().find_map(|schema| schema.datatype_name(&name))
    }

    /// A component of a field of MSH; empty where there is none.
    fn header_text(&self, field: u32, component: u32) -> String {
        let path = Path::of_segment(*b"MSH", 0);
        let node = FieldPath::new(field, 0, component, 0);
        match self.leaf(self.content(0), &path.with_field(node), node) {
            Ok(Value::Text(text)) => text.into_owned(),
            _ => String::new(),
        }
    }
}
