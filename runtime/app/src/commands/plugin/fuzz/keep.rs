//! The folder of findings. They may hold patient data: nobody but its owner can read it, git leaves it out, and nothing of
//! a message is in a name.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::commands::plugin::subject::Opened;
use crate::configuration::digest_of;
use crate::failure::{Failure, Hint as _};
use crate::vectors::Finding;

/// Where findings lie in a source folder. Hidden, so that it is part of no package.
const FOLDER: &str = ".fuzz";

/// What a finding's message lies in, byte for byte.
const MESSAGE: &str = "message.bin";

/// What is known of it.
const FACTS: &str = "finding.json";

/// What is known of a finding, beside its message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) kind: String,
    pub(super) detail: String,
    pub(super) location: Option<String>,
    /// The vector whose configuration and tables it was run with.
    pub(super) vector: String,
    /// Whether real messages were among what it was made of.
    pub(super) is_of_corpus: bool,
}

/// A finding as it was kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) facts: Facts,
    pub(super) message: Vec<u8>,
}

/// The folder of findings: the one that is asked for, or that of the plugin's source.
pub(super) fn folder(asked: Option<&Path>, opened: &Opened) -> Result<PathBuf, Failure> {
    match (asked, opened.source()) {
        (Some(asked), _) => Ok(asked.to_owned()),
        (None, Some(source)) => Ok(source.join(FOLDER)),
        (None, None) => Err(anyhow::anyhow!("a package has no folder for findings")).hint("name one with --keep"),
    }
}

/// Keeps a finding and gives its name. One of the same fault takes the place of an earlier one.
pub(super) fn keep(folder: &Path, finding: &Finding, vector: &str, is_of_corpus: bool) -> anyhow::Result<String> {
    make_private(folder)?;
    let fault = &finding.fault;
    let facts = Facts {
        kind: fault.kind.as_str().to_owned(),
        detail: fault.detail.clone(),
        location: fault.location.clone(),
        vector: vector.to_owned(),
        is_of_corpus,
    };
    let what = format!(
        "{}\n{}\n{}",
        facts.kind,
        facts.detail,
        facts.location.as_deref().unwrap_or_default()
    );
    let digest: String = digest_of(what.as_bytes())
        .chars()
        .skip("sha256:".len())
        .take(8)
        .collect();
    let name = format!("{}-{digest}", facts.kind);
    let place = folder.join(&name);
    make_private(&place)?;
    let cannot = || format!("cannot keep a finding in `{}`", place.display());
    fs::write(place.join(MESSAGE), &finding.message).with_context(cannot)?;
    fs::write(place.join(FACTS), serde_json::to_string_pretty(&facts)?).with_context(cannot)?;
    Ok(name)
}

/// Reads a finding that was kept.
pub(super) fn read(folder: &Path, name: &str) -> Result<Kept, Failure> {
    let place = folder.join(name);
    let is_name = !name.contains('/') && !name.starts_with('.');
    let facts = fs::read_to_string(place.join(FACTS)).ok().filter(|_| is_name);
    let Some(facts) = facts else {
        let known: Vec<String> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        return Err(anyhow::anyhow!(
            "there is no finding `{name}` in `{}`",
            folder.display()
        ))
        .hint(crate::configuration::suggest::existing("finding", &names));
    };
    let cannot = || format!("`{}` is no finding", place.display());
    Ok(Kept {
        facts: serde_json::from_str(&facts).with_context(cannot)?,
        message: fs::read(place.join(MESSAGE)).with_context(cannot)?,
    })
}

/// Makes a folder that nobody but its owner can look into, and that git leaves out.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let cannot = || format!("cannot make `{}`", folder.display());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(cannot)?;
    fs::write(folder.join(".gitignore"), "*\n").with_context(cannot)
}
