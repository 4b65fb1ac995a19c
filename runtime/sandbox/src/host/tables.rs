//! `tables`: looking codes up.

use std::sync::Arc;

use transfuse_message::Payload;
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTable};

use crate::bindings::transfuse::plugin::tables::{Host, HostTable, TableError};
use crate::fault::Stop;
use crate::outcome::{LookUp, TableMiss};
use crate::state::{OpenTable, StepState, stop_of};
use crate::table::Table;

type Row = Option<Vec<String>>;

impl Host for StepState {}

impl HostTable for StepState {
    fn open(&mut self, name: String) -> Result<Result<Resource<OpenTable>, TableError>> {
        self.enter()?;
        self.step.grants.check_table(&name).map_err(Stop::from)?;
        let Some(table) = self
            .step
            .tables
            .iter()
            .find(|table| table.name() == name)
            .map(Arc::clone)
        else {
            return Ok(Err(self.no_such_table()));
        };
        self.meter.was_of_outline();
        self.journey.note_opened(table.name(), table.digest());
        Ok(Ok(self.push(OpenTable(table))?))
    }

    fn columns(&mut self, table: Resource<OpenTable>) -> Result<Vec<String>> {
        self.enter()?;
        let table = held(&self.handles, &table)?;
        self.meter.was_of_outline();
        self.meter.read(bytes_of(table.columns()), &self.step.limits)?;
        Ok(table.columns().to_vec())
    }

    fn find(&mut self, table: Resource<OpenTable>, column: String, value: String) -> Result<Result<Row, TableError>> {
        self.enter()?;
        let table = held(&self.handles, &table)?;
        match table.column(&column) {
            Some(column) => Ok(Ok(self.look_up(&table, column, &value)?)),
            None => Ok(Err(no_such_column(&table))),
        }
    }

    fn find_many(
        &mut self,
        table: Resource<OpenTable>,
        column: String,
        values: Vec<String>,
    ) -> Result<Result<Vec<Row>, TableError>> {
        self.enter()?;
        let table = held(&self.handles, &table)?;
        let Some(column) = table.column(&column) else {
            return Ok(Err(no_such_column(&table)));
        };
        let rows: Result<Vec<Row>, Stop> = values.iter().map(|value| self.look_up(&table, column, value)).collect();
        Ok(Ok(rows?))
    }

    fn drop(&mut self, table: Resource<OpenTable>) -> Result<()> {
        Ok(self.drop_handle(table)?)
    }
}

/// What finding a value costs beside the bytes that are handed over: hashing, and a line or two of memory.
const LOOK_UP_BYTES: usize = 64;

/// Values of one message that are listed as missing in a table. A message with more of them has another problem.
const MISSES_MAX: usize = 100;

/// Rows that are noted of a traced run: some for each segment of the largest messages.
const LOOK_UPS_MAX: usize = 10_000;

/// The longest value that is listed. No code is as long; a text that was searched for by mistake may be.
const MISS_BYTES_MAX: usize = 200;

impl StepState {
    fn look_up(&mut self, table: &Table, column: usize, value: &str) -> Result<Row, Stop> {
        let row = table.find(column, value);
        let bytes = LOOK_UP_BYTES + value.len() + row.map_or(0, bytes_of);
        self.meter.read(bytes, &self.step.limits)?;
        if row.is_none() && !value.is_empty() {
            self.note_miss(table, column, value);
        }
        self.note_look_up(table, column, value);
        Ok(row.map(<[String]>::to_vec))
    }

    /// Only in traced runs, and of what was found.
    fn note_look_up(&mut self, table: &Table, column: usize, value: &str) {
        let tracing = self.journey.tracing.as_mut();
        let Some(noted) = tracing
            .map(|tracing| &mut tracing.found.look_ups)
            .filter(|noted| noted.len() < LOOK_UPS_MAX)
        else {
            return;
        };
        noted.extend(table.find_row(column, value).map(|row| LookUp {
            step: self.step.index,
            table: table.name().to_owned(),
            column: table.columns().get(column).cloned().unwrap_or_default(),
            value: Payload::from(value.to_owned()),
            row,
        }));
    }

    /// An empty value is no code that anybody could add.
    fn note_miss(&mut self, table: &Table, column: usize, value: &str) {
        let column = table.columns().get(column).map_or("", String::as_str);
        let misses = &mut self.journey.misses;
        let is_same = |miss: &TableMiss| {
            miss.table == table.name() && miss.column == column && miss.value.as_slice() == value.as_bytes()
        };
        if misses.listed.iter().any(is_same) {
            return;
        }
        if misses.listed.len() >= MISSES_MAX || value.len() > MISS_BYTES_MAX {
            misses.unlisted += 1;
            return;
        }
        misses.listed.push(TableMiss {
            step: self.step.index,
            table: table.name().to_owned(),
            column: column.to_owned(),
            value: Payload::from(value.to_owned()),
        });
    }

    fn no_such_table(&self) -> TableError {
        let names: Vec<&str> = self.step.tables.iter().map(|table| table.name()).collect();
        TableError {
            code: "no-such-table".to_owned(),
            text: format!("no such table; there are: {}", names.join(", ")),
        }
    }
}

fn held(handles: &ResourceTable, table: &Resource<OpenTable>) -> Result<Arc<Table>, Stop> {
    handles
        .get(table)
        .map(|open| Arc::clone(&open.0))
        .map_err(|error| stop_of(&error))
}

fn no_such_column(table: &Table) -> TableError {
    let text = format!(
        "the table {} has no such column; there are: {}",
        table.name(),
        table.columns().join(", ")
    );
    TableError {
        code: "no-such-column".to_owned(),
        text,
    }
}

fn bytes_of(cells: &[String]) -> usize {
    cells.iter().map(String::len).sum()
}
