//! Which package a command is about: a file, a name and version in a library, or a place in a registry.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use transfuse_package::{
    Credentials, Library, Package, Place, PluginName, RegistryError, Transfer, Version, VersionReq,
};

use crate::configuration;
use crate::console::{Console, Tone};
use crate::failure::{Failure, Hint as _};
use crate::layout::{counted, short_digest};

/// Whoever asks a registry says so here: not on the command line, which every process of the machine can read.
const USER: &str = "TRANSFUSE_REGISTRY_USER";
const PASSWORD: &str = "TRANSFUSE_REGISTRY_PASSWORD";

/// A package from wherever it was said to be.
pub(super) fn find(text: &str, library: &Path, console: Console) -> Result<Package, Failure> {
    if Path::new(text).is_file() {
        return Ok(Package::read(Path::new(text))?);
    }
    if let Some((name, wanted)) = name_and_version(text) {
        let found = Library::open(library)?.find(name.as_str(), &wanted);
        return found.hint("`transfuse plugin list --plugins DIR` shows what a folder of packages has");
    }
    let place: Place = text.parse().map_err(|error| {
        anyhow!("there is no file `{text}`, it is no NAME@VERSION such as transfuse/redact@1.0.0, and {error}")
    })?;
    pull(&place, console)
}

/// Pulls from a registry, and shows how far it is.
pub(super) fn pull(place: &Place, console: Console) -> Result<Package, Failure> {
    if !place.has_version() {
        return Err(anyhow!("`{place}` names no version"))
            .hint("write REGISTRY/NAME:VERSION or REGISTRY/NAME@sha256:..");
    }
    let progress = console.progress("pulling");
    let mut arrived = |transfer: Transfer| progress.at(transfer.bytes, transfer.bytes_total);
    let pulled = runtime()?.block_on(transfuse_package::pull(place, &credentials(), &mut arrived));
    drop(progress);
    explained(pulled)
}

/// An error of a registry with what to do about it.
pub(super) fn explained<T>(moved: Result<T, RegistryError>) -> Result<T, Failure> {
    match moved {
        Ok(moved) => Ok(moved),
        Err(error @ RegistryError::Denied { .. }) => {
            Err(error).hint(format!("set {USER} and {PASSWORD} in the environment of the command"))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn credentials() -> Credentials {
    match (std::env::var(USER), std::env::var(PASSWORD)) {
        (Ok(name), Ok(password)) if !name.is_empty() => Credentials::User { name, password },
        _ => Credentials::Anonymous,
    }
}

pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Which package it is now, and where it lies.
pub(super) fn tell(package: &Package, file: &Path, console: Console) -> Result<(), Failure> {
    let palette = console.palette();
    let name = format!("{} {}", package.manifest.name, package.manifest.version);
    let facts = format!(
        "{}, {}, in {}",
        short_digest(&package.digest),
        counted(package.envelopes.len(), "signature"),
        file.display()
    );
    console.result(format_args!(
        "{}  {}",
        palette.paint(Tone::Strong, &name),
        palette.paint(Tone::Faint, &facts)
    ))?;
    Ok(())
}

/// `transfuse/redact@1.0.0` is that version, `transfuse/redact@^1` the newest that fits, `transfuse/redact` the newest.
pub(super) fn name_and_version(text: &str) -> Option<(PluginName, VersionReq)> {
    let (name, wanted) = text.split_once('@').unwrap_or((text, "*"));
    let name = name.parse().ok()?;
    let wanted = match wanted.parse::<Version>() {
        Ok(version) => format!("={version}"),
        Err(_) => wanted.to_owned(),
    };
    Some((name, wanted.parse().ok()?))
}

/// The library of a site: what its `transfuse.toml` says, unless the command line says something else.
pub(super) fn site_library(site: &Path, plugins: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(plugins) = plugins {
        return Ok(plugins.clone());
    }
    let (settings, faults) = configuration::read_settings(site);
    if faults.is_empty() {
        Ok(site.join(settings.plugins))
    } else {
        Err(Failure::Configuration(faults.into_sorted()))
    }
}

#[cfg(test)]
mod tests {
    use super::name_and_version;

    #[test]
    fn a_version_means_that_one_and_a_requirement_what_fits() {
        let wanted = |text| name_and_version(text).map(|(name, wanted)| (name.to_string(), wanted.to_string()));
        let expect = |name: &str, wanted: &str| Some((name.to_owned(), wanted.to_owned()));
        assert_eq!(wanted("acme/lab@1.2.0"), expect("acme/lab", "=1.2.0"));
        assert_eq!(wanted("acme/lab@^1"), expect("acme/lab", "^1"));
        assert_eq!(wanted("acme/lab"), expect("acme/lab", "*"));
        for elsewhere in [
            "registry.example/acme/lab:1.0.0",
            "127.0.0.1:5000/a:1",
            "lab",
            "acme/lab@one",
        ] {
            assert_eq!(wanted(elsewhere), None, "{elsewhere}");
        }
    }
}
