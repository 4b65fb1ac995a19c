//! Habits that a reviewer should not have to repeat.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports by printing"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold the project's own code.
const FOLDERS: &[&str] = &["runtime", "plugin-sdk", "plugins", "tests"];

/// Generated guest bindings, and programs whose purpose is to be wrong.
const NOT_WRITTEN_BY_HAND: &[&str] = &["plugin-sdk/rust/src/wit.rs", "plugin-sdk/rust/tests/signatures/"];

/// The longest function: what fits a screen.
const FUNCTION_LINES_MAX: usize = 70;

/// The longest file, tests included: what fits a head.
const FILE_LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is where it was built")
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        collect(&root().join(folder), &mut found);
    }
    found.retain(|(path, _)| !NOT_WRITTEN_BY_HAND.iter().any(|part| shown(path).starts_with(part)));
    assert!(found.len() > 30, "the walk found only {} files", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("a folder entry").path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden && !path.ends_with("target") && !path.ends_with("node_modules") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file in UTF-8");
            found.push((path, text));
        }
    }
}

fn report(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// First lines and lengths of a file's functions, by indentation: rustfmt makes that exact.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indentation = line.len() - line.trim_start().len();
        let words: Vec<&str> = line.trim_start().split([' ', '(', '<']).collect();
        let before_fn = words.iter().position(|word| *word == "fn");
        let qualifiers = ["pub", "async", "const", "unsafe", "crate)", "super)", "extern"];
        let declares = before_fn.is_some_and(|at| words.iter().take(at).all(|word| qualifiers.contains(word)));
        if !declares || line.trim_end().ends_with(';') || line.trim_end().ends_with('}') {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indentation));
        let length = lines.iter().skip(start).position(|later| **later == close);
        if let Some(length) = length {
            found.push((start + 1, length + 1));
        }
    }
    found
}

#[test]
fn every_file_says_what_it_is_for() {
    let speaks = |text: &str| text.starts_with("//!") || text.starts_with("#![doc");
    let silent = sources()
        .into_iter()
        .filter(|(path, text)| !is_test_part(path) && !speaks(text));
    report(
        &silent
            .map(|(path, _)| format!("{} does not begin with `//!`", shown(&path)))
            .collect::<Vec<_>>(),
    );
}

/// Test modules beside what they test need no introduction; the crate roots of `tests/` do.
fn is_test_part(path: &Path) -> bool {
    let path = shown(path);
    let is_crate_root = path.starts_with("tests/suite/");
    (path.ends_with("/tests.rs") || path.contains("/tests/")) && !is_crate_root
}

#[test]
fn functions_fit_a_screen_and_files_fit_a_head() {
    let mut offences = Vec::new();
    let mut lengths = Vec::new();
    for (path, text) in sources() {
        let file_lines = text.lines().count();
        if file_lines > FILE_LINES_MAX {
            offences.push(format!(
                "{} has {file_lines} lines, more than {FILE_LINES_MAX}",
                shown(&path)
            ));
        }
        for (line, length) in functions(&text) {
            lengths.push(length);
            if length > FUNCTION_LINES_MAX {
                offences.push(format!(
                    "{}:{line}: a function of {length} lines, more than {FUNCTION_LINES_MAX}",
                    shown(&path)
                ));
            }
        }
    }
    lengths.sort_unstable();
    let percentile = |percent: usize| lengths.get(lengths.len() * percent / 100).copied().unwrap_or_default();
    println!(
        "{} functions: median {} lines, p95 {}, p99 {}",
        lengths.len(),
        percentile(50),
        percentile(95),
        percentile(99)
    );
    report(&offences);
}

#[test]
fn nothing_is_left_for_later_without_saying_so() {
    // Spelt apart, so that this file does not find itself.
    let markers = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
    ];
    let mut offences = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if markers.iter().any(|marker| line.contains(marker.as_str())) {
                offences.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    report(&offences);
}

#[test]
fn unsafe_code_stays_where_it_is_explained() {
    // The package room's test writes the bindings of a foreign author's plugin.
    let allowed = [
        "runtime/sandbox/",
        "plugin-sdk/rust/",
        "tests/guests/",
        "runtime/package/tests/build.rs",
    ];
    let word = ["unsafe", "_code"].concat();
    let offences = sources().into_iter().filter(|(path, text)| {
        let path = shown(path);
        text.contains(&word) && !allowed.iter().any(|room| path.starts_with(room)) && !path.ends_with("tests/tidy.rs")
    });
    report(
        &offences
            .map(|(path, _)| format!("{} lifts the ban on unsafe code", shown(&path)))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_walk_over_functions_sees_their_length() {
    let text = "fn short() {\n    one();\n}\n\nimpl Thing {\n    pub(crate) async fn long(\n        self,\n    ) {\n        one();\n    }\n}\n";
    assert_eq!(functions(text), [(1, 3), (6, 5)]);
}
