//! Doing one thing.

use std::sync::Arc;

use minijinja::Value;
use transfuse_plugin::prelude::*;
use transfuse_plugin::tables::Row;

use super::{Flow, Run};
use crate::expression::Expression;
use crate::functions::{self, DELETE};
use crate::mapping::{Action, Lookup, Name, OnMiss, Rejection, Target, Time};
use crate::path::Path;
use crate::tables::CodeTable;

impl<'a, T: CodeTable> Run<'a, T> {
    pub(super) fn action(&mut self, action: &'a Action) -> Result<Flow, Stop> {
        match action {
            Action::Set(path, text) => {
                let value = text.evaluate(self)?;
                self.message.set(self.resolve(path), value)?;
            }
            Action::Copy(to, from) => {
                let (to, from) = (self.resolve(to), self.resolve(from));
                self.message.copy_within(from, to)?;
            }
            Action::Clear(path) => self.message.clear(self.resolve(path))?,
            Action::Remove(path) => self.remove(path)?,
            Action::Change(path, expression) => self.change(path, expression)?,
            Action::Let(name, text) => {
                let value = text.value(self)?;
                self.assign(name, value);
            }
            Action::LetList(name) => self.assign(name, Value::from(Vec::<Value>::new())),
            Action::Collect(name, text) => {
                let item = text.value(self)?;
                self.collect(name, item);
            }
            Action::Lookup(lookup) => self.lookup(lookup)?,
            Action::Time(time) => self.time(time)?,
            Action::Attribute(name, text) => {
                let (name, text) = (name.evaluate(self)?, text.evaluate(self)?);
                self.exchange.set_attribute(&name, text);
            }
            Action::Log(level, text) => log::write(*level, text.evaluate(self)?),
            Action::Do(rules) => return self.rules(rules),
            ending => return self.end(ending),
        }
        Ok(Flow::Next)
    }

    /// What sends the message or ends the mapping.
    fn end(&mut self, action: &'a Action) -> Result<Flow, Stop> {
        match action {
            Action::Filter(text) => {
                // A message of which something was sent already is not filtered: it just goes no further.
                let reason = text.evaluate(self)?;
                if self.done.is_none() && !self.is_part {
                    self.done = Some(self.exchange.filter(reason)?);
                }
            }
            Action::Reject(rejection) => return Err(self.reject(rejection)?),
            Action::AlsoForward(to) => {
                self.forward(to)?;
                return Ok(Flow::Next);
            }
            Action::Forward(to) => self.forward(to)?,
            _ => return Ok(Flow::Next),
        }
        Ok(Flow::Ended)
    }

    fn forward(&mut self, to: &[String]) -> Result<(), Stop> {
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        self.done = Some(self.exchange.forward_to(&self.message, &to)?);
        Ok(())
    }

    fn reject(&self, rejection: &Rejection) -> Result<Stop, Stop> {
        let reject = Reject::new(rejection.code.clone(), rejection.reason.evaluate(self)?);
        Ok(Stop::Reject(match &rejection.at {
            Some(at) => reject.at(self.resolve(at)),
            None => reject,
        }))
    }

    /// One segment or repetition where the path has a number or stands in a for-each over them, and otherwise all of
    /// them.
    fn remove(&mut self, path: &Path) -> Result<(), Stop> {
        let whole = self.resolve(path);
        if whole.ends_with(']') {
            return Ok(self.message.remove(whole)?);
        }
        for number in (1..=self.message.count(&whole)?).rev() {
            self.message.remove(format!("{whole}[{number}]"))?;
        }
        Ok(())
    }

    /// What is not there is not changed, and neither is the delete marker.
    fn change(&mut self, path: &Path, expression: &Expression) -> Result<(), Stop> {
        let at = self.resolve(path);
        let old = self.message.get(&at)?.unwrap_or_default();
        if old.is_empty() || old == DELETE {
            return Ok(());
        }
        self.variables.push((Name::from("value"), Value::from(old.as_str())));
        let new = expression.evaluate(self);
        self.variables.pop();
        let new = functions::text(&new?);
        if new != old {
            self.message.set(at, new)?;
        }
        Ok(())
    }

