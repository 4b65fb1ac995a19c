//! Writing `approved.toml`: one entry for each package that the hospital lets run.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use transfuse_package::Package;
use transfuse_package::trust::Approval;

use crate::configuration::{APPROVED, Faults, read_approvals};
use crate::failure::Failure;
use crate::identity::Identity;

/// What a new file begins with.
const HEAD: &str = "\
# The packages that may run here, by digest. `transfuse plugin approve` adds to it; to withdraw an approval,
# remove its entry.
";

/// Adds approvals to the site's file, and says of each whether it is news. What is there already stays as it is
/// written, comments included.
pub(crate) fn approve(site: &Path, approvals: &[Approval]) -> Result<Vec<bool>, Failure> {
    let faults = Faults::default();
    let Some(existing) = read_approvals(site, &faults) else {
        return Err(Failure::Configuration(faults.into_sorted()));
    };
    let path = site.join(APPROVED);
    let mut text = if path.exists() {
        fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?
    } else {
        HEAD.to_owned()
    };
    let is_new: Vec<bool> = approvals
        .iter()
        .map(|approval| existing.iter().all(|known| known.digest != approval.digest))
        .collect();
    for (approval, _) in approvals.iter().zip(&is_new).filter(|(_, is_new)| **is_new) {
        text.push_str(&entry(approval));
    }
    if is_new.contains(&true) {
        replace(&path, &text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(is_new)
}

/// What the file says of a package that whoever runs this approves now.
pub(crate) fn approval(package: &Package, note: &str) -> Approval {
    Approval {
        digest: package.digest.clone(),
        plugin: package.manifest.name.to_string(),
        version: package.manifest.version.to_string(),
        who: Identity::of_process().to_string(),
        when: format!("{:.0}", Timestamp::now()),
        note: note.to_owned(),
    }
}

fn entry(approval: &Approval) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let lines = [
        ("digest", &approval.digest),
        ("plugin", &approval.plugin),
        ("version", &approval.version),
        ("who", &approval.who),
        ("when", &approval.when),
        ("note", &approval.note),
    ];
    let written = lines.iter().filter(|(_, text)| !text.is_empty());
    written.fold("\n[[approved]]\n".to_owned(), |entry, (key, text)| {
        format!("{entry}{key} = {}\n", quoted(text))
    })
}

/// The file appears whole: a start that reads it meanwhile finds the old one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let staged = path.with_extension(format!("toml.{}", std::process::id()));
    fs::write(&staged, text)?;
    fs::rename(&staged, path)
}
