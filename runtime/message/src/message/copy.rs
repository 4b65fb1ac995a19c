//! Copying a node from message to message without its bytes visiting a plugin.

use std::borrow::Cow;

use super::Message;
use super::edit::{is_delimiters, not_settable};
use crate::{Path, PathError, escape};

impl Message {
    /// Copies a node of another message, translating delimiters and character set where they differ. Both paths name
    /// nodes of the same kind; a repetition may also become a whole field. A source that is absent clears the node.
    ///
    /// Between messages of the same delimiters and character set the bytes stay as they are. A field or segment with
    /// a line feed in it is read and written anew, because a line feed cannot be written as it is.
    pub fn copy_from(&mut self, source: &Self, source_path: &Path, path: &Path) -> Result<(), PathError> {
        match self.copied(source, source_path, path)? {
            Some(bytes) => self.put_copy(path, &bytes),
            None => self.clear(path),
        }
    }

    /// Copies a node of this message to another place in it.
    pub fn copy_within(&mut self, source_path: &Path, path: &Path) -> Result<(), PathError> {
        match self.copied(self, source_path, path)?.map(Cow::into_owned) {
            Some(bytes) => self.put_copy(path, &bytes),
            None => self.clear(path),
        }
    }

    /// The bytes of a node as this message writes them.
    fn copied<'a>(
        &self,
        source: &'a Self,
        source_path: &Path,
        path: &Path,
    ) -> Result<Option<Cow<'a, [u8]>>, PathError> {
        if kind(source_path) != kind(path) {
            let reason = "a copy between nodes of different kinds; copy a field to a field, a component to a component";
            return Err(PathError::Unsupported { reason });
        }
        if is_delimiters(source_path) || (source_path.is_of_header() && source_path.field().is_none()) {
            let reason = "a copy of the header or of its delimiters; copy its fields from MSH-3 on";
            return Err(PathError::Unsupported { reason });
        }
        let Some(bytes) = source.reading(source_path)? else {
            return Ok(None);
        };
        let same = source.delimiters == self.delimiters && source.charset == self.charset;
        if same && memchr::memchr(b'\n', bytes).is_none() {
            return Ok(Some(Cow::Borrowed(bytes)));
        }
        let translation = Translation {
            source,
            source_path,
            target: self,
            path,
        };
        Ok(Some(Cow::Owned(translation.of(bytes)?)))
    }

    fn put_copy(&mut self, path: &Path, bytes: &[u8]) -> Result<(), PathError> {
        match path.field() {
            Some(_) => self.set_reading(path, bytes),
            None => self.set_reading(
                path,
                &[path.segment().as_bytes(), bytes.get(3..).unwrap_or_default()].concat(),
            ),
        }
    }
}

/// What has to agree between the ends of a copy: segment, field, component, subcomponent.
fn kind(path: &Path) -> (bool, bool, bool) {
    let field = path.field();
    let component = field.and_then(|field| field.component());
    let subcomponent = field.and_then(|field| field.subcomponent());
    (field.is_some(), component.is_some(), subcomponent.is_some())
}

/// From one message's delimiters and character set to another's: each leaf is decoded and encoded again.
struct Translation<'a> {
    source: &'a Message,
    source_path: &'a Path,
    target: &'a Message,
    path: &'a Path,
}

impl Translation<'_> {
    fn of(&self, bytes: &[u8]) -> Result<Vec<u8>, PathError> {
        let (theirs, ours) = (self.source.delimiters.separators(), self.target.delimiters.separators());
        let role = |byte: u8| theirs.iter().position(|separator| *separator == Some(byte));
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        loop {
            let end = rest.iter().position(|byte| role(*byte).is_some()).unwrap_or(rest.len());
            self.push_leaf(rest.get(..end).unwrap_or_default(), &mut out)?;
            let Some(role) = rest.get(end).and_then(|byte| role(*byte)) else {
                return Ok(out);
            };
            let separator = ours.get(role).copied().flatten();
            let reason = "the source has parts for which MSH-2 of this message names no separator";
            out.push(separator.ok_or_else(|| not_settable(self.path, reason))?);
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }

    fn push_leaf(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), PathError> {
        let text = escape::decode(bytes, self.source.delimiters, self.source.charset)
            .ok_or_else(|| self.source.undecodable(self.source_path))?;
        let encoded = escape::encode(&text, self.target.delimiters, self.target.charset)
            .map_err(|why| self.target.unwritable(self.path, why))?;
        out.extend_from_slice(&encoded);
        Ok(())
    }
}
