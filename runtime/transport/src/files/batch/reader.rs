//! Reading messages out of a file that does not fit into memory.

use std::io::{self, Read};

use bytes::{Buf, Bytes, BytesMut};
use cap_std::fs::File;
use transfuse_message::batch::{Flaw, LOOK_BYTES, Part, PartKind, Splitter, Structure};

use crate::files::scan::HEAD_BYTES_MAX;
use crate::frame::Defect;

/// How much is read at a time: some tens of usual messages, and little enough to be no matter.
const READ_BYTES: usize = 64 * 1024;

/// The messages of a file, one by one.
#[derive(Debug)]
pub(in crate::files) struct Reader {
    file: File,
    message_bytes_max: u64,
    splitter: Splitter,
    structure: Structure,
    /// What was read and is not yet part of anything.
    buffer: BytesMut,
    is_end: bool,
    /// Where the part begins that the buffer begins with.
    start: u64,
    /// The beginning of a part that is too long, and how many of its bytes are no longer in the buffer.
    head: Bytes,
    gone: u64,
}

/// One message of a file.
#[derive(Debug)]
pub(super) struct Message {
    /// Its number in the file, from 1 on.
    pub(super) number: u64,
    /// Where it begins, and how long it is, in bytes.
    pub(super) start: u64,
    pub(super) bytes: u64,
    /// Its bytes; of one that is too long, the beginning.
    pub(super) content: Bytes,
    pub(super) defect: Option<Defect>,
}

/// Where a message is to be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) start: u64,
    pub(super) bytes: u64,
}

/// A part, and its length where that is more than its bytes.
struct Piece {
    part: Part,
    length: u64,
}

/// Whether the file is more than one message. It is read no further than that takes, but always from its beginning.
pub(in crate::files) fn is_batch(file: &File, message_bytes_max: u64) -> io::Result<bool> {
    let mut reader = Reader::new(file.try_clone()?, message_bytes_max);
    while reader.next_piece()?.is_some() {
        if reader.structure.is_batch() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Reader {
    /// Reads from where the file stands.
    pub(super) fn new(file: File, message_bytes_max: u64) -> Reader {
        Reader {
            file,
            message_bytes_max,
            splitter: Splitter::default(),
            structure: Structure::default(),
            buffer: BytesMut::new(),
            is_end: false,
            start: 0,
            head: Bytes::new(),
            gone: 0,
        }
    }

    pub(super) fn next_message(&mut self) -> io::Result<Option<Message>> {
        while let Some(Piece { part, length }) = self.next_piece()? {
            if part.kind == PartKind::Message {
                let bytes_max = self.message_bytes_max;
                return Ok(Some(Message {
                    number: self.structure.messages(),
                    start: part.start,
                    bytes: length,
                    content: part.bytes,
                    defect: (length > bytes_max).then_some(Defect::TooLong {
                        bytes: length,
                        bytes_max,
                    }),
                }));
            }
        }
        Ok(None)
    }

    /// What is wrong with the file, once all of its messages have been read.
    pub(super) fn flaws(&mut self) -> Vec<Flaw> {
        std::mem::take(&mut self.structure).finish()
    }

    fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        loop {
            if let Some((kind, length)) = self.splitter.next_part(&self.buffer, self.is_end) {
                let piece = self.take(kind, length);
                self.structure.take(&piece.part);
                return Ok(Some(piece));
            }
            if self.is_end {
                return Ok(None);
            }
            self.shorten();
            self.read_more()?;
        }
    }

    fn take(&mut self, kind: PartKind, length: usize) -> Piece {
        let bytes = self.buffer.split_to(length).freeze();
        let length = std::mem::take(&mut self.gone) + bytes.len() as u64;
        let start = self.start;
        self.start += length;
        let bytes = match (std::mem::take(&mut self.head), length > self.message_bytes_max) {
            (_, false) => bytes,
            (head, true) if head.is_empty() => bytes.slice(..bytes.len().min(HEAD_BYTES_MAX)),
            (head, true) => head,
        };
        Piece {
            part: Part { kind, start, bytes },
            length,
        }
    }

    /// Of a part that is too long, keeps the beginning and what the splitter has not looked at.
    fn shorten(&mut self) {
        let spare = self.buffer.len().saturating_sub(LOOK_BYTES);
        if spare as u64 <= self.message_bytes_max {
            return;
        }
        if self.head.is_empty() {
            let head = self.buffer.get(..spare.min(HEAD_BYTES_MAX)).unwrap_or_default();
            self.head = Bytes::copy_from_slice(head);
        }
        self.splitter.forget(spare);
        self.buffer.advance(spare);
        self.gone += spare as u64;
    }

    fn read_more(&mut self) -> io::Result<()> {
        let filled = self.buffer.len();
        self.buffer.resize(filled + READ_BYTES, 0);
        let room = self.buffer.get_mut(filled..).unwrap_or_default();
        let read = loop {
            match self.file.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        self.is_end = read? == 0;
        Ok(())
    }
}

impl Message {
    pub(super) fn place(&self) -> Place {
        Place {
            number: self.number,
            start: self.start,
            bytes: self.bytes,
        }
    }
}
