//! Edits: how one is written, what it does, and what must hold afterwards.
//!
//! | written | does |
//! |---|---|
//! | `= PATH VALUE` | sets a leaf |
//! | `# PATH BYTES` | puts encoded bytes |
//! | `- PATH` | clears a node |
//! | `x PATH` | removes a segment or repetition |
//! | `+ NAME PATH` | inserts a segment after one |
//! | `< PATH PATH` | copies a node of the message itself |
//! | `* PATH PATH` | copies a node of a message with other delimiters and another character set |
//!
//! In place of a path, `@7` is the seventh leaf of the message, `~7` the field that it is in, `$7` its segment.

use std::borrow::Cow;

use transfuse_message::{Message, ParseOptions, Path, PathError};

use crate::nodes::leaves;

/// A message that has nothing in common with most others: its parts have to be translated when they are copied.
const FOREIGN: &[u8] = b"MSH$%*!@$LAB$$$$$$$K1$P$2.5$$$$$$8859/2\r\
    PID$1$$A%B@C*D!S!E$x|y^z~w\\v&u\xf5$!X41!$!.br!\rOBX$1$TX$$$a%b%c*d$!E!\r\
    ZZZ\r";

/// An edit of a message, with its paths resolved.
pub(crate) struct Edit<'a> {
    verb: char,
    path: Path,
    source: Option<Path>,
    value: &'a str,
}

impl<'a> Edit<'a> {
    /// `None` where the text is no edit, or its path is none: then only the path's parser was tried.
    pub(crate) fn of(text: &'a str, message: &Message) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let (verb, first, rest) = (words.next()?.chars().next()?, words.next()?, words.next());
        let edit = |path, source, value| {
            Some(Self {
                verb,
                path,
                source,
                value,
            })
        };
        match verb {
            '+' => edit(self::path(rest.unwrap_or("MSH"), message)?, None, first),
            '<' | '*' => {
                let source = self::path(first, message)?;
                edit(self::path(rest.unwrap_or(first), message)?, Some(source), "")
            }
            _ => edit(self::path(first, message)?, None, rest.unwrap_or_default()),
        }
    }

    /// Makes the edit on a copy. One that fails leaves the copy as the message is; one that succeeds did what it says.
    pub(crate) fn make(&self, message: &Message) -> Message {
        let mut after = message.clone();
        let made = self.apply(message, &mut after);
        if let Err(error) = made {
            assert!(
                after.encode() == message.encode(),
                "an edit that failed changed the message"
            );
            // The words of an error are ASCII, so that a value which is not cannot be among them by chance.
            let is_told = !self.value.is_ascii() && error.to_string().contains(self.value);
            assert!(!is_told, "an error tells a value");
        }
        after
    }

    fn apply(&self, before: &Message, after: &mut Message) -> Result<(), PathError> {
        match self.verb {
            '=' => self.set(after),
            '#' => {
                after.set_raw(&self.path, self.value.as_bytes())?;
                let raw = after.get_raw(&self.path)?;
                assert!(
                    raw.as_deref() == Some(self.value.as_bytes()),
                    "{} is not as put",
                    self.path
                );
                Ok(())
            }
            '-' => self.clear(after),
            'x' => self.remove(before, after),
            '+' => self.insert(before, after),
            '<' => self.copy(before, after),
            '*' => match Message::parse(FOREIGN, &ParseOptions::default()) {
                Ok(foreign) => self.copy(&foreign, after),
                Err(error) => panic!("the foreign message cannot be read: {error}"),
            },
            _ => read(before, &self.path),
        }
    }

    fn set(&self, after: &mut Message) -> Result<(), PathError> {
        after.set(&self.path, self.value)?;
        let value = after.get(&self.path)?;
        assert!(value.as_option() == Some(self.value), "{} is not as set", self.path);
        Ok(())
    }

    fn clear(&self, after: &mut Message) -> Result<(), PathError> {
        after.clear(&self.path)?;
        let left = after.get_raw(&self.path)?.unwrap_or_default();
        let is_clear = match self.path.field() {
            Some(_) => left.is_empty(),
            None => left.is_empty() || *left == *self.path.segment().as_bytes(),
        };
        assert!(is_clear, "{} is not clear", self.path);
        Ok(())
    }

