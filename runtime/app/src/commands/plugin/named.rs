//! Which package a command is about: a file, or a name and version in a site's library.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use transfuse_package::{Library, Package, PluginName, Version};

use crate::configuration;
use crate::failure::{Failure, Hint as _};

/// A package with the file that it lies in.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) file: PathBuf,
    pub(super) package: Package,
}

impl Named {
    /// Reads a package's file.
    pub(super) fn file(file: &Path) -> Result<Self, Failure> {
        let package = Package::read(file)
            .context("the package cannot be used")
            .hint("a package is a file that `transfuse plugin build` writes")?;
        Ok(Self {
            file: file.to_owned(),
            package,
        })
    }

    /// A file where there is one of that name, and else `NAME@VERSION` in a library.
    pub(super) fn find(text: &str, library: &Path) -> Result<Self, Failure> {
        if Path::new(text).is_file() {
            return Self::file(Path::new(text));
        }
        let parts = text
            .rsplit_once('@')
            .and_then(|(name, version)| Some((name.parse::<PluginName>().ok()?, version.parse::<Version>().ok()?)));
        let Some((name, version)) = parts else {
            return Err(anyhow::anyhow!("there is no file `{text}`, and it is no NAME@VERSION"))
                .hint("write a package's file, or a plugin of the site such as transfuse/redact@1.0.0");
        };
        let library = Library::open(library)?;
        let file = library.place(&name, &version);
        let package = library
            .read(&name, &version)
            .with_context(|| format!("there is no {text} to be used"))?;
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

/// The library of a site: what its `transfuse.toml` says, unless the command line says something else.
pub(super) fn library(site: &Path, plugins: Option<&PathBuf>) -> PathBuf {
    plugins.cloned().unwrap_or_else(|| {
        // What else is wrong with the file does not matter here.
        let (settings, _) = configuration::read_settings(site);
        site.join(settings.plugins)
    })
}
