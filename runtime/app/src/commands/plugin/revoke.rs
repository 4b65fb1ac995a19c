//! `transfuse plugin revoke`: the next revocation list.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use transfuse_package::trust::{KeyId, PinnedKey, PrivateKey, RevocationList, Revoked, Role};

use super::key;
use crate::configuration::is_digest;
use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::counted;

/// Add packages or keys to a revocation list
///
/// Writes the list with the next number: what it had, and what is revoked now. A site follows the list that its
/// `[trust] revocations` names, where a pinned certifier or hospital has signed it; it refuses to install and deploy what
/// is on it, and tells of it, or stops it, where it runs. An engine that has seen a list refuses every older one.
///
/// Example: transfuse plugin revoke sha256:... --reason "loses results" --key institute.key --list revocations.json
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Digests of packages, and ids of keys
    #[arg(required = true, value_name = "DIGEST")]
    revoked: Vec<String>,
    /// Why, for the people who have to act on it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The private key, the same as for the list so far
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The list's file, which is made where there is none
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    number: u64,
    packages: usize,
    keys: usize,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let key = key::read(&arguments.key)?;
    let mut list = existing(&arguments.list, &key)?;
    list.number += 1;
    list.issued_at_ms = Timestamp::now().as_millisecond();
    for text in &arguments.revoked {
        add(&mut list, text, &arguments.reason)?;
    }
    replace(&arguments.list, &list.sign(&key).to_json())
        .with_context(|| format!("cannot write `{}`", arguments.list.display()))?;
    let report = Report {
        number: list.number,
        packages: list.packages.len(),
        keys: list.keys.len(),
    };
    if arguments.json {
        console.json(&report)?;
    } else {
        let label = console.palette().paint(Tone::Good, "revoked").to_string();
        let Report { number, packages, keys } = report;
        console.result(format_args!(
            "{label}: list {number} has {} and {}",
            counted(packages, "package"),
            counted(keys, "key")
        ))?;
    }
    Ok(Exit::Success)
}

/// The list so far, which the same key has signed; an empty one where there is no file.
fn existing(file: &Path, key: &PrivateKey) -> Result<RevocationList, Failure> {
    if !file.exists() {
        return Ok(RevocationList {
            number: 0,
            issued_at_ms: 0,
            packages: Vec::new(),
            keys: Vec::new(),
        });
    }
    let signer = PinnedKey {
        name: "this key".to_owned(),
        role: Role::Certifier,
        key: key.public(),
    };
    let bytes = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    RevocationList::open(&bytes, &[signer])
        .with_context(|| format!("`{}` cannot be continued", file.display()))
        .hint("the key that signed a list signs the next one; another publisher begins a file of its own")
}

fn add(list: &mut RevocationList, text: &str, reason: &str) -> Result<(), Failure> {
    let revoked = Revoked {
        id: text.to_owned(),
        reason: reason.to_owned(),
    };
    let entries = if is_digest(text) {
        &mut list.packages
    } else if text.parse::<KeyId>().is_ok() {
        &mut list.keys
    } else {
        return Err(anyhow::anyhow!("`{text}` is neither a package's digest nor a key's id"))
            .hint("`transfuse plugin verify` shows both: sha256: and 64 digits, or 32 digits");
    };
    if entries.iter().all(|known| known.id != revoked.id) {
        entries.push(revoked);
    }
    Ok(())
}

fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let staged = file.with_extension(format!("{}", std::process::id()));
    fs::write(&staged, bytes)?;
    fs::rename(&staged, file)
}
