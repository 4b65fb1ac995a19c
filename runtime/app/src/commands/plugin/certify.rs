//! `transfuse plugin certify`: the suite, and a certifier's signature for what passed it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use transfuse_package::digest_of;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use transfuse_package::trust::{Claim, Statement, moment};

use super::key;
use super::until::{require_future, until};
use super::wanted::Wanted;
use crate::certification::{self, Part, Report, SuiteError, SuiteSettings, dossier};
use crate::console::{Console, Palette, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};

/// A night.
const FUZZ_MINUTES_MAX: u64 = 720;

/// Fewer changed messages than this say nothing.
const FUZZ_MESSAGES_MIN: u64 = 100;

/// More than the longest night has room for.
const FUZZ_MESSAGES_MAX: u64 = 1_000_000_000;

/// Test a package by the certification suite, and sign what passes
///
/// Runs the suite in the real sandbox: imports, test vectors, determinism on two engines, hostile inputs, resources and
/// fuzzing. Where all of it passes, a statement with the report's digest is signed and added to the package's file, and
/// beside it lie the full report (VERSION.report.json) and a page for hospitals (VERSION.dossier.html). Where a part
/// fails, nothing is signed and the exit code is 1.
///
/// Example: transfuse plugin certify dist/acme/mapper/1.0.0.oci --key institute.key --until 2027-03-01
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The package's file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The certifier's private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Until when the certificate holds: a date (that day included) or a moment of RFC 3339
    #[arg(long, value_name = "DATE", value_parser = until)]
    until: i64,
    /// How long to fuzz
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=FUZZ_MINUTES_MAX))]
    fuzz_minutes: u64,
    /// Stop fuzzing after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(FUZZ_MESSAGES_MIN..=FUZZ_MESSAGES_MAX))]
    fuzz_messages: Option<u64>,
    /// Which messages are tried
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let key = key::read(&arguments.key)?;
    let mut wanted = Wanted::read(&arguments.file)?;
    let now_ms = Timestamp::now().as_millisecond();
    require_future(arguments.until, now_ms)?;
    let report = test(arguments, &wanted, console)?;
    if arguments.json {
        console.json(&report)?;
    }
    if !report.passed() {
        let failed = report.parts.iter().filter(|part| !part.passed).map(|part| part.name);
        let failed: Vec<&str> = failed.collect();
        return Err(anyhow::anyhow!(
            "not certified, and nothing was signed: {} failed",
            failed.join(", ")
        ))
        .hint("`transfuse plugin test` and `transfuse plugin fuzz` show more of it");
    }
    let json = serde_json::to_vec_pretty(&report)?;
    let digest = digest_of(&json);
    let page = dossier(&report, &digest, &moment(arguments.until), key.public().id().as_str());
    let written = [("report.json", json), ("dossier.html", page.into_bytes())];
    for (ending, bytes) in &written {
        let path = beside(&arguments.file, ending);
        fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let statement = Statement {
        package: wanted.subject(),
        digest: wanted.package.digest.clone(),
        issued_at_ms: now_ms,
        until_ms: Some(arguments.until),
        claim: Claim::Certified(report.certificate(digest)),
    };
    wanted.add(statement.sign(&key).to_json())?;
    if !arguments.json {
        let label = console.palette().paint(Tone::Good, "certified").to_string();
        console.result(format_args!(
            "{label} {} until {}",
            wanted.title(),
            moment(arguments.until)
        ))?;
        for (ending, _) in &written {
            console.result(format_args!("  {}", beside(&arguments.file, ending).display()))?;
        }
    }
    Ok(Exit::Success)
}

fn test(arguments: &Arguments, wanted: &Wanted, console: Console) -> Result<Report, Failure> {
    let settings = SuiteSettings {
        seed: arguments.seed,
        fuzz_time: Duration::from_secs(arguments.fuzz_minutes * 60),
        fuzz_messages_max: arguments.fuzz_messages.unwrap_or(u64::MAX),
    };
    let progress = console.working(&format!("certifying {}", wanted.title()));
    let mut tell = |part: &Part| {
        progress.aside(|| {
            for line in told(part, console.notes_palette()) {
                console.note(line);
            }
        });
    };
    certification::run(&wanted.file, &wanted.package, settings, &mut tell).map_err(|error| match error {
        SuiteError::Vectors(faults) => Failure::Configuration(faults),
        other => other.into(),
    })
}

fn told(part: &Part, palette: Palette) -> Vec<String> {
    let mark = if part.passed {
        palette.paint(Tone::Good, "ok  ")
    } else {
        palette.paint(Tone::Bad, "FAIL")
    };
    let first = format!("{mark}  {:<14}  {}", part.name, part.summary);
    let failures = part.failures.iter().map(|failure| format!("      {failure}"));
    std::iter::once(first).chain(failures).collect()
}

/// `1.0.0.oci` becomes `1.0.0.report.json`.
fn beside(file: &Path, ending: &str) -> PathBuf {
    file.with_extension(ending)
}
