//! What an edited copy changed of the message that it was made of, field by field: for whoever has to know whether it
//! may, and not for people to read (see `differences`).

use std::sync::Arc;

use super::{Message, Segment, State};

/// One thing that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// A field has another value. One that is empty and one that is absent have the same.
    Field {
        /// The segment's name.
        segment: &'a str,
        /// The field's number.
        field: u32,
    },
    /// A segment was inserted; the fields that it has follow, each as a change.
    Inserted {
        /// The segment's name.
        segment: &'a str,
    },
    /// A segment was taken out.
    Removed {
        /// The segment's name.
        segment: &'a str,
    },
    /// The message was not made of the other one.
    Everything,
}

/// How the next segments of two messages belong together.
enum Step {
    Both,
    Inserted,
    Removed,
}

impl Message {
    /// Tells `each` what was changed since this message was a copy of `before`, in order, until it gives an error.
    ///
    /// However an edit was made, and under whatever path: the bytes are compared. What both share is not looked at, so
    /// that it takes time in proportion to the number of segments and the size of those that were edited.
    pub fn changes_since<'a, E>(
        &'a self,
        before: &'a Self,
        mut each: impl FnMut(Change<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_same_original = self.original.as_ptr() == before.original.as_ptr();
        if !is_same_original || self.delimiters != before.delimiters || self.charset != before.charset {
            return each(Change::Everything);
        }
        if Arc::ptr_eq(&self.segments, &before.segments) {
            return Ok(());
        }
        let (mut olds, mut news) = (&before.segments[..], &self.segments[..]);
        loop {
            let step = match (olds, news) {
                ([], []) => return Ok(()),
                ([], _) => Step::Inserted,
                (_, []) => Step::Removed,
                _ => step(olds, news, before.insertions),
            };
            let (old, new) = (olds.first(), news.first());
            match step {
                Step::Both => self.compare(before, old, new, &mut each)?,
                Step::Inserted => self.inserted(new, &mut each)?,
                Step::Removed => removed(old, &mut each)?,
            }
            if !matches!(step, Step::Inserted) {
                olds = olds.get(1..).unwrap_or_default();
            }
            if !matches!(step, Step::Removed) {
                news = news.get(1..).unwrap_or_default();
            }
        }
    }

    fn compare<'a, E>(
        &'a self,
        before: &'a Self,
        old: Option<&'a Segment>,
        new: Option<&'a Segment>,
        each: &mut impl FnMut(Change<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (Some(old), Some(new)) = (old, new) else {
            return Ok(());
        };
        if is_shared(old, new) {
            return Ok(());
        }
        let (was, is) = (before.content_of(old), self.content_of(new));
        if was == is {
            return Ok(());
        }
        if old.name != new.name {
            removed(Some(old), each)?;
            return self.inserted(Some(new), each);
        }
        let (mut was, mut is) = (self.fields(was), self.fields(is));
        for field in first_field(new).. {
            let (was, is) = (was.next(), is.next());
            if was.is_none() && is.is_none() {
                break;
            }
            if was.unwrap_or_default() != is.unwrap_or_default() {
                each(Change::Field {
                    segment: name(new),
                    field,
                })?;
            }
        }
        Ok(())
    }

    fn inserted<'a, E>(
        &'a self,
        new: Option<&'a Segment>,
        each: &mut impl FnMut(Change<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(new) = new else { return Ok(()) };
        let segment = name(new);
        each(Change::Inserted { segment })?;
        for (field, value) in (first_field(new)..).zip(self.fields(self.content_of(new))) {
            if !value.is_empty() {
                each(Change::Field { segment, field })?;
            }
        }
        Ok(())
    }

    /// Fields behind the name; of a header from MSH-2 on, because MSH-1 is the separator itself.
    fn fields<'a>(&self, content: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let separator = self.delimiters.field;
        content.split(move |byte| *byte == separator).skip(1)
    }
}

fn removed<'a, E>(old: Option<&'a Segment>, each: &mut impl FnMut(Change<'a>) -> Result<(), E>) -> Result<(), E> {
    // A line that is none goes with the segment before it.
    match old.map(name) {
        None | Some("") => Ok(()),
        Some(segment) => each(Change::Removed { segment }),
    }
}

/// Received segments are known by their place in the bytes that came in, and inserted ones by their number; both keep
/// their order. Whatever `before` has that this message has not was removed on the way to the next one that it has.
fn step(olds: &[Segment], news: &[Segment], insertions_before: u32) -> Step {
    let (Some(old), Some(new)) = (olds.first(), news.first()) else {
        return Step::Both;
    };
    match (is_inserted(old), is_inserted(new)) {
        (_, true) if new.start >= insertions_before => Step::Inserted,
        (was_inserted, is_inserted) if was_inserted == is_inserted && old.start == new.start => Step::Both,
        (true | false, _) => Step::Removed,
    }
}

fn is_inserted(segment: &Segment) -> bool {
    segment.state == State::Inserted
}

/// Whether both are the same bytes in memory.
fn is_shared(old: &Segment, new: &Segment) -> bool {
    match (&old.reading, &new.reading) {
        (None, None) => old.start == new.start,
        (Some(old), Some(new)) => Arc::ptr_eq(old, new),
        _ => false,
    }
}

fn first_field(segment: &Segment) -> u32 {
    if segment.name == *b"MSH" { 2 } else { 1 }
}

fn name(segment: &Segment) -> &str {
    if segment.name == [0; 3] {
        return "";
    }
    std::str::from_utf8(&segment.name).unwrap_or_default()
}
