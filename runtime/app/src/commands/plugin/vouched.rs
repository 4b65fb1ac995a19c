//! Who vouches for a package: each signature, and what it is worth to a site.

use std::path::Path;

use serde::Serialize;
use transfuse_package::Package;
use transfuse_package::trust::{Alert, Claim, Occasion, Signature, Statement, Subject, moment};

use crate::configuration::{self, Faults, Settings};
use crate::console::{Palette, Tone};
use crate::failure::Failure;
use crate::trust::Trust;

/// What is said of a signature that nobody could verify.
const UNVERIFIED: &str = "anybody could have written this: name a site that has pinned the key, with --site";

/// A signature. Without a site it says what it says of itself, and nobody has verified it.
#[derive(Serialize)]
pub(super) struct SignatureReport {
    role: Option<&'static str>,
    /// What the site calls the signer; none where it has not pinned the key.
    by: Option<String>,
    key_id: Option<String>,
    says: Option<String>,
    until: Option<String>,
    /// Whether a site's keys and policy have been asked.
    judged: bool,
    counts: bool,
    /// Why it does not count, or with which reservations it does.
    remarks: Vec<String>,
}

/// What a site goes by; without one, nobody's key is known.
pub(super) fn trust(site: Option<&Path>) -> Result<Trust, Failure> {
    let (site, settings, faults) = match site {
        Some(site) => {
            let (settings, faults) = configuration::read_settings(site);
            (site, settings, faults)
        }
        None => (Path::new(""), Settings::default(), Faults::default()),
    };
    let trust = Trust::read(site, &site.join(&settings.data), &settings, &faults);
    let faults = faults.into_sorted();
    if faults.is_empty() {
        Ok(trust)
    } else {
        Err(Failure::Configuration(faults))
    }
}

/// What trust judges of a package.
pub(super) fn subject(package: &Package) -> Subject<'_> {
    Subject {
        digest: &package.digest,
        envelopes: &package.envelopes,
        granted: None,
    }
}

/// Every signature of a package.
pub(super) fn signatures(package: &Package, trust: &Trust, has_site: bool) -> Vec<SignatureReport> {
    let mut signatures = trust.signatures(subject(package), Occasion::Deploy);
    // As a package comes about; in its file they lie in no order that means anything.
    signatures.sort_by_key(|signature| {
        let statement = signature.statement.as_ref();
        statement.map_or((usize::MAX, 0), |statement| {
            (rank(&statement.claim), statement.issued_at_ms)
        })
    });
    signatures.iter().map(|signature| report(signature, has_site)).collect()
}

fn rank(claim: &Claim) -> usize {
    match claim {
        Claim::Built => 0,
        Claim::Certified(_) => 1,
        Claim::Approved { .. } => 2,
    }
}

fn report(signature: &Signature<'_>, has_site: bool) -> SignatureReport {
    let statement = signature.statement.as_ref();
    let remarks = match &signature.standing {
        Ok(alerts) => alerts.iter().map(Alert::to_string).collect(),
        Err(_) if !has_site && statement.is_some() => vec![UNVERIFIED.to_owned()],
        Err(refusal) => vec![refusal.to_string()],
    };
    SignatureReport {
        role: statement.map(|statement| statement.claim.role().word()),
        by: signature.signer.map(|signer| signer.name.clone()),
        key_id: signature.key_id.as_ref().map(ToString::to_string),
        says: statement.map(says),
        until: statement.and_then(|statement| statement.until_ms).map(moment),
        judged: has_site,
        counts: signature.standing.is_ok(),
        remarks,
    }
}

/// What a statement says, in one line.
fn says(statement: &Statement) -> String {
    let at = moment(statement.issued_at_ms);
    match &statement.claim {
        Claim::Built => format!("built it, signed at {at}"),
        Claim::Certified(certificate) => format!(
            "certified it for contract {} by {}, signed at {at}",
            certificate.contract, certificate.suite
        ),
        Claim::Approved { note } if note.is_empty() => format!("approved it, signed at {at}"),
        Claim::Approved { note } => format!("approved it, signed at {at}: {note}"),
    }
}

impl SignatureReport {
    /// One line that says who says what, and one below it for each remark.
    pub(super) fn lines(&self, palette: Palette) -> Vec<String> {
        let mark = match (self.judged, self.counts) {
            (_, true) => palette.paint(Tone::Good, "counts ").to_string(),
            (true, false) => palette.paint(Tone::Odd, "ignored").to_string(),
            (false, false) => palette.paint(Tone::Odd, "unverified").to_string(),
        };
        let role = self.role.unwrap_or("?");
        let by = match (&self.by, &self.key_id) {
            (Some(name), _) => name.clone(),
            (None, Some(id)) => format!("key {id}"),
            (None, None) => "somebody".to_owned(),
        };
        let says = self.says.as_deref().unwrap_or("says nothing that can be read");
        let until = self.until.as_ref().map(|until| format!(", until {until}"));
        let first = format!("{mark}  {role:<9}  {by} {says}{}", until.unwrap_or_default());
        let remarks = self.remarks.iter().map(|remark| format!("           {remark}"));
        std::iter::once(first).chain(remarks).collect()
    }
}
