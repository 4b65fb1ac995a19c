//! `transfuse plugin push`: a package into a registry.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use transfuse_package::{Place, Transfer};

use super::wanted;
use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};
use crate::layout::{counted, short_digest};

/// Push a package to a registry
///
/// Any OCI registry will do. Without a tag, the plugin's version is the tag. Signatures go along, as referrers of the
/// package, and the digest stays the same. Registries on this machine are spoken to in plain HTTP, all others with TLS;
/// who asks is `TRANSFUSE_REGISTRY_USER` and `TRANSFUSE_REGISTRY_PASSWORD` in the environment.
///
/// Example: transfuse plugin push plugins/transfuse/redact/1.0.0.oci registry.example/transfuse/redact
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The package: a file, or NAME@VERSION
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// Where to: REGISTRY/NAME or REGISTRY/NAME:TAG
    #[arg(value_name = "REF")]
    place: Place,
    /// Find NAME@VERSION in this folder of packages
    #[arg(long, value_name = "DIR", default_value = "plugins")]
    plugins: PathBuf,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'r> {
    reference: String,
    digest: &'r str,
    signatures: usize,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let package = wanted::find(&arguments.package, &arguments.plugins, console)?;
    let progress = console.progress_of_bytes("pushing", 0);
    let mut arrived = |transfer: Transfer| {
        progress.of(transfer.bytes_total);
        progress.at(transfer.bytes);
    };
    let credentials = wanted::credentials();
    let pushing = transfuse_package::push(&package, &arguments.place, &credentials, &mut arrived);
    let pushed = wanted::runtime()?.block_on(pushing);
    drop(progress);
    let pushed = wanted::explained(pushed)?;
    if arguments.json {
        console.json(&Report {
            reference: pushed.place.to_string(),
            digest: &pushed.digest,
            signatures: pushed.signatures,
        })?;
        return Ok(Exit::Success);
    }
    let palette = console.palette();
    let facts = format!(
        "{}, {}",
        short_digest(&pushed.digest),
        counted(pushed.signatures, "signature")
    );
    let place = pushed.place.to_string();
    console.result(format_args!(
        "{}  {}",
        palette.paint(Tone::Strong, &place),
        palette.paint(Tone::Faint, &facts)
    ))?;
    Ok(Exit::Success)
}
