//! Revisions that run messages without being live.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use transfuse_engine::Revision;
use transfuse_sandbox::State;

use super::{ChangeError, Changes};
use crate::{assembly, deployment};

impl Changes {
    /// A revision of an interface that runs, and what its plugins keep now: the live one, or the one of that number with the code
    /// tables of today. It has to be one that may go live here.
    pub(crate) async fn revision_to_run(
        self: &Arc<Self>,
        interface: &str,
        number: Option<u32>,
    ) -> Result<(Arc<Revision>, State), ChangeError> {
        let live = self.engine.interface(interface);
        let live = live.ok_or_else(|| ChangeError::UnknownInterface(interface.to_owned()))?;
        let state = live.state();
        let own = live.revision();
        let Some(number) = number.filter(|number| *number != own.number()) else {
            return Ok((Arc::clone(own), state));
        };
        let (changes, interface) = (Arc::clone(self), interface.to_owned());
        let made = spawn_blocking(move || changes.make_runnable(&interface, number));
        Ok((Arc::new(made.await??), state))
    }

    /// Blocks while plugins are compiled.
    fn make_runnable(&self, interface: &str, number: u32) -> Result<Revision, ChangeError> {
        let unknown = || ChangeError::UnknownRevision {
            interface: interface.to_owned(),
            number,
        };
        let revision = self.store.catalog().revision(interface, number)?.ok_or_else(unknown)?;
        let resolved = deployment::read_revision(&revision).map_err(ChangeError::Failed)?;
        if resolved.environment != self.environment {
            let interface = interface.to_owned();
            return Err(ChangeError::OtherEnvironment { interface, number });
        }
        let (resolved, parts) = self.as_of_today(resolved)?;
        self.refuse_untrusted(&resolved, &parts)?;
        let settings = assembly::interface(&resolved, number, &parts, &self.site, &self.sandbox);
        Ok(Revision::new(settings.map_err(ChangeError::Failed)?))
    }
}
