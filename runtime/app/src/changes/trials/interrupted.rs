//! Trials that a kill has ended: their beginning is kept, and the next start keeps that they go on no longer.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::super::evidence::{About, open};
use super::super::{ChangeError, Changes, Finding, Probe, Verdict};
use super::{Mode, RunningTrial};
use crate::control::wire::evidence::Detail;
use crate::identity::Identity;

/// A trial that was begun, and of whose end there is no word.
struct Interrupted {
    about: About,
    probe: Probe,
    against: Option<u32>,
}

impl Changes {
    pub(super) async fn keep_begin(self: &Arc<Self>, running: &RunningTrial) {
        let against = running.against;
        let told = match running.wish.mode {
            Mode::Shadow => format!("it runs beside revision {against}"),
            Mode::Filter(_) | Mode::Shares { .. } => {
                format!("it decides a part of the messages, and revision {against} the others")
            }
            Mode::Watch => format!("it is live, and held against revision {against}"),
        };
        let detail = Detail {
            against: Some(against),
            reason: running.change.reason.clone(),
            ..Detail::default()
        };
        let finding = Finding::new(running.wish.mode.probe(), Verdict::Begun, told).with(detail);
        self.keep_of_trial(running, finding).await;
    }

    /// What was on trial when the engine was killed is so no longer. To be said once, before anything is tried.
    pub(crate) async fn keep_interrupted(self: &Arc<Self>) {
        if let Err(error) = self.keep_ends().await {
            tracing::error!(%error, "that a restart has ended trials could not be kept");
        }
    }

    async fn keep_ends(self: &Arc<Self>) -> Result<(), ChangeError> {
        let changes = Arc::clone(self);
        let interrupted = spawn_blocking(move || changes.interrupted()).await??;
        for one in interrupted {
            let told = "ended by a restart of the engine; what it had seen by then is not known";
            let detail = Detail {
                against: one.against,
                ..Detail::default()
            };
            let finding = Finding::new(one.probe, Verdict::Stopped, told).with(detail);
            tracing::warn!(
                interface = one.about.interface,
                revision = one.about.revision,
                kind = one.probe.word(),
                "the restart has ended a trial"
            );
            self.keep_findings(one.about, vec![finding], &Identity::Engine).await?;
        }
        Ok(())
    }

    /// Blocks on the disk.
    fn interrupted(&self) -> Result<Vec<Interrupted>, ChangeError> {
        let catalog = self.store.catalog();
        let mut found = Vec::new();
        for interface in catalog.interfaces()? {
            for probe in [Probe::Shadow, Probe::Pilot, Probe::Watch] {
                let last = catalog.last_evidence(&interface, None, probe.word())?;
                let Some(last) = last.filter(|one| one.found.verdict == Verdict::Begun.word()) else {
                    continue;
                };
                let detail = open(&last.found.detail).map_err(ChangeError::Failed)?;
                found.push(Interrupted {
                    about: About {
                        interface: last.found.interface,
                        digest: last.found.digest,
                        revision: last.found.revision,
                    },
                    probe,
                    against: detail.against,
                });
            }
        }
        Ok(found)
    }
}
