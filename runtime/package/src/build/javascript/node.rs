//! Node.js and npm, as they are on this machine.

use std::path::Path;
use std::process::{Command, Output};

use super::JavaScriptError;
use crate::build::environment;

/// Older ones lack what the componentizer uses.
pub(super) const MAJOR_MIN: u32 = 20;

/// How much of what a program says an error repeats: the end, where the reason stands.
const SAID_LINES_MAX: usize = 60;

/// Node.js that is recent enough.
#[derive(Debug)]
pub(super) struct Node {
    /// As it calls itself: `v20.20.2`.
    pub(super) version: String,
}

/// How a program ended.
pub(super) struct Run {
    pub(super) is_success: bool,
    /// The last of what it said.
    pub(super) said: String,
}

impl Node {
    /// The one that is found by its name.
    pub(super) fn find() -> Result<Self, JavaScriptError> {
        let version = answer("node", &["--version"], Path::new("."))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        if major(&version).is_some_and(|major| major >= MAJOR_MIN) {
            return Ok(Self { version });
        }
        Err(JavaScriptError::NoNode {
            program: "node",
            reason: format!("its version is {version}"),
        })
    }

    /// Runs a script in a folder. Only who has found Node can ask.
    #[expect(
        clippy::unused_self,
        reason = "a `Node` is the proof that the program is there and new enough"
    )]
    pub(super) fn run(&self, script: &Path, arguments: &[&str], folder: &Path) -> Result<Run, JavaScriptError> {
        let script = script.to_string_lossy();
        let arguments: Vec<&str> = std::iter::once(&*script).chain(arguments.iter().copied()).collect();
        answer("node", &arguments, folder).map(|output| Run::of(&output))
    }

    /// Installs the packages that the lock file of a folder names, and runs none of their programs.
    #[expect(
        clippy::unused_self,
        reason = "a `Node` is the proof that the program is there and new enough"
    )]
    pub(super) fn install(&self, folder: &Path) -> Result<Run, JavaScriptError> {
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        answer("npm", &arguments, folder).map(|output| Run::of(&output))
    }
}

impl Run {
    fn of(output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.trim().lines().collect();
        let from = lines.len().saturating_sub(SAID_LINES_MAX);
        Self {
            is_success: output.status.success(),
            said: lines.get(from..).unwrap_or_default().join("\n"),
        }
    }
}

fn answer(program: &'static str, arguments: &[&str], folder: &Path) -> Result<Output, JavaScriptError> {
    let mut command: Command = environment::command(Path::new(program), folder);
    command
        .args(arguments)
        .output()
        .map_err(|error| JavaScriptError::NoNode {
            program,
            reason: error.to_string(),
        })
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{JavaScriptError, major};

    #[test]
    fn a_version_is_read_as_node_says_it() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("20.20.2"), None);
        assert_eq!(major(""), None);
    }

    #[test]
    fn a_machine_without_node_is_told_what_to_install() {
        let told = JavaScriptError::NoNode {
            program: "node",
            reason: "No such file or directory".to_owned(),
        };
        insta::assert_snapshot!(told.to_string(), @"node cannot be run (No such file or directory): to build plugins in JavaScript or TypeScript, install Node.js 20 or later with npm, on Debian by `apt-get install nodejs npm`");
    }
}
