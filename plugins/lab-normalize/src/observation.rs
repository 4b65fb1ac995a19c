//! What the plugin reads of each OBX, in one call for the whole message.

use transfuse_plugin::prelude::*;

/// How often OBX-8 may repeat, by the standard (2.3 to 2.7). Further repetitions stay as they came.
const FLAGS_MAX: usize = 5;

/// One OBX segment, as far as this plugin looks at it. Absent and empty are both the empty string: neither has a value.
pub(crate) struct Observation {
    /// The path of the segment, such as `OBX[3]`.
    pub(crate) path: String,
    /// Whether OBX-2 says that the value is a number (NM, SN).
    pub(crate) is_number: bool,
    /// OBX-3.1 to OBX-3.3.
    pub(crate) code: Coding,
    /// OBX-3.4 to OBX-3.6.
    pub(crate) alternate: Coding,
    /// OBX-6.1.
    pub(crate) unit: String,
    /// OBX-8, one for each repetition.
    pub(crate) flags: [String; FLAGS_MAX],
    /// The unit that the code table has for this code; set by [`codes`](crate::codes).
    pub(crate) table_unit: String,
}

/// A code, what it stands for, and the system that it belongs to.
pub(crate) struct Coding {
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) system: String,
}

impl Observation {
    /// Every OBX of the message. Subcomponents are named (`3.1.1`), so that a code with parts is read by its first one
    /// and not refused.
    pub(crate) fn read_all(message: &Message) -> Result<Vec<Self>, Stop> {
        let rows = message.rows(
            "OBX",
            [
                "2.1.1", "3.1.1", "3.2.1", "3.3.1", "3.4.1", "3.5.1", "3.6.1", "6.1.1", "8[1].1.1", "8[2].1.1",
                "8[3].1.1", "8[4].1.1", "8[5].1.1",
            ],
        )?;
        Ok(rows
            .into_iter()
            .enumerate()
            .map(|(index, row)| Self::of(index + 1, row))
            .collect())
    }

    fn of(occurrence: usize, row: [Option<String>; 13]) -> Self {
        let row = row.map(Option::unwrap_or_default);
        let [
            value_type,
            code,
            text,
            system,
            other_code,
            other_text,
            other_system,
            unit,
            flags @ ..,
        ] = row;
        Self {
            path: format!("OBX[{occurrence}]"),
            is_number: matches!(value_type.as_str(), "NM" | "SN"),
            code: Coding { code, text, system },
            alternate: Coding {
                code: other_code,
                text: other_text,
                system: other_system,
            },
            unit,
            flags,
            table_unit: String::new(),
        }
    }
}
