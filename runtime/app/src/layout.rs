//! Tables for terminals.

use crate::console::{Palette, Tone};

/// One cell: text, how it looks, and on which side it stands.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
    right: bool,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone: None,
            right: false,
        }
    }

    /// A number, which stands on the right.
    pub(crate) fn number(number: u64) -> Self {
        Self {
            right: true,
            ..Self::new(number.to_string())
        }
    }

    pub(crate) fn right(text: impl Into<String>) -> Self {
        Self {
            right: true,
            ..Self::new(text)
        }
    }

    pub(crate) fn tone(self, tone: Tone) -> Self {
        Self {
            tone: Some(tone),
            ..self
        }
    }

    /// A number that is good news only where it is zero.
    pub(crate) fn trouble(number: u64) -> Self {
        let cell = Self::number(number);
        if number == 0 {
            cell.tone(Tone::Faint)
        } else {
            cell.tone(Tone::Bad)
        }
    }
}

/// The gap between two columns.
const GAP: &str = "  ";

/// Lines with columns of equal width; nothing follows the last cell of a line.
pub(crate) fn table(rows: &[Vec<Cell>], palette: Palette) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(Cell::width)
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().map(|row| line(row, &widths, palette)).collect()
}

fn line(row: &[Cell], widths: &[usize], palette: Palette) -> String {
    let mut line = String::new();
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        let padding = " ".repeat(width - cell.width());
        let text = match cell.tone {
            Some(tone) => palette.paint(tone, &cell.text).to_string(),
            None => cell.text.clone(),
        };
        if index > 0 {
            line.push_str(GAP);
        }
        let is_last = index + 1 == row.len();
        match (cell.right, is_last) {
            (true, _) => line.extend([padding, text]),
            (false, true) => line.push_str(&text),
            (false, false) => line.extend([text, padding]),
        }
    }
    line.trim_end().to_owned()
}

impl Cell {
    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// The first `width` characters, the last of them an ellipsis where something is left out.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// "3 messages", "1 message".
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How long something lasts, in the two largest units that it has.
pub(crate) fn lasting(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Enough of a digest to tell two apart by eye: `sha256:` and twelve digits.
pub(crate) fn short_digest(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{ColourChoice, Console};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_whatever_the_letters() {
        let rows = [
            vec![Cell::new("NAME"), Cell::right("WAITING"), Cell::new("ADDRESS")],
            vec![Cell::new("győző"), Cell::number(7), Cell::new("")],
        ];
        let palette = Console::new(ColourChoice::Never).palette();
        assert_eq!(table(&rows, palette), ["NAME   WAITING  ADDRESS", "győző        7"]);
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("longer", 5), "long…");
    }

    #[test]
    fn durations_are_told_in_their_two_largest_units() {
        let told: Vec<String> = [5, 65, 3_700, 90_000].into_iter().map(lasting).collect();
        assert_eq!(told, ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
    }
}
