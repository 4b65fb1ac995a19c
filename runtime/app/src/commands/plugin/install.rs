//! `transfuse plugin install`: a package into a site's library.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use transfuse_package::trust::Occasion;
use transfuse_package::{Library, Package};

use super::{vouched, wanted};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::trust;

/// Put a package into a site's library
///
/// The package is read and every part is held against its digest before anything is written. Nothing that runs changes:
/// an interface takes a new version when it is applied. A version that is there already stays: the same package gets
/// the signatures that it does not have yet, and another one of the same name and version is refused. So is one that
/// the site's policy refuses: revoked, or without a signature that it asks for. With --approve the hospital's approval
/// is written along, as `transfuse plugin approve` does it.
///
/// Example: transfuse plugin install registry.example/transfuse/redact:1.0.0 --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The package: a file, NAME@VERSION in the folder --from, or REGISTRY/NAME:TAG
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// The site folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    site: PathBuf,
    /// Find NAME@VERSION in this folder of packages
    #[arg(long, value_name = "DIR", default_value = "plugins")]
    from: PathBuf,
    /// Approve the package for this site too
    #[arg(long)]
    approve: bool,
    /// Why it is approved, or under which conditions
    #[arg(long, default_value = "", value_name = "TEXT", requires = "approve")]
    note: String,
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
    /// Whether the hospital's approval was written by this command.
    approved: bool,
    /// What the step of an interface would have to grant.
    grants: String,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let library = wanted::library(Some(&arguments.site), None)?;
    let package = wanted::find(&arguments.package, &arguments.from, console)?;
    let trust = vouched::trust(Some(&arguments.site))?;
    let name = format!("{}@{}", package.manifest.name, package.manifest.version);
    if let Err(refusal) = trust.judge_install(vouched::subject(&package)) {
        return Err(anyhow!("`{name}` must not be installed: {refusal}")).hint(trust.hint(&refusal, &name));
    }
    let (package, file) = install(package, &library)?;
    if arguments.approve {
        trust::approve(&arguments.site, &[trust::approval(&package, &arguments.note)])?;
    }
    let grants = super::inspect::grants_line(&package.manifest.requests);
    if arguments.json {
        console.json(&Report {
            name: package.manifest.name.to_string(),
            version: package.manifest.version.to_string(),
            digest: &package.digest,
            signatures: package.envelopes.len(),
            file: &file,
            approved: arguments.approve,
            grants,
        })?;
        return Ok(Exit::Success);
    }
    wanted::tell(&package, &file, console)?;
    let palette = console.notes_palette();
    let hint = |text: &str| console.note(format_args!("{} {text}", palette.paint(Tone::Name, "hint:")));
    let trust = vouched::trust(Some(&arguments.site))?;
    match trust.judge_subject(vouched::subject(&package), Occasion::Deploy) {
        Ok(_) => console.note("it may run in this site"),
        Err(refusal) => {
            console.note(format_args!("it may not run in this site yet: {refusal}"));
            hint(&trust.hint(&refusal, &name));
        }
    }
    hint(&format!("a step that uses it needs `{grants}`"));
    Ok(Exit::Success)
}

/// Writes the package, with the signatures of the one that is there already, and gives what lies there now.
fn install(mut package: Package, library: &Path) -> Result<(Package, PathBuf), Failure> {
    let (name, version) = (&package.manifest.name, &package.manifest.version);
    if let Ok(there) = Library::open(library)
        && there.place(name, version).exists()
    {
        let installed = there.read(name, version)?;
        if installed.digest != package.digest {
            let message = format!(
                "{name} {version} is installed as {}, and this one is {}",
                installed.digest, package.digest
            );
            return Err(anyhow!(message)).hint(format!(
                "a version never changes: ask the vendor for a new one, or take this one away first with `transfuse plugin remove \
                 {name}@{version}`"
            ));
        }
        for envelope in installed.envelopes {
            package.add_envelope(envelope)?;
        }
    }
    let file = package.write(library)?;
    Ok((package, file))
}
