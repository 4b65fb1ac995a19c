//! What the folder gives up: compiled code that nobody has used for long, or too much of it.
//!
//! Every version of the engine, of a plugin and of a configuration with a snapshot leaves a file, and nobody else removes
//! it. What is removed by mistake is compiled again, so that only time can be lost; what some process has loaded is left
//! alone all the same, because its next start would be the slow one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long code is kept that nothing loads. Whoever goes back to the engine or the plugin of last quarter finds it there.
const UNUSED_MAX: Duration = Duration::from_hours(24 * 90);

/// All compiled code together. An interpreter's is some 50 MB, a mapping's 5: room for forty interpreters, or some hundred
/// configurations of mappings beside ten of them.
const FOLDER_BYTES_MAX: u64 = 2 << 30;

/// A file that is being written is finished or given up by then: no compilation may take as long.
const DRAFT_MAX: Duration = Duration::from_hours(1);

/// How old the time of the last use may be before it is noted anew: often enough for `UNUSED_MAX`, and no write for each
/// load.
const NOTED_AGAIN_AFTER: Duration = Duration::from_hours(24);

/// The ending of compiled code.
pub(super) const CODE: &str = "cwasm";

/// The ending of what is known not to be made.
pub(super) const REFUSED: &str = "refused";

/// The ending of what one process waits for while another compiles.
pub(super) const TURN: &str = "lock";

/// A file that a process has loaded, for as long as it may load it again: until dropped, no sweep removes it.
#[derive(Debug)]
pub(crate) struct InUse {
    _locked: File,
}

impl InUse {
    /// Marks an open file, and notes that it was used now. `None` where that cannot be done; the file is no worse for it.
    pub(super) fn mark(file: File) -> Option<Self> {
        let noted = file.metadata().and_then(|metadata| metadata.modified());
        let is_recent = noted.is_ok_and(|noted| age(noted) < NOTED_AGAIN_AFTER);
        if !is_recent {
            // Nothing but its age is wrong with a file whose time cannot be set.
            let _ = file.set_modified(SystemTime::now());
        }
        file.try_lock_shared().ok()?;
        Some(Self { _locked: file })
    }
}

/// A file that may go.
struct Candidate {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// What a folder may hold.
#[derive(Clone, Copy)]
struct Bounds {
    bytes_max: u64,
    unused_max: Duration,
}

/// Removes what is beyond the bounds.
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    let bounds = Bounds {
        bytes_max: FOLDER_BYTES_MAX,
        unused_max: UNUSED_MAX,
    };
    sweep_to(folder, bounds)
}

fn sweep_to(folder: &Path, bounds: Bounds) -> io::Result<()> {
    let mut candidates = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // Another process may have removed it meanwhile.
        let Ok(metadata) = entry.metadata() else { continue };
        let used = metadata.modified()?;
        match path.extension().and_then(|ending| ending.to_str()) {
            Some(CODE | REFUSED) => candidates.push(Candidate {
                path,
                bytes: metadata.len(),
                used,
            }),
            Some("draft") if age(used) > DRAFT_MAX => fs::remove_file(&path)?,
            _ => {}
        }
    }
    candidates.sort_by_key(|candidate| candidate.used);
    let mut bytes: u64 = candidates.iter().map(|candidate| candidate.bytes).sum();
    for candidate in candidates {
        if bytes <= bounds.bytes_max && age(candidate.used) <= bounds.unused_max {
            break;
        }
        if remove(&candidate.path)? {
            bytes -= candidate.bytes;
        }
    }
    Ok(())
}

/// Whether the file is gone; one that is in use stays.
fn remove(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if file.try_lock().is_err() {
        return Ok(false);
    }
    fs::remove_file(path)?;
    // Whoever waits for a turn has the file open: at worst two processes compile the same.
    let _ = fs::remove_file(path.with_extension(TURN));
    Ok(true)
}

/// Zero for what lies in the future: a clock was set back.
fn age(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    /// A folder with files of ten bytes, each used so many days ago.
    fn folder(files: &[(&str, u32)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, days) in files {
            let path = folder.path().join(name);
            fs::write(&path, [0; 10]).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - DAY * *days).unwrap();
        }
        folder
    }

    fn left(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn bounds(bytes_max: u64, days: u32) -> Bounds {
        Bounds {
            bytes_max,
            unused_max: DAY * days,
        }
    }

    #[test]
    fn what_was_not_used_for_long_goes_and_takes_its_lock_along() {
        let files = [
            ("a.cwasm", 91),
            ("a.lock", 91),
            ("b.cwasm", 89),
            ("b.lock", 200),
            ("c.refused", 91),
            ("1-1.draft", 1),
            ("2-1.draft", 0),
            ("key", 900),
        ];
        let folder = folder(&files);
        sweep_to(folder.path(), bounds(1_000, 90)).unwrap();
        assert_eq!(left(&folder), ["2-1.draft", "b.cwasm", "b.lock", "key"]);
    }

    #[test]
    fn of_too_much_the_longest_unused_goes_first_and_what_is_in_use_stays() {
        let folder = folder(&[("a.cwasm", 9), ("b.cwasm", 8), ("c.cwasm", 7), ("d.cwasm", 6)]);
        let path = folder.path().join("a.cwasm");
        File::open(&path)
            .unwrap()
            .set_modified(SystemTime::now() - DAY * 9)
            .unwrap();
        let held = File::open(&path).unwrap();
        held.try_lock_shared().unwrap();
        sweep_to(folder.path(), bounds(25, 90)).unwrap();
        assert_eq!(left(&folder), ["a.cwasm", "d.cwasm"]);
        drop(held);
        sweep_to(folder.path(), bounds(10, 90)).unwrap();
        assert_eq!(left(&folder), ["d.cwasm"]);
    }

    #[test]
    fn to_load_is_to_use() {
        let folder = folder(&[("a.cwasm", 91)]);
        let path = folder.path().join("a.cwasm");
        drop(InUse::mark(File::open(&path).unwrap()).unwrap());
        sweep_to(folder.path(), bounds(1_000, 90)).unwrap();
        assert_eq!(left(&folder), ["a.cwasm"]);
    }
}
