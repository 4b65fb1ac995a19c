//! A site folder of the test's own, gone when the test is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use transfuse_package::{Contents, Library, Package};

use crate::built;

/// A site folder in a scratch place.
#[derive(Debug)]
pub struct Site {
    scratch: TempDir,
}

/// An interface file, written by the sections that a test cares about.
#[derive(Debug, Clone)]
pub struct InterfaceFile {
    name: String,
    head: String,
    source: String,
    rest: String,
}

impl Site {
    /// A folder with nothing in it: not even a site yet.
    pub fn bare() -> Result<Self> {
        Ok(Self {
            scratch: TempDir::new().context("making a scratch folder")?,
        })
    }

    /// An empty site with the first-party plugins, which it approves, and the table of laboratory codes.
    pub fn new() -> Result<Self> {
        let site = Self::bare()?;
        site.write("transfuse.toml", "")?;
        site.write("tables/lab-codes.csv", LAB_CODES)?;
        site.add_library(&built::plugins()?)?;
        Ok(site)
    }

    /// Adds the plugins that misbehave on purpose.
    pub fn add_test_plugins(&self) -> Result<()> {
        self.add_library(&built::test_plugins()?)
    }

    /// Copies packages into the site's library, and approves them.
    pub fn add_library(&self, folder: &Path) -> Result<()> {
        copy_folder(folder, &self.scratch.path().join("plugins"))?;
        self.approve_library(folder)
    }

    /// Puts version 1.1.0 of a first-party plugin into the site's library, which has 1.0.0: the same but for the number. Nobody
    /// has approved it.
    pub fn add_next_version(&self, plugin: &str) -> Result<Package> {
        self.add_next_version_with(plugin, |_| {})
    }

    /// The same, with something else changed too.
    pub fn add_next_version_with(&self, plugin: &str, change: impl FnOnce(&mut Contents)) -> Result<Package> {
        let package = Package::read(&built::plugins()?.join(plugin).join("1.0.0.oci"))?;
        let mut contents = Contents {
            manifest_text: package
                .manifest_text
                .replace("version = \"1.0.0\"", "version = \"1.1.0\""),
            component: package.component,
            config_schema: package.config_schema,
            vectors: package.vectors,
            sbom: package.sbom,
            provenance: package.provenance,
        };
        change(&mut contents);
        let next = Package::new(contents)?;
        next.write(&self.path().join("plugins"))?;
        Ok(next)
    }

    /// Approves every package of a library, as `transfuse plugin approve` does.
    pub fn approve_library(&self, folder: &Path) -> Result<()> {
        self.add_approvals(&approvals_of(folder)?)
    }

    /// Approves one package.
    pub fn approve(&self, package: &Package) -> Result<()> {
        self.add_approvals(&approval(package))
    }

    fn add_approvals(&self, entries: &str) -> Result<()> {
        let before = fs::read_to_string(self.path().join("approved.toml")).unwrap_or_default();
        self.write("approved.toml", before + entries)
    }

    /// Withdraws every approval.
    pub fn disapprove(&self) -> Result<()> {
        self.write("approved.toml", "")
    }

    /// A site with one interface.
    pub fn with(interface: &InterfaceFile) -> Result<Self> {
        let site = Self::new()?;
        site.add(interface)?;
        Ok(site)
    }

    /// Adds or replaces an interface.
    pub fn add(&self, interface: &InterfaceFile) -> Result<()> {
        self.write(&format!("interfaces/{}.toml", interface.name), interface.text())
    }

    /// Writes a file of the site, and the folders on the way to it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().context("a file of the site has a folder")?)?;
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    }

    /// Copies another folder's content into the site.
    pub fn copy_from(&self, folder: &Path) -> Result<()> {
        copy_folder(folder, self.scratch.path())
    }

    /// The site folder.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.scratch.path().to_owned()
    }
}

impl InterfaceFile {
    /// An interface that listens for MLLP on a port of its own.
    #[must_use]
    pub fn listening(name: &str) -> Self {
        let source = "type = \"mllp\"\nlisten = \"127.0.0.1:0\"\ntime_zone = \"Europe/Budapest\"\n".to_owned();
        Self {
            name: name.to_owned(),
            head: String::new(),
            source,
            rest: String::new(),
        }
    }

