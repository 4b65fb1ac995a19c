//! How trials end: by running their course, by overrunning the budget, or by hand.

use std::sync::Arc;

use transfuse_engine::Breach;
use transfuse_store::{LiveChange, Operator};

use super::super::{ChangeError, Changes, Finding, Probe, Verdict, Wish};
use super::{Mode, RunningTrial};
use crate::control::view::of_many;
use crate::control::wire::evidence::Detail;
use crate::deployment::Change;
use crate::identity::Identity;
use crate::layout::counted;

/// How the reason of an automatic rollback begins.
const ROLLBACK: &str = "automatic rollback: ";

/// What a start says of an interface that was rolled back by itself, until somebody changes it.
pub(crate) fn rolled_back(history: &[LiveChange]) -> Option<String> {
    let [last, before, ..] = history else { return None };
    let why = last
        .reason
        .strip_prefix(ROLLBACK)
        .filter(|_| last.author == Identity::Engine.to_string())?;
    Some(format!(
        "revision {} was rolled back to {}: {why}",
        before.number, last.number
    ))
}

impl Changes {
    /// Ends a trial by hand: the live revision decides all messages again.
    pub(crate) async fn stop_trial(
        self: &Arc<Self>,
        interface: &str,
        change: &Change,
    ) -> Result<Arc<RunningTrial>, ChangeError> {
        let running = self.trial_of(interface)?;
        if !self.end(&running) {
            return Err(ChangeError::NoTrial(interface.to_owned()));
        }
        let Change { author, reason, .. } = change;
        self.keep_end(&running, Verdict::Stopped, format!("ended by {author}: {reason}"))
            .await;
        Ok(running)
    }

    /// Makes the revision of a shadow or pilot live before its time.
    pub(crate) async fn promote_trial(
        self: &Arc<Self>,
        interface: &str,
        change: &Change,
    ) -> Result<Arc<RunningTrial>, ChangeError> {
        let running = self.trial_of(interface)?;
        if matches!(running.wish.mode, Mode::Watch) {
            return Err(ChangeError::LiveAlready {
                interface: interface.to_owned(),
                number: running.number,
            });
        }
        let Change { author, reason, .. } = change;
        let is_approval = self.may_promote(&running.change.author, author).await?;
        let told = format!("made live by {author}: {reason}");
        self.promote(&running, change, told.clone()).await?;
        if is_approval {
            let finding = Finding::new(Probe::Approval, Verdict::Passed, told);
            self.keep_of_revision(interface, running.number, vec![finding], author)
                .await?;
        }
        Ok(running)
    }

    /// Lets the live revision decide all messages for a while.
    pub(crate) fn pause_trial(&self, interface: &str, is_paused: bool) -> Result<Arc<RunningTrial>, ChangeError> {
        let running = self.trial_of(interface)?;
        if is_paused {
            running.trial.pause();
        } else {
            running.trial.resume();
        }
        Ok(running)
    }

    /// Ends what is watched, because something else goes live.
    pub(in crate::changes) async fn end_watch(self: &Arc<Self>, interface: &str) {
        let Some(running) = self.trials.of(interface) else {
            return;
        };
        if matches!(running.wish.mode, Mode::Watch) && self.end(&running) {
            let told = "ended: something else went live".to_owned();
            self.keep_end(&running, Verdict::Stopped, told).await;
        }
    }

    /// Ends all of them, because the engine does. What they have seen is kept.
    pub(crate) async fn end_trials(self: &Arc<Self>) {
        for standing in self.trials.all() {
            let running = standing.trial;
            if self.end(&running) {
                let messages = usize::try_from(running.trial.messages()).unwrap_or(usize::MAX);
                let told = format!("ended after {}: the engine stopped", counted(messages, "message"));
                self.keep_end(&running, Verdict::Stopped, told).await;
            }
        }
    }

    fn trial_of(&self, interface: &str) -> Result<Arc<RunningTrial>, ChangeError> {
        self.known(interface)?;
        let found = self.trials.of(interface);
        found.ok_or_else(|| ChangeError::NoTrial(interface.to_owned()))
    }

    /// Takes a trial out, once: whoever succeeds says what follows.
    fn end(&self, running: &Arc<RunningTrial>) -> bool {
        let is_mine = self.trials.take(running);
        if is_mine {
            self.engine.end_trial(&running.interface);
            running.over.cancel();
        }
        is_mine
    }

    /// A trial has run its course and kept its budget.
    pub(super) async fn completed(self: &Arc<Self>, running: &Arc<RunningTrial>) {
        match running.wish.mode {
            Mode::Shadow | Mode::Watch => {
                if self.end(running) {
                    let told = "it has run its course, within its budget".to_owned();
                    self.keep_end(running, Verdict::Passed, told).await;
                }
            }
            Mode::Filter(_) | Mode::Shares { .. } => {
                let change = automatic(format!("its pilot has run its course: {}", running.change.reason));
                let told = "it has run its course, within its budget, and is live".to_owned();
                if let Err(error) = self.promote(running, &change, told).await {
                    tracing::error!(interface = running.interface, revision = running.number, %error, "a pilot could not go live");
                    self.tell(
                        running,
                        format!(
                            "revision {} has kept its budget and could not go live: {error}",
                            running.number
                        ),
                    );
                }
            }
        }
    }

