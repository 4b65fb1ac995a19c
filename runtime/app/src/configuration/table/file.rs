//! A code table's file as a spreadsheet saved it, and rows added to it so that the spreadsheet does not notice: in its own
//! character set, with its own separator, quotes and line ends, and not a byte of it otherwise changed.

use std::fs;
use std::path::{Path, PathBuf};

use csv::{QuoteStyle, ReaderBuilder, WriterBuilder};

use super::{CodeTable, TABLE_BYTES_MAX, decode, line_of, separator};
use crate::configuration::{Faults, show_size};
use crate::message_file;

/// A table's file, whole.
pub(crate) struct TableFile {
    path: PathBuf,
    bytes: Vec<u8>,
    pub(crate) table: CodeTable,
}

/// How a spreadsheet saved a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dialect {
    separator: u8,
    line_end: &'static str,
    charset: Charset,
    /// Whether every cell stands in quotes, and not only those that need them.
    quotes_all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Windows1250,
}

/// Why a table's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableFileError {
    #[error("the site has no file `{}`", .0.display())]
    Missing(PathBuf),
    #[error("`{}` cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}` is larger than {}", .0.display(), show_size(TABLE_BYTES_MAX))]
    TooLarge(PathBuf),
    /// The first fault; `transfuse check` tells them all.
    #[error("`{}` has faults: {fault}", path.display())]
    Faulty { path: PathBuf, fault: String },
}

/// Why a row cannot be added. No text holds a cell.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowError {
    #[error("the table has {} columns, and the row has {found} cells; the columns are {}", columns.len(), columns.join(", "))]
    Cells { found: usize, columns: Vec<String> },
    #[error("the table has no column `{column}`; there are {}", columns.join(", "))]
    NoColumn { column: String, columns: Vec<String> },
    #[error("the cell of `{0}`, by which rows are found, is empty")]
    EmptyKey(String),
    #[error(
        "the table has a row with that `{column}` already, in line {line}; rows are found by it, so a second one never would be"
    )]
    Taken { column: String, line: usize },
    #[error("two of the new rows have the same `{0}`")]
    Twice(String),
    #[error("the cell of `{column}` holds `{character}`, which the file's character set, windows-1250, does not have")]
    Unmappable { column: String, character: char },
    #[error("the cell of `{0}` holds a line end or another control character")]
    Control(String),
    #[error("the table would be larger than {}", show_size(TABLE_BYTES_MAX))]
    TooLarge,
    #[error("the file's quotes are such that a row at its end would not be read back; add the row in a spreadsheet")]
    Unclear,
}

impl TableFile {
    /// Reads a table of a site. `name` must be a sound name: it becomes a part of a path.
    pub(crate) fn read(site: &Path, name: &str) -> Result<Self, TableFileError> {
        let file = Path::new("tables").join(format!("{name}.csv"));
        let path = site.join(&file);
        let unreadable = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => TableFileError::Missing(file.clone()),
            _ => TableFileError::Unreadable {
                path: file.clone(),
                source,
            },
        };
        if fs::metadata(&path).map_err(unreadable)?.len() > TABLE_BYTES_MAX {
            return Err(TableFileError::TooLarge(file));
        }
        let bytes = fs::read(&path).map_err(unreadable)?;
        let faults = Faults::default();
        let table = CodeTable::from_csv(&file, &bytes, &faults).filter(|_| faults.is_empty());
        match table {
            Some(table) => Ok(Self { path, bytes, table }),
            None => Err(TableFileError::Faulty {
                path: file,
                fault: first(faults),
            }),
        }
    }

    /// The same file with rows at its end, which are found by `key`, the first column where there is none. Nothing is written.
    pub(crate) fn with_rows(&self, rows: &[Vec<String>], key: Option<&str>) -> Result<Self, RowError> {
        let key = self.key(key)?;
        for row in rows {
            self.check(row, key)?;
        }
        self.refuse_taken(rows, key)?;
        let bytes = self.appended(rows)?;
        if bytes.len() as u64 > TABLE_BYTES_MAX {
            return Err(RowError::TooLarge);
        }
        let faults = Faults::default();
        let table = CodeTable::from_csv(&self.path, &bytes, &faults).filter(|_| faults.is_empty());
        let expected = self.table.rows.iter().chain(rows);
        match table.filter(|table| table.columns == self.table.columns && table.rows.iter().eq(expected)) {
            Some(table) => Ok(Self {
                path: self.path.clone(),
                bytes,
                table,
            }),
            None => Err(RowError::Unclear),
        }
    }

    /// Replaces the file at once.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        message_file::replace(&self.path, &self.bytes)
    }

    fn key(&self, key: Option<&str>) -> Result<usize, RowError> {
        let Some(key) = key else { return Ok(0) };
        let position = self.table.columns.iter().position(|column| column == key);
        position.ok_or_else(|| RowError::NoColumn {
            column: key.to_owned(),
            columns: self.table.columns.clone(),
        })
    }

    fn column(&self, index: usize) -> String {
        self.table.columns.get(index).cloned().unwrap_or_default()
    }

    fn check(&self, row: &[String], key: usize) -> Result<(), RowError> {
        if row.len() != self.table.columns.len() {
            return Err(RowError::Cells {
                found: row.len(),
                columns: self.table.columns.clone(),
            });
        }
        if row.get(key).is_none_or(String::is_empty) {
            return Err(RowError::EmptyKey(self.column(key)));
        }
        match row.iter().position(|cell| cell.contains(char::is_control)) {
            Some(index) => Err(RowError::Control(self.column(index))),
            None => Ok(()),
        }
    }

    fn refuse_taken(&self, rows: &[Vec<String>], key: usize) -> Result<(), RowError> {
        let mut keys: Vec<&String> = rows.iter().filter_map(|row| row.get(key)).collect();
        let text = decode(&self.bytes);
        let mut reader = ReaderBuilder::new()
            .delimiter(separator(&text))
            .from_reader(text.as_bytes());
        for record in reader.records().flatten() {
            let is_taken = |cell: &str| keys.iter().any(|key| *key == cell);
            if record.get(key).is_some_and(is_taken) {
                return Err(RowError::Taken {
                    column: self.column(key),
                    line: line_of(&record, &text),
                });
            }
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        if keys.len() < count {
            return Err(RowError::Twice(self.column(key)));
        }
        Ok(())
    }

    fn appended(&self, rows: &[Vec<String>]) -> Result<Vec<u8>, RowError> {
        let text = decode(&self.bytes);
        let dialect = Dialect::of(&self.bytes, &text);
        let ends_with_line = text.ends_with(['\n', '\r']);
        let mut bytes = self.bytes.clone();
        for row in rows {
            let line = dialect.encode(row, &self.table.columns)?;
            if !ends_with_line {
                bytes.extend_from_slice(dialect.line_end.as_bytes());
            }
            bytes.extend(line);
            if ends_with_line {
                bytes.extend_from_slice(dialect.line_end.as_bytes());
            }
        }
        Ok(bytes)
    }
}

