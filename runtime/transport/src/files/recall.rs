//! What was handed over before a stop that left no note of it.
//!
//! A crash may come between the answer to a message and the note, or the move of its file, that says so. Who stores the messages
//! can tell, so that such a message does not come twice.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::folder::{self, blocking};
use super::scan::Found;
use super::source::{FolderSource, cannot_read, stopped_after};
use crate::answer::Answer;
use crate::frame::Frame;

/// How soon a message is asked about again whose outcome is not known yet.
const PAUSE: Duration = Duration::from_millis(100);

/// What is known of a frame that is about to be handed over.
#[derive(Debug)]
pub enum Recalled {
    /// Nothing: it is new.
    Unknown,
    /// It was taken, and what becomes of it is being decided.
    Undecided,
    /// It was taken and answered so.
    Answered(Answer),
}

/// Says what is known of a frame, which has been where it is, unchanged, since a moment in milliseconds since 1970 UTC. What came
/// before that moment was another one.
pub type Recall = Arc<dyn Fn(&Frame, i64) -> BoxFuture<'static, Recalled> + Send + Sync>;

impl FolderSource {
    /// The same, asking about each frame before it is handed over.
    #[must_use]
    pub fn recalling(mut self, recall: Recall) -> FolderSource {
        self.recall = Some(recall);
        self
    }

    /// The answer to a frame that was taken before; none for one that is to be handed over, or where a shutdown comes first.
    pub(super) async fn recalled(&self, found: &Found, frame: &Frame, shutdown: &CancellationToken) -> Option<Answer> {
        let recall = self.recall.as_ref()?;
        let changed_at_ms = self
            .changed_at_ms(found)
            .await
            .inspect_err(|error| cannot_read(found, error));
        let changed_at_ms = changed_at_ms.ok()?;
        loop {
            match recall(frame, changed_at_ms).await {
                Recalled::Unknown => return None,
                Recalled::Answered(answer) => {
                    tracing::info!(source = frame.source, "taken before the stop, and not again");
                    return Some(answer);
                }
                Recalled::Undecided if stopped_after(PAUSE, shutdown).await => return Some(Answer::Unanswered),
                Recalled::Undecided => {}
            }
        }
    }

    async fn changed_at_ms(&self, found: &Found) -> io::Result<i64> {
        let (file, places) = (found.clone(), Arc::clone(&self.places));
        blocking(move || file.changed_at_ms(&folder::open(&places.inbox)?)).await
    }
}
