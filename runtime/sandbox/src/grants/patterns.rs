//! Patterns of fields, such as `PID-3`, `MSH-*` and `Z*-*`.

use thiserror::Error;

/// A set of fields, written as patterns.
///
/// `*` is every byte of a message, `PID-*` a segment, `PID-3` a field with all its repetitions and components, `Z*-*`
/// every segment whose name begins with Z. The default is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldPatterns {
    everything: bool,
    segments: Vec<SegmentPattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SegmentPattern {
    /// A whole name, or its beginning.
    name: String,
    is_prefix: bool,
    fields: Fields,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fields {
    All,
    /// Sorted.
    Some(Vec<u32>),
}

/// Why a text is not a pattern of fields.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FieldPatternError {
    /// It is no pattern.
    #[error("`{pattern}` is not a pattern of fields: write `*`, `PID-*`, `PID-3` or `Z*-*`")]
    Malformed {
        /// The text.
        pattern: String,
    },
    /// It names a part of a field or a single segment of several.
    #[error(
        "`{pattern}` is finer than a grant can be: a field is granted with all its repetitions and components, as in `{field}`"
    )]
    TooFine {
        /// The text.
        pattern: String,
        /// The field that it is about.
        field: String,
    },
}

impl FieldPatterns {
    /// Reads patterns. The first one that is wrong is reported, and nothing is granted.
    pub fn parse<S: AsRef<str>>(patterns: &[S]) -> Result<Self, FieldPatternError> {
        let mut parsed = Self::default();
        for pattern in patterns {
            parsed.add(pattern.as_ref())?;
        }
        Ok(parsed)
    }

    /// Whether every byte of a message is in the set.
    #[must_use]
    pub fn allows_everything(&self) -> bool {
        self.everything
    }

    /// Whether a field is in the set.
    #[must_use]
    pub fn allows(&self, segment: &str, field: u32) -> bool {
        self.everything || self.of(segment).any(|pattern| pattern.fields.contain(field))
    }

    /// Whether all fields of a segment are in the set.
    #[must_use]
    pub fn allows_segment(&self, segment: &str) -> bool {
        self.everything || self.of(segment).any(|pattern| pattern.fields == Fields::All)
    }

    /// Whether any field of a segment is in the set.
    #[must_use]
    pub fn touches(&self, segment: &str) -> bool {
        self.everything || self.of(segment).next().is_some()
    }

    fn of(&self, segment: &str) -> impl Iterator<Item = &SegmentPattern> {
        self.segments.iter().filter(move |pattern| pattern.is_of(segment))
    }

    fn add(&mut self, text: &str) -> Result<(), FieldPatternError> {
        if text == "*" {
            self.everything = true;
            return Ok(());
        }
        let malformed = || FieldPatternError::Malformed {
            pattern: text.to_owned(),
        };
        let (segment, field) = text.split_once('-').ok_or_else(malformed)?;
        let (name, is_prefix) = segment_of(text, segment, field)?;
        let fields = field_of(text, segment, field)?;
        match self
            .segments
            .iter_mut()
            .find(|known| known.name == name && known.is_prefix == is_prefix)
        {
            Some(known) => known.fields.add(fields),
            None => self.segments.push(SegmentPattern {
                name: name.to_owned(),
                is_prefix,
                fields,
            }),
        }
        Ok(())
    }
}

impl SegmentPattern {
    fn is_of(&self, segment: &str) -> bool {
        if self.is_prefix {
            segment.starts_with(&self.name)
        } else {
            segment == self.name
        }
    }
}

impl Fields {
    fn contain(&self, field: u32) -> bool {
        match self {
            Self::All => true,
            Self::Some(fields) => fields.binary_search(&field).is_ok(),
        }
    }

    fn add(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Some(fields), Self::Some(more)) => {
                fields.extend(more);
                fields.sort_unstable();
                fields.dedup();
            }
            (_, Self::All) => *self = Self::All,
            (Self::All, _) => {}
        }
    }
}

