//! What the journal has of files that a crash left where they were.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use transfuse_store::{MessageId, MessageSummary, Query, ReadError, Stage, Store};
use transfuse_transport::files::{Recall, Recalled};
use transfuse_transport::{Answer, Frame, Reply};

/// So many of the newest messages are known: a source of files has 64 under way, and each stop since may have left as many.
const NEWEST_MAX: usize = 256;

/// The newest messages of an interface that came out of files.
#[derive(Debug)]
struct Known {
    store: Store,
    /// By where they came from, the newest of each.
    messages: Mutex<HashMap<String, Taken>>,
}

#[derive(Debug, Clone, Copy)]
struct Taken {
    id: MessageId,
    received_at_ms: i64,
}

/// What tells a source of files what was taken before. Reads the store.
pub(crate) fn recall(interface: &str, store: &Store) -> Result<Recall, ReadError> {
    let query = Query {
        interface: Some(interface.to_owned()),
        limit: NEWEST_MAX,
        ..Query::default()
    };
    let mut messages = HashMap::new();
    for MessageSummary {
        id,
        source,
        received_at_ms,
        ..
    } in store.messages(&query)?
    {
        messages.entry(source).or_insert(Taken { id, received_at_ms });
    }
    let known = Arc::new(Known {
        store: store.clone(),
        messages: Mutex::new(messages),
    });
    Ok(Arc::new(move |frame: &Frame, changed_at_ms: i64| {
        known.recall(frame, changed_at_ms)
    }))
}

impl Known {
    /// A message that was received after its file had last changed, from where this one is, with the same bytes, is this one.
    fn recall(self: &Arc<Self>, frame: &Frame, changed_at_ms: i64) -> BoxFuture<'static, Recalled> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = messages.get(&frame.source).copied();
        drop(messages);
        let Some(taken) = taken.filter(|taken| taken.received_at_ms > changed_at_ms) else {
            return std::future::ready(Recalled::Unknown).boxed();
        };
        let (known, content) = (Arc::clone(self), frame.content.clone());
        let looking = tokio::task::spawn_blocking(move || known.look(taken.id, content.as_slice()));
        looking.map(|looked| looked.unwrap_or(Recalled::Unknown)).boxed()
    }

    /// What cannot be read is offered again: twice is better than never.
    fn look(&self, id: MessageId, content: &[u8]) -> Recalled {
        let record = match self.store.message(id) {
            Ok(Some(record)) if record.raw.bytes() == content => record,
            Ok(_) => return Recalled::Unknown,
            Err(error) => {
                tracing::warn!(message = %id, %error, "cannot see whether it was taken before");
                return Recalled::Unknown;
            }
        };
        match record.summary.stage {
            Stage::Received => Recalled::Undecided,
            Stage::Refused => Recalled::Answered(Answer::Refused(Reply::default())),
            Stage::Processed | Stage::Filtered | Stage::Quarantined | Stage::Discarded => {
                Recalled::Answered(Answer::Accepted(Reply::default()))
            }
        }
    }
}
