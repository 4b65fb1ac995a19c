//! Fields in expressions. `PV1-2 == "I"` is written as everybody writes it, and to the expression language, which knows
//! no paths, it would be a subtraction: so fields become variables before it sees them. Every name is looked at on the
//! way, because the language itself would only complain when a message comes.

use crate::functions;
use crate::path::Path;
use crate::problem::hint;

/// Something that an expression reads before it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    /// The text of a field or a part of it.
    Field(Path),
    /// How many there are.
    Count(Path),
    /// Whether there is one.
    Exists(Path),
    /// A value that an earlier step left.
    Attribute(String),
}

/// An expression with variables in place of its fields.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) text: String,
    /// What each of the variables `_0`, `_1`, .. stands for.
    pub(crate) reads: Vec<Read>,
    /// Parameters, variables, lists of codes and facts of the message, each once.
    pub(crate) names: Vec<String>,
}

/// What the scanner has just passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing, or an operator.
    Operator,
    /// A value.
    Value,
    /// The sign before a function's name.
    Pipe,
    /// `is`, or `is not`.
    Is,
}

struct Scanner<'t, 'k> {
    rest: &'t str,
    before: Before,
    known: &'k [&'k str],
    lexed: Lexed,
}

/// Words of the expression language itself.
const WORDS: [&str; 9] = ["and", "or", "not", "in", "if", "else", "true", "false", "none"];

/// Replaces fields by variables. `known` are the names that may stand alone.
pub(crate) fn lex(text: &str, known: &[&str]) -> Result<Lexed, String> {
    let mut scanner = Scanner {
        rest: text,
        before: Before::Operator,
        known,
        lexed: Lexed::default(),
    };
    while let Some(next) = scanner.rest.chars().next() {
        scanner.step(next)?;
    }
    Ok(scanner.lexed)
}