/// The name of a segment, or the beginning of one before an asterisk.
fn segment_of<'a>(text: &str, segment: &'a str, field: &str) -> Result<(&'a str, bool), FieldPatternError> {
    if let Some((name, _)) = segment.split_once('[') {
        return Err(too_fine(text, name, field));
    }
    let malformed = || FieldPatternError::Malformed {
        pattern: text.to_owned(),
    };
    let (name, is_prefix) = segment.strip_suffix('*').map_or((segment, false), |name| (name, true));
    let has_length = if is_prefix {
        (1..3).contains(&name.len())
    } else {
        name.len() == 3
    };
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_uppercase());
    let is_name = begins && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if has_length && is_name {
        Ok((name, is_prefix))
    } else {
        Err(malformed())
    }
}

fn field_of(text: &str, segment: &str, field: &str) -> Result<Fields, FieldPatternError> {
    if field == "*" {
        return Ok(Fields::All);
    }
    if let Some(end) = field.find(['.', '[']) {
        let (field, _) = field.split_at(end);
        return Err(too_fine(text, segment, field));
    }
    match field.parse() {
        Ok(number) if number > 0 && !field.starts_with(['0', '+']) => Ok(Fields::Some(vec![number])),
        _ => Err(FieldPatternError::Malformed {
            pattern: text.to_owned(),
        }),
    }
}

fn too_fine(text: &str, segment: &str, field: &str) -> FieldPatternError {
    let field = field.split(['.', '[']).next().unwrap_or_default();
    FieldPatternError::TooFine {
        pattern: text.to_owned(),
        field: format!("{segment}-{field}"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn patterns(patterns: &[&str]) -> FieldPatterns {
        FieldPatterns::parse(patterns).unwrap()
    }

    #[test]
    fn nothing_is_granted_by_default() {
        let none = FieldPatterns::default();
        assert!(!none.allows("PID", 5));
        assert!(!none.allows_segment("PID"));
        assert!(!none.touches("PID"));
        assert!(!none.allows_everything());
    }

    #[test]
    fn a_field_is_granted_and_its_neighbours_are_not() {
        let granted = patterns(&["PID-3", "PID-18", "OBX-5"]);
        assert!(granted.allows("PID", 3) && granted.allows("PID", 18) && granted.allows("OBX", 5));
        assert!(!granted.allows("PID", 5) && !granted.allows("PV1", 3) && !granted.allows("OBX", 3));
        assert!(granted.touches("PID") && !granted.allows_segment("PID"));
    }

    #[test]
    fn a_segment_is_granted_by_an_asterisk() {
        let granted = patterns(&["MSH-9", "MSH-*", "MSH-10"]);
        assert!(granted.allows("MSH", 200) && granted.allows_segment("MSH"));
        assert!(!granted.allows("MSA", 1) && !granted.allows_everything());
    }

    #[test]
    fn segments_are_granted_by_the_beginning_of_their_names() {
        let granted = patterns(&["Z*-*", "OB*-3"]);
        assert!(granted.allows_segment("ZPI") && granted.allows("ZZ9", 1));
        assert!(granted.allows("OBX", 3) && granted.allows("OBR", 3) && !granted.allows("OBX", 5));
        assert!(!granted.allows("PID", 1));
    }

    #[test]
    fn a_single_asterisk_grants_everything() {
        let granted = patterns(&["*"]);
        assert!(granted.allows_everything() && granted.allows("PID", 5) && granted.allows_segment("PID"));
    }

    #[test]
    fn a_pattern_finer_than_a_field_is_refused_with_the_field() {
        for (text, field) in [
            ("PID-5.1", "PID-5"),
            ("PID-3[2]", "PID-3"),
            ("OBX[1]-5", "OBX-5"),
            ("OBX[1]-5.2", "OBX-5"),
        ] {
            let error = FieldPatterns::parse(&[text]).unwrap_err();
            assert_eq!(
                error,
                FieldPatternError::TooFine {
                    pattern: text.to_owned(),
                    field: field.to_owned()
                }
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "", "PID", "PID-", "-3", "pid-3", "PID-0", "PID-03", "PID-+3", "PID-x", "*-3", "PIDX-3", "1ID-3", "PID*-3",
            "**", "ŐÖ-1",
        ] {
            let error = FieldPatterns::parse(&[text]).unwrap_err();
            assert_eq!(
                error,
                FieldPatternError::Malformed {
                    pattern: text.to_owned()
                },
                "{text}"
            );
        }
    }
}
