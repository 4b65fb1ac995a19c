//! The three folders of a source, and moving a file out of the first when it is done with.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::PathBuf;

use cap_std::fs::{Dir, OpenOptions};

use super::batch;
use super::folder;
use super::publish::{Temporary, place, sync};
use super::scan::{Found, marker};
use super::source::{FolderSourceSettings, SourceOpenError};
use crate::answer::Answer;
use crate::frame::Defect;

/// Where files come from, and where they go.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) inbox: PathBuf,
    archive: PathBuf,
    errors: PathBuf,
}

/// Where a file goes when it is done with.
#[derive(Clone, Debug)]
pub(super) enum Settlement {
    Archive,
    /// With the text for the reason file.
    Errors(String),
}

impl Settlement {
    /// Nothing where the file is not done with. What is not a whole message is no message to archive, whatever the answer
    /// was; and replies have nobody to go to, now or later.
    pub(super) fn of(answer: &Answer, defect: Option<Defect>) -> Option<Settlement> {
        match (answer, defect) {
            (Answer::Unanswered | Answer::Stored(_), _) => None,
            (_, Some(defect)) => Some(Settlement::Errors(format!("not taken: {defect}"))),
            (Answer::Accepted(_), None) => Some(Settlement::Archive),
            (Answer::Refused(_) | Answer::Failed(_), None) => {
                Some(Settlement::Errors("refused: the journal says why".to_owned()))
            }
        }
    }
}

impl Places {
    pub(super) fn of(settings: &FolderSourceSettings) -> Places {
        let inbox = settings.folder.clone();
        Places {
            archive: inbox.join(&settings.archive),
            errors: inbox.join(&settings.errors),
            inbox,
        }
    }

    /// Makes sure that all of them can be opened, and removes what a crash left behind.
    pub(super) fn open_first(&self, marker_suffix: Option<&str>) -> Result<(), SourceOpenError> {
        let failed = |path: &PathBuf| {
            let path = path.clone();
            |source| SourceOpenError::Open { path, source }
        };
        let inbox = folder::open_first(&self.inbox).map_err(failed(&self.inbox))?;
        for path in [&self.archive, &self.errors] {
            folder::create(path).map_err(failed(path))?;
            folder::open_first(path).map_err(failed(path))?;
        }
        batch::remove_orphans(&inbox).map_err(failed(&self.inbox))?;
        match marker_suffix {
            Some(suffix) => remove_orphans(&inbox, suffix).map_err(failed(&self.inbox)),
            None => Ok(()),
        }
    }

    /// The error folder, created where it is missing.
    pub(super) fn open_errors(&self) -> io::Result<Dir> {
        folder::create(&self.errors)?;
        folder::open(&self.errors)
    }

    /// Moves the file, unless it is no longer the one that was handed over: then it says false.
    pub(super) fn settle(&self, found: &Found, to: &Settlement, marker_suffix: Option<&str>) -> io::Result<bool> {
        let inbox = folder::open(&self.inbox)?;
        if !found.is_there(&inbox)? {
            return Ok(false);
        }
        let (path, reason) = match to {
            Settlement::Archive => (&self.archive, None),
            Settlement::Errors(reason) => (&self.errors, Some(reason)),
        };
        folder::create(path)?;
        let target = folder::open(path)?;
        let name = relocate(&inbox, &found.name, &target)?;
        if let Some(reason) = reason {
            explain(&target, &name, reason);
        }
        if let Some(suffix) = marker_suffix {
            remove_marker(&inbox, &found.name, suffix);
        }
        sync(&inbox)?;
        Ok(true)
    }
}

fn relocate(inbox: &Dir, name: &OsStr, to: &Dir) -> io::Result<String> {
    let target = name.to_string_lossy();
    match place(inbox, name, to, &target, |_| Ok(false)) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy_away(inbox, name, to, &target),
        placed => placed.map(|placed| placed.name),
    }
}

/// Another file system: nothing is removed here before the copy is durable there.
fn copy_away(inbox: &Dir, name: &OsStr, to: &Dir, target: &str) -> io::Result<String> {
    let mut copy = Temporary::create(to)?;
    copy.copy_from(&mut inbox.open(name)?)?;
    let target = copy.publish(target, |_| Ok(false))?;
    inbox.remove_file(name)?;
    Ok(target)
}

/// Says why a file is in the error folder. The file itself is there: that is what counts.
pub(super) fn explain(errors: &Dir, name: &str, reason: &str) {
    let name = format!("{name}.reason");
    let written = errors.open_with(&name, OpenOptions::new().write(true).create(true).truncate(true));
    let written = written.and_then(|mut file| writeln!(file, "{reason}"));
    if let Err(error) = written {
        tracing::warn!(source = format!("file:{name}"), %error, "cannot write why a file was not taken");
    }
}

fn remove_marker(inbox: &Dir, name: &OsStr, suffix: &str) {
    if let Err(error) = inbox.remove_file(marker(name, suffix)) {
        tracing::warn!(source = format!("file:{}", name.to_string_lossy()), %error, "cannot remove the marker");
    }
}

/// A crash between moving a file and removing its marker leaves a marker that would declare the next file of that
/// name complete before it is.
fn remove_orphans(inbox: &Dir, suffix: &str) -> io::Result<()> {
    for entry in inbox.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(marked) = name.to_str().and_then(|name| name.strip_suffix(suffix)) else {
            continue;
        };
        let is_orphan = !marked.is_empty() && entry.file_type()?.is_file() && !inbox.try_exists(marked)?;
        if is_orphan {
            inbox.remove_file(&name)?;
            tracing::info!(source = format!("file:{marked}"), "removed a marker whose file is gone");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::ffi::OsStr;

    use super::copy_away;
    use crate::files::folder::open;

    #[test]
    fn a_file_moves_to_another_file_system_by_way_of_a_copy() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(here.path().join("a.hl7"), "MSH|new").unwrap();
        std::fs::write(there.path().join("a.hl7"), "MSH|old").unwrap();
        let (inbox, archive) = (open(here.path()).unwrap(), open(there.path()).unwrap());
        assert_eq!(
            copy_away(&inbox, OsStr::new("a.hl7"), &archive, "a.hl7").unwrap(),
            "a.1.hl7"
        );
        assert_eq!(std::fs::read(there.path().join("a.1.hl7")).unwrap(), b"MSH|new");
        assert_eq!(std::fs::read(there.path().join("a.hl7")).unwrap(), b"MSH|old");
        assert_eq!(std::fs::read_dir(there.path()).unwrap().count(), 2);
        assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
    }
}
