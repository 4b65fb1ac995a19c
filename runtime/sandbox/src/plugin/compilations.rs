//! Whose turn it is to compile: a few components at a time, and each of them once.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The components that are being compiled.
pub(crate) struct Compilations {
    at_once_max: usize,
    /// By digest.
    running: Mutex<HashSet<Arc<str>>>,
    ended: Condvar,
}

/// The right to compile one component, until dropped.
pub(crate) struct Turn<'a> {
    compilations: &'a Compilations,
    digest: Arc<str>,
}

impl Compilations {
    pub(crate) fn new(at_once_max: usize) -> Self {
        Self {
            at_once_max,
            running: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// Blocks while this very component is being compiled, or as many others as may be.
    pub(crate) fn wait_for_turn(&self, digest: &Arc<str>) -> Turn<'_> {
        let is_busy = |running: &mut HashSet<Arc<str>>| running.len() >= self.at_once_max || running.contains(digest);
        let mut running = self
            .ended
            .wait_while(self.lock(), is_busy)
            .unwrap_or_else(PoisonError::into_inner);
        running.insert(Arc::clone(digest));
        Turn {
            compilations: self,
            digest: Arc::clone(digest),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.compilations.lock().remove(&self.digest);
        self.compilations.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Long enough for any machine; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Long enough for a thread that does not wait to show it.
    const MOMENT: Duration = Duration::from_millis(30);

    /// Whether a second turn is given only when the first has ended.
    fn waits(at_once_max: usize, first: &str, second: &str) -> bool {
        let compilations = Compilations::new(at_once_max);
        let (began, has_begun) = channel();
        thread::scope(|scope| {
            let turn = compilations.wait_for_turn(&first.into());
            let compilations = &compilations;
            scope.spawn(move || {
                let _turn = compilations.wait_for_turn(&second.into());
                began.send(()).unwrap();
            });
            let early = has_begun.recv_timeout(MOMENT);
            drop(turn);
            early == Err(RecvTimeoutError::Timeout) && has_begun.recv_timeout(PATIENCE).is_ok()
        })
    }

    #[test]
    fn a_component_is_compiled_once_and_few_at_a_time() {
        assert!(waits(2, "one", "one"));
        assert!(waits(1, "one", "two"));
        assert!(!waits(2, "one", "two"));
    }
}
