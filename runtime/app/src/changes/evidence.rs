//! What is found out about revisions, kept for whoever asks later.
//!
//! The catalog has kind, verdict and a summary in the clear; values of messages are in the sealed detail only. The detail is a byte
//! that says its format, and the API's own JSON: what is told of it later is what was told of it then.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::spawn_blocking;
use transfuse_store::{Catalog, Evidence, NewEvidence, Sealed};

use super::{ChangeError, Changes};
use crate::control::wire::evidence::Detail;
use crate::identity::Identity;

/// The first byte of every stored detail.
const FORMAT: u8 = 1;

/// Entries of one list: what a person looks through.
const LISTED_MAX: usize = 200;

/// What finds something out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    Trust,
    Vectors,
    Replay,
    Envelope,
    Approval,
    Shadow,
    Pilot,
    Watch,
    Rollback,
}

/// How it comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    /// It failed, and somebody takes that on themselves.
    Waived,
    /// There was nothing to look at, or no need to.
    Skipped,
    /// It goes on, until there is a later word of it.
    Begun,
    /// It ended before it had seen enough.
    Stopped,
    /// A person has to say.
    Waiting,
}

/// Something that was found out.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) probe: Probe,
    pub(crate) verdict: Verdict,
    /// One line, without a value of any message.
    pub(crate) summary: String,
    pub(crate) detail: Detail,
}

/// What a finding speaks of.
#[derive(Debug, Clone)]
pub(in crate::changes) struct About {
    pub(in crate::changes) interface: String,
    /// Of the resolved settings.
    pub(in crate::changes) digest: String,
    /// None where they did not become a revision.
    pub(in crate::changes) revision: Option<u32>,
}

impl Probe {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Vectors => "vectors",
            Self::Replay => "replay",
            Self::Envelope => "envelope",
            Self::Approval => "approval",
            Self::Shadow => "shadow",
            Self::Pilot => "pilot",
            Self::Watch => "watch",
            Self::Rollback => "rollback",
        }
    }
}

impl Verdict {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Waived => "waived",
            Self::Skipped => "skipped",
            Self::Begun => "begun",
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
        }
    }
}

impl Finding {
    pub(in crate::changes) fn new(probe: Probe, verdict: Verdict, summary: impl Into<String>) -> Self {
        Self {
            probe,
            verdict,
            summary: summary.into(),
            detail: Detail::default(),
        }
    }

    pub(in crate::changes) fn with(self, detail: Detail) -> Self {
        Self { detail, ..self }
    }
}

impl Changes {
    /// What is known about an interface or one of its revisions, newest first. Blocks on the disk.
    pub(crate) fn evidence(&self, interface: &str, revision: Option<u32>) -> Result<Vec<Evidence>, ChangeError> {
        let catalog = self.store.catalog();
        let found = catalog.evidence(interface, revision, LISTED_MAX)?;
        if found.is_empty() {
            if catalog.revisions(interface, 1)?.is_empty() {
                return Err(ChangeError::UnknownInterface(interface.to_owned()));
            }
            if let Some(number) = revision
                && catalog.revision(interface, number)?.is_none()
            {
                let interface = interface.to_owned();
                return Err(ChangeError::UnknownRevision { interface, number });
            }
        }
        Ok(found)
    }

    /// Keeps what was found out.
    pub(in crate::changes) async fn keep_findings(
        self: &Arc<Self>,
        about: About,
        findings: Vec<Finding>,
        author: &Identity,
    ) -> Result<(), ChangeError> {
        let (changes, author) = (Arc::clone(self), author.to_string());
        let keeping = spawn_blocking(move || {
            let catalog = changes.store.catalog();
            findings
                .iter()
                .try_for_each(|finding| add(catalog, &about, finding, &author))
        });
        keeping.await?
    }

    /// The same about a revision that the catalog holds.
    pub(in crate::changes) async fn keep_of_revision(
        self: &Arc<Self>,
        interface: &str,
        number: u32,
        findings: Vec<Finding>,
        author: &Identity,
    ) -> Result<(), ChangeError> {
        let (changes, interface) = (Arc::clone(self), interface.to_owned());
        let reading = spawn_blocking(move || {
            let revision = changes.store.catalog().revision(&interface, number)?;
            let revision = revision.ok_or_else(|| ChangeError::UnknownRevision {
                interface: interface.clone(),
                number,
            })?;
            Ok::<About, ChangeError>(About {
                interface,
                digest: revision.digest,
                revision: Some(number),
            })
        });
        let about = reading.await??;
        self.keep_findings(about, findings, author).await
    }
}

fn add(catalog: &Catalog, about: &About, finding: &Finding, author: &str) -> Result<(), ChangeError> {
    let detail = seal(&finding.detail).map_err(ChangeError::Failed)?;
    catalog.add_evidence(&NewEvidence {
        interface: about.interface.clone(),
        digest: about.digest.clone(),
        revision: about.revision,
        kind: finding.probe.word().to_owned(),
        verdict: finding.verdict.word().to_owned(),
        summary: finding.summary.clone(),
        detail,
        author: author.to_owned(),
    })?;
    Ok(())
}

fn seal(detail: &Detail) -> anyhow::Result<Sealed> {
    let mut bytes = vec![FORMAT];
    serde_json::to_writer(&mut bytes, detail)?;
    Ok(bytes.into())
}

/// A detail as it was kept.
pub(crate) fn open(sealed: &Sealed) -> anyhow::Result<Detail> {
    let (format, content) = sealed.as_slice().split_first().context("evidence without its detail")?;
    anyhow::ensure!(
        *format == FORMAT,
        "evidence is of format {format}, and this engine reads {FORMAT}; read it with the engine that wrote it"
    );
    serde_json::from_slice(content).context("the detail of evidence is damaged")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_detail_is_read_as_it_was_kept_and_no_other_format_is() {
        let detail = Detail {
            lines: vec!["MINTA^ADAM".to_owned().into()],
            reason: "why".to_owned(),
            against: Some(3),
            ..Detail::default()
        };
        let sealed = seal(&detail).unwrap();
        assert_eq!(open(&sealed).unwrap(), detail);
        let other = [&[FORMAT + 1], sealed.as_slice().get(1..).unwrap()].concat();
        assert!(open(&other.into()).unwrap_err().to_string().contains("of format 2"));
        assert!(open(&Sealed::default()).is_err());
    }
}
