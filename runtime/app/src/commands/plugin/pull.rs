//! `transfuse plugin pull`: a package out of a registry.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use transfuse_package::{Package, Place};

use super::wanted;
use crate::console::Console;
use crate::failure::{Exit, Outcome};

/// Pull a package from a registry
///
/// Every part is held against its digest, and a part that is damaged, too large or missing is named. Signatures come
/// along; whether they count is for `transfuse plugin install` and the site's policy to say. Give the digest in place
/// of a tag to get exactly that package, whatever the tag says today.
///
/// Example: transfuse plugin pull registry.example/transfuse/redact:1.0.0 --out redact.oci
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where from: REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:..
    #[arg(value_name = "REF")]
    place: Place,
    /// The file to write; NAME-VERSION.oci here where not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'r> {
    name: String,
    version: String,
    digest: &'r str,
    signatures: usize,
    file: &'r Path,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let package = wanted::pull(&arguments.place, console)?;
    let file = arguments.out.clone().unwrap_or_else(|| file_name(&package));
    package.write_to(&file)?;
    if arguments.json {
        console.json(&Report {
            name: package.manifest.name.to_string(),
            version: package.manifest.version.to_string(),
            digest: &package.digest,
            signatures: package.envelopes.len(),
            file: &file,
        })?;
        return Ok(Exit::Success);
    }
    wanted::tell(&package, &file, console)?;
    Ok(Exit::Success)
}

fn file_name(package: &Package) -> PathBuf {
    let manifest = &package.manifest;
    PathBuf::from(format!("{}-{}.oci", manifest.name.name(), manifest.version))
}
