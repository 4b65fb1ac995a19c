//! The scratch copy of the example site.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use transfuse_package::Library;

use crate::failure::Failure;
use crate::trust;

/// Left in a scratch folder, so that the next demo knows that it may remove it.
const MARKER: &str = ".transfuse-demo";

/// A folder of the demo's own.
#[derive(Debug)]
pub(super) struct Scratch {
    work: PathBuf,
    /// Where the lab interface listens and where its EHR is: the example's ports, or free ones where those are taken.
    pub(super) lab_address: String,
    pub(super) ehr_address: String,
}

/// The addresses in the example's files.
const LAB_ADDRESS: &str = "127.0.0.1:2575";
const EHR_ADDRESS: &str = "127.0.0.1:2576";

impl Scratch {
    /// Copies site and packages into an empty scratch folder.
    pub(super) fn make(site: &Path, plugins: &Path, work: &Path) -> Result<Self> {
        ensure!(
            site.join("transfuse.toml").is_file(),
            "`{}` is not the example site; start the demo where `examples` is, or name it with --site",
            site.display()
        );
        clear(work)?;
        let scratch = Self {
            work: work.to_owned(),
            lab_address: usable(LAB_ADDRESS)?,
            ehr_address: usable(EHR_ADDRESS)?,
        };
        copy_folder(site, &scratch.site())?;
        copy_folder(plugins, &scratch.site().join("plugins")).with_context(|| {
            format!(
                "cannot take plugins from `{}`; `make plugins` builds them",
                plugins.display()
            )
        })?;
        scratch.approve()?;
        scratch.readdress()?;
        Ok(scratch)
    }

    pub(super) fn site(&self) -> PathBuf {
        self.work.join("site")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.site().join("data")
    }

    /// Where the stand-in EHR keeps what it receives.
    pub(super) fn ehr(&self) -> PathBuf {
        self.work.join("ehr")
    }

    /// The example hospital approves what lies in its library, as `transfuse plugin approve` does.
    fn approve(&self) -> Result<()> {
        let library = Library::open(self.site().join("plugins"))?;
        let mut approvals = Vec::new();
        for (name, version) in library.list() {
            let package = library.read(&name, &version)?;
            approvals.push(trust::approval(&package, "for the demo"));
        }
        match trust::approve(&self.site(), &approvals) {
            Ok(_) => Ok(()),
            Err(Failure::Error { error, .. }) => Err(error),
            Err(Failure::Configuration(_)) => bail!("the example's approved.toml has faults"),
        }
    }

    /// What an earlier run of the example left must not be taken for this one's.
    fn readdress(&self) -> Result<()> {
        if self.data().exists() {
            fs::remove_dir_all(self.data()).context("cannot remove an earlier data folder")?;
        }
        let file = self.site().join("interfaces/lab-results.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let text = text
            .replace(LAB_ADDRESS, &self.lab_address)
            .replace(EHR_ADDRESS, &self.ehr_address);
        fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))
    }
}

/// Removes what an earlier demo left; a folder that holds anything else is not touched.
fn clear(work: &Path) -> Result<()> {
    if work.is_dir() && fs::read_dir(work)?.next().is_some() {
        let path = work.display();
        ensure!(
            work.join(MARKER).exists(),
            "`{path}` holds something else than a demo; name another folder with --work"
        );
        fs::remove_dir_all(work).with_context(|| format!("cannot remove the earlier demo in `{path}`"))?;
    }
    fs::create_dir_all(work).with_context(|| format!("cannot make the folder `{}`", work.display()))?;
    Ok(fs::write(
        work.join(MARKER),
        "Made by `transfuse demo`, which removes this folder when it runs again.\n",
    )?)
}

/// The address itself where nobody listens there, else one with a free port.
fn usable(address: &str) -> Result<String> {
    let listener = TcpListener::bind(address).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    let address = listener
        .and_then(|listener| listener.local_addr())
        .context("this machine has no free port")?;
    Ok(address.to_string())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let source = entry?.path();
        let target = to.join(source.file_name().unwrap_or_default());
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else if source.is_file() {
            fs::copy(&source, &target).with_context(|| format!("cannot copy `{}`", source.display()))?;
        }
    }
    Ok(())
}
