//! `transfuse plugin verify`: who vouches for a package, and whether a site may use it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use transfuse_package::trust::{Alert, Claim, Occasion, Refusal, Signature, Statement, Subject, moment};

use super::named::{self, Named};
use crate::configuration::{self, Faults, Settings};
use crate::console::{Console, Palette, Tone};
use crate::failure::{Exit, Failure, Outcome};
use crate::trust::Trust;

/// Tell who vouches for a package, and whether a site may install and deploy it
///
/// Reads the package (every part is held against its digest) and lists each signature: who made it in which role, until
/// when it holds, and whether it counts. A signature counts only where the site has pinned its key in `[trust] keys`, so
/// without --site none can be checked. With --site, the site's policy, approvals and revocation list decide, and the
/// exit code is 1 where the package must not be deployed.
///
/// Example: transfuse plugin verify transfuse/redact@1.0.0 --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The package's file, or NAME@VERSION of the site's library
    #[arg(value_name = "FILE")]
    package: String,
    /// The site folder whose policy decides
    #[arg(long, value_name = "DIR")]
    site: Option<PathBuf>,
    /// Find packages in this folder, instead of the site's own
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    package: String,
    digest: String,
    signatures: Vec<SignatureReport>,
    approved: Option<ApprovalReport>,
    /// None without a site.
    install: Option<Verdict>,
    deploy: Option<Verdict>,
}

#[derive(Serialize)]
struct SignatureReport {
    role: Option<&'static str>,
    /// What the site calls the signer; none where it has not pinned the key.
    by: Option<String>,
    key_id: Option<String>,
    says: Option<String>,
    until: Option<String>,
    counts: bool,
    /// Why it does not count, or with which reservations it does.
    remarks: Vec<String>,
}

#[derive(Serialize)]
struct ApprovalReport {
    who: String,
    when: String,
    note: String,
}

#[derive(Serialize)]
struct Verdict {
    allowed: bool,
    remarks: Vec<String>,
    hint: Option<String>,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let here = PathBuf::from(".");
    let site = arguments.site.as_ref();
    let library = named::library(site.unwrap_or(&here), arguments.plugins.as_ref());
    let named = Named::find(&arguments.package, &library)?;
    let trust = trust(site)?;
    let report = report(&named, &trust, site.is_some());
    let is_good = report.deploy.as_ref().is_none_or(|verdict| verdict.allowed);
    if arguments.json {
        console.json(&report)?;
    } else {
        console.result(show(&report, &named, console.palette()))?;
    }
    Ok(if is_good { Exit::Success } else { Exit::Failure })
}

/// The site's trust; without a site, that of one that has pinned no key. Faults of the files that it is made of are told.
fn trust(site: Option<&PathBuf>) -> Result<Trust, Failure> {
    let (site, settings, faults) = match site {
        Some(site) => {
            let (settings, faults) = configuration::read_settings(site);
            (site.as_path(), settings, faults)
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

fn report(named: &Named, trust: &Trust, has_site: bool) -> Report {
    let package = &named.package;
    let subject = Subject {
        digest: &package.digest,
        envelopes: &package.envelopes,
        granted: None,
    };
    let verdict = |occasion| has_site.then(|| verdict(trust, subject, occasion, &named.subject()));
    Report {
        package: named.subject(),
        digest: package.digest.clone(),
        signatures: trust
            .signatures(subject, Occasion::Deploy)
            .iter()
            .map(|signature| signature_report(signature, has_site))
            .collect(),
        approved: trust
            .approval(&package.digest)
            .filter(|_| has_site)
            .map(|approval| ApprovalReport {
                who: approval.who.clone(),
                when: approval.when.clone(),
                note: approval.note.clone(),
            }),
        install: verdict(Occasion::Install),
        deploy: verdict(Occasion::Deploy),
    }
}

fn signature_report(signature: &Signature<'_>, has_site: bool) -> SignatureReport {
    let statement = signature.statement.as_ref();
    let remarks = match &signature.standing {
        Ok(alerts) => alerts.iter().map(Alert::to_string).collect(),
        Err(Refusal::UnknownKey { .. }) if !has_site => {
            vec!["nobody has looked at it: name a site that pins the key, with --site".to_owned()]
        }
        Err(refusal) => vec![refusal.to_string()],
    };
    SignatureReport {
        role: statement.map(|statement| statement.claim.role().word()),
        by: signature.signer.map(|signer| signer.name.clone()),
        key_id: signature.key_id.as_ref().map(ToString::to_string),
        says: statement.map(says),
        until: statement.and_then(|statement| statement.until_ms).map(moment),
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

fn verdict(trust: &Trust, subject: Subject<'_>, occasion: Occasion, package: &str) -> Verdict {
    match trust.judge_subject(subject, occasion) {
        Ok(alerts) => Verdict {
            allowed: true,
            remarks: alerts,
            hint: None,
        },
        Err(refusal) => Verdict {
            allowed: false,
            remarks: vec![refusal.to_string()],
            hint: Some(refusal.hint(package)),
        },
    }
}

fn show(report: &Report, named: &Named, palette: Palette) -> String {
    let mut lines = vec![
        palette.paint(Tone::Strong, &named.title()).to_string(),
        format!("  {}", report.digest),
    ];
    if report.signatures.is_empty() {
        lines.push("  nobody has signed it".to_owned());
    }
    for signature in &report.signatures {
        lines.extend(show_signature(signature, palette));
    }
    if let Some(approved) = &report.approved {
        let note = if approved.note.is_empty() {
            String::new()
        } else {
            format!(": {}", approved.note)
        };
        let mark = palette.paint(Tone::Good, "counts ").to_string();
        lines.push(format!(
            "  {mark}  hospital   {} approved it here at {}{note}",
            approved.who, approved.when
        ));
    }
    for (label, verdict) in [("install", &report.install), ("deploy", &report.deploy)] {
        lines.extend(verdict.iter().flat_map(|verdict| show_verdict(label, verdict, palette)));
    }
    lines.join("\n")
}

fn show_signature(signature: &SignatureReport, palette: Palette) -> Vec<String> {
    let mark = if signature.counts {
        palette.paint(Tone::Good, "counts ").to_string()
    } else {
        palette.paint(Tone::Odd, "ignored").to_string()
    };
    let role = signature.role.unwrap_or("?");
    let by = match (&signature.by, &signature.key_id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => format!("key {id}"),
        (None, None) => "somebody".to_owned(),
    };
    let says = signature.says.as_deref().unwrap_or("says nothing that can be read");
    let until = signature.until.as_ref().map(|until| format!(", until {until}"));
    let first = format!("  {mark}  {role:<9}  {by} {says}{}", until.unwrap_or_default());
    let remarks = signature.remarks.iter().map(|remark| format!("           {remark}"));
    std::iter::once(first).chain(remarks).collect()
}

fn show_verdict(label: &str, verdict: &Verdict, palette: Palette) -> Vec<String> {
    let (tone, word) = if verdict.allowed {
        (Tone::Good, "allowed")
    } else {
        (Tone::Bad, "refused")
    };
    let remarks = if verdict.remarks.is_empty() {
        String::new()
    } else {
        format!(": {}", verdict.remarks.join("; "))
    };
    let first = format!("{label:<7}  {}{remarks}", palette.paint(tone, word));
    let hint = verdict
        .hint
        .iter()
        .map(|hint| format!("{} {hint}", palette.paint(Tone::Name, "hint:")));
    std::iter::once(first).chain(hint).collect()
}
