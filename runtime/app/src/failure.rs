//! How a command ends, and the one place that tells people why it failed.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::configuration::{Fault, Location};
use crate::console::{Console, Palette, Tone};

/// The process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// It did what it was asked to do, and the answer is good.
    Success = 0,
    /// It could not, or the answer is bad: a message was refused, the engine cannot be reached.
    Failure = 1,
    // 2 is a command line that cannot be understood; clap uses it.
    /// The site's configuration is at fault. Nothing was started. (`EX_USAGE` of sysexits.h, as other servers use it.)
    Configuration = 64,
}

/// What a command gives back.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Why a command failed, with what a person can do about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something could not be done.
    Error { error: anyhow::Error, hints: Vec<String> },
    /// The site folder has faults.
    Configuration(Vec<Fault>),
}

/// Adds a hint to whatever went wrong.
pub(crate) trait Hint<T> {
    fn hint(self, hint: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| error.into().hinted(hint))
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error {
            error: error.into(),
            hints: Vec::new(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Failure {
    /// The same failure, with one more thing to try.
    pub(crate) fn hinted(self, hint: impl fmt::Display) -> Self {
        match self {
            Self::Error { error, mut hints } => {
                hints.push(hint.to_string());
                Self::Error { error, hints }
            }
            faults @ Self::Configuration(_) => faults,
        }
    }

    /// Tells the person at the terminal, and gives the exit code.
    pub(crate) fn report(&self, console: Console) -> Exit {
        let palette = console.notes_palette();
        match self {
            // Whoever reads our output has seen enough (`transfuse messages list | head`).
            Self::Error { error, .. } if is_broken_pipe(error) => Exit::Success,
            Self::Error { error, hints } => {
                console.note(format_args!("{} {}", palette.paint(Tone::Bad, "error:"), error));
                for cause in causes(error) {
                    console.note(format_args!("  {} {cause}", palette.paint(Tone::Faint, "caused by:")));
                }
                if !hints.is_empty() {
                    console.note("");
                }
                for hint in hints {
                    console.note(format_args!("{} {hint}", palette.paint(Tone::Name, "hint:")));
                }
                Exit::Failure
            }
            Self::Configuration(faults) => {
                for fault in faults {
                    console.note(show_fault(fault, palette));
                }
                console.note(format_args!(
                    "{} {}",
                    palette.paint(Tone::Bad, "error:"),
                    summary(faults)
                ));
                Exit::Configuration
            }
        }
    }
}

/// The causes below an error, without those that its own sentence has told already.
fn causes(error: &anyhow::Error) -> Vec<String> {
    let mut told = vec![error.to_string()];
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.iter().any(|text| text.contains(&cause)) {
            told.push(cause);
        }
    }
    told.split_off(1)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells of something that stops nothing.
pub(crate) fn warn(warning: &Fault, console: Console) {
    let palette = console.notes_palette();
    let told = show_fault(warning, palette);
    console.note(format_args!("{} {told}", palette.paint(Tone::Odd, "warning:")));
}

/// A fault as compilers show theirs: place, what is wrong, the line with the spot, hints.
fn show_fault(fault: &Fault, palette: Palette) -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    // Writing to a string has no way to fail.
    let _ = match &fault.location {
        Location::File(file) => {
            writeln!(
                text,
                "{}: {}",
                palette.paint(Tone::Strong, &file.display()),
                fault.message
            )
        }
        Location::Row(file, line) => {
            let place = format!("{}:{line}", file.display());
            writeln!(text, "{}: {}", palette.paint(Tone::Strong, &place), fault.message)
        }
        Location::Place(place) => {
            let position = place.position();
            let number = position.line.to_string();
            let bar = palette.paint(Tone::Faint, "|");
            let carets = "^".repeat(position.width);
            let (margin, indent) = (" ".repeat(number.len()), " ".repeat(position.column.saturating_sub(1)));
            writeln!(
                text,
                "{}: {}\n  {number} {bar} {}\n  {margin} {bar} {indent}{}",
                palette.paint(Tone::Strong, place),
                fault.message,
                position.text,
                palette.paint(Tone::Bad, &carets),
            )
        }
    };
    for hint in &fault.hints {
        let _ = writeln!(text, "  {} {hint}", palette.paint(Tone::Name, "hint:"));
    }
    text
}

fn summary(faults: &[Fault]) -> String {
    let mut files: Vec<_> = faults.iter().map(|fault| fault.location.file()).collect();
    files.dedup();
    let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    format!(
        "{} in {}; nothing was done",
        count(faults.len(), "fault"),
        count(files.len(), "file")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_told_already_is_not_told_again() {
        let error = anyhow::anyhow!("in use")
            .context("cannot listen: in use")
            .context("`lab` failed");
        assert_eq!(causes(&error), ["cannot listen: in use"]);
    }

    #[test]
    fn a_hint_stays_with_its_error() {
        let hinted: Result<(), Failure> = Err(anyhow::anyhow!("it failed")).hint("do this").hint("or that");
        assert!(matches!(hinted, Err(Failure::Error { hints, .. }) if hints == ["do this", "or that"]));
    }
}