    /// Adds to the list where it lies: copying it for each item would cost more, the longer the message is.
    fn collect(&mut self, name: &Name, item: Value) {
        let list = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        if let Some((_, list)) = list {
            let mut items = std::mem::take(list).downcast_object::<Vec<Value>>().unwrap_or_default();
            Arc::make_mut(&mut items).push(item);
            *list = Value::from_dyn_object(items);
        }
    }

    fn lookup(&mut self, lookup: &'a Lookup) -> Result<(), Stop> {
        let value = lookup.value.evaluate(self)?;
        let found = if value.is_empty() || value == DELETE {
            None
        } else {
            let table = self.table(&lookup.table)?;
            let first = table.columns().first().map(String::as_str).unwrap_or_default();
            table.find(lookup.column.as_deref().unwrap_or(first), &value)?
        };
        match found {
            Some(row) => self.take(lookup, &row),
            None => self.miss(lookup, &value),
        }
    }

    /// The table by its name, opened once for each message.
    fn table(&mut self, name: &'a str) -> Result<&T, Stop> {
        let index = if let Some(index) = self.tables.iter().position(|(known, _)| *known == name) {
            index
        } else {
            self.tables.push((name, T::open(name)?));
            self.tables.len() - 1
        };
        let table = self.tables.get(index).map(|(_, table)| table);
        table.ok_or_else(|| Stop::fault("mapping-error", format!("the table {name} is not open")))
    }

    fn take(&mut self, lookup: &Lookup, row: &Row) -> Result<(), Stop> {
        for (target, column) in &lookup.take {
            let cell = match row.get(column) {
                Err(_) if lookup.optional.contains(column) => "",
                cell => cell?,
            };
            self.put(target, cell)?;
        }
        Ok(())
    }

    fn miss(&mut self, lookup: &Lookup, value: &str) -> Result<(), Stop> {
        for (target, _) in &lookup.take {
            match (target, &lookup.on_miss) {
                (Target::Variable(name), _) => self.assign(name, Value::from("")),
                (Target::Path(path), OnMiss::Clear) => self.message.clear(self.resolve(path))?,
                (Target::Path(_), _) => {}
            }
        }
        match &lookup.on_miss {
            OnMiss::Keep | OnMiss::Clear => Ok(()),
            OnMiss::Reject { .. } if value.is_empty() => Ok(()),
            OnMiss::Reject { at } => {
                let reason = format!("the table {} does not have {value}", lookup.table);
                let reject = Reject::new(Code::TableValueNotFound, reason);
                Err(Stop::Reject(match at {
                    Some(at) => reject.at(self.resolve(at)),
                    None => reject,
                }))
            }
            OnMiss::Default(defaults) => {
                for (target, text) in defaults {
                    let text = text.evaluate(self)?;
                    self.put(target, &text)?;
                }
                Ok(())
            }
        }
    }

    fn put(&mut self, target: &Target, value: &str) -> Result<(), Stop> {
        match target {
            Target::Variable(name) => self.assign(name, Value::from(value)),
            Target::Path(path) => self.message.set(self.resolve(path), value)?,
        }
        Ok(())
    }

    fn time(&mut self, time: &Time) -> Result<(), Stop> {
        let moment = match &time.from {
            Some(from) => self
                .message
                .get_time(self.resolve(from), &time.read_zone, time.ambiguous)?,
            None => Some(Moment {
                unix_ms: self.exchange.received_at_ms(),
                precision: Precision::Second,
            }),
        };
        let Some(moment) = moment else { return Ok(()) };
        let precision = time.precision.unwrap_or(moment.precision);
        let moment = Moment { precision, ..moment };
        Ok(self.message.set_time(self.resolve(&time.to), moment, &time.zone)?)
    }
}
