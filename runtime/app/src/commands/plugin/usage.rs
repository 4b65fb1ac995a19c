//! Which interface files of a site use which plugin.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use transfuse_package::{Library, PluginName, Version, VersionReq};

use crate::failure::Failure;

/// A step that names a plugin.
#[derive(Debug, Clone)]
pub(super) struct Use {
    /// The interface file, relative to the site.
    pub(super) file: PathBuf,
    plugin: String,
    wanted: VersionReq,
}

/// Every step of every interface file. A file that cannot be read is an error: it might use anything.
pub(super) fn of_site(site: &Path) -> Result<Vec<Use>, Failure> {
    let mut uses = Vec::new();
    for entry in fs::read_dir(site.join("interfaces")).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let file = path.strip_prefix(site).unwrap_or(&path).to_owned();
        let unreadable = || format!("`{}` cannot be read, so that nobody knows what it uses", file.display());
        let text = fs::read_to_string(&path).with_context(unreadable)?;
        let interface: toml::Table = toml::from_str(&text).with_context(unreadable)?;
        let destinations = interface.get("destinations").and_then(toml::Value::as_array);
        let of_destinations = destinations.into_iter().flatten().flat_map(steps);
        let whole = toml::Value::Table(interface.clone());
        let own = ["steps", "reply_steps"].into_iter().flat_map(|key| listed(&whole, key));
        let all = own.chain(of_destinations);
        uses.extend(all.filter_map(|step| used(&file, &step)));
    }
    uses.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(uses)
}

/// The interface files whose steps would run this version: the newest in the library that fits.
pub(super) fn files_with(uses: &[Use], library: &Library, name: &PluginName, version: &Version) -> Vec<PathBuf> {
    let versions = library.versions(name);
    let takes_it = |used: &&Use| {
        used.plugin == name.as_str()
            && versions.iter().filter(|candidate| used.wanted.matches(candidate)).max() == Some(version)
    };
    let mut files: Vec<PathBuf> = uses.iter().filter(takes_it).map(|used| used.file.clone()).collect();
    files.dedup();
    files
}

fn steps(table: &toml::Value) -> Vec<toml::Value> {
    listed(table, "steps")
}

fn listed(table: &toml::Value, key: &str) -> Vec<toml::Value> {
    let steps = table.get(key).and_then(toml::Value::as_array);
    steps.cloned().unwrap_or_default()
}

fn used(file: &Path, step: &toml::Value) -> Option<Use> {
    Some(Use {
        file: file.to_owned(),
        plugin: step.get("plugin")?.as_str()?.to_owned(),
        wanted: step.get("version")?.as_str()?.parse().ok()?,
    })
}
