//! The seam at which tests make the disk fail. In the product it is empty and costs nothing.

use crate::keys::{KeyError, SealError};

/// A moment at which something can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultPoint {
    /// All rows of a batch are inserted, the commit has not been asked for.
    BeforeCommit,
    /// The commit has been made; a failure here means that the answer got lost, or that the sync failed.
    AfterCommit,
    /// A segment is about to be opened again after a failure.
    Reopen,
    /// The projection is about to commit.
    Projection,
}

/// What the test wants to happen.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Proceed,
    /// The operation reports an error.
    Fail,
    /// The process is as good as dead: nothing is written from here on.
    Crash,
}

/// What made a write fail.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("{0}")]
    Folder(#[from] std::io::Error),
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Only tests crash.
    #[error("the test crashed the store")]
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests crash"))]
    Crash,
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        Self::Keys(error.into())
    }
}

#[cfg(test)]
type Script = std::sync::Arc<dyn Fn(FaultPoint) -> Verdict + Send + Sync>;

/// Decides, in tests, which operations fail.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    #[cfg(test)]
    script: Option<Script>,
    #[cfg(test)]
    dead: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Faults {
    /// Passes, or fails as the test wants.
    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the test's version uses both"
    )]
    pub(crate) fn at(&self, _point: FaultPoint) -> Result<(), Failure> {
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn at(&self, point: FaultPoint) -> Result<(), Failure> {
        use std::sync::atomic::Ordering::SeqCst;

        let verdict = match &self.script {
            _ if self.dead.load(SeqCst) => Verdict::Crash,
            Some(script) => script(point),
            None => Verdict::Proceed,
        };
        match verdict {
            Verdict::Proceed => Ok(()),
            Verdict::Fail => Err(Failure::Folder(std::io::Error::other("the test failed this operation"))),
            Verdict::Crash => {
                self.dead.store(true, SeqCst);
                Err(Failure::Crash)
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn scripted(script: impl Fn(FaultPoint) -> Verdict + Send + Sync + 'static) -> Self {
        Self {
            script: Some(std::sync::Arc::new(script)),
            ..Self::default()
        }
    }
}
