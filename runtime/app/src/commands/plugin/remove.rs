//! `transfuse plugin remove`: a version out of a site's library.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde::Serialize;
use transfuse_package::{Library, PluginName, Version};

use super::{usage, wanted};
use crate::console::Console;
use crate::failure::{Exit, Hint as _, Outcome};

/// Take a version of a plugin out of a site's library
///
/// Refused while an interface file of the site would run that version. What is live keeps running: the catalog holds
/// its own copy.
///
/// Example: transfuse plugin remove transfuse/redact@1.0.0 --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// NAME@VERSION
    #[arg(value_name = "PLUGIN")]
    plugin: String,
    /// The site folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    site: PathBuf,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    removed: PathBuf,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let (name, version) = name_and_version(&arguments.plugin)?;
    let library = Library::open(wanted::library(Some(&arguments.site), None)?)?;
    let file = library.place(&name, &version);
    if !file.is_file() {
        return Err(anyhow!("there is no {name} {version} in the site")).hint(format!(
            "`transfuse plugin list --site {}` shows what there is",
            arguments.site.display()
        ));
    }
    let users = usage::files_with(&usage::of_site(&arguments.site)?, &library, &name, &version);
    if !users.is_empty() {
        let users: Vec<String> = users.iter().map(|file| format!("`{}`", file.display())).collect();
        return Err(anyhow!("{name} {version} is used by {}", users.join(", ")))
            .hint("let their steps name another version first, or install a newer one that fits");
    }
    std::fs::remove_file(&file).with_context(|| format!("cannot remove `{}`", file.display()))?;
    if arguments.json {
        console.json(&Report { removed: file })?;
    } else {
        console.result(format_args!("removed {}", file.display()))?;
    }
    Ok(Exit::Success)
}

/// Exactly one version: a removal is no place for "the newest".
fn name_and_version(text: &str) -> anyhow::Result<(PluginName, Version)> {
    let parts = text.split_once('@');
    let parts = parts.and_then(|(name, version)| Some((name.parse().ok()?, version.parse().ok()?)));
    parts
        .with_context(|| format!("`{text}` names no exact version: write NAME@VERSION, such as transfuse/redact@1.0.0"))
}
