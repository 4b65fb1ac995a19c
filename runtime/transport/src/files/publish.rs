//! Putting files in place: whole or not at all, and never over another one.

use std::ffi::OsStr;
use std::fs::TryLockError;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{RenameFlags, renameat_with};
use rustix::io::Errno;

use super::names::numbered;

/// Begins and ends the names of files that are not whole yet. Both ends make every reader pass them over.
const TEMPORARY: (&str, &str) = (".transfuse-", ".tmp");

/// A name that is taken so often gets the time as its number: probing further would slow down with every file.
const NUMBERS_MAX: u128 = 99;

/// Other processes may write into the folder; whoever loses a temporary name tries the next.
const TEMPORARY_ATTEMPTS_MAX: usize = 16;

/// A file that is being written, under a name that nobody reads. Removed when dropped. It stays locked meanwhile,
/// which tells it from one that a crash left behind.
pub(super) struct Temporary<'a> {
    folder: &'a Dir,
    name: String,
    file: std::fs::File,
    published: bool,
}

impl<'a> Temporary<'a> {
    pub(super) fn create(folder: &'a Dir) -> io::Result<Temporary<'a>> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        for _ in 0..TEMPORARY_ATTEMPTS_MAX {
            let number = LAST.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}{}-{number}{}", TEMPORARY.0, std::process::id(), TEMPORARY.1);
            let opened = folder.open_with(&name, OpenOptions::new().write(true).create_new(true));
            let file = match opened {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened?.into_std(),
            };
            // Where the file system has no locks, nobody clears away what is unlocked either.
            if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
                return Ok(Temporary {
                    folder,
                    name,
                    file,
                    published: false,
                });
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "every temporary name is taken",
        ))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)
    }

    pub(super) fn copy_from(&mut self, reader: &mut impl Read) -> io::Result<()> {
        io::copy(reader, &mut self.file).map(drop)
    }

    /// Makes the content durable and gives the file its name. Where that is taken, `same` decides for each file that
    /// has it whether it is this one; else the next number is tried. Returns the name.
    pub(super) fn publish(mut self, name: &str, same: impl Fn(&str) -> io::Result<bool>) -> io::Result<String> {
        self.file.sync_all()?;
        let placed = place(self.folder, OsStr::new(&self.name), self.folder, name, same)?;
        self.published = placed.moved;
        sync(self.folder)?;
        Ok(placed.name)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is cleared away at the next start.
            let _ = self.folder.remove_file(&self.name);
        }
    }
}

/// Where a file is to be found now.
pub(super) struct Placed {
    pub(super) name: String,
    /// False where another file was there that is as good, and this one was left alone.
    moved: bool,
}

/// Renames `from` to `name` or to the first free number of it; leaves it where `same` says that a file which has such
/// a name is as good.
pub(super) fn place(
    from_folder: &Dir,
    from: &OsStr,
    to_folder: &Dir,
    name: &str,
    same: impl Fn(&str) -> io::Result<bool>,
) -> io::Result<Placed> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for number in (0..=NUMBERS_MAX).chain([now.as_nanos()]) {
        let candidate = numbered(name, number);
        let moved = rename_new(from_folder, from, to_folder, &candidate)?;
        if moved || same(&candidate)? {
            return Ok(Placed { name: candidate, moved });
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "every number of the name is taken",
    ))
}

/// Removes what a crash left behind: temporary files that nobody holds locked.
pub(super) fn clear_temporaries(folder: &Dir) -> io::Result<usize> {
    let mut cleared = 0;
    for entry in folder.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1));
        if !ours || !entry.file_type()?.is_file() {
            continue;
        }
        let Ok(file) = folder.open(&name) else { continue };
        if file.into_std().try_lock().is_ok() && folder.remove_file(&name).is_ok() {
            cleared += 1;
        }
    }
    Ok(cleared)
}

