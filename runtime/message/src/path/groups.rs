//! The steps of a path that are groups.

use std::fmt;
use std::sync::Arc;

use super::read::Reader;
use super::{Path, PathError};

/// The most groups in one path. Structures nest eight deep at most.
const STEPS_MAX: usize = 16;

/// The longest name of a group. The longest of any version has 52 characters.
const NAME_BYTES_MAX: usize = 64;

/// A group on the way to a segment, such as `ORDER_OBSERVATION[2]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupStep {
    name: Box<str>,
    occurrence: u32,
}

impl GroupStep {
    pub(crate) fn new(name: &str, occurrence: u32) -> Self {
        Self {
            name: name.into(),
            occurrence,
        }
    }

    /// The name of the group.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of the groups of that name, counted from one; the first where it was omitted.
    #[must_use]
    pub fn occurrence(&self) -> u32 {
        self.occurrence.max(1)
    }

    /// Which of the groups of that name, where one was written.
    pub(crate) fn given_occurrence(&self) -> Option<u32> {
        self.has_occurrence().then_some(self.occurrence)
    }

    pub(crate) fn has_occurrence(&self) -> bool {
        self.occurrence > 0
    }
}

impl Path {
    /// Reads the path of a group, whose slash at the end may be left out: `PATIENT_RESULT[2]/ORDER_OBSERVATION`.
    pub fn group(text: &str) -> Result<Self, PathError> {
        if text.ends_with('/') {
            text.parse()
        } else {
            format!("{text}/").parse()
        }
    }
}

impl fmt::Display for GroupStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.occurrence {
            0 => Ok(()),
            occurrence => write!(f, "[{occurrence}]"),
        }
    }
}

impl Reader<'_> {
    /// Everything up to the last slash.
    pub(super) fn groups(&mut self) -> Result<Option<Arc<Vec<GroupStep>>>, PathError> {
        if memchr::memchr(b'/', self.text).is_none() {
            return Ok(None);
        }
        self.steps().map(|steps| Some(Arc::new(steps)))
    }

    fn steps(&mut self) -> Result<Vec<GroupStep>, PathError> {
        let slashes = memchr::memchr_iter(b'/', self.text).count();
        let mut steps = Vec::with_capacity(slashes.min(STEPS_MAX));
        for _ in 0..slashes {
            if steps.len() == STEPS_MAX {
                return Err(self.expected("a segment, after as many groups as structures nest"));
            }
            steps.push(self.step()?);
        }
        Ok(steps)
    }

    fn step(&mut self) -> Result<GroupStep, PathError> {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let is_name = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_';
        let length = rest.iter().take_while(is_name).count();
        let name = rest.get(..length).and_then(|name| std::str::from_utf8(name).ok());
        let Some(name) = name.filter(|_| (1..=NAME_BYTES_MAX).contains(&length)) else {
            return Err(self.expected("the name of a group in capital letters"));
        };
        self.position += length;
        let step = GroupStep::new(name, self.bracketed()?);
        if self.take(b'/') {
            Ok(step)
        } else {
            Err(self.expected("a slash after the group"))
        }
    }
}
