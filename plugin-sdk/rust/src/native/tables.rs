//! `transfuse:plugin/tables`.

use super::run::{Run, TableContent};

#[derive(Debug)]
pub(crate) struct TableError {
    pub(crate) code: String,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) struct Table {
    content: TableContent,
}

impl Table {
    pub(crate) fn open(name: &str) -> Result<Self, TableError> {
        let run = Run::current();
        let tables = run.as_deref().map_or(&[][..], |run| &run.tables);
        if let Some(content) = tables.iter().find(|table| table.name == name) {
            return Ok(Self {
                content: content.clone(),
            });
        }
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let text = format!("there is no table `{name}`; there is [{}]", names.join(", "));
        Err(TableError {
            code: "no-such-table".to_owned(),
            text,
        })
    }

    pub(crate) fn columns(&self) -> Vec<String> {
        self.content.columns.clone()
    }

    pub(crate) fn find(&self, column: &str, value: &str) -> Result<Option<Vec<String>>, TableError> {
        let TableContent { name, columns, rows } = &self.content;
        let Some(index) = columns.iter().position(|name| name == column) else {
            let text = format!("table `{name}` has no column `{column}`; it has {}", columns.join(", "));
            return Err(TableError {
                code: "no-such-column".to_owned(),
                text,
            });
        };
        Ok(rows
            .iter()
            .find(|row| row.get(index).is_some_and(|cell| cell == value))
            .cloned())
    }

    pub(crate) fn find_many(&self, column: &str, values: &[&str]) -> Result<Vec<Option<Vec<String>>>, TableError> {
        values.iter().map(|value| self.find(column, value)).collect()
    }
}