    /// The budget is overrun: what the revision has made and not delivered is held, and it is taken out of use.
    pub(super) async fn breached(self: &Arc<Self>, running: &Arc<RunningTrial>, breach: Breach) {
        if !self.end(running) {
            return;
        }
        let (interface, number) = (running.interface.as_str(), running.number);
        tracing::error!(
            interface,
            revision = number,
            kind = breach.kind,
            breach = breach.told,
            "a revision overruns its budget"
        );
        let against = running.against;
        let told = match running.wish.mode {
            Mode::Shadow => format!("the shadow of revision {number} has ended: {breach}"),
            Mode::Filter(_) | Mode::Shares { .. } => {
                let held = self.hold(running, &breach).await;
                format!(
                    "the pilot of revision {number} has ended, and revision {against} decides everything: {breach}{held}"
                )
            }
            Mode::Watch => {
                let held = self.hold(running, &breach).await;
                match self.roll_back_automatically(running, &breach).await {
                    Ok(()) => format!("revision {number} was rolled back to {against}: {breach}{held}"),
                    Err(error) => {
                        tracing::error!(interface, revision = number, %error, "the automatic rollback has failed");
                        self.release(running, &error).await;
                        format!(
                            "revision {number} overruns its budget ({breach}), and could not be rolled back: {error}"
                        )
                    }
                }
            }
        };
        self.tell(running, told);
        self.keep_end(running, Verdict::Failed, breach.told).await;
    }

    /// Keeps back what a revision has made and what is not with its receivers yet, and says so.
    async fn hold(&self, running: &RunningTrial, breach: &Breach) -> String {
        let operator = Operator {
            author: Identity::Engine.to_string(),
            reason: breach.told.clone(),
        };
        let (interface, number) = (&running.interface, running.number);
        match self.store.hold(interface, number, &operator).await {
            Ok(_) => format!("; what it had not delivered is held (`transfuse deliveries held {interface}`)"),
            Err(error) => {
                tracing::error!(interface, revision = number, %error, "deliveries could not be held");
                format!("; what it had not delivered could not be held: {error}")
            }
        }
    }

    /// What is live delivers.
    async fn release(&self, running: &RunningTrial, why: &ChangeError) {
        let operator = Operator {
            author: Identity::Engine.to_string(),
            reason: format!("the rollback has failed: {why}"),
        };
        if let Err(error) = self.store.release(&running.interface, running.number, &operator).await {
            let (interface, revision) = (&running.interface, running.number);
            tracing::error!(interface, revision, %error, "deliveries of a live revision are held");
        }
    }

    async fn roll_back_automatically(
        self: &Arc<Self>,
        running: &RunningTrial,
        breach: &Breach,
    ) -> Result<(), ChangeError> {
        let change = automatic(format!("{ROLLBACK}{breach}"));
        let wish = Wish {
            change: Some(change),
            expected: [(running.interface.clone(), Some(running.number))].into(),
            ..Wish::default()
        };
        self.roll_back(running.interface.clone(), Some(running.against), wish)
            .await
            .map(drop)
    }

    async fn promote(
        self: &Arc<Self>,
        running: &Arc<RunningTrial>,
        change: &Change,
        told: String,
    ) -> Result<(), ChangeError> {
        if !self.end(running) {
            return Err(ChangeError::NoTrial(running.interface.clone()));
        }
        let made = self.make_live(running, change).await;
        let (verdict, told) = match &made {
            Ok(()) => (Verdict::Passed, told),
            Err(error) => (Verdict::Stopped, format!("ended, and could not go live: {error}")),
        };
        self.keep_end(running, verdict, told).await;
        made
    }

    /// Keeps what was found, for whoever asks later.
    async fn keep_end(self: &Arc<Self>, running: &RunningTrial, verdict: Verdict, told: String) {
        let RunningTrial {
            interface,
            number: revision,
            ..
        } = running;
        tracing::info!(interface, revision, ?verdict, told, "a trial has ended");
        let detail = Detail {
            differences: Some(of_many(&running.trial.observed().differences)),
            against: Some(running.against),
            ..Detail::default()
        };
        self.keep_of_trial(
            running,
            Finding::new(running.wish.mode.probe(), verdict, told).with(detail),
        )
        .await;
    }

    pub(super) async fn keep_of_trial(self: &Arc<Self>, running: &RunningTrial, finding: Finding) {
        let RunningTrial {
            interface,
            number: revision,
            change,
            ..
        } = running;
        let kept = self.keep_of_revision(interface, *revision, vec![finding], &change.author);
        if let Err(error) = kept.await {
            tracing::error!(interface, revision, %error, "what is known of a trial could not be kept");
        }
    }

    /// What whoever looks at the status should know.
    fn tell(&self, running: &RunningTrial, what: String) {
        self.alerts.add_of_change(&running.interface, what);
    }
}

fn automatic(reason: String) -> Change {
    Change {
        author: Identity::Engine,
        reason,
        note: String::new(),
    }
}
