//! What is wrong with a mapping, and where.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// The line in the mapping, counted from one; 0 where it is about no line of it.
    pub(crate) line: usize,
    /// What is wrong, and what to write instead.
    pub(crate) text: String,
}

/// How many problems are shown at once. One slip of the pen often makes several, and the first ones say it best.
const SHOWN_MAX: usize = 5;

impl Problem {
    pub(crate) fn new(line: usize, text: impl Into<String>) -> Self {
        Self {
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => formatter.write_str(&self.text),
            line => write!(formatter, "line {line} of the mapping: {}", self.text),
        }
    }
}

/// All of them for one reader, in the order of the lines.
pub(crate) fn shown(mut problems: Vec<Problem>) -> String {
    problems.sort();
    problems.dedup();
    let more = problems.len().saturating_sub(SHOWN_MAX);
    problems.truncate(SHOWN_MAX);
    let mut lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// The name that was probably meant: of those there are, the one that is closest to the one that was written.
pub(crate) fn meant<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let far = written.chars().count() / 3 + 1;
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(distance, _)| *distance <= far)
        .collect();
    near.sort_unstable();
    near.first().map(|(_, name)| *name)
}

/// `; did you mean ..?`, or nothing.
pub(crate) fn hint<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    meant(written, known).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// How many letters have to be changed, added or left out to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((left, above), known) in row.iter().zip(row.iter().skip(1)).zip(&other) {
            let before = next.last().copied().unwrap_or_default();
            let replaced = left + usize::from(letter != *known);
            next.push(replaced.min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
