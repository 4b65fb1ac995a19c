//! `transfuse plugin approve`: the hospital's word for a package.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use transfuse_package::trust::{Approval, Claim, PrivateKey, Statement};

use super::wanted::{self, Wanted};
use super::{key, vouched};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Outcome};
use crate::trust;

/// Let packages run in a site
///
/// Writes the digest of each package into the site's `approved.toml`, with who did it, when, and why: a site deploys
/// only what its hospital has approved, unless its `[trust] require` says something else. Look at the package first,
/// with `transfuse plugin verify`. With --key, a statement signed by the hospital is added to the package's file
/// instead, for sites that trust a key and not everybody who can write into the folder.
///
/// Example: transfuse plugin approve transfuse/redact@1.0.0 --site examples/lab-results --note "for research"
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Packages: files, or NAME@VERSION of the site's library
    #[arg(required = true, value_name = "PACKAGE")]
    packages: Vec<String>,
    /// The site folder
    #[arg(long, default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// Find packages in this folder, instead of the site's own
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Why, or under which conditions
    #[arg(long, default_value = "", value_name = "TEXT")]
    note: String,
    /// Sign the approval with this private key, into the package's file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Write the results as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    package: String,
    digest: String,
    /// False where it was approved before.
    is_new: bool,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let library = wanted::library(Some(&arguments.site), arguments.plugins.as_deref())?;
    // A wrong folder gets no `approved.toml`.
    vouched::trust(Some(&arguments.site))?;
    let packages = arguments.packages.iter().map(|text| Wanted::local(text, &library));
    let packages: Vec<Wanted> = packages.collect::<Result<_, _>>()?;
    let reports = match &arguments.key {
        Some(key) => sign(packages, &key::read(key)?, &arguments.note)?,
        None => write(&arguments.site, &packages, &arguments.note)?,
    };
    if arguments.json {
        console.json(&reports)?;
        return Ok(Exit::Success);
    }
    let palette = console.palette();
    for Report {
        package,
        digest,
        is_new,
    } in &reports
    {
        let word = if *is_new {
            palette.paint(Tone::Good, "approved").to_string()
        } else {
            palette.paint(Tone::Faint, "approved before").to_string()
        };
        console.result(format_args!("{word} {package}\n  {digest}"))?;
    }
    Ok(Exit::Success)
}

fn write(site: &Path, packages: &[Wanted], note: &str) -> Result<Vec<Report>, Failure> {
    let approvals: Vec<Approval> = packages
        .iter()
        .map(|wanted| trust::approval(&wanted.package, note))
        .collect();
    let is_new = trust::approve(site, &approvals)?;
    let reports = packages.iter().zip(is_new).map(|(wanted, is_new)| Report {
        package: wanted.title(),
        digest: wanted.package.digest.clone(),
        is_new,
    });
    Ok(reports.collect())
}

fn sign(packages: Vec<Wanted>, key: &PrivateKey, note: &str) -> Result<Vec<Report>, Failure> {
    let mut reports = Vec::new();
    for mut wanted in packages {
        let statement = Statement {
            package: wanted.subject(),
            digest: wanted.package.digest.clone(),
            issued_at_ms: Timestamp::now().as_millisecond(),
            until_ms: None,
            claim: Claim::Approved { note: note.to_owned() },
        };
        wanted.add(statement.sign(key).to_json())?;
        reports.push(Report {
            package: wanted.title(),
            digest: statement.digest,
            is_new: true,
        });
    }
    Ok(reports)
}
