//! The functions of expressions, which come after a value: `PID-5.1 | upper`. There are these and no others.

mod date;
mod title;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use minijinja::value::Object;
use minijinja::{Environment, UndefinedBehavior, Value};

/// HL7's delete marker: a value to be removed at the receiver, and none itself.
pub(crate) const DELETE: &str = "\"\"";

/// One function: how it is called, and how many arguments it takes beside the value.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: RangeInclusive<usize>,
    pub(crate) example: &'static str,
}

/// How many names `listed` shows: no more than a person would read in a line.
const LISTED_MAX: usize = 20;

/// The longest text that `pad_left` and `pad_right` make: longer than any field of a fixed length.
const PADDED_MAX: usize = 1000;

const fn function(name: &'static str, arguments: RangeInclusive<usize>, example: &'static str) -> Function {
    Function {
        name,
        arguments,
        example,
    }
}

/// Every function that there is.
pub(crate) const FUNCTIONS: &[Function] = &[
    function("upper", 0..=0, "PID-5.1 | upper"),
    function("lower", 0..=0, "PID-5.1 | lower"),
    function("title", 0..=0, "PID-5.1 | title"),
    function("trim", 0..=0, "OBX-6.1 | trim"),
    function("replace", 2..=2, "PID-13.1 | replace(\" \", \"\")"),
    function("substring", 1..=2, "PID-7.1 | substring(1, 8)"),
    function("pad_left", 1..=2, "PID-3.1 | pad_left(10, \"0\")"),
    function("pad_right", 1..=2, "PID-3.1 | pad_right(10)"),
    function("digits", 0..=0, "PID-13.1 | digits"),
    function("default", 1..=1, "PID-8 | default(\"U\")"),
    function(
        "translate",
        1..=2,
        "OBX-6.1 | translate(units), or with what stands for unknown ones: translate(units, \"?\")",
    ),
    function("date", 1..=1, "SCH-11.4 | date(\"%Y.%m.%d. %H:%M\")"),
    function("number", 0..=0, "OBX-5 | number > 10"),
    function("join", 1..=1, "lines | join(\", \")"),
    function("listed", 0..=0, "unknown | listed"),
    function("length", 0..=0, "PID-3.1 | length"),
    function("contains", 1..=1, "OBR-4.1 | contains(\"CITO\")"),
    function("starts_with", 1..=1, "PID-3.1 | starts_with(\"T\")"),
    function("ends_with", 1..=1, "OBR-4.1 | ends_with(\"U\")"),
];

/// What can be asked with `is`.
pub(crate) const TESTS: &[&str] = &["set", "empty", "number"];

/// A list of codes that the mapping holds.
#[derive(Debug)]
pub(crate) struct Codes(pub(crate) BTreeMap<String, String>);

impl Object for Codes {}

/// The expression language with these functions and nothing else, made once.
pub(crate) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        add_texts(&mut environment);
        add_others(&mut environment);
        environment
    });
    &ENVIRONMENT
}

fn add_texts(environment: &mut Environment<'static>) {
    environment.add_filter("upper", |value: &Value| text(value).to_uppercase());
    environment.add_filter("lower", |value: &Value| text(value).to_lowercase());
    environment.add_filter("title", |value: &Value| title::title(&text(value)));
    environment.add_filter("trim", |value: &Value| text(value).trim().to_owned());
    environment.add_filter("replace", |value: &Value, old: &Value, new: &Value| {
        let (value, old) = (text(value), text(old));
        if old.is_empty() {
            value
        } else {
            value.replace(&old, &text(new))
        }
    });
    environment.add_filter(
        "substring",
        |value: &Value, from: usize, length: Option<usize>| -> String {
            text(value)
                .chars()
                .skip(from.saturating_sub(1))
                .take(length.unwrap_or(usize::MAX))
                .collect()
        },
    );
    environment.add_filter("pad_left", |value: &Value, length: usize, with: Option<&Value>| {
        let value = text(value);
        format!("{}{value}", padding(&value, length, with))
    });
    environment.add_filter("pad_right", |value: &Value, length: usize, with: Option<&Value>| {
        let value = text(value);
        format!("{value}{}", padding(&value, length, with))
    });
    environment.add_filter("digits", |value: &Value| -> String {
        text(value).chars().filter(char::is_ascii_digit).collect()
    });
    environment.add_filter("contains", |value: &Value, part: &Value| {
        text(value).contains(&text(part))
    });
    environment.add_filter("starts_with", |value: &Value, part: &Value| {
        text(value).starts_with(&text(part))
    });
    environment.add_filter("ends_with", |value: &Value, part: &Value| {
        text(value).ends_with(&text(part))
    });
    environment.add_filter("date", |value: &Value, format: &Value| {
        date::date(&text(value), &text(format))
    });
}

