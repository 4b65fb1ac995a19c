//! A counter that threads wait for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// So many at a time, and the rest wait in the order in which they came.
pub(crate) struct Permits {
    count: u64,
    queue: Mutex<Queue>,
    returned: Condvar,
}

#[derive(Default)]
struct Queue {
    asked: u64,
    returned: u64,
}

/// Returned when dropped.
pub(crate) struct Permit(Arc<Permits>);

impl Permits {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            count: count as u64,
            queue: Mutex::default(),
            returned: Condvar::new(),
        })
    }

    /// Blocks the thread until its turn has come.
    pub(crate) fn acquire(self: &Arc<Self>) -> Permit {
        let mut queue = self.lock();
        let place = queue.asked;
        queue.asked += 1;
        let has_to_wait = |queue: &mut Queue| place >= queue.returned + self.count;
        drop(
            self.returned
                .wait_while(queue, has_to_wait)
                .unwrap_or_else(PoisonError::into_inner),
        );
        Permit(Arc::clone(self))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.lock().returned += 1;
        // All of them: only one knows that it is next.
        self.0.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn who_came_first_goes_first_even_if_the_one_before_comes_again_at_once() {
        let permits = Permits::new(1);
        let first = permits.acquire();
        let (sender, order) = channel();
        let waiting = {
            let (permits, sender) = (Arc::clone(&permits), sender.clone());
            thread::spawn(move || {
                let _permit = permits.acquire();
                sender.send("second").unwrap();
            })
        };
        while permits.lock().asked < 2 {
            thread::yield_now();
        }
        drop(first);
        let _again = permits.acquire();
        sender.send("first again").unwrap();
        waiting.join().unwrap();
        assert_eq!(order.iter().take(2).collect::<Vec<_>>(), ["second", "first again"]);
    }

    #[test]
    fn so_many_go_on_at_a_time() {
        let permits = Permits::new(2);
        let (first, _second) = (permits.acquire(), permits.acquire());
        let third = {
            let permits = Arc::clone(&permits);
            thread::spawn(move || drop(permits.acquire()))
        };
        while permits.lock().asked < 3 {
            thread::yield_now();
        }
        assert!(!third.is_finished());
        drop(first);
        third.join().unwrap();
    }
}