impl<'t> Scanner<'t, '_> {
    fn step(&mut self, next: char) -> Result<(), String> {
        let after = self.rest.get(next.len_utf8()..).unwrap_or_default();
        let begins_path = after.starts_with(|c: char| c.is_ascii_uppercase());
        match next {
            '"' | '\'' => self.quoted(next),
            '/' if self.before != Before::Value && begins_path => self.field(),
            'A'..='Z' => self.field(),
            'a'..='z' | '_' => self.word(),
            '0'..='9' => {
                let length = self
                    .rest
                    .find(|c: char| !c.is_ascii_digit() && c != '.')
                    .unwrap_or(self.rest.len());
                self.pass(length, Before::Value);
                Ok(())
            }
            '=' if self.rest.starts_with("==") => {
                self.pass(2, Before::Operator);
                Ok(())
            }
            '=' if !self.lexed.text.ends_with(['!', '<', '>']) => Err("values are compared with `==`".to_owned()),
            '.' => Err("a dot stands in a path only, such as PID-5.1".to_owned()),
            _ => {
                let before = match next {
                    '|' => Before::Pipe,
                    ')' | ']' => Before::Value,
                    _ if next.is_whitespace() => self.before,
                    _ => Before::Operator,
                };
                self.pass(next.len_utf8(), before);
                Ok(())
            }
        }
    }

    /// Takes what comes next as it is.
    fn pass(&mut self, length: usize, before: Before) {
        let (passed, rest) = self.rest.split_at(length);
        self.lexed.text.push_str(passed);
        self.rest = rest;
        self.before = before;
    }

    fn quoted(&mut self, quote: char) -> Result<(), String> {
        let length = quoted_length(self.rest, quote).ok_or("a quote is not closed")?;
        self.pass(length, Before::Value);
        Ok(())
    }

    /// A field in place of a value.
    fn field(&mut self) -> Result<(), String> {
        let (path, rest) = Path::read(self.rest)?;
        let written = self.rest.strip_suffix(rest).unwrap_or(self.rest);
        if path.field.is_none() {
            return Err(format!(
                "`{written}` is no value: name a field of it, such as {}-1, or write count({written}) or exists({written})",
                if path.is_group() { "OBR" } else { &path.segment }
            ));
        }
        if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.')
            || (rest.starts_with('-') && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            let end = rest.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(rest.len());
            let whole = format!("{written}{}", rest.get(..end).unwrap_or_default());
            return Err(Path::parse(&whole).err().unwrap_or(whole));
        }
        self.rest = rest;
        self.read(Read::Field(path));
        Ok(())
    }

    fn read(&mut self, read: Read) {
        let known = self.lexed.reads.iter().position(|one| *one == read);
        let index = known.unwrap_or(self.lexed.reads.len());
        if known.is_none() {
            self.lexed.reads.push(read);
        }
        self.lexed.text.push_str(&variable(index));
        self.before = Before::Value;
    }

    fn word(&mut self) -> Result<(), String> {
        let length = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let word = &self.rest[..length];
        let after = self.rest[length..].trim_start();
        match self.before {
            Before::Pipe => self.function(word, after, length),
            Before::Is if word == "not" => {
                self.pass(length, Before::Is);
                Ok(())
            }
            Before::Is => {
                if !functions::TESTS.contains(&word) {
                    let known = functions::TESTS.iter().copied();
                    return Err(format!("there is no test `is {word}`{}", hint(word, known)));
                }
                self.pass(length, Before::Value);
                Ok(())
            }
            Before::Operator | Before::Value if word == "is" => {
                self.pass(length, Before::Is);
                Ok(())
            }
            Before::Operator | Before::Value if WORDS.contains(&word) => {
                let is_value = matches!(word, "true" | "false" | "none");
                self.pass(length, if is_value { Before::Value } else { Before::Operator });
                Ok(())
            }
            Before::Operator | Before::Value if after.starts_with('(') => self.call(word, after),
            Before::Operator | Before::Value => self.name(word, length),
        }
    }

    /// A function after the sign `|`, and how many arguments it is given.
    fn function(&mut self, word: &str, after: &str, length: usize) -> Result<(), String> {
        let Some(function) = functions::FUNCTIONS.iter().find(|function| function.name == word) else {
            let known = functions::FUNCTIONS.iter().map(|function| function.name);
            return Err(format!("there is no function `{word}`{}", hint(word, known)));
        };
        let given = if after.starts_with('(') { arguments(after) } else { 0 };
        if !function.arguments.contains(&given) {
            return Err(format!("`{word}` is written like this: {}", function.example));
        }
        self.pass(length, Before::Value);
        Ok(())
    }

    /// `count(..)`, `exists(..)` and `attribute(..)`, which read something.
    fn call(&mut self, word: &str, after: &'t str) -> Result<(), String> {
        let inside = after.strip_prefix('(').unwrap_or(after);
        let (argument, rest) = inside.split_once(')').ok_or("a bracket is not closed")?;
        let argument = argument.trim();
        let read = match word {
            "count" => Read::Count(Path::parse(argument)?),
            "exists" => Read::Exists(Path::parse(argument)?),
            "attribute" => {
                let quoted = argument.trim_matches(['"', '\'']);
                if quoted.len() + 2 != argument.len() || quoted.is_empty() {
                    return Err("an attribute is named in quotes: attribute(\"ward\")".to_owned());
                }
                Read::Attribute(quoted.to_owned())
            }
            _ if functions::FUNCTIONS.iter().any(|function| function.name == word) => {
                return Err(format!(
                    "`{word}` comes after the value that it is for: PID-5.1 | {word}"
                ));
            }
            _ => {
                let known = ["count", "exists", "attribute"];
                return Err(format!("there is no function `{word}(..)`{}", hint(word, known)));
            }
        };
        self.rest = rest;
        self.read(read);
        Ok(())
    }

    fn name(&mut self, word: &str, length: usize) -> Result<(), String> {
        if !self.known.contains(&word) {
            return Err(format!(
                "there is no `{word}` here{}",
                hint(word, self.known.iter().copied())
            ));
        }
        if !self.lexed.names.iter().any(|name| name == word) {
            self.lexed.names.push(word.to_owned());
        }
        self.pass(length, Before::Value);
        Ok(())
    }
}

/// The variable that stands for something that is read. No name of a mapping begins like this.
pub(crate) fn variable(index: usize) -> String {
    format!("_{index}")
}

/// The length of a quoted text with its quotes; none where it is not closed.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        if letter == quote && !is_escaped {
            return Some(index + 1);
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    None
}

/// How many arguments stand in brackets at the beginning of a text.
fn arguments(text: &str) -> usize {
    let (mut depth, mut commas, mut is_empty) = (0_usize, 0, true);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '"' | '\'' => quoted_length(rest, next).unwrap_or(rest.len()),
            _ => next.len_utf8(),
        };
        match next {
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 1 => break,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => commas += 1,
            _ => {}
        }
        is_empty &= next.is_whitespace() || (next == '(' && depth == 1);
        rest = rest.get(length..).unwrap_or_default();
    }
    if is_empty { 0 } else { commas + 1 }
}
