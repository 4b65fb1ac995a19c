//! What becomes of a file of many messages when all of them are answered.

use std::io::{self, Read, Seek, SeekFrom, Write as _};

use cap_std::fs::{Dir, File};

use super::progress::{self, Refused, Taken};
use crate::files::folder;
use crate::files::places::{Places, Settlement, explain};
use crate::files::publish::Temporary;
use crate::files::scan::Found;

/// How many refused messages a reason file names: it is read by a person.
const REASONS_MAX: usize = 1_000;

/// The file that came goes to the archive, as it came; the messages that were refused go to the error folder, as a file of
/// their own that can be corrected and put into the inbox again. Where all of them were refused, that is the file itself.
/// Says false where the file is no longer the one that was handed over.
pub(super) fn settle(places: &Places, found: &Found, taken: Taken, marker_suffix: Option<&str>) -> io::Result<bool> {
    let inbox = folder::open(&places.inbox)?;
    if !found.is_there(&inbox)? {
        return Ok(false);
    }
    let settlement = if taken.refused == 0 {
        Settlement::Archive
    } else if taken.refused == taken.messages {
        Settlement::Errors(reasons(&inbox, found, taken)?)
    } else {
        publish_refused(places, &inbox, found, taken)?;
        Settlement::Archive
    };
    let settled = places.settle(found, &settlement, marker_suffix)?;
    // What is left behind here is about a file that is gone: the next start removes it.
    let _ = progress::remove(&inbox, found);
    Ok(settled)
}

/// Writes the refused messages. A crash before the file itself was moved brings us here again: the same content is then
/// not written twice.
fn publish_refused(places: &Places, inbox: &Dir, found: &Found, taken: Taken) -> io::Result<()> {
    let errors = places.open_errors()?;
    let Some(mut file) = found.open(inbox)? else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the file is gone"));
    };
    let mut copy = Temporary::create(&errors)?;
    for refused in progress::refused(inbox, found)? {
        copy_message(&mut file, &refused?, &mut copy)?;
    }
    let temporary = copy.name().to_owned();
    let name = copy.publish(&found.name.to_string_lossy(), |candidate| {
        have_same_content(&errors, candidate, &temporary)
    })?;
    explain(&errors, &name, &reasons(inbox, found, taken)?);
    Ok(())
}

/// A message that came without the end of its last line gets one: the next message must not become a part of it.
fn copy_message(file: &mut File, refused: &Refused, copy: &mut Temporary<'_>) -> io::Result<()> {
    let (start, bytes) = (refused.place.start, refused.place.bytes);
    file.seek(SeekFrom::Start(start))?;
    copy.copy_from(&mut file.take(bytes))?;
    file.seek(SeekFrom::Start(start + bytes.saturating_sub(1)))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if matches!(last, [b'\r' | b'\n']) {
        return Ok(());
    }
    copy.write(b"\r")
}

/// One line for each message that was refused.
fn reasons(inbox: &Dir, found: &Found, taken: Taken) -> io::Result<String> {
    let Taken { messages, refused } = taken;
    let mut text = Vec::new();
    write!(text, "{refused} of the {messages} messages of this file were not taken")?;
    if refused < messages {
        write!(text, "; they are here, and the archive has the whole file")?;
    }
    for one in progress::refused(inbox, found)?.take(REASONS_MAX) {
        let Refused { place, reason } = one?;
        write!(text, "\nmessage {} at byte {}: {reason}", place.number, place.start)?;
    }
    if refused > REASONS_MAX as u64 {
        write!(text, "\nand {} more", refused - REASONS_MAX as u64)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn have_same_content(folder: &Dir, one: &str, other: &str) -> io::Result<bool> {
    let is_plain = |name: &str| folder.symlink_metadata(name).map(|metadata| metadata.is_file());
    if !is_plain(one)? {
        return Ok(false);
    }
    let (mut one, mut other) = (folder.open(one)?, folder.open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        left.clear();
        right.clear();
        (&mut one).take(COMPARE_BYTES).read_to_end(&mut left)?;
        (&mut other).take(COMPARE_BYTES).read_to_end(&mut right)?;
        if left != right || left.is_empty() {
            return Ok(left == right);
        }
    }
}

/// How much of two files is compared at a time.
const COMPARE_BYTES: u64 = 64 * 1024;
