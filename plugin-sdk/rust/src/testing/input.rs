//! What a plugin's function is given.

use std::cell::RefCell;
use std::rc::Rc;

use transfuse_message::ParseOptions;

use super::report::{End, Report};
use crate::component::Transform;
use crate::exchange::Exchange;
use crate::native::exchanges;
use crate::native::run::{Context, Run, TableContent};

/// A message with its surroundings, to run a plugin's function on.
#[derive(Debug)]
pub struct Input {
    raw: Vec<u8>,
    config: String,
    context: Context,
    attributes: Vec<(String, String)>,
    tables: Vec<TableContent>,
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

    /// A message as bytes, exactly as they would come from a sender.
    #[must_use]
    pub fn bytes(raw: impl Into<Vec<u8>>) -> Self {
        Self {
            raw: raw.into(),
            config: "{}".to_owned(),
            context: Context::default(),
            attributes: Vec::new(),
            tables: Vec::new(),
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
    ///
    /// # Panics
    ///
    /// Where the input is not an HL7 v2 message: the host would not have called the plugin.
    #[must_use]
    pub fn run<Shape>(self, function: impl Transform<Shape>) -> Report {
        let input = transfuse_message::Message::parse(self.raw, &ParseOptions::default())
            .unwrap_or_else(|error| panic!("the test's input is not an HL7 v2 message: {error}"));
        let run = Rc::new(Run {
            context: self.context,
            tables: self.tables,
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
            input,
        };
        let outcome = run.during(|| prepared(&Exchange::from_host(&host)));
        Report::of(&run, End::of(outcome, &run))
    }
}
