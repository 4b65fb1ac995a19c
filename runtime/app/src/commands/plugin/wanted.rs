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

/// Where commands look for NAME@VERSION that are told of no site: where packages lie in one.
const LIBRARY: &str = "plugins";

/// A package with the file that it lies in.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) file: PathBuf,
    pub(super) package: Package,
}

/// What somebody has written for a package.
enum Meant {
    File(PathBuf),
    InLibrary(PluginName, VersionReq),
    InRegistry(Place),
}

impl Wanted {
    /// Reads a package's file.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        if file.is_dir() {
            let folder = file.display();
            return Err(anyhow!("`{folder}` is a folder, and a package is one file")).hint(format!(
                "`transfuse plugin build {folder} --out DIR` makes a package of a plugin's sources"
            ));
        }
        let package =
            Package::read(file).hint("a package is a file VERSION.oci, which `transfuse plugin build` writes")?;
        Ok(Self {
            file: file.to_owned(),
            package,
        })
    }

    /// A file, or what a library has.
    pub(super) fn local(text: &str, library: &Path) -> Result<Self, Failure> {
        match Meant::by(text)? {
            Meant::File(file) => Self::read(&file),
            Meant::InLibrary(name, wanted) => Self::in_library(&name, &wanted, library),
            Meant::InRegistry(place) => Err(anyhow!("`{place}` lies in a registry")).hint(format!(
                "`transfuse plugin pull {place}` makes a file of it, which this command takes"
            )),
        }
    }

    fn in_library(name: &PluginName, wanted: &VersionReq, library: &Path) -> Result<Self, Failure> {
        let folder = Library::open(library)
            .hint("name a folder of packages with --plugins, or a site that has one with --site")?;
        let package = folder.find(name.as_str(), wanted).hint(format!(
            "`transfuse plugin list --plugins {}` shows what there is",
            library.display()
        ))?;
        let file = folder.place(name, &package.manifest.version);
        Ok(Self { file, package })
    }

    /// `transfuse/redact 1.0.0`.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.package.manifest.name, self.package.manifest.version)
    }

    /// `transfuse/redact@1.0.0`, as statements call it.
    pub(super) fn subject(&self) -> String {
        format!("{}@{}", self.package.manifest.name, self.package.manifest.version)
    }

    /// Adds a signature to the package's file.
    pub(super) fn add(&mut self, envelope: Vec<u8>) -> Result<(), Failure> {
        self.package.add_envelope(envelope)?;
        self.package.write_to(&self.file)?;
        Ok(())
    }
}

impl Meant {
    fn by(text: &str) -> Result<Self, Failure> {
        let path = Path::new(text);
        if path.exists() {
            return Ok(Self::File(path.to_owned()));
        }
        if let Some((name, wanted)) = name_and_version(text) {
            return Ok(Self::InLibrary(name, wanted));
        }
        let is_path = path.extension().is_some_and(|extension| extension == "oci") || text.starts_with(['.', '/']);
        if is_path {
            return Err(anyhow!("there is no file `{text}`"))
                .hint("`transfuse plugin build` tells where it writes one");
        }
        text.parse().map(Self::InRegistry).map_err(|error| {
            anyhow!(
                "there is no file `{text}`, it is no NAME@VERSION such as transfuse/redact@1.0.0, and in a registry it \
                 cannot be: {error}"
            )
            .into()
        })
    }
}

/// A package from wherever it was said to be.
pub(super) fn find(text: &str, library: &Path, console: Console) -> Result<Package, Failure> {
    match Meant::by(text)? {
        Meant::InRegistry(place) => pull(&place, console),
        _ => Ok(Wanted::local(text, library)?.package),
    }
}

/// Pulls from a registry, and shows how far it is.
pub(super) fn pull(place: &Place, console: Console) -> Result<Package, Failure> {
    if !place.has_version() {
        return Err(anyhow!("`{place}` names no version"))
            .hint("write REGISTRY/NAME:VERSION or REGISTRY/NAME@sha256:..");
    }
    let progress = console.progress_of_bytes("pulling", 0);
    let mut arrived = |transfer: Transfer| {
        progress.of(transfer.bytes_total);
        progress.at(transfer.bytes);
    };
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
        Err(error @ (RegistryError::Registry { .. } | RegistryError::TimedOut { .. })) => Err(error).hint(
            "is the registry's name right, and can this machine reach it? A package can travel as a file just as well",
        ),
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
fn name_and_version(text: &str) -> Option<(PluginName, VersionReq)> {
    let (name, wanted) = text.split_once('@').unwrap_or((text, "*"));
    let name = name.parse().ok()?;
    let wanted = match wanted.parse::<Version>() {
        Ok(version) => format!("={version}"),
        Err(_) => wanted.to_owned(),
    };
    Some((name, wanted.parse().ok()?))
}

/// The folder of packages that is meant: the one that was named, or else the one of the site, or else `plugins`.
pub(super) fn library(site: Option<&Path>, plugins: Option<&Path>) -> Result<PathBuf, Failure> {
    match (plugins, site) {
        (Some(plugins), _) => Ok(plugins.to_owned()),
        (None, None) => Ok(LIBRARY.into()),
        (None, Some(site)) => {
            let (settings, faults) = configuration::read_settings(site);
            if faults.is_empty() {
                Ok(site.join(settings.plugins))
            } else {
                Err(Failure::Configuration(faults.into_sorted()))
            }
        }
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
