//! Conditions over what a chain made, in CEL (the Common Expression Language, cel.dev): which outputs a destination takes.
//!
//! A condition sees the message, its type and the attributes that plugins have set, and nothing else: neither time nor
//! chance, so that a stored message is routed the same way whenever it is run again. Its paths are texts in the condition
//! itself, so that a wrong one is found before a message comes.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::parser::PrattParser;
use cel::{Context, Env, ExecutionError, Value};
use transfuse_message::{FieldPath, Message, Path, PathError};

use crate::everywhere::{self, REPETITIONS_MAX};

/// The type of the message, `ORU^R01`; empty for a document.
const MESSAGE_TYPE: &str = "message_type";

/// One decoded leaf; empty where nothing stands there.
const FIELD: &str = "field";

/// The leaves of a field in all its repetitions, in all segments of the name.
const FIELDS: &str = "fields";

/// An attribute that a plugin has set; empty where none has.
const ATTRIBUTE: &str = "attribute";

/// What CEL's own functions may be called. Those that work on time are not among them.
const FUNCTIONS: [&str; 10] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
];

/// How deep its parts lie within each other: more than a person can read. Evaluation takes as many frames of the stack.
const DEPTH_MAX: u16 = 24;

/// How long its text is. Whoever needs more writes a plugin.
const TEXT_BYTES_MAX: usize = 1_000;

static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A condition that has been read. Clones share everything.
#[derive(Debug, Clone)]
pub struct Condition(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    text: String,
    expression: IdedExpr,
    places: Places,
}

/// The paths that a condition names, by their texts.
#[derive(Debug, Default)]
struct Places {
    leaves: HashMap<String, Path>,
    rows: HashMap<String, Rows>,
}

/// A leaf in all repetitions of a field, in all segments of a name.
#[derive(Debug)]
struct Rows {
    segment: String,
    /// One for each repetition, and one more that has to be absent.
    leaves: Vec<FieldPath>,
}

/// Why a text is no condition.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// CEL does not know it.
    #[error("it cannot be read: {reason}, at its sign {column}")]
    Unreadable {
        /// What the parser says.
        reason: String,
        /// From 1.
        column: usize,
    },
    /// It is beyond all measure.
    #[error("it has more than {TEXT_BYTES_MAX} bytes, or parts within each other more than {DEPTH_MAX} deep")]
    TooLarge,
    /// It names what conditions do not have.
    #[error("`{name}` is unknown")]
    Unknown {
        /// A variable, or a function.
        name: String,
    },
    /// A function is not called as it has to be.
    #[error("`{function}` takes one text in quotes, written there")]
    NoText {
        /// Its name.
        function: &'static str,
    },
    /// One of its paths is none.
    #[error("`{text}` is no path: {source}")]
    NoPath {
        /// As it was written.
        text: String,
        /// Why.
        source: PathError,
    },
    /// A path of `fields` says which of them.
    #[error("`{text}` is not a field in all segments of a name, such as OBX-3.1")]
    NotAllOfThem {
        /// As it was written.
        text: String,
    },
    /// It goes through a list for each element of a list.
    #[error("it has one of `exists`, `all`, `map` and `filter` within another")]
    Nested,
    /// What it comes to can never be true or false.
    #[error("it comes to {found}, and not to true or false")]
    NotABoolean {
        /// What of.
        found: &'static str,
    },
}

/// Why a condition says nothing of a message. It names no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undecided(pub(crate) String);

/// What conditions may ask about one output.
#[derive(Debug)]
pub(crate) struct Facts {
    /// None of a document.
    message: Option<Message>,
    attributes: Arc<[(String, String)]>,
}

impl ConditionError {
    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => {
                Some("write it like `field(\"PV1-3.1\") == \"4EAST\" && message_type.startsWith(\"ADT\")`".to_owned())
            }
            Self::Unknown { .. } => Some(format!(
                "there are `{MESSAGE_TYPE}`, `{FIELD}(\"PV1-3.1\")`, `{FIELDS}(\"OBX-3.1\")`, `{ATTRIBUTE}(\"ward\")`, and of CEL: {}",
                FUNCTIONS.join(", ")
            )),
            Self::NotAllOfThem { .. } => Some(format!("`{FIELD}` takes the path of a single one")),
            Self::NotABoolean { .. } => Some("compare it with something: `field(\"PV1-2\") == \"I\"`".to_owned()),
            Self::TooLarge => Some("let a plugin decide, and set an attribute that the condition asks for".to_owned()),
            Self::NoText { .. } | Self::NoPath { .. } | Self::Nested => None,
        }
    }
}

