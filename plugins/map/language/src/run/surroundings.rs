//! What expressions see of the message, of the mapping and of the interface.

use minijinja::Value;
use transfuse_plugin::prelude::*;

use super::Run;
use crate::expression::Surroundings;
use crate::functions::DELETE;
use crate::lexer::Read;
use crate::tables::CodeTable;

impl<T: CodeTable> Surroundings for Run<'_, T> {
    type Error = Stop;

    /// All fields in one call of the host. What is absent is read as the empty text.
    fn read(&self, reads: &[Read]) -> Result<Vec<Value>, Stop> {
        let fields = reads.iter().filter_map(|read| match read {
            Read::Field(path) => Some(self.resolve(path)),
            _ => None,
        });
        let fields: Vec<String> = fields.collect();
        let mut texts = match fields.as_slice() {
            [] => Vec::new(),
            [one] => vec![self.message.get(one)?],
            many => self.message.get_each(many)?,
        }
        .into_iter();
        let value = |read: &Read| {
            Ok(match read {
                Read::Field(_) => Value::from(texts.next().flatten().unwrap_or_default()),
                Read::Count(path) => Value::from(self.message.count(self.resolve(path))?),
                Read::Exists(path) => Value::from(self.message.count(self.resolve(path))? > 0),
                Read::Attribute(name) => Value::from(self.exchange.attribute(name).unwrap_or_default()),
            })
        };
        reads.iter().map(value).collect()
    }

    fn value(&self, name: &str) -> Value {
        let variable = self.variables.iter().rev().find(|(known, _)| &**known == name);
        let known = variable.or_else(|| self.mapping.constants.iter().find(|(known, _)| &**known == name));
        if let Some((_, value)) = known {
            return value.clone();
        }
        match name {
            "attempt" => Value::from(self.exchange.attempt()),
            "delete" => Value::from(DELETE),
            "interface" => Value::from(self.exchange.interface()),
            "message_id" => Value::from(self.exchange.id()),
            "time_zone" => Value::from(self.exchange.time_zone()),
            _ => Value::UNDEFINED,
        }
    }

    fn failed(&self, source: &str, why: &str) -> Stop {
        Stop::fault("mapping-error", format!("`{source}`: {why}"))
    }
}