impl Dialect {
    /// A file without a letter beyond ASCII does not say in which set it is. One with semicolons and the line ends of Windows
    /// was saved by a spreadsheet of a country with a decimal comma, which would read UTF-8 as windows-1250 the next time.
    fn of(bytes: &[u8], text: &str) -> Self {
        let separator = separator(text);
        let line_end = match (text.contains("\r\n"), text.contains('\n'), text.contains('\r')) {
            (true, ..) => "\r\n",
            (_, false, true) => "\r",
            _ => "\n",
        };
        let is_of_windows = bytes.is_ascii() && separator == b';' && line_end == "\r\n";
        let charset = if is_of_windows || std::str::from_utf8(bytes).is_err() {
            Charset::Windows1250
        } else {
            Charset::Utf8
        };
        let header = text.lines().next().unwrap_or_default();
        let cells = header.split(char::from(separator));
        let is_quoted = |cell: &str| cell.len() >= 2 && cell.starts_with('"') && cell.ends_with('"');
        Self {
            separator,
            line_end,
            charset,
            quotes_all: cells.into_iter().all(is_quoted),
        }
    }

    /// One row without its line end.
    fn encode(self, row: &[String], columns: &[String]) -> Result<Vec<u8>, RowError> {
        if self.charset == Charset::Windows1250 {
            for (cell, column) in row.iter().zip(columns) {
                if let Some(character) = cell.chars().find(|character| !is_in_windows_1250(*character)) {
                    return Err(RowError::Unmappable {
                        column: column.clone(),
                        character,
                    });
                }
            }
        }
        let mut writer = WriterBuilder::new()
            .delimiter(self.separator)
            .quote_style(if self.quotes_all {
                QuoteStyle::Always
            } else {
                QuoteStyle::Necessary
            })
            .from_writer(Vec::new());
        // Writing to memory has no way to fail, and cells are text.
        let written = writer.write_record(row).ok().and_then(|()| writer.into_inner().ok());
        let line = String::from_utf8(written.unwrap_or_default()).unwrap_or_default();
        let line = line.trim_end_matches('\n');
        Ok(match self.charset {
            Charset::Utf8 => line.as_bytes().to_vec(),
            Charset::Windows1250 => encoding_rs::WINDOWS_1250.encode(line).0.into_owned(),
        })
    }
}

fn is_in_windows_1250(character: char) -> bool {
    let mut buffer = [0; 4];
    let (_, _, has_unmappable) = encoding_rs::WINDOWS_1250.encode(character.encode_utf8(&mut buffer));
    !has_unmappable
}

fn first(faults: Faults) -> String {
    let fault = faults.into_sorted().into_iter().next();
    fault.map(|fault| fault.message).unwrap_or_default()
}

/// A table may hold names of people.
impl std::fmt::Debug for TableFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "TableFile({}, {} bytes)",
            self.path.display(),
            self.bytes.len()
        )
    }
}

#[cfg(test)]
mod tests;