/// Makes the folder's names durable. The capability itself cannot be synced, only what is opened from it. Some network file systems do so by themselves and refuse to be asked.
pub(super) fn sync(folder: &Dir) -> io::Result<()> {
    match folder.open(".")?.sync_all() {
        Err(error) if is_unsupported(&error) => Ok(()),
        result => result,
    }
}

/// Renames, unless the new name exists: then it says false. Three ways, since no single one works on every local and
/// network file system; only the last leaves a moment between looking and renaming.
fn rename_new(from_folder: &Dir, from: &OsStr, to_folder: &Dir, to: &str) -> io::Result<bool> {
    let renamed = renameat_with(from_folder, from, to_folder, to, RenameFlags::NOREPLACE).map_err(io::Error::from);
    match renamed {
        Err(error) if is_unsupported(&error) => link_new(from_folder, from, to_folder, to),
        renamed => unless_taken(renamed),
    }
}

fn link_new(from_folder: &Dir, from: &OsStr, to_folder: &Dir, to: &str) -> io::Result<bool> {
    match from_folder.hard_link(from, to_folder, to) {
        Ok(()) => from_folder.remove_file(from).map(|()| true),
        Err(error) if is_unsupported(&error) || error.kind() == io::ErrorKind::PermissionDenied => {
            if to_folder.symlink_metadata(to).is_ok() {
                return Ok(false);
            }
            from_folder.rename(from, to_folder, to).map(|()| true)
        }
        linked => unless_taken(linked),
    }
}

fn unless_taken(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    let unsupported = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP];
    Errno::from_io_error(error).is_some_and(|errno| unsupported.contains(&errno))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::ffi::OsStr;

    use super::{Temporary, clear_temporaries, link_new, rename_new};
    use crate::files::folder::open;

    #[test]
    fn neither_way_of_renaming_overwrites() {
        for rename in [rename_new, link_new] {
            let place = tempfile::tempdir().unwrap();
            let folder = open(place.path()).unwrap();
            folder.write("new", "new").unwrap();
            folder.write("taken", "old").unwrap();
            assert!(!rename(&folder, OsStr::new("new"), &folder, "taken").unwrap());
            assert_eq!(folder.read("taken").unwrap(), b"old");
            assert!(rename(&folder, OsStr::new("new"), &folder, "free").unwrap());
            assert_eq!(folder.read("free").unwrap(), b"new");
            assert!(!folder.exists("new"));
        }
    }

    #[test]
    fn only_what_nobody_writes_is_cleared_away() {
        let place = tempfile::tempdir().unwrap();
        let folder = open(place.path()).unwrap();
        let mut held = Temporary::create(&folder).unwrap();
        held.write(b"half").unwrap();
        folder.write(".transfuse-1-0.tmp", "left behind").unwrap();
        folder.write("other.tmp", "not ours").unwrap();
        assert_eq!(clear_temporaries(&folder).unwrap(), 1);
        assert!(folder.exists("other.tmp"));
        assert_eq!(held.publish("a.hl7", |_| Ok(false)).unwrap(), "a.hl7");
        assert_eq!(folder.read("a.hl7").unwrap(), b"half");
    }

    #[test]
    fn a_file_that_is_not_published_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = open(place.path()).unwrap();
        Temporary::create(&folder).unwrap().write(b"half").unwrap();
        assert_eq!(folder.entries().unwrap().count(), 0);
    }

    #[test]
    fn a_name_that_is_taken_too_often_gets_the_time() {
        let place = tempfile::tempdir().unwrap();
        let folder = open(place.path()).unwrap();
        for number in 0..=super::NUMBERS_MAX {
            folder.write(super::numbered("a.hl7", number), "old").unwrap();
        }
        let name = Temporary::create(&folder)
            .unwrap()
            .publish("a.hl7", |_| Ok(false))
            .unwrap();
        assert!(name.len() > "a.1000000000.hl7".len(), "{name}");
    }
}
