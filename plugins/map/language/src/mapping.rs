//! A mapping that was read and checked: what it says, ready to be done.

use std::sync::Arc;

use minijinja::Value;
use transfuse_plugin::log::Level;
use transfuse_plugin::{AmbiguousTime, Code, Precision};

use crate::expression::{Expression, Text};
use crate::path::Path;

/// The name of a parameter, of a variable or of a list of codes.
pub(crate) type Name = Arc<str>;

/// A mapping.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    /// Parameters with the values that the site gave, and lists of codes.
    pub(crate) constants: Vec<(Name, Value)>,
    pub(crate) rules: Vec<Rule>,
    /// Parameters that can only have one of these values.
    pub(crate) choices: Vec<(Name, Vec<String>)>,
}

/// A rule: on what, when, and what to do.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) line: usize,
    pub(crate) over: Over,
    pub(crate) when: Option<Expression>,
    pub(crate) statements: Vec<Statement>,
    pub(crate) otherwise: Vec<Rule>,
}

/// What a rule is done on.
#[derive(Debug)]
pub(crate) enum Over {
    /// The message, or whatever the rule around it is done on.
    Here,
    /// Each segment, group or repetition. What is done there may take some of them away, or not: then they need to be counted
    /// once only.
    Each { path: Path, may_take_out: bool },
    /// A segment that is added first.
    Added { segment: String, after: Option<Path> },
    /// A message for each group or segment.
    Parts { path: Path, segments: Vec<String> },
}

/// One thing to do.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) line: usize,
    pub(crate) action: Action,
}

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Action {
    Set(Path, Text),
    /// To, from.
    Copy(Path, Path),
    Clear(Path),
    Remove(Path),
    /// A field, and what becomes of its value, which the expression knows as `value`.
    Change(Path, Expression),
    Let(Name, Text),
    /// A variable that is a list, empty at first.
    LetList(Name),
    Collect(Name, Text),
    Lookup(Box<Lookup>),
    Time(Box<Time>),
    Attribute(Text, Text),
    Log(Level, Text),
    Filter(Text),
    Reject(Box<Rejection>),
    /// Sends the message and ends the mapping.
    Forward(Vec<String>),
    /// Sends the message and goes on.
    AlsoForward(Vec<String>),
    Do(Vec<Rule>),
}

/// Looking a value up in a code table.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) value: Text,
    pub(crate) table: String,
    /// The column that holds the value; the table's first where it is not named.
    pub(crate) column: Option<String>,
    /// What is taken out of the row, and where to.
    pub(crate) take: Vec<(Target, String)>,
    /// Columns that the table may lack: their cells are empty then.
    pub(crate) optional: Vec<String>,
    pub(crate) on_miss: OnMiss,
}

/// Where something that was found goes.
#[derive(Debug)]
pub(crate) enum Target {
    Path(Path),
    Variable(Name),
}

/// What becomes of a value that the table does not have.
#[derive(Debug)]
pub(crate) enum OnMiss {
    /// The fields stay, the variables are empty.
    Keep,
    /// The fields are emptied, and the variables too.
    Clear,
    /// The message is rejected with code 103.
    Reject { at: Option<Path> },
    /// One value for each target.
    Default(Vec<(Target, Text)>),
}

/// A time in another zone, or in another precision.
#[derive(Debug)]
pub(crate) struct Time {
    /// None for the time at which the message arrived.
    pub(crate) from: Option<Path>,
    pub(crate) to: Path,
    /// The zone in which a time without an offset is read.
    pub(crate) read_zone: String,
    /// The zone in which it is written.
    pub(crate) zone: String,
    /// That of `from` where it is not named.
    pub(crate) precision: Option<Precision>,
    pub(crate) ambiguous: AmbiguousTime,
}

/// Why and where a message is rejected.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) code: Code,
    pub(crate) at: Option<Path>,
    pub(crate) reason: Text,
}

impl Action {
    /// Whether nothing after it is done any more.
    pub(crate) fn ends(&self) -> bool {
        match self {
            Self::Filter(_) | Self::Reject(_) | Self::Forward(_) => true,
            Self::Do(rules) => rules.iter().any(Rule::ends),
            _ => false,
        }
    }

    /// Whether there may be fewer segments or repetitions of something after it.
    pub(crate) fn may_take_out(&self) -> bool {
        match self {
            Self::Remove(_) | Self::Clear(_) | Self::Copy(..) => true,
            Self::Lookup(lookup) => matches!(lookup.on_miss, OnMiss::Clear),
            Self::Do(rules) => rules.iter().any(Rule::may_take_out),
            _ => false,
        }
    }

    /// Whether a condition may hold differently after it.
    pub(crate) fn changes(&self) -> bool {
        !matches!(
            self,
            Self::Attribute(..)
                | Self::Log(..)
                | Self::Filter(_)
                | Self::Reject(_)
                | Self::Forward(_)
                | Self::AlsoForward(_)
        )
    }
}

impl Rule {
    /// Whether nothing after the rule is done any more, whatever the message.
    pub(crate) fn ends(&self) -> bool {
        let body_ends = self.body_ends();
        match (&self.over, &self.when) {
            (Over::Here | Over::Added { .. }, None) => body_ends,
            (Over::Here, Some(_)) => body_ends && self.otherwise.iter().any(Self::ends),
            _ => false,
        }
    }

    /// The same of all that the rule does.
    pub(crate) fn may_take_out(&self) -> bool {
        let mut actions = self.statements.iter().map(|statement| &statement.action);
        actions.any(Action::may_take_out) || self.otherwise.iter().any(Self::may_take_out)
    }

    /// Whether the mapping ends where the rule's condition holds.
    pub(crate) fn body_ends(&self) -> bool {
        self.statements.iter().any(|statement| statement.action.ends())
    }
}
