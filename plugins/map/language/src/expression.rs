//! Expressions and texts with `{{ .. }}` in them, compiled once and evaluated for each message.
//!
//! The expression language is `minijinja`'s, with none of its functions but those of [`functions`](crate::functions).

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Object;

use crate::functions;
use crate::lexer::{Lexed, Read, lex, variable};

/// An expression: a condition, or what stands between `{{` and `}}`.
pub(crate) struct Expression {
    /// As it was written, without the blanks around it.
    pub(crate) source: String,
    pub(crate) reads: Vec<Read>,
    names: Vec<String>,
    /// What the compiled expression calls its values: those of `reads`, and then those of `names`.
    variables: Arc<[String]>,
    /// None for a single field or name, which needs no evaluation.
    compiled: Option<minijinja::Expression<'static, 'static>>,
}

/// A text, some of whose parts are expressions.
#[derive(Debug)]
pub(crate) struct Text {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Literal(String),
    Expression(Expression),
}

/// Where an expression finds what it names.
pub(crate) trait Surroundings {
    /// What it stops with.
    type Error;

    /// The values of what is read, in order.
    fn read(&self, reads: &[Read]) -> Result<Vec<Value>, Self::Error>;

    /// The value of a name that the check has seen.
    fn value(&self, name: &str) -> Value;

    /// The error for an expression that makes no sense with these values.
    fn failed(&self, source: &str, why: &str) -> Self::Error;
}

impl Expression {
    /// Reads an expression. `known` are the names that may stand in it.
    pub(crate) fn compile(source: &str, known: &[&str]) -> Result<Self, String> {
        let source = source.trim();
        if source.is_empty() {
            return Err("an expression is empty".to_owned());
        }
        let complain = |why: &str| format!("`{source}`: {why}");
        let Lexed { text, reads, names } = lex(source, known).map_err(|why| complain(&why))?;
        let is_single = text == variable(0) || names.len() == 1 && reads.is_empty() && names.contains(&text);
        let compiled = if is_single {
            None
        } else {
            let compiled = functions::environment().compile_expression_owned(text);
            Some(compiled.map_err(|error| complain(&explain(&error)))?)
        };
        let variables = (0..reads.len()).map(variable).chain(names.iter().cloned()).collect();
        Ok(Self {
            source: source.to_owned(),
            reads,
            names,
            variables,
            compiled,
        })
    }

    pub(crate) fn evaluate<S: Surroundings>(&self, around: &S) -> Result<Value, S::Error> {
        let mut values = around.read(&self.reads)?;
        let Some(compiled) = &self.compiled else {
            let single = values.into_iter().next();
            return Ok(single.unwrap_or_else(|| self.names.first().map_or(Value::UNDEFINED, |name| around.value(name))));
        };
        values.extend(self.names.iter().map(|name| around.value(name)));
        let named = Named {
            names: Arc::clone(&self.variables),
            values,
        };
        let evaluated = compiled.eval(Value::from_object(named));
        evaluated.map_err(|error| around.failed(&self.source, &explain(&error)))
    }

    /// The value of an expression that depends on nothing; none for any other.
    pub(crate) fn constant(&self) -> Option<bool> {
        let compiled = self.compiled.as_ref()?;
        let is_constant = self.reads.is_empty() && self.names.is_empty();
        let value = is_constant.then(|| compiled.eval(()).ok()).flatten()?;
        Some(value.is_true())
    }
}

/// Values by name. They are few, and a search through them costs less than a map that is made for each evaluation.
#[derive(Debug)]
struct Named {
    names: Arc<[String]>,
    values: Vec<Value>,
}

impl Object for Named {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let index = self.names.iter().position(|name| name == key)?;
        self.values.get(index).cloned()
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.source)
    }
}

impl Text {
    /// Reads a text with expressions in `{{ .. }}`.
    pub(crate) fn compile(source: &str, known: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after
                .split_once("}}")
                .ok_or_else(|| format!("`{source}`: `{{{{` is not closed by `}}}}`"))?;
            push_literal(&mut pieces, before);
            pieces.push(Piece::Expression(Expression::compile(inside, known)?));
            rest = after;
        }
        push_literal(&mut pieces, rest);
        Ok(Self { pieces })
    }

    /// The text with the values in it.
    pub(crate) fn evaluate<S: Surroundings>(&self, around: &S) -> Result<String, S::Error> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Expression(expression) => functions::write(&mut text, &expression.evaluate(around)?),
            }
        }
        Ok(text)
    }

    /// The value of a text that is one expression, a number or a list as it is; and otherwise the text.
    pub(crate) fn value<S: Surroundings>(&self, around: &S) -> Result<Value, S::Error> {
        match self.pieces.as_slice() {
            [Piece::Expression(expression)] => expression.evaluate(around),
            _ => self.evaluate(around).map(Value::from),
        }
    }

    /// What its expressions read.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &Read> {
        let expressions = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Expression(expression) => Some(expression),
            Piece::Literal(_) => None,
        });
        expressions.flat_map(|expression| &expression.reads)
    }
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Literal(text.to_owned()));
    }
}

/// What the expression language complains about, without the name and line that it gives an expression.
fn explain(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
