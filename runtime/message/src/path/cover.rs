//! Whether one path leads to a node within another one's.

use super::{FieldPath, Path};

impl Path {
    /// Whether `other` names this node or one within it. A number that this path leaves out stands for any: `OBX-14`
    /// covers `OBX[2]-14.1`, and `OBX[1]-14` does not. In `other` it stands for the first, as everywhere.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let is_segment = self.name() == other.name() && fits(self.written_occurrence(), other.occurrence());
        is_segment
            && self
                .field()
                .is_none_or(|field| other.field().is_some_and(|other| field.covers(other)))
    }

    /// The occurrence, where the path names one.
    #[must_use]
    pub fn written_occurrence(&self) -> Option<u32> {
        self.has_occurrence().then(|| self.occurrence())
    }
}

impl FieldPath {
    fn covers(self, other: Self) -> bool {
        let part = |wanted: Option<u32>, found: Option<u32>| wanted.is_none_or(|number| number == found.unwrap_or(1));
        self.field() == other.field()
            && fits(self.written_repetition(), other.repetition())
            && part(self.component(), other.component())
            && part(self.subcomponent(), other.subcomponent())
    }

    /// The repetition, where the path names one.
    #[must_use]
    pub fn written_repetition(&self) -> Option<u32> {
        (self.repetition > 0).then_some(self.repetition)
    }
}

fn fits(wanted: Option<u32>, found: u32) -> bool {
    wanted.is_none_or(|number| number == found)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_what_lies_within_it_and_numbers_left_out_stand_for_any() {
        let covers = |path: &str, other: &str| path.parse::<Path>().unwrap().covers(&other.parse().unwrap());
        for (path, other) in [
            ("MSH", "MSH-7"),
            ("MSH-7", "MSH-7.1"),
            ("OBX-14", "OBX[2]-14.1"),
            ("OBX[2]", "OBX[2]-14[3].1.2"),
            ("PID-3", "PID-3[2].1"),
            ("PID[1]-3[1].1", "PID-3.1.4"),
            ("PID-5.1", "PID-5"),
        ] {
            assert!(covers(path, other), "{path} {other}");
        }
        for (path, other) in [
            ("MSH-7", "MSH"),
            ("MSH-7", "MSH-8"),
            ("OBX[1]-14", "OBX[2]-14"),
            ("PID-3[1]", "PID-3[2].1"),
            ("PID-5.2", "PID-5"),
            ("PID", "PV1"),
        ] {
            assert!(!covers(path, other), "{path} {other}");
        }
    }
}
