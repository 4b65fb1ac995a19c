//! A folder that messages are taken from.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use transfuse_message::Payload;

use super::folder::{self, blocking};
use super::names::Pattern;
use super::places::{Places, Settlement};
use super::recall::Recall;
use super::scan::{Content, Filter, Found, Limits, Watch};
use crate::answer::{Answer, Handler};
use crate::frame::{Defect, Frame, next_connection};

/// Files are no low-latency transport; listing a share more often loads its server.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Longer than a slow writer pauses between two blocks.
const STABLE_FOR: Duration = Duration::from_secs(5);

/// A report of 10 MB, embedded in base64, is 14 MB.
const MESSAGE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A master file of a million items is some hundred megabytes. A file is read piece by piece, so that this bounds how long
/// one file can hold up the others, and not memory.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The first wait before a file is offered again, or a move is tried again.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// The longest one: an operator who repaired something should not wait for the engine to notice.
const RETRY_MAX: Duration = Duration::from_mins(1);

/// Below the ten seconds after which a service manager or a container runtime kills.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(8);

/// Which folder is watched, and what becomes of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSourceSettings {
    /// The folder. It must exist. Folders inside it are not looked into.
    pub folder: PathBuf,
    /// Where accepted files go; created where missing. A relative path begins in `folder`.
    pub archive: PathBuf,
    /// Where refused and over-long files go, each with a `.reason` file; created where missing. A relative path
    /// begins in `folder`.
    pub errors: PathBuf,
    /// Which names are taken: `*` stands for any characters, `?` for one, upper and lower case alike. Hidden names,
    /// and those that end in `.tmp`, `.part` or `~`, never are.
    pub pattern: String,
    /// Between two looks at the folder.
    pub poll_interval: Duration,
    /// When a file counts as complete.
    pub ready_when: ReadyWhen,
    /// The largest message. A larger one is handed over with its beginning and the defect, and goes to `errors`.
    pub message_bytes_max: u64,
    /// The largest file of many messages, which is never in memory as a whole. A larger file is treated as one message
    /// that is too large.
    pub file_bytes_max: u64,
    /// The first wait before an unanswered file is offered again; it doubles up to `retry_max`.
    pub retry_min: Duration,
    /// The longest wait before an unanswered file is offered again.
    pub retry_max: Duration,
    /// How long a shutdown waits for the answer to a file that was handed over.
    pub shutdown_wait: Duration,
}

/// When a file counts as complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyWhen {
    /// Its size and its time of change have stayed the same for so long.
    Stable(Duration),
    /// A file exists whose name is this one's and the suffix: `a.hl7.ok` for `.ok`. It is removed with the file.
    Marker(String),
}

/// An open folder, ready to be watched.
pub struct FolderSource {
    pub(super) settings: FolderSourceSettings,
    pub(super) filter: Filter,
    pub(super) places: Arc<Places>,
    watch: Watch,
    pub(super) connection: u64,
    /// None where nobody knows what was taken before.
    pub(super) recall: Option<Recall>,
}

/// Why a folder cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceOpenError {
    /// The folder is missing, is no folder, or may not be read.
    #[error("cannot open the folder `{}`", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The pattern can match no name.
    #[error("the pattern `{pattern}` matches no file name")]
    Pattern {
        /// As it was given.
        pattern: String,
    },
    /// The marker's suffix would make every file its own marker, or leads to another folder.
    #[error("the marker suffix `{suffix}` is no suffix of a file name")]
    Marker {
        /// As it was given.
        suffix: String,
    },
}

/// What a file is.
enum Taken {
    Message(Frame),
    Batch,
}

/// Whether to go on with the next file, or to stop because of a shutdown.
pub(super) type Flow = ControlFlow<()>;

impl FolderSourceSettings {
    /// The defaults, each with its reason at its constant: `*.hl7`, stable for five seconds, `archive` and `error`
    /// inside the folder.
    pub fn new(folder: impl Into<PathBuf>) -> FolderSourceSettings {
        FolderSourceSettings {
            folder: folder.into(),
            archive: PathBuf::from("archive"),
            errors: PathBuf::from("error"),
            pattern: "*.hl7".to_owned(),
            poll_interval: POLL_INTERVAL,
            ready_when: ReadyWhen::Stable(STABLE_FOR),
            message_bytes_max: MESSAGE_BYTES_MAX,
            file_bytes_max: FILE_BYTES_MAX,
            retry_min: RETRY_MIN,
            retry_max: RETRY_MAX,
            shutdown_wait: SHUTDOWN_WAIT,
        }
    }
}