impl Facts {
    pub(crate) fn of(message: Option<&Message>, attributes: &[(String, String)]) -> Self {
        Self {
            message: message.cloned(),
            attributes: attributes.into(),
        }
    }
}

impl Condition {
    /// Whether it holds.
    pub(crate) fn holds(&self, facts: &Facts) -> Result<bool, Undecided> {
        match self.evaluate(facts) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(value) => Err(Undecided(format!(
                "it comes to {}, and not to true or false",
                kind(&value)
            ))),
            Err(error) => Err(Undecided(reason(&error))),
        }
    }

    fn evaluate(&self, facts: &Facts) -> Result<Value, ExecutionError> {
        let mut context = Context::with_env(Arc::clone(&LANGUAGE));
        let message_type = facts.message.as_ref().map(|message| message.header().message_type());
        context.add_variable_from_value(MESSAGE_TYPE, message_type.unwrap_or_default());
        let (parts, message) = (Arc::clone(&self.0), facts.message.clone());
        let field = move |path: Arc<String>| parts.places.field(message.as_ref(), &path);
        let (parts, message) = (Arc::clone(&self.0), facts.message.clone());
        let fields = move |path: Arc<String>| parts.places.fields(message.as_ref(), &path);
        let attributes = Arc::clone(&facts.attributes);
        let attribute = move |name: Arc<String>| {
            let found = attributes.iter().find(|(known, _)| *known == *name);
            found.map_or_else(String::new, |(_, value)| value.clone())
        };
        let added = context
            .add_function(FIELD, field)
            .and_then(|()| context.add_function(FIELDS, fields))
            .and_then(|()| context.add_function(ATTRIBUTE, attribute));
        added.map_err(|_| ExecutionError::MissingArgumentOrTarget)?;
        Value::resolve(&self.0.expression, &context)
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ConditionError::TooLarge);
        }
        let parser = PrattParser::new()
            .max_recursion_depth(DEPTH_MAX)
            .error_reporting_limit(1);
        let expression = parser.parse(text).map_err(|errors| {
            let first = errors.errors.into_iter().next();
            let (reason, column) = first.map_or_else(Default::default, |error| (error.msg, error.pos.1));
            ConditionError::Unreadable {
                reason,
                column: usize::try_from(column).unwrap_or_default(),
            }
        })?;
        let mut places = Places::default();
        let mut reader = Reader {
            places: &mut places,
            depth: 0,
        };
        reader.read(&expression, &[])?;
        let condition = Self(Arc::new(Parts {
            text: text.to_owned(),
            expression,
            places,
        }));
        // Whatever it is about: what it comes to shows itself on nothing.
        match condition.evaluate(&Facts::of(None, &[])) {
            Ok(value) if !matches!(value, Value::Bool(_)) => Err(ConditionError::NotABoolean { found: kind(&value) }),
            _ => Ok(condition),
        }
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Condition {}

impl Places {
    fn field(&self, message: Option<&Message>, text: &str) -> Result<Value, ExecutionError> {
        let (Some(message), Some(path)) = (message, self.leaves.get(text)) else {
            return Ok(Value::from(""));
        };
        let found = message.get(path).map_err(|error| failed(FIELD, error.to_string()))?;
        Ok(Value::from(found.into_option().unwrap_or_default().as_ref()))
    }

    fn fields(&self, message: Option<&Message>, text: &str) -> Result<Arc<Vec<Value>>, ExecutionError> {
        let mut values = Vec::new();
        if let (Some(message), Some(rows)) = (message, self.rows.get(text)) {
            let found = message.rows(&rows.segment, &rows.leaves);
            for mut row in found.map_err(|error| failed(FIELDS, error.to_string()))? {
                let beyond = row.pop().and_then(transfuse_message::Value::into_option);
                if beyond.is_some() {
                    return Err(failed(
                        FIELDS,
                        format!("`{text}` repeats more than {REPETITIONS_MAX} times"),
                    ));
                }
                let texts = row.into_iter().filter_map(transfuse_message::Value::into_option);
                values.extend(texts.map(|text| Value::from(text.as_ref())));
            }
        }
        Ok(Arc::new(values))
    }
}

