//! What was found out about revisions, for the wire.

use transfuse_store as store;

use super::super::wire::evidence as wire;
use super::time;
use crate::changes::{Finding, open_detail};

pub(crate) fn gate(finding: Finding) -> wire::Gate {
    wire::Gate {
        name: finding.probe.word().to_owned(),
        verdict: finding.verdict.word().to_owned(),
        summary: finding.summary,
        detail: finding.detail,
    }
}

pub(crate) fn evidence(kept: store::Evidence) -> wire::Evidence {
    let found = kept.found;
    let detail = open_detail(&found.detail).unwrap_or_else(|error| {
        tracing::warn!(id = kept.id, %error, "the detail of evidence cannot be shown");
        wire::Detail::default()
    });
    wire::Evidence {
        id: kept.id,
        kind: found.kind,
        verdict: found.verdict,
        revision: found.revision,
        digest: found.digest,
        summary: found.summary,
        author: found.author,
        at: time(kept.at_ms),
        detail,
    }
}
