//! `transfuse plugin new`: a folder to begin a plugin in.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use transfuse_package::PluginName;

use super::template::{self, Template};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};

/// Begin a plugin: a folder that builds and passes its tests at once
///
/// It holds a manifest, the source in the language of your choice, the schema of its configuration and two test vectors.
/// The folder is called as the plugin is, without its vendor, and must be empty or not be there.
///
/// A plugin in Rust uses the SDK from a folder: that of the checkout from which this program was built, or the one that
/// --sdk names. The other languages' SDKs are in this program.
///
/// Example: transfuse plugin new acme/no-address --lang python
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The plugin's name, as vendor/name, in lower case
    #[arg(value_name = "NAME")]
    name: String,
    /// The language to write it in
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
    /// The folder to make it in
    ///
    /// Where it is left out, the plugin's name without its vendor, below the current folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where the SDK for Rust lies: the folder plugin-sdk/rust of a checkout
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
    /// Write what was made as JSON
    #[arg(long)]
    json: bool,
}

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// Rust: the smallest and fastest plugins
    Rust,
    /// JavaScript
    Js,
    /// TypeScript
    Ts,
    /// Python
    Python,
}

#[derive(Serialize)]
struct Report<'r> {
    name: &'r str,
    language: &'static str,
    folder: &'r Path,
    files: Vec<&'r Path>,
}

/// Where the SDK for Rust was when this program was built: an author who builds it from a checkout has it.
const SDK_OF_THE_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugin-sdk/rust");

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let name = plugin_name(&arguments.name)?;
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(name.name()));
    let template = Template {
        plugin: name.as_str(),
        name: name.name(),
        language: arguments.lang,
        sdk: sdk(arguments)?,
    };
    let files = template.files()?;
    refuse_a_used_folder(&folder)?;
    for (path, content) in &files {
        write(&folder.join(path), content)?;
    }
    if arguments.json {
        let report = Report {
            name: name.as_str(),
            language: arguments.lang.title(),
            folder: &folder,
            files: files.iter().map(|(path, _)| path.as_path()).collect(),
        };
        console.result(serde_json::to_string(&report)?)?;
        return Ok(Exit::Success);
    }
    tell(&name, arguments.lang, &folder, console)
}

fn plugin_name(name: &str) -> Result<PluginName, Failure> {
    let read = PluginName::try_from(name.to_owned()).map_err(anyhow::Error::msg);
    read.hint("for example acme/no-address: the vendor's name, and the plugin's")
}

/// The SDK's folder; needed for Rust only.
fn sdk(arguments: &Arguments) -> Result<Option<PathBuf>, Failure> {
    if arguments.lang != Language::Rust {
        return match &arguments.sdk {
            Some(_) => Err(anyhow::anyhow!(
                "--sdk is for plugins in Rust: the other languages' SDKs are in this program"
            )
            .into()),
            None => Ok(None),
        };
    }
    let folder = arguments.sdk.clone().unwrap_or_else(|| SDK_OF_THE_CHECKOUT.into());
    if !folder.join("Cargo.toml").is_file() {
        let missing = anyhow::anyhow!("the SDK for Rust is not in `{}`", folder.display());
        return Err(missing).hint(
            "it is the folder plugin-sdk/rust of Transfuse's sources, and not yet published as a crate: name it with \
             --sdk DIR, or choose another language",
        );
    }
    let folder = folder
        .canonicalize()
        .with_context(|| format!("reading `{}`", folder.display()))?;
    Ok(Some(folder))
}

fn refuse_a_used_folder(folder: &Path) -> Result<(), Failure> {
    let entry = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().transpose(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    match entry.with_context(|| format!("reading `{}`", folder.display()))? {
        None => Ok(()),
        Some(_) => {
            Err(anyhow::anyhow!("the folder `{}` is not empty", folder.display())).hint("name another one with --dir")
        }
    }
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    let Some(folder) = path.parent() else {
        bail!("`{}` is no file", path.display())
    };
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .with_context(|| format!("writing `{}`", path.display()))
}

fn tell(name: &PluginName, language: Language, folder: &Path, console: Console) -> Outcome {
    let palette = console.palette();
    let shown = folder.display();
    console.result(format_args!(
        "{}  {}",
        palette.paint(Tone::Strong, name.as_str()),
        palette.paint(Tone::Faint, &format!("in {shown}"))
    ))?;
    console.note(format_args!(
        "\nnext:\n  transfuse plugin test {shown}                  build it, and run its vectors\n  \
         transfuse plugin build {shown} --out packages  build its package\n\n\
         The plugin is in {shown}/{}, and what it asks for in {shown}/plugin.toml.",
        template::source(language)
    ));
    Ok(Exit::Success)
}

impl Language {
    /// As people write it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::Ts => "TypeScript",
            Self::Python => "Python",
        }
    }
}
