//! The task that observes a trial: it judges after each message, moves a pilot from stage to stage, and sees to its end.

use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use super::super::Changes;
use super::{Progress, RunningTrial};

/// What a trial is to do next.
enum Next {
    /// Go on, and look again then at the latest.
    Wait(Instant),
    /// Begin this stage.
    Stage(usize),
    /// It has run its course.
    End,
}

impl Changes {
    pub(super) async fn observe(self: Arc<Self>, running: Arc<RunningTrial>) {
        let mut seen = running.trial.changes();
        loop {
            if let Some(breach) = running.trial.judge(&running.wish.budget) {
                return self.breached(&running, breach).await;
            }
            let until = match running.next() {
                Next::Wait(until) => until,
                Next::Stage(stage) => {
                    running.begin_stage(stage);
                    continue;
                }
                Next::End => return self.completed(&running).await,
            };
            tokio::select! {
                changed = seen.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(until) => {}
                () = running.over.cancelled() => return,
                () = self.stop.cancelled() => return,
            }
        }
    }
}

impl RunningTrial {
    /// A stage ends when it has seen its messages, or when its time is over and it has seen enough to judge by. A feed that
    /// is too slow for that is waited for.
    fn next(&self) -> Next {
        let progress = self.progress();
        let messages = self.trial.messages().saturating_sub(progress.messages);
        let bounds = self.wish.bounds;
        let until = progress.began + bounds.time;
        let is_over = Instant::now() >= until && messages >= self.wish.budget.messages_min.min(bounds.messages);
        if messages < bounds.messages && !is_over {
            let again = if Instant::now() < until {
                until
            } else {
                Instant::now() + bounds.time
            };
            return Next::Wait(again);
        }
        let stage = progress.stage + 1;
        if stage < self.wish.mode.stages() {
            Next::Stage(stage)
        } else {
            Next::End
        }
    }

    fn begin_stage(&self, stage: usize) {
        if let Some(selection) = self.wish.mode.selection(stage) {
            self.trial.select(selection);
        }
        tracing::info!(
            interface = self.interface,
            revision = self.number,
            stage,
            "a trial goes on"
        );
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Progress {
            stage,
            began: Instant::now(),
            messages: self.trial.messages(),
        };
    }
}
