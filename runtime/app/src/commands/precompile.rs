//! `transfuse precompile`: compiled plugins before they are needed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use transfuse_package::Library;
use transfuse_sandbox::Sandbox;
use transfuse_store::Catalog;

use crate::configuration::{self, SecretSources, Settings};
use crate::console::{Console, Progress, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::short_digest;
use crate::parts::{Component, Parts};
use crate::{deployment, sandboxing};

/// Compile all plugins of a site, so that no start has to
///
/// Compiled code depends on the version of the engine, so that the first start after an upgrade compiles every plugin:
/// tens of milliseconds for one in Rust, seconds for one in JavaScript or Python. Run this with the new version before
/// the old one is stopped. It compiles what is live according to the data folder and what lies in the site's folder of
/// packages, and starts nothing; an engine that runs on the site is not disturbed.
///
/// Example: transfuse precompile examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The site folder
    #[arg(default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The folder of journal and catalog, instead of the site's own
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Find packages in this folder, instead of the site's own
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// One plugin.
#[derive(Serialize)]
struct Compiled {
    plugin: String,
    version: String,
    digest: String,
    elapsed_ms: u64,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let (settings, faults) = configuration::read_settings(&arguments.site);
    if !faults.is_empty() {
        return Err(Failure::Configuration(faults.into_sorted()));
    }
    let data = arguments.data.clone();
    let data = data.unwrap_or_else(|| arguments.site.join(&settings.data));
    let components = components(arguments, &settings, &data)?;
    let sandbox = Sandbox::start(sandboxing::of_engine(&arguments.site, &settings, &data))?;
    let progress = console.progress("compiling", components.len() as u64, "plugins");
    let compiled: Vec<Compiled> = components
        .iter()
        .map(|component| compile(component, &sandbox, &progress))
        .collect();
    drop(progress);
    report(&compiled, arguments, console)?;
    let is_sound = compiled.iter().all(|compiled| compiled.error.is_none());
    Ok(if is_sound { Exit::Success } else { Exit::Failure })
}

/// What is live, and what lies in the library.
fn components(arguments: &Arguments, settings: &Settings, data: &Path) -> Result<Vec<Component>, Failure> {
    let catalog =
        Catalog::look_into(data).with_context(|| format!("cannot read the catalog in `{}`", data.display()))?;
    let mut parts = match catalog {
        Some(catalog) => deployment::live_parts(&catalog)?,
        None => Parts::new(SecretSources::default()),
    };
    let plugins = arguments.plugins.clone();
    let plugins = plugins.unwrap_or_else(|| arguments.site.join(&settings.plugins));
    let library = Library::open(plugins).hint("`--plugins DIR` names another folder of packages")?;
    for (name, version) in library.list() {
        let package = library
            .read(&name, &version)
            .with_context(|| format!("cannot read {name} {version}"))?;
        parts.add_component(Component::from(package));
    }
    let mut components = parts.into_components();
    components.sort_by_key(|one| one.identity.to_string());
    Ok(components)
}

fn compile(component: &Component, sandbox: &Sandbox, progress: &Progress) -> Compiled {
    progress.doing(format!("compiling {}", component.identity));
    let started = Instant::now();
    let loaded = sandbox.load(component.identity.clone(), component.bytes());
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    progress.further(1);
    Compiled {
        plugin: component.identity.name.to_string(),
        version: component.identity.version.to_string(),
        digest: component.identity.digest.to_string(),
        elapsed_ms,
        error: loaded.err().map(|error| error.to_string()),
    }
}

fn report(compiled: &[Compiled], arguments: &Arguments, console: Console) -> Result<(), Failure> {
    if arguments.json {
        return Ok(console.json(&compiled)?);
    }
    let palette = console.palette();
    for one in compiled {
        let name = format!("{} {}", one.plugin, one.version);
        let digest = short_digest(&one.digest);
        let line = match &one.error {
            None => format!(
                "{}  {digest}  {} ms",
                palette.paint(Tone::Strong, &name),
                one.elapsed_ms
            ),
            Some(error) => format!("{}  {digest}  {error}", palette.paint(Tone::Bad, &name)),
        };
        console.result(line)?;
    }
    if compiled.is_empty() {
        console.note("the site has no plugins");
    }
    Ok(())
}
