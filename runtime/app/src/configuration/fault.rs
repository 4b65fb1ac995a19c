//! What is wrong with a configuration: all of it at once, each with its place and a hint.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::document::Place;

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) location: Location,
    /// What is wrong, lower-case and without a full stop.
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
}

/// Where a fault is: in a file's text, in a line that is not to be shown, or about a file as a whole.
#[derive(Debug, Clone)]
pub(crate) enum Location {
    Place(Place),
    /// A row of a table, counted from one. Tables may hold names of people, and faults end up in logs.
    Row(PathBuf, usize),
    File(PathBuf),
}

/// The faults found so far. Shared by everything that reads one site, so that the first fault hides no other. Warnings are
/// kept apart: they stop nothing.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<Fault>>,
}

/// The wire form of a fault, for `check --json`.
#[derive(Serialize)]
pub(crate) struct FaultReport<'f> {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    message: &'f str,
    hints: &'f [String],
}

impl Faults {
    pub(crate) fn at(&self, place: &Place, message: impl Into<String>) {
        self.add(Location::Place(place.clone()), message.into(), Vec::new());
    }

    pub(crate) fn at_with_hint(&self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Location::Place(place.clone()), message.into(), vec![hint.into()]);
    }

    /// A fault whose hint may be missing: a name that resembles no other has no "did you mean".
    pub(crate) fn at_with_hints(&self, place: &Place, message: impl Into<String>, hints: Vec<String>) {
        self.add(Location::Place(place.clone()), message.into(), hints);
    }

    pub(crate) fn in_row(&self, file: &Path, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Location::Row(file.to_owned(), line), message.into(), vec![hint.into()]);
    }

    pub(crate) fn in_file(&self, file: &Path, message: impl Into<String>, hints: Vec<String>) {
        self.add(Location::File(file.to_owned()), message.into(), hints);
    }

    /// Something that a person should look at, and that stops nothing.
    pub(crate) fn warn(&self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.warnings.borrow_mut().push(Fault {
            location: Location::Place(place.clone()),
            message: message.into(),
            hints: vec![hint.into()],
        });
    }

    pub(crate) fn extend(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.borrow_mut().extend(faults);
    }

    pub(crate) fn count(&self) -> usize {
        self.faults.borrow().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    /// The warnings, in the order of files and lines.
    pub(crate) fn take_warnings(&self) -> Vec<Fault> {
        sorted(self.warnings.take())
    }

    /// The faults in the order a reader wants: file by file, from top to bottom.
    pub(crate) fn into_sorted(self) -> Vec<Fault> {
        sorted(self.faults.into_inner())
    }

    fn add(&self, location: Location, message: String, hints: Vec<String>) {
        self.faults.borrow_mut().push(Fault {
            location,
            message,
            hints,
        });
    }
}

fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|fault| fault.location.sort_key());
    faults
}

impl Location {
    pub(crate) fn file(&self) -> &Path {
        match self {
            Self::Place(place) => place.file(),
            Self::Row(file, _) | Self::File(file) => file,
        }
    }

    /// File and line, as compilers write them.
    pub(crate) fn told(&self) -> String {
        let file = self.file().display();
        match self {
            Self::Place(place) => format!("{file}:{}:{}", place.position().line, place.position().column),
            Self::Row(_, line) => format!("{file}:{line}"),
            Self::File(_) => file.to_string(),
        }
    }

    fn sort_key(&self) -> (PathBuf, usize, usize) {
        match self {
            Self::Place(place) => {
                let position = place.position();
                (place.file().to_owned(), position.line, position.column)
            }
            Self::Row(file, line) => (file.clone(), *line, 0),
            Self::File(file) => (file.clone(), 0, 0),
        }
    }
}

impl Fault {
    pub(crate) fn report(&self) -> FaultReport<'_> {
        let (line, column) = match &self.location {
            Location::Place(place) => (Some(place.position().line), Some(place.position().column)),
            Location::Row(_, line) => (Some(*line), None),
            Location::File(_) => (None, None),
        };
        FaultReport {
            file: self.location.file().display().to_string(),
            line,
            column,
            message: &self.message,
            hints: &self.hints,
        }
    }
}
