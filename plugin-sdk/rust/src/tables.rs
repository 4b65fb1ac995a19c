//! Code tables: local codes and what they mean elsewhere, kept by the hospital and not by the plugin.

use std::cell::OnceCell;
use std::panic::Location;
use std::rc::Rc;

use thiserror::Error;

use crate::host::tables as host;

/// One version of one table, fixed for the whole message: a new version takes effect between messages.
#[derive(Debug)]
pub struct Table {
    host: host::Table,
    columns: OnceCell<Rc<[String]>>,
}

/// One row of a table.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Rc<[String]>,
    cells: Vec<String>,
}

/// A table could not be used. Always the fault of the plugin or its configuration, never of the message.
///
/// `?` turns it into a fault of the plugin.
#[derive(Debug, Error)]
#[error("{text} ({code})")]
pub struct TableError {
    code: String,
    text: String,
    location: &'static Location<'static>,
}

impl Table {
    /// Opens a table that the interface grants by this name.
    #[track_caller]
    pub fn open(name: impl AsRef<str>) -> Result<Self, TableError> {
        let host = located(host::Table::open(name.as_ref()))?;
        Ok(Self {
            host,
            columns: OnceCell::new(),
        })
    }

    /// The names of the columns, in the order of the file.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        self.shared_columns()
    }

    /// The first row whose `column` equals `value` exactly; none where no row does.
    #[track_caller]
    pub fn find(&self, column: &str, value: impl AsRef<str>) -> Result<Option<Row>, TableError> {
        let cells = located(self.host.find(column, value.as_ref()))?;
        Ok(cells.map(|cells| self.row(cells)))
    }

    /// The same for many values in one call, in the order asked.
    #[track_caller]
    pub fn find_many(&self, column: &str, values: &[impl AsRef<str>]) -> Result<Vec<Option<Row>>, TableError> {
        let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
        let found = located(self.host.find_many(column, &values))?;
        Ok(found
            .into_iter()
            .map(|cells| cells.map(|cells| self.row(cells)))
            .collect())
    }

    fn row(&self, cells: Vec<String>) -> Row {
        Row {
            columns: Rc::clone(self.shared_columns()),
            cells,
        }
    }

    fn shared_columns(&self) -> &Rc<[String]> {
        self.columns.get_or_init(|| self.host.columns().into())
    }
}

impl Row {
    /// The cell of a column.
    #[track_caller]
    pub fn get(&self, column: &str) -> Result<&str, TableError> {
        let index = self.columns.iter().position(|name| name == column);
        let cell = index.and_then(|index| self.cells.get(index));
        let location = Location::caller();
        cell.map(String::as_str).ok_or_else(|| TableError {
            code: "no-such-column".to_owned(),
            text: format!("the table has no column `{column}`; it has {}", self.columns.join(", ")),
            location,
        })
    }

    /// The cells, in the order of the columns.
    #[must_use]
    pub fn cells(&self) -> &[String] {
        &self.cells
    }
}

impl TableError {
    /// `no-such-table`, `not-granted` or `no-such-column`; the set may grow.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What is wrong and what exists instead.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place in the plugin's source that asked.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

#[track_caller]
fn located<T>(result: Result<T, host::TableError>) -> Result<T, TableError> {
    let location = Location::caller();
    result.map_err(|error| TableError {
        code: error.code,
        text: error.text,
        location,
    })
}
