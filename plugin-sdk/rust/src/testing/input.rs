//! What a plugin's function is given.

use std::cell::RefCell;
use std::rc::Rc;

use transfuse_message::ParseOptions;

use super::report::{End, Report};
use crate::component::Transform;
use crate::exchange::Exchange;
use crate::native::exchanges;
use crate::native::run::{Context, Run, TableContent};
use crate::native::state::StateContent;

/// A message with its surroundings, to run a plugin's function on.
#[derive(Debug)]
pub struct Input {
    raw: Vec<u8>,
    config: String,
    context: Context,
    attributes: Vec<(String, String)>,
    tables: Vec<TableContent>,
    state: StateContent,
}

impl Input {
    /// A message as text, one segment a line.
    #[must_use]
    pub fn hl7(text: &str) -> Self {
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim_start)
            .filter(|line| !line.is_empty())
            .collect();
        Self::bytes(lines.join("\r"))
    }

    /// Bytes exactly as they would come from a sender: a message, or a file of another kind, which a plugin can read as a
    /// document only.
    #[must_use]
    pub fn bytes(raw: impl Into<Vec<u8>>) -> Self {
        Self {
            raw: raw.into(),
            config: "{}".to_owned(),
            context: Context::default(),
            attributes: Vec::new(),
            tables: Vec::new(),
            state: StateContent::default(),
        }
    }

    /// The step's configuration, as JSON. `{}` where not set.
    #[must_use]
    pub fn config(mut self, json: impl Into<String>) -> Self {
        self.config = json.into();
        self
    }

    /// A code table that the plugin may open.
    #[must_use]
    pub fn table<const N: usize>(mut self, name: &str, columns: [&str; N], rows: &[[&str; N]]) -> Self {
        let owned = |cells: &[&str; N]| cells.map(str::to_owned).to_vec();
        let rows = rows.iter().map(owned).collect();
        self.tables.push(TableContent {
            name: name.to_owned(),
            columns: owned(&columns),
            rows,
        });
        self
    }

    /// A value that the plugin kept of an earlier message, written by a plugin of the schema version 1 unless
    /// [`state_schema`](Self::state_schema) says otherwise.
    #[must_use]
    pub fn state(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        self.state.values.insert(key.to_owned(), value.into());
        self.state.schema_version = self.state.schema_version.max(1);
        self
    }

    /// The schema version of the plugin that last wrote the state.
    #[must_use]
    pub fn state_schema(mut self, version: u32) -> Self {
        self.state.schema_version = version;
        self
    }

    /// A value that an earlier step or the source left.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// When the message arrived. 2026-01-05 08:00 UTC where not set.
    #[must_use]
    pub fn received_at_ms(mut self, received_at_ms: i64) -> Self {
        self.context.received_at_ms = received_at_ms;
        self
    }

    /// The time zone of the source. `Europe/Budapest` where not set.
    #[must_use]
    pub fn time_zone(mut self, time_zone: &str) -> Self {
        time_zone.clone_into(&mut self.context.time_zone);
        self
    }

    /// The name of the interface. `test` where not set.
    #[must_use]
    pub fn interface(mut self, name: &str) -> Self {
        name.clone_into(&mut self.context.interface);
        self
    }

    /// Which run of this message it is. 1 where not set.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.context.attempt = attempt;
        self
    }

    /// Runs a plugin's function as the host would: configuration first, then the message.
    #[must_use]
    pub fn run<Shape>(self, function: impl Transform<Shape>) -> Report {
        let input = transfuse_message::Message::parse(self.raw.clone(), &ParseOptions::default()).ok();
        let run = Rc::new(Run {
            context: self.context,
            tables: self.tables,
            state: RefCell::new(self.state.clone()),
            attributes: RefCell::new(self.attributes),
            ..Run::default()
        });
        // A plugin may look at its tables when it is configured.
        let prepared = match run.during(|| function.prepare(self.config.as_bytes())) {
            Ok(prepared) => prepared,
            Err(text) => return Report::of(&run, End::Misconfigured(text)),
        };
        let host = exchanges::Exchange {
            run: Rc::clone(&run),
            raw: self.raw,
            input,
        };
        let outcome = run.during(|| prepared(&Exchange::from_host(&host)));
        let end = End::of(outcome, &run);
        // As in the engine: what was written is kept together with an outcome, or not at all.
        if !matches!(end, End::Forwarded(_) | End::Filtered(_)) {
            run.state.replace(self.state);
        }
        Report::of(&run, end)
    }
}
