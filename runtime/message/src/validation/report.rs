//! What was found: listed up to a limit, counted beyond it.

use super::Tolerance;
use crate::{Finding, Path, Payload, Severity};

/// The most findings that are listed, the worst ones first. A person reads the list, and a message with more has one
/// cause that the first hundred show; the rest is counted.
pub const FINDINGS_MAX: usize = 100;

/// What validation found, the worst first, and in the message's order where equally bad.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    listed: Vec<Finding>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    errors: usize,
    warnings: usize,
    information: usize,
}

impl Findings {
    /// At most [`FINDINGS_MAX`] of them.
    #[must_use]
    pub fn listed(&self) -> &[Finding] {
        &self.listed
    }

    /// Gives the list away.
    #[must_use]
    pub fn into_listed(self) -> Vec<Finding> {
        self.listed
    }

    /// How many errors there are, listed or not.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.counts.errors
    }

    /// How many warnings there are, listed or not.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.counts.warnings
    }

    /// How many findings of any severity there are, listed or not.
    #[must_use]
    pub fn total(&self) -> usize {
        let Counts {
            errors,
            warnings,
            information,
        } = self.counts;
        errors + warnings + information
    }

    /// How many are not listed.
    #[must_use]
    pub fn unlisted(&self) -> usize {
        self.total() - self.listed.len()
    }

    /// Whether nothing at all was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }
}

/// Collects findings. Each severity has room of its own, so that no number of warnings can hide an error.
pub(super) struct Report<'t> {
    tolerances: &'t [Tolerance],
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
    information: Vec<Finding>,
    counts: Counts,
}

/// One finding before it is written down. The words are made only where there is room for them.
pub(super) struct Found<'a> {
    pub(super) severity: Severity,
    pub(super) code: &'a str,
    pub(super) path: Option<Path>,
}

impl<'t> Report<'t> {
    pub(super) fn new(tolerances: &'t [Tolerance]) -> Self {
        Self {
            tolerances,
            errors: Vec::new(),
            warnings: Vec::new(),
            information: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Adds what a rule of the profile found.
    pub(super) fn add(&mut self, found: Found<'_>, text: impl FnOnce() -> String) {
        let (list, count) = match found.severity {
            Severity::Error => (&mut self.errors, &mut self.counts.errors),
            Severity::Warning => (&mut self.warnings, &mut self.counts.warnings),
            Severity::Information => (&mut self.information, &mut self.counts.information),
        };
        *count += 1;
        if list.len() < FINDINGS_MAX {
            list.push(Finding {
                path: found.path.map(|path| path.to_string()),
                code: found.code.to_owned(),
                severity: found.severity,
                text: Payload::from(text()),
            });
        }
    }

    /// Adds what the standard's levels found, unless the profile tolerates it.
    pub(super) fn add_unless_tolerated(&mut self, found: Found<'_>, text: impl FnOnce() -> String) {
        let tolerated = found
            .path
            .as_ref()
            .is_some_and(|path| self.tolerances.iter().any(|one| one.covers(path, found.code)));
        if !tolerated {
            self.add(found, text);
        }
    }

    pub(super) fn finish(self) -> Findings {
        let mut listed = self.errors;
        listed.extend(self.warnings);
        listed.extend(self.information);
        listed.truncate(FINDINGS_MAX);
        Findings {
            listed,
            counts: self.counts,
        }
    }
}