fn add_others(environment: &mut Environment<'static>) {
    environment.add_filter(
        "default",
        |value: &Value, other: Value| {
            if is_empty(value) { other } else { value.clone() }
        },
    );
    environment.add_filter("translate", translate);
    environment.add_filter("number", number);
    environment.add_filter("join", |list: &Value, between: &Value| items(list).join(&text(between)));
    environment.add_filter("listed", |list: &Value| listed(&items(list)));
    environment.add_filter("length", |value: &Value| match value.as_str() {
        Some(text) => text.chars().count(),
        None => items(value).len(),
    });
    environment.add_test("set", |value: &Value| !value.is_none());
    environment.add_test("empty", is_empty);
    environment.add_test("number", |value: &Value| !number(value).is_none());
}

/// What a value is as text. Nothing is the empty text.
pub(crate) fn text(value: &Value) -> String {
    let mut written = String::new();
    write(&mut written, value);
    written
}

/// Adds a value to a text.
pub(crate) fn write(written: &mut String, value: &Value) {
    match value.as_str() {
        Some(text) => written.push_str(text),
        None if value.is_none() || value.is_undefined() => {}
        None if value.try_iter().is_ok() => written.push_str(&items(value).join(", ")),
        None => written.push_str(&value.to_string()),
    }
}

/// No text, no value at all, or the delete marker.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value.as_str() {
        Some(text) => text.is_empty() || text == DELETE,
        None => {
            value.is_none() || value.is_undefined() || value.try_iter().is_ok_and(|mut items| items.next().is_none())
        }
    }
}

fn items(list: &Value) -> Vec<String> {
    match list.try_iter() {
        Ok(items) if list.as_str().is_none() => items.map(|item| text(&item)).collect(),
        _ => vec![text(list)],
    }
}

/// Each once, and no more of them than a person would read.
fn listed(items: &[String]) -> String {
    let mut once: Vec<&str> = Vec::new();
    for item in items {
        if !once.contains(&item.as_str()) {
            once.push(item);
        }
    }
    let more = once.len().saturating_sub(LISTED_MAX);
    once.truncate(LISTED_MAX);
    let shown = once.join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}

fn padding(value: &str, length: usize, with: Option<&Value>) -> String {
    let with = with.map_or_else(|| " ".to_owned(), text);
    let missing = length.min(PADDED_MAX).saturating_sub(value.chars().count());
    with.chars().cycle().take(missing).collect()
}

/// What a list of codes has for a value; and otherwise the other one, or the value itself.
fn translate(value: &Value, codes: &Value, other: Option<Value>) -> Result<Value, minijinja::Error> {
    let Some(Codes(codes)) = codes.downcast_object_ref() else {
        let why = "translate is given a list of codes: one of [codes.NAME]";
        return Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, why));
    };
    let found = codes.get(&text(value)).map(|code| Value::from(code.as_str()));
    Ok(found.or(other).unwrap_or_else(|| value.clone()))
}

/// The number that a text is, with a point or a comma; nothing where it is none.
fn number(value: &Value) -> Value {
    let text = text(value).trim().replace(',', ".");
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    let number: Option<f64> = text.parse().ok().filter(|_| is_plain);
    number.map_or_else(|| Value::from(()), Value::from)
}