/// Looks through a condition, and finds its paths.
struct Reader<'p> {
    places: &'p mut Places,
    depth: u16,
}

impl Reader<'_> {
    /// `own` are the names that it has made itself.
    fn read(&mut self, expression: &IdedExpr, own: &[&str]) -> Result<(), ConditionError> {
        if self.depth >= DEPTH_MAX {
            return Err(ConditionError::TooLarge);
        }
        self.depth += 1;
        let read = self.part(expression, own);
        self.depth -= 1;
        read
    }

    fn part(&mut self, expression: &IdedExpr, own: &[&str]) -> Result<(), ConditionError> {
        match &expression.expr {
            Expr::Call(call) => self.call(call, own),
            Expr::Ident(name) if name == MESSAGE_TYPE || own.contains(&name.as_str()) => Ok(()),
            Expr::Ident(name) => Err(ConditionError::Unknown { name: name.clone() }),
            Expr::Comprehension(_) if !own.is_empty() => Err(ConditionError::Nested),
            Expr::Comprehension(through) => {
                let own = [through.iter_var.as_str(), through.accu_var.as_str()];
                self.read(&through.iter_range, &[])?;
                for part in [
                    &through.accu_init,
                    &through.loop_cond,
                    &through.loop_step,
                    &through.result,
                ] {
                    self.read(part, &own)?;
                }
                Ok(())
            }
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.read(element, own)),
            Expr::Literal(_) => Ok(()),
            Expr::Map(_) | Expr::Select(_) | Expr::Struct(_) | Expr::Unspecified => Err(ConditionError::Unknown {
                name: "a map, or a part of one".to_owned(),
            }),
        }
    }

    fn call(&mut self, call: &CallExpr, own: &[&str]) -> Result<(), ConditionError> {
        let name = call.func_name.as_str();
        for function in [FIELD, FIELDS, ATTRIBUTE] {
            if name == function {
                return self.own_function(function, call);
            }
        }
        let is_operator = !name.starts_with(|sign: char| sign.is_ascii_alphabetic());
        if !is_operator && !FUNCTIONS.contains(&name) {
            return Err(ConditionError::Unknown { name: name.to_owned() });
        }
        let parts = call.target.iter().map(AsRef::as_ref).chain(&call.args);
        for part in parts {
            self.read(part, own)?;
        }
        Ok(())
    }

    fn own_function(&mut self, function: &'static str, call: &CallExpr) -> Result<(), ConditionError> {
        let text = match call.args.as_slice() {
            [only] if call.target.is_none() => text_of(only),
            _ => None,
        };
        let text = text.ok_or(ConditionError::NoText { function })?;
        if function == FIELD {
            let path = text.parse().map_err(|source| ConditionError::NoPath {
                text: text.clone(),
                source,
            })?;
            self.places.leaves.insert(text, path);
        } else if function == FIELDS {
            let rows = Rows::read(&text)?;
            self.places.rows.insert(text, rows);
        }
        Ok(())
    }
}

impl Rows {
    fn read(text: &str) -> Result<Self, ConditionError> {
        let no_path = |source| ConditionError::NoPath {
            text: text.to_owned(),
            source,
        };
        let path: Path = text.parse().map_err(no_path)?;
        let field = everywhere::field(&path, text);
        let field = field.ok_or_else(|| ConditionError::NotAllOfThem { text: text.to_owned() })?;
        let part = everywhere::part(field).unwrap_or_default();
        let leaves = everywhere::leaves(field, REPETITIONS_MAX + 1, &[part]);
        Ok(Self {
            segment: path.segment().to_owned(),
            leaves: leaves.map_err(no_path)?,
        })
    }
}

fn text_of(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        _ => None,
    }
}

fn failed(function: &str, message: String) -> ExecutionError {
    ExecutionError::FunctionError {
        function: function.to_owned(),
        message,
    }
}

/// What can be said of an error without a value of the message.
fn reason(error: &ExecutionError) -> String {
    match error {
        ExecutionError::FunctionError { function, message } if [FIELD, FIELDS].contains(&function.as_str()) => {
            message.clone()
        }
        ExecutionError::NoSuchOverload(overload) => overload.to_string(),
        ExecutionError::FunctionError { function, .. } => format!("`{function}` cannot take what is there"),
        _ => "it cannot be computed from what is there".to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        Value::List(_) => "a list",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests;
