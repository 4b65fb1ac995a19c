//! A folder that is watched. The clock stands still unless everybody waits, so that hours of waiting take no time. Files have
//! their real times.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use transfuse_transport::files::{FolderSource, FolderSourceSettings, ReadyWhen};
use transfuse_transport::{Answer, Frame};

use crate::support::{Frames, handler, payload};

pub(crate) const POLL: Duration = Duration::from_secs(2);
pub(crate) const STABLE_FOR: Duration = Duration::from_secs(5);

/// What has not happened by then never will; the folder is looked at thousands of times until then.
pub(crate) const FOREVER: Duration = Duration::from_hours(2);

/// A folder that is watched, and the frames that come out of it.
pub(crate) struct Watched {
    pub(crate) folder: TempDir,
    pub(crate) frames: Frames,
    pub(crate) shutdown: CancellationToken,
    pub(crate) ended: JoinHandle<()>,
}

pub(crate) async fn watch(folder: TempDir, change: impl FnOnce(&mut FolderSourceSettings)) -> Watched {
    let mut settings = FolderSourceSettings::new(folder.path());
    settings.poll_interval = POLL;
    settings.ready_when = ReadyWhen::Stable(STABLE_FOR);
    change(&mut settings);
    let source = FolderSource::open(settings).await.unwrap();
    let (handler, frames) = handler();
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(source.serve(handler, shutdown.clone()));
    Watched {
        folder,
        frames,
        shutdown,
        ended,
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A folder with files of these ages in seconds, each holding its own name. Files that are put into a folder which is
/// watched already may be seen one by one.
pub(crate) fn folder_with(files: &[(&str, u64)]) -> TempDir {
    let folder = folder();
    for (name, age_s) in files {
        fs::write(folder.path().join(name), name).unwrap();
        set_age(&folder.path().join(name), *age_s);
    }
    folder
}

impl Watched {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) async fn takes(&mut self, answer: Answer) -> Frame {
        let (frame, place) = timeout(FOREVER, self.frames.recv()).await.unwrap().unwrap();
        place.send(answer).unwrap();
        frame
    }

    /// Waits until the file is there.
    pub(crate) async fn appears(&self, name: &str) -> Vec<u8> {
        for _ in 0..10_000 {
            if self.path(name).is_file() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        fs::read(self.path(name)).unwrap()
    }

    /// Lets enough time pass for every file to be taken that is going to be.
    pub(crate) async fn takes_nothing(&mut self) {
        sleep(STABLE_FOR * 10).await;
        assert!(self.frames.try_recv().is_err());
    }
}

/// Gives a file a time of change that lies so many seconds back.
pub(crate) fn set_age(path: &Path, age_s: u64) {
    let modified = SystemTime::now() - Duration::from_secs(age_s);
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
}

pub(crate) fn accepted() -> Answer {
    Answer::Accepted(payload("").into())
}
