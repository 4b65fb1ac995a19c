//! Running Python to its end.

use std::fmt;
use std::io;
use std::process::{Command, Stdio};

/// Why a program did not do what it was run for.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be started.
    Run(io::Error),
    /// It failed, and said this last.
    Said(String),
}

/// How much of what a program says an error repeats.
const SAID_LINES_MAX: usize = 60;

/// Runs a program that says little, and keeps that for the case that it fails.
pub(super) fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(Failure::Run)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.trim().lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(SAID_LINES_MAX)..)
        .unwrap_or_default();
    Err(Failure::Said(last.join("\n")))
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => error.fmt(formatter),
            Self::Said(said) => formatter.write_str(said),
        }
    }
}
