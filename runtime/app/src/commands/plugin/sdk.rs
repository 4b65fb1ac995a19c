//! `transfuse plugin sdk`: the SDK where editors and unit tests look for it.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use transfuse_package::{Language, Source, write_javascript_sdk};

use crate::console::Console;
use crate::failure::{Exit, Hint as _, Outcome};

/// Lay this program's SDK into a plugin's folder, for editors and unit tests
///
/// For plugins in JavaScript and TypeScript: `node_modules/transfuse` is made or brought up to date, so that Node.js and
/// editors find `transfuse` and `transfuse/testing`. `npm test` of a new plugin does it first. Builds do not need it: they
/// take the SDK from this program.
///
/// Example: transfuse plugin sdk no-address
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The plugin's source folder
    #[arg(value_name = "FOLDER")]
    plugin: PathBuf,
    /// Write where it lies as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let source = Source::read(&arguments.plugin)?;
    let told = match source.manifest.build.language {
        Language::JavaScript | Language::TypeScript => None,
        Language::Rust => Some("cargo finds the SDK for Rust by Cargo.toml"),
        Language::Python => Some("the first build lays the SDK for Python into target/plugin-build/python/sdk"),
        Language::Map => Some("a mapping needs no SDK"),
    };
    if let Some(hint) = told {
        let plugin = arguments.plugin.display();
        return Err(anyhow::anyhow!("`{plugin}` is no plugin in JavaScript or TypeScript")).hint(hint);
    }
    let folder = write_javascript_sdk(&arguments.plugin)
        .with_context(|| format!("writing the SDK into `{}`", arguments.plugin.display()))?;
    if arguments.json {
        console.json(&Report { folder })?;
    } else {
        console.result(folder.display())?;
    }
    Ok(Exit::Success)
}
