//! Code tables: CSV files kept by people, in spreadsheets.

mod file;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord};
use transfuse_package::digest_of;

use super::document::{Document, Place};
use super::fault::Faults;
use super::quantity;
use crate::layout::counted;

pub(crate) use file::{RowError, TableFile, TableFileError};

/// The largest table file. The biggest tables that hospitals keep (drug catalogues, some 600,000 rows) take about half
/// of it; more is a file in the wrong folder.
const TABLE_BYTES_MAX: u64 = 128 << 20;

/// How many ragged rows of one table are reported. A wrong separator makes every row ragged, and one fault a line
/// would bury everything else.
const RAGGED_ROWS_SHOWN_MAX: usize = 5;

/// A code table as it is used: names of columns, and rows of as many cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeTable {
    pub(crate) name: String,
    /// `sha256:` of the content in its canonical form: saving the same cells from another spreadsheet changes nothing.
    pub(crate) digest: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Reads every `*.csv` of a folder. A folder that does not exist holds no tables.
pub(crate) fn read_folder(site: &Path, faults: &Faults) -> BTreeMap<String, CodeTable> {
    let mut tables = BTreeMap::new();
    for path in super::files_in(&site.join("tables"), "csv", faults) {
        let name = Path::new("tables").join(path.file_name().unwrap_or_default());
        if let Some(table) = read_file(&path, &name, faults) {
            tables.insert(table.name.clone(), table);
        }
    }
    tables
}

impl CodeTable {
    fn new(name: String, columns: Vec<String>, rows: Vec<Vec<String>>) -> Self {
        let digest = digest_of(canonical(&columns, &rows).as_bytes());
        Self {
            name,
            digest,
            columns,
            rows,
        }
    }

    /// Reads what a spreadsheet has saved as `file`, whose name without the extension is the table's.
    pub(crate) fn from_csv(file: &Path, bytes: &[u8], faults: &Faults) -> Option<Self> {
        let document = Document::new(file, decode(bytes).into_owned());
        let stem = file
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        parse(&stem, &document, separator(&document.text), faults)
    }

    /// The form in which a table is stored: UTF-8, commas, quotes only where needed.
    pub(crate) fn content(&self) -> String {
        canonical(&self.columns, &self.rows)
    }

    /// Reads the form that `content` writes; none where `text` is not that.
    pub(crate) fn from_content(name: &str, text: &str) -> Option<Self> {
        let faults = Faults::default();
        let document = Document::new(name, text.to_owned());
        let table = parse(name, &document, b',', &faults);
        table.filter(|_| faults.is_empty())
    }
}

fn canonical(columns: &[String], rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = std::iter::once(columns)
        .chain(rows.iter().map(Vec::as_slice))
        .try_for_each(|record| writer.write_record(record))
        .ok()
        .and_then(|()| writer.into_inner().ok());
    // Writing equally long records to memory has no way to fail, and cells are text.
    written
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default()
}

fn read_file(path: &Path, name: &Path, faults: &Faults) -> Option<CodeTable> {
    let bytes = match fs::metadata(path).and_then(|metadata| Ok((metadata.len(), fs::read(path)?))) {
        Ok((length, _)) if length > TABLE_BYTES_MAX => {
            let (length, most) = (quantity::show_size(length), quantity::show_size(TABLE_BYTES_MAX));
            faults.in_file(
                name,
                format!("the table is {length} long, and at most {most} are read"),
                Vec::new(),
            );
            return None;
        }
        Ok((_, bytes)) => bytes,
        Err(error) => {
            faults.in_file(name, format!("cannot be read: {error}"), Vec::new());
            return None;
        }
    };
    CodeTable::from_csv(name, &bytes, faults)
}

/// UTF-8 where the bytes are that, else windows-1250: what a Hungarian spreadsheet saves as "CSV".
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1250.decode_without_bom_handling(bytes).0,
    }
}

/// Spreadsheets of countries with a decimal comma separate by semicolon.
fn separator(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    if header.matches(';').count() > header.matches(',').count() {
        b';'
    } else {
        b','
    }
}

