//! The files of a new interface: written together, and never over what is there.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::encoding::Verdict;
use super::interface_file::{self, Choices};
use super::survey::Survey;
use super::{profile_file, table_file};
use crate::configuration::FILE_NAME;
use crate::failure::{Failure, Hint as _};

/// Files and their content, relative to the site folder.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
}

impl Draft {
    pub(crate) fn new(choices: &Choices, survey: &Survey, verdict: &Verdict) -> Self {
        let name = &choices.name;
        let tables = table_file::drafts(name, survey);
        let profile = profile_file::text(name, survey, &tables);
        let interface = interface_file::text(choices, survey, verdict, profile.is_some());
        let mut files = vec![(PathBuf::from(format!("interfaces/{name}.toml")), interface.into_bytes())];
        files.extend(profile.map(|text| (PathBuf::from(format!("profiles/{name}.toml")), text.into_bytes())));
        let tables = tables.into_iter();
        files.extend(tables.map(|table| (PathBuf::from(format!("tables/{}.csv", table.name)), table.content)));
        Self { files }
    }

    /// The files that are there already.
    fn taken<'d>(&'d self, site: &'d Path) -> impl Iterator<Item = PathBuf> + 'd {
        self.files
            .iter()
            .map(|(name, _)| site.join(name))
            .filter(|path| path.exists())
    }
}

/// Whether the folder is a site, or may become one: because there is none yet, or nothing in it.
///
/// # Errors
///
/// Where the folder holds something that is no site.
pub(crate) fn is_site(site: &Path) -> Result<bool, Failure> {
    if site.join(FILE_NAME).is_file() {
        return Ok(true);
    }
    let is_vacant = match fs::read_dir(site) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read `{}`", site.display()))
                .map_err(Failure::from);
        }
    };
    if is_vacant {
        return Ok(false);
    }
    Err(anyhow::anyhow!(
        "`{}` is not a site folder: it has no `{FILE_NAME}`",
        site.display()
    ))
    .hint("name a site, or a new folder, with `--into DIR`")
}

/// Writes all of the files, or none.
pub(crate) fn write(site: &Path, draft: &Draft) -> Result<Vec<PathBuf>, Failure> {
    let is_site = is_site(site)?;
    let taken: Vec<String> = draft.taken(site).map(|path| format!("`{}`", path.display())).collect();
    if !taken.is_empty() {
        return Err(anyhow::anyhow!(
            "{} exists already, and nothing is written over",
            taken.join(", ")
        ))
        .hint("choose another name, or move that away");
    }
    let mut written = Vec::new();
    let result = (|| {
        if !is_site {
            create(&site.join(FILE_NAME), SETTINGS, &mut written)?;
        }
        for (name, content) in &draft.files {
            create(&site.join(name), content, &mut written)?;
        }
        anyhow::Ok(())
    })();
    if let Err(error) = result {
        // Half an interface is worse than none.
        for path in &written {
            let _ = fs::remove_file(path);
        }
        return Err(error.into());
    }
    Ok(written)
}

const SETTINGS: &[u8] = b"# What holds for the whole site. Every key may be left out.\n";

fn create(path: &Path, content: &[u8], written: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let cannot = || format!("cannot write `{}`", path.display());
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).with_context(cannot)?;
    let mut file = File::create_new(path).with_context(cannot)?;
    written.push(path.to_owned());
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .with_context(cannot)
}
