//! `transfuse precompile`: compiled plugins before they are needed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use transfuse_package::Library;
use transfuse_sandbox::Sandbox;
use transfuse_store::Catalog;

use crate::configuration::{self, SecretSources, resolved::Interface};
use crate::console::{Console, Progress, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::{counted, short_digest};
use crate::parts::{Component, Parts};
use crate::trust::Trust;
use crate::{deployment, sandboxing};

/// Compile all plugins of a site, so that no start has to
///
/// Compiled code depends on the version of the engine, so that the first start after an upgrade compiles every plugin:
/// tens of milliseconds for one in Rust, seconds for one in JavaScript or Python. Run this with the new version before
/// the old one is stopped. It compiles what is live according to the data folder and what lies in the site's folder of
/// packages, and makes the snapshots that the steps of interfaces begin with, of those that are live and of those in the site
/// folder. It starts nothing; an engine that runs on the site is not disturbed.
///
/// Example: transfuse precompile examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The site folder
    #[arg(default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The environment that the engine runs in, a file `environments/NAME.toml`; else the one that `transfuse.toml` names
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
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

/// What was made ready.
#[derive(Serialize)]
struct Report {
    plugins: Vec<Compiled>,
    interfaces: Vec<Ready>,
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

/// One live interface, whose steps were made as a start makes them.
#[derive(Serialize)]
struct Ready {
    interface: String,
    elapsed_ms: u64,
    /// Why its steps cannot be made.
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
    let plugins = arguments.plugins.clone();
    let plugins = plugins.unwrap_or_else(|| arguments.site.join(&settings.plugins));
    let environment = arguments.environment.clone().or_else(|| settings.environment.clone());
    let environment = environment.as_deref();
    let secrets = configuration::read_secrets(&arguments.site, environment);
    let (interfaces, mut parts) = live(&data, secrets)?;
    let components = components(&plugins, &mut parts)?;
    let sandbox = Sandbox::start(sandboxing::of_engine(&arguments.site, &settings, &data))?;
    let progress = console.progress("compiling", components.len() as u64, "plugins");
    let compiled = components
        .iter()
        .map(|component| compile(component, &sandbox, &progress))
        .collect();
    drop(progress);
    let made = Report {
        plugins: compiled,
        interfaces: ready(&interfaces, &parts, &sandbox, console),
    };
    let trust = Trust::read(&arguments.site, &data, &settings, &faults);
    // Reading a site folder makes the steps of its interfaces as well; those that are live are made by now.
    let site = {
        let _progress = console.working("making the steps of the site folder's interfaces");
        configuration::read(&arguments.site, environment, &plugins, &trust, faults, &sandbox)
    };
    if let Err(faults) = site {
        let count = counted(faults.len(), "fault");
        console.note(format_args!(
            "the site folder has {count}, and is left aside: `transfuse check` shows them"
        ));
    }
    report(&made, arguments, console)?;
    let errors = made.plugins.iter().map(|one| &one.error);
    let mut errors = errors.chain(made.interfaces.iter().map(|one| &one.error));
    Ok(if errors.all(Option::is_none) {
        Exit::Success
    } else {
        Exit::Failure
    })
}

/// What is live; nothing where no engine has run yet.
fn live(data: &Path, secrets: SecretSources) -> Result<(Vec<Interface>, Parts), Failure> {
    let catalog =
        Catalog::look_into(data).with_context(|| format!("cannot read the catalog in `{}`", data.display()))?;
    Ok(match catalog {
        Some(catalog) => deployment::live(&catalog, secrets)?,
        None => (Vec::new(), Parts::new(secrets)),
    })
}

/// What is live, and what lies in the library.
fn components(plugins: &Path, parts: &mut Parts) -> Result<Vec<Component>, Failure> {
    let library = Library::open(plugins.to_owned()).hint("`--plugins DIR` names another folder of packages")?;
    for (name, version) in library.list() {
        let package = library
            .read(&name, &version)
            .with_context(|| format!("cannot read {name} {version}"))?;
        parts.add_component(Component::from(package));
    }
    let mut components: Vec<Component> = parts.components().cloned().collect();
    components.sort_by_key(|one| one.identity.to_string());
    Ok(components)
}

fn ready(interfaces: &[Interface], parts: &Parts, sandbox: &Sandbox, console: Console) -> Vec<Ready> {
    let progress = console.progress("making steps", interfaces.len() as u64, "interfaces");
    let make = |interface: &Interface| {
        progress.doing(format!("making the steps of {}", interface.name));
        let started = Instant::now();
        let chains = parts.chains(sandbox, interface);
        progress.further(1);
        Ready {
            interface: interface.name.clone(),
            elapsed_ms: elapsed_ms(started),
            error: chains.err().map(|error| error.to_string()),
        }
    };
    interfaces.iter().map(make).collect()
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn compile(component: &Component, sandbox: &Sandbox, progress: &Progress) -> Compiled {
    progress.doing(format!("compiling {}", component.identity));
    let started = Instant::now();
    let loaded = sandbox.load(component.identity.clone(), component.bytes());
    let elapsed_ms = elapsed_ms(started);
    progress.further(1);
    Compiled {
        plugin: component.identity.name.to_string(),
        version: component.identity.version.to_string(),
        digest: component.identity.digest.to_string(),
        elapsed_ms,
        error: loaded.err().map(|error| error.to_string()),
    }
}

fn report(made: &Report, arguments: &Arguments, console: Console) -> Result<(), Failure> {
    if arguments.json {
        return Ok(console.json(made)?);
    }
    let palette = console.palette();
    let line = |name: &str, before: &str, elapsed_ms: u64, error: &Option<String>| match error {
        None => format!("{}{before}  {elapsed_ms} ms", palette.paint(Tone::Strong, name)),
        Some(error) => format!("{}{before}  {error}", palette.paint(Tone::Bad, name)),
    };
    for one in &made.plugins {
        let name = format!("{} {}", one.plugin, one.version);
        let digest = format!("  {}", short_digest(&one.digest));
        console.result(line(&name, &digest, one.elapsed_ms, &one.error))?;
    }
    for one in &made.interfaces {
        console.result(line(&one.interface, "  its steps", one.elapsed_ms, &one.error))?;
    }
    if made.plugins.is_empty() {
        console.note("the site has no plugins");
    }
    Ok(())
}
