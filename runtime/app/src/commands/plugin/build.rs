//! `transfuse plugin build`: making packages.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use transfuse_package::{BuildSettings, Built, Source};

use crate::configuration::show_size;
use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Outcome};
use crate::layout::short_digest;
use crate::vectors::{self, VectorFiles};

/// Compile plugins into packages that a site can use
///
/// Each folder holds a `plugin.toml` and the sources in the language that it names. The result lies where a site looks for it:
/// OUT/vendor/name/VERSION.oci. A mapping is tried as it is built: what is wrong with it is told with its line. So is a
/// `[config]` of a test vector that `config.schema.json` does not allow.
///
/// Example: transfuse plugin build plugins/redact --out examples/lab-results/plugins
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folders of plugins
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Where the packages go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The package of the plugin that runs mappings, or a library that has it; else the one in OUT
    #[arg(long, value_name = "FILE|DIR")]
    map: Option<PathBuf>,
    /// Write the results as JSON, one line for each plugin
    #[arg(long)]
    json: bool,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Report<'r> {
    name: String,
    version: String,
    digest: &'r str,
    component_digest: &'r str,
    bytes: u64,
    imports: &'r [String],
    compiler: &'r str,
    file: &'r Path,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let palette = console.notes_palette();
    for folder in &arguments.folders {
        super::subject::require_source(folder)?;
        check_vectors(folder)?;
        let settings = BuildSettings {
            source_folder: folder.clone(),
            library_folder: arguments.out.clone(),
            target_folder: target_folder(),
            toolchain: None,
            map: arguments.map.clone(),
        };
        let mut progress = |line: &str| console.note(palette.paint(Tone::Faint, line));
        let built = super::mapping::build(&settings, &mut progress)
            .with_context(|| format!("cannot build the plugin in `{}`", folder.display()))?;
        report(&built, arguments, console)?;
    }
    Ok(Exit::Success)
}

/// A vector whose configuration its own schema refuses is told before anything is compiled. Whatever keeps the folder from
/// being read is for the build to tell.
fn check_vectors(folder: &Path) -> Result<(), Failure> {
    let Ok(source) = Source::read(folder) else {
        return Ok(());
    };
    let files = VectorFiles::of_folder(&folder.join("vectors"))?;
    let faults = vectors::check_configs(&files, &source.manifest, source.config_schema.as_deref());
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::Configuration(faults))
    }
}

fn report(built: &Built, arguments: &Arguments, console: Console) -> anyhow::Result<()> {
    if arguments.json {
        let report = Report {
            name: built.name.to_string(),
            version: built.version.to_string(),
            digest: &built.digest,
            component_digest: &built.component_digest,
            bytes: built.component_bytes,
            imports: &built.imports,
            compiler: &built.compiler,
            file: &built.file,
        };
        return Ok(console.result(serde_json::to_string(&report)?)?);
    }
    let palette = console.palette();
    let name = format!("{} {}", built.name, built.version);
    let size = show_size(built.component_bytes.div_ceil(1024) * 1024);
    let facts = format!("{}, {size}, in {}", short_digest(&built.digest), built.file.display());
    console.result(format_args!(
        "{}  {}",
        palette.paint(Tone::Strong, &name),
        palette.paint(Tone::Faint, &facts)
    ))?;
    Ok(())
}

/// Beside the host's own compiler output where cargo is told where that is, and else in the usual place: never in it,
/// because flags differ and each would throw away what the other built.
pub(super) fn target_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    target.join("plugin-build")
}
