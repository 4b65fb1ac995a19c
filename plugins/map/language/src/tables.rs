//! Code tables, where a plugin has them.
//!
//! A component that only names the host's tables imports them, and an interface would have to grant it some. So there are
//! two plugins of one language, and this is where they differ.

use transfuse_plugin::prelude::*;
use transfuse_plugin::tables::Row;

/// What a mapping asks of code tables.
pub trait CodeTable: Sized {
    /// Whether there are tables at all.
    const ARE_THERE: bool;

    /// Opens a table that the interface grants. The error says what is wrong.
    fn open(name: &str) -> Result<Self, Stop>;

    /// The names of its columns.
    fn columns(&self) -> &[String];

    /// The first row whose `column` equals `value`.
    fn find(&self, column: &str, value: &str) -> Result<Option<Row>, Stop>;
}

/// No tables: a mapping that looks something up is refused when it is read.
#[derive(Debug)]
pub enum NoTables {}

impl CodeTable for NoTables {
    const ARE_THERE: bool = false;

    fn open(name: &str) -> Result<Self, Stop> {
        Err(Stop::fault(
            "mapping-error",
            format!("there are no tables, and so no `{name}`"),
        ))
    }

    fn columns(&self) -> &[String] {
        match *self {}
    }

    fn find(&self, _column: &str, _value: &str) -> Result<Option<Row>, Stop> {
        match *self {}
    }
}

impl CodeTable for Table {
    const ARE_THERE: bool = true;

    fn open(name: &str) -> Result<Self, Stop> {
        Ok(Table::open(name)?)
    }

    fn columns(&self) -> &[String] {
        Table::columns(self)
    }

    fn find(&self, column: &str, value: &str) -> Result<Option<Row>, Stop> {
        Ok(Table::find(self, column, value)?)
    }
}
