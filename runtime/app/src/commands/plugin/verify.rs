//! `transfuse plugin verify`: who vouches for a package, and whether a site may use it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use transfuse_package::trust::{Occasion, Refusal};

use super::vouched::{self, SignatureReport};
use super::wanted::{self, Wanted};
use crate::console::{Console, Palette, Tone};
use crate::failure::{Exit, Outcome};
use crate::trust::Trust;

/// Tell who vouches for a package, and whether a site may install and deploy it
///
/// Reads the package (every part is held against its digest) and lists each signature: who made it in which role, until
/// when it holds, and whether it counts. A signature counts only where the site has pinned its key in `[trust] keys`, so
/// without --site none can be verified. With --site, the site's policy, approvals and revocation list decide, and the
/// exit code is 1 where the package must not be deployed.
///
/// Example: transfuse plugin verify transfuse/redact@1.0.0 --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The package: a file, or NAME@VERSION of the site's library
    #[arg(value_name = "PACKAGE")]
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
    let site = arguments.site.as_deref();
    let library = wanted::library(site, arguments.plugins.as_deref())?;
    let wanted = Wanted::local(&arguments.package, &library)?;
    let trust = vouched::trust(site)?;
    let report = report(&wanted, &trust, arguments);
    let is_good = report.deploy.as_ref().is_none_or(|verdict| verdict.allowed);
    if arguments.json {
        console.json(&report)?;
    } else {
        console.result(show(&report, &wanted, console.palette()))?;
    }
    Ok(if is_good { Exit::Success } else { Exit::Failure })
}

fn report(wanted: &Wanted, trust: &Trust, arguments: &Arguments) -> Report {
    let (package, has_site) = (&wanted.package, arguments.site.is_some());
    let subject = vouched::subject(package);
    let name = &arguments.package;
    Report {
        package: wanted.subject(),
        digest: package.digest.clone(),
        signatures: vouched::signatures(package, trust, has_site),
        approved: trust
            .approval(&package.digest)
            .filter(|_| has_site)
            .map(|approval| ApprovalReport {
                who: approval.who.clone(),
                when: approval.when.clone(),
                note: approval.note.clone(),
            }),
        install: has_site.then(|| verdict(trust.judge_install(subject), trust, name)),
        deploy: has_site.then(|| verdict(trust.judge_subject(subject, Occasion::Deploy), trust, name)),
    }
}

fn verdict(judged: Result<Vec<String>, Refusal>, trust: &Trust, package: &str) -> Verdict {
    match judged {
        Ok(alerts) => Verdict {
            allowed: true,
            remarks: alerts,
            hint: None,
        },
        Err(refusal) => Verdict {
            allowed: false,
            remarks: vec![refusal.to_string()],
            hint: Some(trust.hint(&refusal, package)),
        },
    }
}

fn show(report: &Report, wanted: &Wanted, palette: Palette) -> String {
    let mut lines = vec![
        palette.paint(Tone::Strong, &wanted.title()).to_string(),
        format!("  {}", report.digest),
    ];
    if report.signatures.is_empty() {
        lines.push("  nobody has signed it".to_owned());
    }
    for signature in &report.signatures {
        lines.extend(signature.lines(palette).into_iter().map(|line| format!("  {line}")));
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
    let verdicts = [("install", &report.install), ("deploy", &report.deploy)];
    let verdicts = verdicts.map(|(label, verdict)| verdict.iter().map(move |verdict| (label, verdict)));
    let verdicts: Vec<(&str, &Verdict)> = verdicts.into_iter().flatten().collect();
    lines.extend(
        verdicts
            .iter()
            .map(|(label, verdict)| show_verdict(label, verdict, palette)),
    );
    // What forbids both is mended once.
    let mut hints: Vec<&String> = verdicts
        .iter()
        .filter_map(|(_, verdict)| verdict.hint.as_ref())
        .collect();
    hints.dedup();
    lines.extend(
        hints
            .iter()
            .map(|hint| format!("{} {hint}", palette.paint(Tone::Name, "hint:"))),
    );
    lines.join("\n")
}

fn show_verdict(label: &str, verdict: &Verdict, palette: Palette) -> String {
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
    format!("{label:<7}  {}{remarks}", palette.paint(tone, word))
}
