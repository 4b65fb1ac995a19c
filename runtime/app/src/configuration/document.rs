//! A configuration file with its text, so that every fault can show the line it is about.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One file of the site folder.
pub(crate) struct Document {
    /// Relative to the site folder: what people see in messages.
    pub(crate) name: PathBuf,
    pub(crate) text: String,
}

/// A stretch of a document: where a value was written.
#[derive(Clone)]
pub(crate) struct Place {
    document: Arc<Document>,
    span: Range<usize>,
}

/// A value together with the place that it was written in.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// What a person needs to find a place: counted from one, columns in characters.
pub(crate) struct Position<'d> {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// The text of the line, without its end.
    pub(crate) text: &'d str,
    /// How many characters of the line the place covers, at least one.
    pub(crate) width: usize,
}

impl Document {
    pub(crate) fn new(name: impl Into<PathBuf>, text: String) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text,
        })
    }
}

impl Place {
    pub(crate) fn new(document: &Arc<Document>, span: Range<usize>) -> Self {
        Self {
            document: Arc::clone(document),
            span,
        }
    }

    /// Another place of the same document.
    pub(crate) fn elsewhere(&self, span: Range<usize>) -> Self {
        Self::new(&self.document, span)
    }

    /// The place of a line as a whole, counted from one; the last line where the file is shorter.
    pub(crate) fn of_line(document: &Arc<Document>, line: usize) -> Self {
        let mut start = 0;
        for text in document.text.split_inclusive('\n').take(line.saturating_sub(1)) {
            start += text.len();
        }
        let length = document
            .text
            .get(start..)
            .and_then(|rest| rest.lines().next())
            .map_or(0, str::len);
        Self::new(document, start..start + length)
    }

    pub(crate) fn file(&self) -> &Path {
        &self.document.name
    }

    pub(crate) fn position(&self) -> Position<'_> {
        let text = &self.document.text;
        let start = floor_to_character(text, self.span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_text = text
            .get(line_start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default();
        let end = self.span.end.min(line_start + line_text.len()).max(start);
        let covered = text.get(start..end).map_or(0, |covered| covered.chars().count());
        Position {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |head| head.chars().count()) + 1,
            text: line_text,
            width: covered.max(1),
        }
    }
}

fn floor_to_character(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl fmt::Display for Place {
    /// `interfaces/lab-results.toml:7:8`, as editors and terminals understand it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.position();
        write!(
            formatter,
            "{}:{}:{}",
            self.document.name.display(),
            position.line,
            position.column
        )
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Arc<Document> {
        Document::new("a.toml", "one\nkét szó = 2\n\nfour".to_owned())
    }

    #[test]
    fn a_position_counts_lines_from_one_and_columns_in_characters() {
        let document = document();
        let start = document.text.find("= 2").unwrap_or_default();
        let place = Place::new(&document, start..start + 3);
        let position = place.position();
        assert_eq!(
            (position.line, position.column, position.text, position.width),
            (2, 9, "két szó = 2", 3)
        );
        assert_eq!(place.to_string(), "a.toml:2:9");
    }

    #[test]
    fn a_place_beyond_the_end_is_the_end() {
        let document = document();
        let position = Place::new(&document, 900..1000);
        assert_eq!((position.position().line, position.position().column), (4, 5));
    }

    #[test]
    fn a_line_is_found_by_its_number() {
        let document = document();
        assert_eq!(Place::of_line(&document, 2).position().text, "két szó = 2");
        assert_eq!(Place::of_line(&document, 4).position().text, "four");
        assert_eq!(Place::of_line(&document, 99).position().line, 4);
    }
}
