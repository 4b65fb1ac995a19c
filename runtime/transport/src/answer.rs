//! What a source gets back for what it handed over: in up to three stages.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use transfuse_message::Payload;

use crate::frame::Frame;

/// What became of a frame.
#[derive(Debug)]
pub enum Answer {
    /// It is in safe storage, and what becomes of it is not known yet. MLLP release 2 tells the sender so.
    Stored(Next),
    /// The receiver owns the message now.
    Accepted(Reply),
    /// The sender still owns the message, and is told so.
    Refused(Reply),
    /// The same; but nothing is known to be wrong with the message, so that it may be taken another time.
    Failed(Reply),
    /// Nothing can be said. A connection is closed without a reply (release 2 says that nothing was stored), a file is
    /// left in place and offered again.
    Unanswered,
}

/// The answer after [`Answer::Stored`].
pub struct Next(BoxFuture<'static, Answer>);

/// What the sender is told. Of a whole file there is nobody to tell.
#[derive(Debug, Default)]
pub struct Reply {
    /// Written at once, in the order of the frames; without framing. Where it is empty nothing is written.
    pub now: Payload,
    /// What is written when it is known, in the order of the frames too. Dropped where the connection has ended by
    /// then.
    pub later: Option<Later>,
}

/// A reply that is not known yet; an empty one is not written.
pub struct Later(BoxFuture<'static, Payload>);

/// Takes frames. A source calls it in the order of arrival and polls the futures of a connection together: what must
/// keep that order belongs before the future, in the call itself. Each future is polled to its end even where the
/// connection is lost meanwhile; only a shutdown whose waiting time has passed drops it. What a [`Next`] or a [`Later`]
/// holds is dropped with the connection.
pub type Handler = Arc<dyn Fn(Frame) -> BoxFuture<'static, Answer> + Send + Sync>;

impl Answer {
    /// Waits until more is known than that the frame is stored.
    pub async fn decided(self) -> Answer {
        let mut answer = self;
        while let Answer::Stored(next) = answer {
            answer = next.into_future().await;
        }
        answer
    }
}

impl Next {
    /// The answer that `answer` comes to.
    pub fn new(answer: impl Future<Output = Answer> + Send + 'static) -> Next {
        Next(Box::pin(answer))
    }

    pub(crate) fn into_future(self) -> BoxFuture<'static, Answer> {
        self.0
    }
}

impl Later {
    /// The reply that `reply` comes to.
    pub fn new(reply: impl Future<Output = Payload> + Send + 'static) -> Later {
        Later(Box::pin(reply))
    }

    /// To wait for it.
    #[must_use]
    pub fn into_future(self) -> BoxFuture<'static, Payload> {
        self.0
    }
}

impl From<Payload> for Reply {
    fn from(now: Payload) -> Reply {
        Reply { now, later: None }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Next")
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Later")
    }
}