impl FolderSource {
    /// Makes sure that the folder can be opened, and its archive and error folders, which are created where missing.
    /// Removes what a crash left behind: half-written copies, and markers whose files were moved already.
    pub async fn open(settings: FolderSourceSettings) -> Result<FolderSource, SourceOpenError> {
        let filter = settings.filter()?;
        let places = Arc::new(Places::of(&settings));
        let (opening, marker) = (Arc::clone(&places), filter.marker.clone());
        let opened = tokio::task::spawn_blocking(move || opening.open_first(marker.as_deref())).await;
        let failed = |error| {
            Err(SourceOpenError::Open {
                path: settings.folder.clone(),
                source: io::Error::other(error),
            })
        };
        opened.unwrap_or_else(failed)?;
        let (watch, connection) = (Watch::default(), next_connection());
        Ok(FolderSource {
            settings,
            filter,
            places,
            watch,
            connection,
            recall: None,
        })
    }

    /// Watches the folder until `shutdown` is cancelled. Complete files are handed over one at a time, oldest first
    /// (by time of change, then by name); each waits for the answer to the one before. Accepted files go to the
    /// archive, refused ones to the error folder; unanswered ones stay, are offered again with growing pauses, and
    /// hold up those behind them. Existing files are never overwritten: a number is put into the name.
    ///
    /// Of a file of many messages, a few are handed over at a time, in order; a crash, or a stop, takes up where it was.
    /// The messages that were refused go to the error folder as a file of their own.
    ///
    /// A message is handed over once, where [`FolderSource::recalling`] knows what was taken before a crash between the answer
    /// and the note of it; otherwise it is offered again. A file that cannot be read is passed over until it can.
    pub async fn serve(mut self, handler: Handler, shutdown: CancellationToken) {
        let mut pause = Duration::ZERO;
        while !stopped_after(pause, &shutdown).await {
            let ready = match self.look().await {
                Ok(ready) => ready,
                Err(error) => {
                    tracing::warn!(folder = %self.settings.folder.display(), %error, "cannot list the folder");
                    pause = self.settings.retry_max;
                    continue;
                }
            };
            pause = self.settings.poll_interval;
            for found in ready {
                if shutdown.is_cancelled() || self.process(&found, &handler, &shutdown).await.is_break() {
                    return;
                }
            }
        }
    }

    async fn look(&mut self) -> io::Result<Vec<Found>> {
        let (filter, places) = (self.filter.clone(), Arc::clone(&self.places));
        let listed = blocking(move || filter.list(&folder::open(&places.inbox)?)).await?;
        match self.settings.ready_when {
            ReadyWhen::Stable(stable_for) => Ok(self.watch.stable(listed, stable_for, Instant::now())),
            ReadyWhen::Marker(_) => Ok(listed),
        }
    }

    /// Brings one file to its end, however often it takes.
    async fn process(&self, found: &Found, handler: &Handler, shutdown: &CancellationToken) -> Flow {
        let mut retry = self.settings.retry_min;
        loop {
            let frame = match self.read(found).await {
                Some(Taken::Message(frame)) => frame,
                Some(Taken::Batch) => return self.process_batch(found, handler, shutdown).await,
                None => return Flow::Continue(()),
            };
            let defect = frame.defect;
            let source = frame.source.clone();
            let answer = match self.recalled(found, &frame, shutdown).await {
                Some(answer) => Some(answer),
                None => self.answer(handler(frame).then(Answer::decided), shutdown).await,
            };
            let Some(answer) = answer else {
                return Flow::Break(());
            };
            if let Some(settlement) = Settlement::of(&answer, defect) {
                return self.settle(found, &source, settlement, shutdown).await;
            }
            tracing::warn!(source, retry_s = retry.as_secs(), "not answered, the file stays");
            if stopped_after(retry, shutdown).await {
                return Flow::Break(());
            }
            retry = (retry * 2).min(self.settings.retry_max);
        }
    }