    fn remove(&self, before: &Message, after: &mut Message) -> Result<(), PathError> {
        let was_there = before.get_raw(&self.path)?.is_some();
        after.remove(&self.path)?;
        if !self.path.groups().is_empty() {
            // Without it, the groups may be others.
            return Ok(());
        }
        let whole = self.whole();
        let (was, is) = (before.count(&whole)?, after.count(&whole)?);
        let expected = match self.path.field() {
            None => was - u32::from(was_there),
            // The last repetition leaves an empty field, which has none; a repetition beyond the last is absent.
            Some(field) => was - u32::from(field.repetition() <= was),
        };
        assert!(
            is == expected || (is == 0 && expected == 1),
            "{was} of {whole} became {is}"
        );
        Ok(())
    }

    /// The path that counts the siblings of what is removed.
    fn whole(&self) -> Path {
        let (segment, occurrence) = (self.path.segment(), self.path.occurrence());
        let text = match self.path.field() {
            None => segment.to_owned(),
            Some(field) => format!("{segment}[{occurrence}]-{}", field.field()),
        };
        text.parse().unwrap_or_else(|_| self.path.clone())
    }

    fn insert(&self, before: &Message, after: &mut Message) -> Result<(), PathError> {
        let path = after.insert(self.value, Some(&self.path))?;
        assert_eq!(after.segment_count(), before.segment_count() + 1);
        let raw = after.get_raw(&path)?;
        assert!(
            raw.as_deref() == Some(self.value.as_bytes()),
            "{path} is not the new segment"
        );
        Ok(())
    }

    fn copy(&self, source: &Message, after: &mut Message) -> Result<(), PathError> {
        let source_path = self.source.as_ref().unwrap_or(&self.path);
        after.copy_from(source, source_path, &self.path)?;
        let is_same = source.delimiters() == after.delimiters() && source.charset() == after.charset();
        let from = source.get_raw(source_path)?.unwrap_or_default();
        // A line feed cannot be written as it is, so such a node is read and written anew.
        if !is_same || from.contains(&b'\n') {
            return Ok(());
        }
        let to = after.get_raw(&self.path)?.unwrap_or_default();
        let skipped = if self.path.field().is_none() { 3 } else { 0 };
        let behind = |bytes: &Cow<'_, [u8]>| bytes.get(skipped..).unwrap_or_default().to_vec();
        assert!(behind(&to) == behind(&from), "{} is not as its source", self.path);
        Ok(())
    }
}

/// Only reads: every question that a path can be asked.
fn read(message: &Message, path: &Path) -> Result<(), PathError> {
    let (raw, count) = (message.get_raw(path), message.count(path));
    if let (Ok(None), Ok(count)) = (&raw, &count) {
        assert_eq!(*count, 0, "{path} is absent and has parts");
    }
    if let Some(field) = path.field() {
        let rows = message.rows(path.segment(), &[field]);
        let first = rows.as_ref().ok().and_then(|rows| rows.first()?.first());
        let segment: Option<Path> = format!("{}-{field}", path.segment()).parse().ok();
        if let (Some(first), Some(segment)) = (first, segment) {
            assert!(
                message.get(&segment).as_ref() == Ok(first),
                "{segment} is not as in its row"
            );
        }
    }
    message.get(path).map(|_| ())
}

/// A path as it is written, or a node of the message by its number.
fn path(text: &str, message: &Message) -> Option<Path> {
    let number = |digits: &str| digits.parse::<usize>().ok();
    let nth = |digits: &str| {
        let found = leaves(message);
        let wanted = number(digits)?.checked_rem(found.len())?;
        found.into_iter().nth(wanted).map(|(path, _)| path)
    };
    let shortened = |digits: &str, to_field: bool| {
        let path = nth(digits)?;
        let field = path
            .field()
            .filter(|_| to_field)
            .map_or(String::new(), |field| format!("-{}", field.field()));
        format!("{}[{}]{field}", path.segment(), path.occurrence()).parse().ok()
    };
    let parsed = |text: &str| {
        let path: Path = text.parse().ok()?;
        assert_eq!(path.to_string(), text, "a path does not print as it was written");
        Some(path)
    };
    match text.split_at_checked(1)? {
        ("@", digits) => nth(digits),
        ("~", digits) => shortened(digits, true),
        ("$", digits) => shortened(digits, false),
        _ => parsed(text),
    }
}
