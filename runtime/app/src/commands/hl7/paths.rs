//! Paths on a command line, and what people write in their place.

use std::ffi::OsString;
use std::path::PathBuf;

use transfuse_message::{Path, PathError};

use crate::failure::{Failure, Hint as _};

/// Reads a path, or says what is wrong with it and what was most likely meant.
pub(crate) fn path(text: &str) -> Result<Path, String> {
    text.parse().map_err(|error: PathError| match meant(text) {
        Some(path) => format!("{error}; did you mean `{path}`?"),
        None => error.to_string(),
    })
}

/// A path that names no group.
pub(super) fn plain_path(text: &str) -> Result<Path, String> {
    let path = path(text)?;
    if path.groups().is_empty() {
        Ok(path)
    } else {
        Err("a path through groups is too much here: name the segment, as in OBX[2]-14".to_owned())
    }
}

/// `PATH=VALUE`, where what stands before the first `=` is a path.
pub(super) fn assignment(text: &str) -> Option<(Path, &str)> {
    let (path, value) = text.split_once('=')?;
    Some((path.parse().ok()?, value))
}

/// Tells the paths among words from the files, as `take` reads the former. A file whose name looks like a path is
/// written with its folder: `./PID`.
///
/// # Errors
///
/// Where a word is neither, or none is a path.
pub(super) fn apart<T>(
    words: &[OsString],
    kind: &str,
    take: impl Fn(&str) -> Option<T>,
) -> Result<(Vec<T>, Vec<PathBuf>), Failure> {
    let (mut taken, mut files) = (Vec::new(), Vec::new());
    for word in words {
        match word.to_str().and_then(&take) {
            Some(one) => taken.push(one),
            None => files.push(PathBuf::from(word)),
        }
    }
    for file in &files {
        let text = file.to_string_lossy();
        let is_there = file.exists() || text == "-";
        let (left, _) = text.split_once('=').unwrap_or((&text, ""));
        if is_there || (text.contains(['/', '.']) && meant(left).is_none()) {
            continue;
        }
        return Err(neither(&text, kind));
    }
    if taken.is_empty() {
        return Err(anyhow::anyhow!("nothing is asked for: no {kind} is given")).hint(EXAMPLE);
    }
    Ok((taken, files))
}

const EXAMPLE: &str = "paths are written PID-5.1, PID-3[2].1 or OBX[3]-5, before the files";

fn neither(text: &str, kind: &str) -> Failure {
    let (left, value) = match text.split_once('=') {
        Some((left, value)) => (left, format!("={value}")),
        None => (text, String::new()),
    };
    let hint = match (left.parse::<Path>(), meant(left)) {
        (Ok(path), _) if value.is_empty() => {
            format!("write the value behind it: `{path}=VALUE`, or `{path}=` to empty it")
        }
        (_, Some(path)) => format!("did you mean `{path}{value}`?"),
        _ => EXAMPLE.to_owned(),
    };
    Failure::from(anyhow::anyhow!("`{left}` is neither a {kind} nor a file")).hinted(hint)
}

/// What is wrong with bytes, without the advice for an engine's configuration: here the command has an option for it.
pub(super) fn without_engine(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    text.split(": set the sender's charset")
        .next()
        .unwrap_or(&text)
        .to_owned()
}

/// Whether a leaf lies within a node; of a field without components, `PID-3.1` is the same as `PID-3`.
pub(super) fn covers_leaf(outer: &Path, inner: &str) -> bool {
    let components = inner.split_once('-').map_or(0, |(_, field)| field.matches('.').count());
    let first_parts: &[&str] = match components {
        0 if inner.contains('-') => &["", ".1", ".1.1"],
        1 => &["", ".1"],
        _ => &[""],
    };
    let candidates = first_parts
        .iter()
        .filter_map(|part| format!("{inner}{part}").parse::<Path>().ok());
    candidates.into_iter().any(|candidate| outer.covers(&candidate))
}

/// The path that a slip of the pen stands for: lower case, `PID.5`, `PID 5`, `PID-5-1`, `PID-3(2)`, `PID-5.0`, `PID-5.`.
pub(super) fn meant(text: &str) -> Option<Path> {
    let text = text.trim().to_ascii_uppercase();
    let text = text.replace(['(', '{'], "[").replace([')', '}'], "]");
    let (segment, rest) = text.split_at_checked(3)?;
    let (occurrence, rest) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((number, rest)) => (format!("[{number}]"), rest),
        None => (String::new(), rest),
    };
    let mut field = rest.trim_start_matches(['-', '.', ' ', '_', ':', '/', '^']).to_owned();
    field = field.replace(['-', ' ', '_', ':', '^', '&', '/'], ".");
    let guess = if field.is_empty() {
        format!("{segment}{occurrence}")
    } else {
        format!(
            "{segment}{occurrence}-{}",
            field.trim_end_matches(".0").trim_end_matches('.')
        )
    };
    guess.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_in_place_of_a_path_is_understood() {
        let meant = |text: &str| meant(text).map(|path| path.to_string());
        for (text, path) in [
            ("pid-5.1", "PID-5.1"),
            ("PID.5", "PID-5"),
            ("PID.5.1", "PID-5.1"),
            ("PID-5-1", "PID-5.1"),
            ("PID-5.", "PID-5"),
            ("PID5", "PID-5"),
            ("PID 5", "PID-5"),
            ("obx(2)-5", "OBX[2]-5"),
            ("PID-3(2).1", "PID-3[2].1"),
            ("PID-5^1&2", "PID-5.1.2"),
        ] {
            assert_eq!(meant(text).as_deref(), Some(path), "{text}");
        }
        for text in ["", "no", "day.hl7", "messages/day.hl7", "PID-x"] {
            assert_eq!(meant(text), None, "{text}");
        }
    }
}