    /// An interface that takes messages over HTTP on a port of its own.
    #[must_use]
    pub fn over_http(name: &str) -> Self {
        Self {
            source: "type = \"http\"\nlisten = \"127.0.0.1:0\"\npath = \"/hl7\"\n".to_owned(),
            ..Self::listening(name)
        }
    }

    /// An interface that gets its messages from others of the same engine.
    #[must_use]
    pub fn fed_by_others(name: &str) -> Self {
        Self {
            source: "type = \"interface\"\ntime_zone = \"Europe/Budapest\"\n".to_owned(),
            ..Self::listening(name)
        }
    }

    /// An interface that takes frames of its own over TCP, on a port of its own.
    #[must_use]
    pub fn over_tcp(name: &str) -> Self {
        Self {
            source: "type = \"tcp\"\nlisten = \"127.0.0.1:0\"\n".to_owned(),
            ..Self::listening(name)
        }
    }

    /// An interface whose messages are made by the clock.
    #[must_use]
    pub fn ticking(name: &str) -> Self {
        Self {
            source: "type = \"timer\"\n".to_owned(),
            ..Self::listening(name)
        }
    }

    /// Adds a line above the source.
    #[must_use]
    pub fn head(mut self, line: &str) -> Self {
        self.head.push_str(line);
        self.head.push('\n');
        self
    }

    /// Adds a line to the source.
    #[must_use]
    pub fn source(mut self, line: &str) -> Self {
        self.source.push_str(line);
        self.source.push('\n');
        self
    }

    /// Adds `transfuse/lab-normalize`.
    #[must_use]
    pub fn normalizing(self) -> Self {
        self.section(NORMALIZE)
    }

    /// Adds an MLLP destination that is tried again quickly, so that tests of retries are short.
    #[must_use]
    pub fn to(self, name: &str, address: &str) -> Self {
        self.section(&format!(
            "[[destinations]]\nname = \"{name}\"\ntype = \"mllp\"\naddress = \"{address}\"\n\
             connect_timeout = \"2s\"\nreply_timeout = \"2s\"\nretry = {{ first = \"20ms\", ceiling = \"100ms\" }}\n"
        ))
    }

    /// Adds any section, as a site's own file would have it.
    #[must_use]
    pub fn section(mut self, text: &str) -> Self {
        self.rest.push('\n');
        self.rest.push_str(text);
        self
    }

    fn text(&self) -> String {
        format!(
            "description = \"{}\"\n{}\n[source]\n{}{}",
            self.name, self.head, self.source, self.rest
        )
    }
}

const NORMALIZE: &str = r#"[[steps]]
plugin = "transfuse/lab-normalize"
version = "^1"
config = { application = "EHR", facility = "SZENT_IMRE", name_case = "title" }
grants = { tables = ["lab-codes"], read = ["*"], write = ["PID-5", "OBX-3", "OBX-6", "OBX-8", "MSH-5", "MSH-6"] }
"#;

const LAB_CODES: &str = "local,loinc,display,unit\nGLU,14749-6,Glucose [Moles/volume] in Serum or Plasma,mmol/L\nK,2823-3,Potassium [Moles/volume] in Serum or Plasma,mmol/L\nHGB,718-7,Hemoglobin [Mass/volume] in Blood,g/L\n";

/// The entries of `approved.toml` for all packages of a library. A test's process reads each library once: packages may be
/// large, and sites are many.
fn approvals_of(folder: &Path) -> Result<String> {
    static KNOWN: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entries) = known.get(folder) {
        return Ok(entries.clone());
    }
    let library = Library::open(folder)?;
    let mut entries = String::new();
    for (name, version) in library.list() {
        entries.push_str(&approval(&library.read(&name, &version)?));
    }
    known.insert(folder.to_owned(), entries.clone());
    Ok(entries)
}

fn approval(package: &Package) -> String {
    format!(
        "[[approved]]\ndigest = \"{}\"\nplugin = \"{}\"\nversion = \"{}\"\n",
        package.digest, package.manifest.name, package.manifest.version
    )
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let (source, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target).with_context(|| format!("copying {}", source.display()))?;
        }
    }
    Ok(())
}