    /// The file as a frame, or as many messages; nothing where it is gone, has changed, or cannot be read now.
    async fn read(&self, found: &Found) -> Option<Taken> {
        let source = source_of(found);
        let (file, places, limits) = (found.clone(), Arc::clone(&self.places), self.limits());
        let (content, defect) = match blocking(move || file.read(&folder::open(&places.inbox)?, limits)).await {
            Ok(Content::Whole(content)) => (content, None),
            Ok(Content::TooLong { head, bytes_max }) => {
                let bytes = found.bytes;
                (head, Some(Defect::TooLong { bytes, bytes_max }))
            }
            Ok(Content::Batch) => return Some(Taken::Batch),
            Ok(Content::Changed) => return None,
            Err(error) => {
                cannot_read(found, &error);
                return None;
            }
        };
        Some(Taken::Message(Frame {
            content: Payload::from(content),
            defect,
            source,
            connection: self.connection,
        }))
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            message_bytes_max: self.settings.message_bytes_max,
            file_bytes_max: self.settings.file_bytes_max,
        }
    }

    /// The handler's answer, or nothing where a shutdown did not want to wait for it any longer.
    pub(super) async fn answer<T>(&self, answer: impl Future<Output = T>, shutdown: &CancellationToken) -> Option<T> {
        let patience = async {
            shutdown.cancelled().await;
            sleep(self.settings.shutdown_wait).await;
        };
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            () = patience => None,
        }
    }

    async fn settle(&self, found: &Found, source: &str, to: Settlement, shutdown: &CancellationToken) -> Flow {
        let (file, places, suffix) = (found.clone(), Arc::clone(&self.places), self.filter.marker.clone());
        let settle = move || places.settle(&file, &to, suffix.as_deref());
        self.until_settled(source, settle, shutdown).await
    }

    /// Moves a file that is done with. It must not be offered again while the process lives, so that a failing move
    /// is tried until it works.
    pub(super) async fn until_settled(
        &self,
        source: &str,
        settle: impl Fn() -> io::Result<bool> + Clone + Send + 'static,
        shutdown: &CancellationToken,
    ) -> Flow {
        let mut retry = self.settings.retry_min;
        loop {
            match blocking(settle.clone()).await {
                Ok(true) => return Flow::Continue(()),
                Ok(false) => {
                    tracing::warn!(source, "the file was changed or removed before it could be moved");
                    return Flow::Continue(());
                }
                Err(error) => tracing::error!(source, %error, "cannot move the file away, trying again"),
            }
            if stopped_after(retry, shutdown).await {
                return Flow::Break(());
            }
            retry = (retry * 2).min(self.settings.retry_max);
        }
    }
}

impl FolderSourceSettings {
    fn filter(&self) -> Result<Filter, SourceOpenError> {
        let pattern = self.pattern.parse::<Pattern>();
        let pattern = pattern.map_err(|_| SourceOpenError::Pattern {
            pattern: self.pattern.clone(),
        })?;
        match &self.ready_when {
            ReadyWhen::Stable(_) => Ok(Filter { pattern, marker: None }),
            ReadyWhen::Marker(suffix) if suffix.is_empty() || suffix.contains(['/', '\0']) => {
                Err(SourceOpenError::Marker { suffix: suffix.clone() })
            }
            ReadyWhen::Marker(suffix) => Ok(Filter {
                pattern,
                marker: Some(suffix.clone()),
            }),
        }
    }
}

impl SourceOpenError {
    /// What would help, where something is known to.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            SourceOpenError::Open { source, .. } => folder::opening_hint(source),
            SourceOpenError::Pattern { .. } => Some("write a pattern for names in one folder, like `*.hl7`"),
            SourceOpenError::Marker { .. } => Some("write a suffix like `.ok`"),
        }
    }
}

impl fmt::Debug for FolderSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = formatter.debug_struct("FolderSource");
        told.field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Where the messages of a file come from.
pub(super) fn source_of(found: &Found) -> String {
    format!("file:{}", found.name.to_string_lossy())
}

pub(super) fn cannot_read(found: &Found, error: &io::Error) {
    tracing::warn!(source = source_of(found), bytes = found.bytes, %error, "cannot read the file, it stays");
}

/// Waits, unless the shutdown comes first: then it says true.
pub(super) async fn stopped_after(pause: Duration, shutdown: &CancellationToken) -> bool {
    timeout(pause, shutdown.cancelled()).await.is_ok()
}
