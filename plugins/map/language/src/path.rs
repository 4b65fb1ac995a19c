//! Paths in a mapping: the engine's own notation, read within the `for-each` in which they stand.
//!
//! In `for-each = "OBX"` the path `OBX-3` is that of the OBX at hand; in a group, `OBR-4` is that of the group at hand.
//! With a slash in front a path begins at the message, wherever it stands: `/PID-3`. `MSH` always does.

use std::fmt::Write as _;

/// A path as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// Begins with a slash.
    pub(crate) is_absolute: bool,
    /// `ORDER_OBSERVATION[2]/`, or nothing.
    pub(crate) groups: String,
    /// `OBX`; nothing where the path is a group.
    pub(crate) segment: String,
    pub(crate) occurrence: Option<u32>,
    pub(crate) field: Option<u32>,
    pub(crate) repetition: Option<u32>,
    /// `.1.2`, or nothing.
    pub(crate) parts: String,
    /// From the dash on, `-3[2].1.2`; nothing where the path is no field. Kept, because every message asks for it.
    pub(crate) node: String,
}

/// What a `for-each` is at: one segment, group or repetition.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    /// A segment of this name, and its path.
    Segment { name: String, at: String },
    /// A repetition of this field of a segment, and its path.
    Field { name: String, field: u32, at: String },
    /// A group, as its path with a slash at the end.
    Group { at: String },
}

const EXAMPLE: &str = "write for example PID-5.1, PID-3[2].1, OBX[3]-5 or ORDER_OBSERVATION/OBR-4";

impl Path {
    /// Reads a path from the beginning of a text, and gives what follows it.
    pub(crate) fn read(text: &str) -> Result<(Self, &str), String> {
        let (is_absolute, mut rest) = text.strip_prefix('/').map_or((false, text), |rest| (true, rest));
        let mut groups = String::new();
        while let Some((group, after)) = group(rest) {
            groups.push_str(group);
            rest = after;
        }
        let (segment, after) = segment(rest).unwrap_or(("", rest));
        let mut path = Self {
            is_absolute,
            groups,
            segment: segment.to_owned(),
            occurrence: None,
            field: None,
            repetition: None,
            parts: String::new(),
            node: String::new(),
        };
        if segment.is_empty() {
            return if path.groups.is_empty() {
                Err(format!("`{text}` is not a path: {EXAMPLE}"))
            } else {
                Ok((path, after))
            };
        }
        let rest = path
            .read_node(after)
            .ok_or_else(|| format!("`{text}` is not a path: {EXAMPLE}"))?;
        Ok((path, rest))
    }

    /// Reads a text that is a path and nothing else.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (path, rest) = Self::read(text)?;
        if rest.is_empty() {
            return Ok(path);
        }
        let dashes = rest
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()));
        if dashes && path.field.is_some() {
            let meant = text.strip_suffix(rest).unwrap_or(text);
            return Err(format!(
                "`{text}` is not a path: a component comes after a dot, {meant}.{}",
                &rest.replace('-', ".")[1..]
            ));
        }
        Err(format!("`{text}` is not a path: {EXAMPLE}"))
    }

    /// Everything after the name of the segment; none where a number is missing or zero.
    fn read_node<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let (occurrence, mut rest) = bracketed(text)?;
        self.occurrence = occurrence;
        let Some(after) = rest.strip_prefix('-') else {
            return Some(rest);
        };
        let (field, after) = number(after)?;
        self.field = Some(field);
        (self.repetition, rest) = bracketed(after)?;
        for _ in 0..2 {
            let Some((part, after)) = rest.strip_prefix('.').and_then(number) else {
                break;
            };
            // A string cannot fail to be written to.
            let _ = write!(self.parts, ".{part}");
            rest = after;
        }
        let repetition = self.repetition.map_or_else(String::new, |number| format!("[{number}]"));
        self.node = format!("-{field}{repetition}{}", self.parts);
        Some(rest)
    }

    /// A group, and no segment in it.
    pub(crate) fn is_group(&self) -> bool {
        self.segment.is_empty()
    }

    /// The name of the innermost of the path's own groups.
    pub(crate) fn group(&self) -> Option<&str> {
        let last = self.groups.strip_suffix('/')?.rsplit('/').next()?;
        last.split('[').next()
    }

    /// The group that the path is in at a place within some `for-each`, as [`resolve`](Self::resolve) finds it.
    pub(crate) fn group_within<'p>(&'p self, around: &'p [Self]) -> Option<&'p str> {
        if self.group().is_some() || self.is_absolute || self.segment == "MSH" {
            return self.group();
        }
        for frame in around.iter().rev() {
            if frame.is_group() && frame.group().is_some() {
                return frame.group();
            }
            if self.is_of(&frame.segment) {
                return None;
            }
        }
        None
    }

    /// How grants name what the path leads to: `PID-5`, or `PID-*` for a segment.
    pub(crate) fn pattern(&self) -> String {
        match self.field {
            Some(field) => format!("{}-{field}", self.segment),
            None => format!("{}-*", self.segment),
        }
    }

    /// The path for the host, at the place where a rule stands.
    pub(crate) fn resolve(&self, frames: &[Frame]) -> String {
        let mut within = "";
        if !self.is_absolute && self.segment != "MSH" {
            for frame in frames.iter().rev() {
                match frame {
                    Frame::Group { at } => {
                        within = at;
                        break;
                    }
                    Frame::Segment { name, at } if self.is_of(name) => return [at, self.node.as_str()].concat(),
                    Frame::Field { name, field, at }
                        if self.is_of(name) && self.field == Some(*field) && self.repetition.is_none() =>
                    {
                        return [at, self.parts.as_str()].concat();
                    }
                    Frame::Field { name, at, .. } if self.is_of(name) => {
                        let segment = at.rsplit_once('-').map_or(at.as_str(), |(segment, _)| segment);
                        return [segment, self.node.as_str()].concat();
                    }
                    Frame::Segment { .. } | Frame::Field { .. } => {}
                }
            }
        }
        [within, self.plain().as_str()].concat()
    }

    /// Of a segment of this name, and not of another one than that at hand.
    fn is_of(&self, name: &str) -> bool {
        self.segment == name && self.groups.is_empty() && self.occurrence.is_none()
    }

    /// As it was written, without the slash in front.
    pub(crate) fn plain(&self) -> String {
        let occurrence = self.occurrence.map_or_else(String::new, |number| format!("[{number}]"));
        [&self.groups, &self.segment, &occurrence, &self.node]
            .map(String::as_str)
            .concat()
    }
}

/// The name of a segment at the beginning of a text: three capital letters or digits, beginning with a letter.
fn segment(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_at_checked(3)?;
    let is_name = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let ends = !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    (is_name && ends).then_some((name, rest))
}

/// A group with its slash at the beginning of a text.
fn group(text: &str) -> Option<(&str, &str)> {
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let length = text.bytes().take_while(is_name).count();
    let (_, after) = bracketed(text.get(length..)?)?;
    let rest = after.strip_prefix('/')?;
    let group = text.get(..text.len() - rest.len())?;
    (length > 0).then_some((group, rest))
}

/// A number in brackets, where there are brackets.
fn bracketed(text: &str) -> Option<(Option<u32>, &str)> {
    let Some(inside) = text.strip_prefix('[') else {
        return Some((None, text));
    };
    let (number, rest) = number(inside)?;
    Some((Some(number), rest.strip_prefix(']')?))
}

/// A number from one on.
fn number(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    digits
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .map(|number| (number, rest))
}
