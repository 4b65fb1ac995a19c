//! `transfuse plugin sign`: a vendor's or a hospital's word for a package.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use transfuse_package::trust::{Claim, Statement, moment};

use super::key;
use super::until::{require_future, until};
use super::wanted::Wanted;
use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};

/// Sign a package
///
/// Adds a signed statement about the package's digest to its file. The digest stays what it is, so a package can be
/// signed again and again, by several people. What a signature counts for is decided by each site, which pins keys in
/// roles: see `transfuse plugin verify`. A certifier signs with `transfuse plugin certify`, which tests first.
///
/// Example: transfuse plugin sign dist/acme/mapper/1.0.0.oci --key acme.key
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The package's file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The private key, as `transfuse plugin key new` writes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Who says it: vendor ("I built this") or hospital ("approved here")
    #[arg(
        long = "as",
        value_enum,
        hide_possible_values = true,
        default_value = "vendor",
        value_name = "ROLE"
    )]
    role: Signer,
    /// Until when it holds: a date (2027-03-01, that day included) or a moment of RFC 3339
    #[arg(long, value_name = "DATE", value_parser = until)]
    until: Option<i64>,
    /// What else is to be said, with `--as hospital`
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Who may sign without having tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Signer {
    Vendor,
    Hospital,
}

#[derive(Serialize)]
struct Report<'r> {
    package: String,
    digest: &'r str,
    role: &'r str,
    key_id: String,
    until: Option<String>,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let key = key::read(&arguments.key)?;
    let mut wanted = Wanted::read(&arguments.file)?;
    let now_ms = Timestamp::now().as_millisecond();
    if let Some(until_ms) = arguments.until {
        require_future(until_ms, now_ms)?;
    }
    let claim = match arguments.role {
        Signer::Vendor if !arguments.note.is_empty() => {
            return Err(anyhow::anyhow!("a vendor's statement has no note; `--note` goes with `--as hospital`").into());
        }
        Signer::Vendor => Claim::Built,
        Signer::Hospital => Claim::Approved {
            note: arguments.note.clone(),
        },
    };
    let statement = Statement {
        package: wanted.subject(),
        digest: wanted.package.digest.clone(),
        issued_at_ms: now_ms,
        until_ms: arguments.until,
        claim,
    };
    wanted.add(statement.sign(&key).to_json())?;
    let report = Report {
        package: statement.package.clone(),
        digest: &statement.digest,
        role: statement.claim.role().word(),
        key_id: key.public().id().to_string(),
        until: statement.until_ms.map(moment),
    };
    if arguments.json {
        console.json(&report)?;
    } else {
        let until = report.until.iter().map(|until| format!(", until {until}"));
        let label = console.palette().paint(Tone::Good, "signed").to_string();
        let (role, digest) = (report.role, report.digest);
        console.result(format_args!(
            "{label} {} as {role}{}\n  {digest}",
            wanted.title(),
            until.collect::<String>()
        ))?;
    }
    Ok(Exit::Success)
}
