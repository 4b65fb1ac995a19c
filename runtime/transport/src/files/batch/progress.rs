//! How far a file of many messages is done with, kept beside it so that a crash loses nothing of it.
//!
//! A hidden file of lines: which file it is about; then, for every few messages, those that were refused and up to which
//! number all are done with. A last line that a crash cut short is as if it were not there.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::time::UNIX_EPOCH;

use cap_std::fs::{Dir, File, OpenOptions};
use sha2::{Digest as _, Sha256};

use super::reader::Place;
use crate::files::places::Settlement;
use crate::files::publish::sync;
use crate::files::scan::Found;

/// Begins and ends the names of the files that are kept here. The first makes every reader pass them over.
const NAME: (&str, &str) = (".transfuse-", ".progress");

/// How much of a file is digested to tell it from another one of the same name, size and time. Two exports of one system
/// differ in the time of their header at the latest.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// Longer than any first line that is written here.
const FIRST_LINE_BYTES_MAX: u64 = 256;

/// The progress of one file.
#[derive(Debug)]
pub(super) struct Progress {
    file: std::fs::File,
    /// Up to here the lines are whole and durable.
    length: u64,
    taken: Taken,
}

/// How much of a file is done with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    /// All messages up to this number.
    pub(super) messages: u64,
    /// So many of them were refused.
    pub(super) refused: u64,
}

/// A message that was refused.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) place: Place,
    /// Without a value of the message.
    pub(super) reason: String,
}

impl Progress {
    /// The progress of this very file, or that of a file nothing of which is done.
    pub(super) fn open(inbox: &Dir, found: &Found, file: &mut File) -> io::Result<Progress> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut noted = inbox.open_with(name_of(&found.name), options)?.into_std();
        let identity = identity(found, file)?;
        if let Some((length, taken)) = read(&mut noted, &identity)? {
            return Ok(Progress {
                file: noted,
                length,
                taken,
            });
        }
        let mut progress = Progress {
            file: noted,
            length: 0,
            taken: Taken::default(),
        };
        progress.append(&identity)?;
        sync(inbox)?;
        Ok(progress)
    }

    /// The number up to which all messages are done with.
    pub(super) fn done(&self) -> u64 {
        self.taken.messages
    }

    pub(super) fn taken(&self) -> Taken {
        self.taken
    }

    /// Notes that all messages up to `done` are done with, and which of them were refused. After an error nothing is
    /// noted, and trying again is safe.
    pub(super) fn record(&mut self, done: u64, refused: &[Refused]) -> io::Result<()> {
        let mut lines = String::new();
        for Refused { place, reason } in refused {
            let Place { number, start, bytes } = place;
            let _ = writeln!(lines, "refused {number} {start} {bytes} {reason}");
        }
        let _ = writeln!(lines, "done {done}");
        self.append(&lines)?;
        self.taken.messages = done;
        self.taken.refused += refused.len() as u64;
        Ok(())
    }

    fn append(&mut self, lines: &str) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_data()?;
        self.length += lines.len() as u64;
        Ok(())
    }
}

impl Refused {
    /// Nothing where the message was taken.
    pub(super) fn of(place: &Place, settlement: &Settlement) -> Option<Refused> {
        match settlement {
            Settlement::Archive => None,
            Settlement::Errors(reason) => Some(Refused {
                place: *place,
                reason: reason.replace('\n', " "),
            }),
        }
    }

    fn parse(line: &str) -> Option<Refused> {
        let mut words = line.strip_prefix("refused ")?.splitn(4, ' ');
        let mut number = || words.next()?.parse().ok();
        let (number, start, bytes) = (number()?, number()?, number()?);
        Some(Refused {
            place: Place { number, start, bytes },
            reason: words.next()?.to_owned(),
        })
    }
}

/// The messages of the file that were refused, in their order.
pub(super) fn refused(inbox: &Dir, found: &Found) -> io::Result<impl Iterator<Item = io::Result<Refused>>> {
    let lines = BufReader::new(inbox.open(name_of(&found.name))?).lines();
    Ok(lines.filter_map(|line| line.map(|line| Refused::parse(&line)).transpose()))
}

/// Forgets a file that is gone.
pub(super) fn remove(inbox: &Dir, found: &Found) -> io::Result<()> {
    match inbox.remove_file(name_of(&found.name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes the progress of files that are no longer there.
pub(in crate::files) fn remove_orphans(inbox: &Dir) -> io::Result<()> {
    let mut orphans = HashSet::new();
    for entry in inbox.entries()? {
        let name = entry?.file_name();
        let is_progress = name
            .to_str()
            .is_some_and(|name| name.starts_with(NAME.0) && name.ends_with(NAME.1));
        if is_progress {
            orphans.insert(name);
        }
    }
    if orphans.is_empty() {
        return Ok(());
    }
    for entry in inbox.entries()? {
        orphans.remove(OsStr::new(&name_of(&entry?.file_name())));
    }
    orphans.iter().try_for_each(|name| inbox.remove_file(name))
}

/// A digest instead of the name itself, which may be as long as names can be.
fn name_of(name: &OsStr) -> String {
    let digest = Sha256::digest(name.as_encoded_bytes());
    format!(
        "{}{}{}",
        NAME.0,
        hexadecimal(digest.get(..8).unwrap_or_default()),
        NAME.1
    )
}

/// The first line: tells a file from another one of the same name.
fn identity(found: &Found, file: &mut File) -> io::Result<String> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(HEAD_BYTES_MAX).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let modified_ns = found.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let digest = hexadecimal(&Sha256::digest(&head));
    Ok(format!("transfuse-progress 1 {} {modified_ns} {digest}\n", found.bytes))
}

/// What was noted, and how many bytes of it are whole; nothing where it is about another file.
fn read(noted: &mut std::fs::File, identity: &str) -> io::Result<Option<(u64, Taken)>> {
    let mut first = Vec::new();
    BufReader::new((&mut *noted).take(FIRST_LINE_BYTES_MAX)).read_until(b'\n', &mut first)?;
    if first != identity.as_bytes() {
        return Ok(None);
    }
    noted.seek(SeekFrom::Start(0))?;
    let mut lines = BufReader::new(noted);
    let (mut taken, mut refused) = (Taken::default(), 0);
    let (mut length, mut position) = (0, 0);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
        position += line.len() as u64;
        let done = line
            .strip_prefix("done ")
            .and_then(|number| number.trim_end().parse().ok());
        if let Some(messages) = done {
            taken = Taken { messages, refused };
            length = position;
        } else if line.starts_with("refused ") {
            refused += 1;
        } else if line == identity {
            length = position;
        }
        line.clear();
    }
    Ok(Some((length, taken)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
