//! Doing what a mapping says with a message.
//!
//! Rules run from top to bottom, and each sees what those above it have written. A mapping that reaches its end forwards
//! the message as it is then.

mod action;
mod over;
mod surroundings;

use minijinja::Value;
use transfuse_plugin::prelude::*;

use crate::mapping::{Mapping, Name, Over, Rule};
use crate::path::{Frame, Path};
use crate::tables::CodeTable;

/// A message on its way through the mapping.
struct Run<'a, T> {
    exchange: &'a Exchange<'a>,
    mapping: &'a Mapping,
    message: Message,
    frames: Vec<Frame>,
    /// Variables of the rules that surround the one at hand, and how many times it has been done on something.
    variables: Vec<(Name, Value)>,
    /// Tables that were opened for this message.
    tables: Vec<(&'a str, T)>,
    /// What became of the message; none where it was not sent anywhere yet.
    done: Option<Done>,
    /// Whether the message is a part of one that was split.
    is_part: bool,
    /// The line of the statement that is at work.
    line: usize,
}

/// Whether the next rule is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    /// The message was sent, or is not to be.
    Ended,
}

/// Takes a message through the mapping.
pub(crate) fn run<T: CodeTable>(exchange: &Exchange, mapping: &Mapping) -> Outcome {
    let mut run = Run::<T> {
        exchange,
        mapping,
        message: exchange.message()?,
        frames: Vec::new(),
        variables: Vec::new(),
        tables: Vec::new(),
        done: None,
        is_part: false,
        line: 0,
    };
    match run.rules(&mapping.rules) {
        Ok(Flow::Next) => exchange.forward(&run.message),
        Ok(Flow::Ended) => run
            .done
            .ok_or_else(|| Stop::fault("mapping-error", "the mapping ended without an outcome")),
        Err(stop) => Err(run.placed(stop)),
    }
}

impl<'a, T: CodeTable> Run<'a, T> {
    fn rules(&mut self, rules: &'a [Rule]) -> Result<Flow, Stop> {
        for rule in rules {
            if self.rule(rule)? == Flow::Ended {
                return Ok(Flow::Ended);
            }
        }
        Ok(Flow::Next)
    }

    fn rule(&mut self, rule: &'a Rule) -> Result<Flow, Stop> {
        self.line = rule.line;
        match &rule.over {
            Over::Here if rule.when.is_none() => self.statements(rule),
            Over::Here => self.body(rule),
            Over::Each { path, may_take_out } => self.each(rule, path, *may_take_out),
            Over::Added { segment, after } => self.added(rule, segment, after.as_ref()),
            Over::Parts { path, segments } => self.parts(rule, path, segments),
        }
    }

    /// The rule's statements where its condition holds, and otherwise its other rules. Variables made on the way are
    /// forgotten.
    fn body(&mut self, rule: &'a Rule) -> Result<Flow, Stop> {
        let variables = self.variables.len();
        let holds = match &rule.when {
            Some(when) => when.evaluate(self)?.is_true(),
            None => true,
        };
        let flow = if holds {
            self.statements(rule)
        } else {
            self.rules(&rule.otherwise)
        };
        self.variables.truncate(variables);
        flow
    }

    fn statements(&mut self, rule: &'a Rule) -> Result<Flow, Stop> {
        for statement in &rule.statements {
            self.line = statement.line;
            if self.action(&statement.action)? == Flow::Ended {
                return Ok(Flow::Ended);
            }
        }
        Ok(Flow::Next)
    }

    fn resolve(&self, path: &Path) -> String {
        path.resolve(&self.frames)
    }

    /// The value of a variable, made where there is none yet.
    fn assign(&mut self, name: &Name, value: Value) {
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.variables.push((Name::clone(name), value)),
        }
    }

    /// A fault, with the line of the mapping that was at work.
    fn placed(&self, stop: Stop) -> Stop {
        match stop {
            Stop::Fault(mut fault) => {
                fault.text = format!("line {} of the mapping: {}", self.line, fault.text);
                Stop::Fault(fault)
            }
            other => other,
        }
    }
}
