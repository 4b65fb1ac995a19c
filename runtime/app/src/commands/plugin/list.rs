//! `transfuse plugin list`: what a site's library has.

use std::io::ErrorKind;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use transfuse_package::{Library, PluginName, Version};

use super::usage::{self, Use};
use super::wanted;
use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};
use crate::layout::{Cell, short_digest, table};

/// List the plugins that a site has, and which interfaces use them
///
/// Every package is read and verified. One that is damaged is listed with what is wrong, and the exit code is 1.
///
/// Example: transfuse plugin list --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The site folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    site: PathBuf,
    /// List this folder of packages, instead of the site's own
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    version: String,
    description: String,
    digest: String,
    signatures: usize,
    /// Interface files whose steps would run this version.
    used_by: Vec<PathBuf>,
    /// What is wrong with it; none where it is sound.
    fault: Option<String>,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let folder = wanted::library(Some(&arguments.site), arguments.plugins.as_deref())?;
    let listed = match Library::open(folder) {
        Ok(library) => all(&library, &usage::of_site(&arguments.site)?),
        // A site that has no plugins yet need not have a folder for them.
        Err(error) if error.error.kind() == ErrorKind::NotFound && arguments.plugins.is_none() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let is_sound = listed.iter().all(|package| package.fault.is_none());
    if arguments.json {
        console.json(&listed)?;
    } else if listed.is_empty() {
        console.note("there are no plugins yet: `transfuse plugin install` brings one");
    } else {
        let palette = console.palette();
        let mut rows = vec![heading()];
        rows.extend(listed.iter().map(row));
        for line in table(&rows, palette) {
            console.result(line)?;
        }
    }
    Ok(if is_sound { Exit::Success } else { Exit::Failure })
}

fn all(library: &Library, uses: &[Use]) -> Vec<Listed> {
    let packages = library.list().into_iter();
    packages
        .map(|(name, version)| listed(library, uses, &name, &version))
        .collect()
}

fn listed(library: &Library, uses: &[Use], name: &PluginName, version: &Version) -> Listed {
    let used_by = usage::files_with(uses, library, name, version);
    let (description, digest, signatures, fault) = match library.read(name, version) {
        Ok(package) => (
            package.manifest.description,
            package.digest,
            package.envelopes.len(),
            None,
        ),
        Err(error) => (String::new(), String::new(), 0, Some(error.to_string())),
    };
    Listed {
        name: name.to_string(),
        version: version.to_string(),
        description,
        digest,
        signatures,
        used_by,
        fault,
    }
}

fn heading() -> Vec<Cell> {
    let words = ["PLUGIN", "VERSION", "DIGEST", "SIGNATURES", "USED BY"];
    words.map(|word| Cell::new(word).tone(Tone::Faint)).to_vec()
}

fn row(package: &Listed) -> Vec<Cell> {
    let used_by: Vec<String> = package.used_by.iter().map(|file| file.display().to_string()).collect();
    let last = match &package.fault {
        Some(fault) => Cell::new(fault).tone(Tone::Bad),
        None => Cell::new(used_by.join(" ")),
    };
    vec![
        Cell::new(&package.name).tone(Tone::Strong),
        Cell::new(&package.version),
        Cell::new(short_digest(&package.digest)),
        Cell::number(package.signatures as u64),
        last,
    ]
}