fn parse(name: &str, document: &Arc<Document>, separator: u8, faults: &Faults) -> Option<CodeTable> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(document.text.as_bytes());
    let mut records = reader.records();
    let Some(Ok(header)) = records.next() else {
        let hint = "the first line names the columns: `local,loinc,display,unit`".to_owned();
        faults.in_file(&document.name, "the table is empty", vec![hint]);
        return None;
    };
    let columns = columns(&header, document, faults);
    let mut rows = Vec::new();
    let mut ragged = Vec::new();
    for record in records.flatten() {
        if record.len() == columns.len() {
            rows.push(record.iter().map(str::to_owned).collect());
        } else {
            ragged.push(record);
        }
    }
    report_ragged(&ragged, columns.len(), document, faults);
    Some(CodeTable::new(name.to_owned(), columns, rows))
}

fn columns(header: &StringRecord, document: &Arc<Document>, faults: &Faults) -> Vec<String> {
    let place = Place::of_line(document, 1);
    let mut columns: Vec<String> = Vec::with_capacity(header.len());
    for (index, column) in header.iter().map(str::trim).enumerate() {
        if column.is_empty() {
            faults.at(&place, format!("column {} has no name", index + 1));
        } else if columns.iter().any(|other| other == column) {
            faults.at(&place, format!("the column `{column}` is there twice"));
        }
        columns.push(column.to_owned());
    }
    columns
}

/// The line that a record begins in, from one. The reader's own count is one behind where lines end as those of Windows do.
fn line_of(record: &StringRecord, text: &str) -> usize {
    let offset = record.position().map_or(0, csv::Position::byte);
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let ends = after.len() - after.trim_start_matches(['\r', '\n']).len();
    let before = text.get(..before.len() + ends).unwrap_or(text);
    let line_end = if text.contains('\n') { '\n' } else { '\r' };
    before.matches(line_end).count() + 1
}

fn report_ragged(ragged: &[StringRecord], columns: usize, document: &Arc<Document>, faults: &Faults) {
    for record in ragged.iter().take(RAGGED_ROWS_SHOWN_MAX) {
        let line = line_of(record, &document.text);
        let message = format!(
            "this row has {}, and the header has {columns}",
            counted(record.len(), "cell")
        );
        let hint = "a cell that holds the separator must stand in double quotes";
        faults.in_row(&document.name, line, message, hint);
    }
    if let Some(more) = ragged.len().checked_sub(RAGGED_ROWS_SHOWN_MAX).filter(|more| *more > 0) {
        faults.in_file(
            &document.name,
            format!("{more} more rows have another number of cells"),
            Vec::new(),
        );
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn table(bytes: &[u8]) -> CodeTable {
        let faults = Faults::default();
        let document = Document::new("tables/t.csv", decode(bytes).into_owned());
        let table = parse("t", &document, separator(&document.text), &faults);
        assert!(faults.is_empty(), "{:?}", faults.into_sorted());
        table.unwrap()
    }

    #[test]
    fn the_same_cells_are_the_same_table_however_they_were_saved() {
        let commas = table("local,display\nGLU,Vércukor\n\"A,B\",\"x \"\"y\"\"\"\n".as_bytes());
        let semicolons = table("\u{feff}local;display\r\nGLU;Vércukor\r\nA,B;\"x \"\"y\"\"\"\r\n".as_bytes());
        let windows = table(b"local;display\r\nGLU;V\xE9rcukor\r\nA,B;\"x \"\"y\"\"\"\r\n");
        assert_eq!(commas, semicolons);
        assert_eq!(commas, windows);
        assert_ne!(commas.digest, table(b"local,display\n").digest);
    }

    #[test]
    fn a_row_is_found_by_its_line_however_lines_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a;b", "1;2", "\"3", "4\";5", "", "6"].join(end) + end;
            let faults = Faults::default();
            let document = Document::new("tables/t.csv", text);
            parse("t", &document, b';', &faults);
            let lines: Vec<Option<usize>> = faults
                .into_sorted()
                .iter()
                .map(|fault| match fault.location {
                    super::super::fault::Location::Row(_, line) => Some(line),
                    _ => None,
                })
                .collect();
            assert_eq!(lines, [Some(6)], "{end:?}");
        }
    }

    #[test]
    fn a_stored_table_is_read_back_as_it_was() {
        let table = table("local,display\nGLU,Vércukor\n,\n\"A,B\",\"két\nsor\"\n".as_bytes());
        assert_eq!(CodeTable::from_content("t", &table.content()), Some(table));
        assert_eq!(CodeTable::from_content("t", "a,a\n"), None);
    }
}
