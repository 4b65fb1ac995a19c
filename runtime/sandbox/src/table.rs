//! Code tables as plugins see them: read-only, found by the exact value of a column.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use thiserror::Error;

/// One version of a code table. `Debug` shows its name, digest and size, for a table may hold names of people.
pub struct Table {
    name: Arc<str>,
    digest: Arc<str>,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    /// For each column, the first row of each value. Made when the column is first searched.
    indexes: Vec<OnceLock<HashMap<String, u32>>>,
}

/// Why rows and columns do not make a table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TableError {
    /// A table without columns has nothing to search by.
    #[error("the table {table} has no columns")]
    NoColumns {
        /// The table.
        table: String,
    },
    /// Two columns of the same name.
    #[error("the table {table} has two columns named `{column}`")]
    RepeatedColumn {
        /// The table.
        table: String,
        /// The name.
        column: String,
    },
    /// A row with fewer or more cells than there are columns.
    #[error("row {row} of the table {table} has {cells} cells: there are {columns} columns")]
    UnevenRow {
        /// The table.
        table: String,
        /// The row, counted from one.
        row: usize,
        /// Its cells.
        cells: usize,
        /// The columns of the table.
        columns: usize,
    },
    /// More rows than can be counted in 32 bits.
    #[error("the table {table} has {rows} rows: that is too many")]
    TooManyRows {
        /// The table.
        table: String,
        /// Its rows.
        rows: usize,
    },
}

impl Table {
    /// Makes a table; the first thing that is wrong is reported.
    pub fn new(name: &str, digest: &str, columns: Vec<String>, rows: Vec<Vec<String>>) -> Result<Self, TableError> {
        let table = || name.to_owned();
        if columns.is_empty() {
            return Err(TableError::NoColumns { table: table() });
        }
        if let Some(column) = repeated(&columns) {
            return Err(TableError::RepeatedColumn {
                table: table(),
                column: column.clone(),
            });
        }
        if u32::try_from(rows.len()).is_err() {
            return Err(TableError::TooManyRows {
                table: table(),
                rows: rows.len(),
            });
        }
        if let Some((index, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != columns.len()) {
            return Err(TableError::UnevenRow {
                table: table(),
                row: index + 1,
                cells: row.len(),
                columns: columns.len(),
            });
        }
        let indexes = columns.iter().map(|_| OnceLock::new()).collect();
        Ok(Self {
            name: name.into(),
            digest: digest.into(),
            columns,
            rows,
            indexes,
        })
    }

    /// The name that grants and plugins use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What this version is known by.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The names of the columns, in the order of the file.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The position of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The first row whose cell in `column` is exactly `value`.
    pub(crate) fn find(&self, column: usize, value: &str) -> Option<&[String]> {
        let row = self.find_row(column, value)?;
        self.rows.get(row).map(Vec::as_slice)
    }

    /// The number of that row, from 0.
    pub(crate) fn find_row(&self, column: usize, value: &str) -> Option<usize> {
        let index = self.indexes.get(column)?.get_or_init(|| self.index(column));
        index.get(value).map(|row| *row as usize)
    }

    fn index(&self, column: usize) -> HashMap<String, u32> {
        let mut index = HashMap::with_capacity(self.rows.len());
        for (number, row) in (0_u32..).zip(&self.rows) {
            if let Some(cell) = row.get(column) {
                index.entry(cell.clone()).or_insert(number);
            }
        }
        index
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({}, {}, {} rows)", self.name, self.digest, self.rows.len())
    }
}

fn repeated(columns: &[String]) -> Option<&String> {
    columns
        .iter()
        .enumerate()
        .find(|(index, column)| columns.iter().take(*index).any(|earlier| earlier == *column))
        .map(|(_, column)| column)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn strings(cells: &[&str]) -> Vec<String> {
        cells.iter().map(ToString::to_string).collect()
    }

    fn codes() -> Table {
        let rows = vec![
            strings(&["K", "2823-3"]),
            strings(&["NA", "2951-2"]),
            strings(&["K", "6298-4"]),
        ];
        Table::new("lab-codes", "sha256:1", strings(&["local", "loinc"]), rows).unwrap()
    }

    #[test]
    fn the_first_row_with_exactly_the_value_is_found_in_any_column() {
        let table = codes();
        assert_eq!(table.find(0, "K").unwrap(), strings(&["K", "2823-3"]));
        assert_eq!(table.find(1, "6298-4").unwrap(), strings(&["K", "6298-4"]));
        assert_eq!(table.find(0, "k"), None);
        assert_eq!(table.find(7, "K"), None);
    }

    #[test]
    fn uneven_rows_and_repeated_columns_are_refused() {
        let uneven = Table::new(
            "t",
            "d",
            strings(&["a", "b"]),
            vec![strings(&["1", "2"]), strings(&["1"])],
        )
        .unwrap_err();
        assert_eq!(
            uneven,
            TableError::UnevenRow {
                table: "t".to_owned(),
                row: 2,
                cells: 1,
                columns: 2
            }
        );
        let repeated = Table::new("t", "d", strings(&["a", "b", "a"]), Vec::new()).unwrap_err();
        assert_eq!(
            repeated,
            TableError::RepeatedColumn {
                table: "t".to_owned(),
                column: "a".to_owned()
            }
        );
        assert!(matches!(
            Table::new("t", "d", Vec::new(), Vec::new()),
            Err(TableError::NoColumns { .. })
        ));
    }

    #[test]
    fn printing_a_table_shows_none_of_its_cells() {
        assert_eq!(format!("{:?}", codes()), "Table(lab-codes, sha256:1, 3 rows)");
    }
}
