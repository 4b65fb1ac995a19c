//! `transfuse run`: the engine itself.

mod telling;
mod watching;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;
use transfuse_engine::{Engine, InterfaceSettings};
use transfuse_sandbox::Sandbox;
use transfuse_store::{Catalog, Opened, Store};
use transfuse_transport::{Inflow, InflowSettings};

use crate::changes::{Changes, PassedVectors, Trials};
use crate::configuration::{self, ControlSettings, SecretSources, Settings};
use crate::console::Console;
use crate::control::{self, Beside, Controlled, view};
use crate::deployment::{self, Change, Deployment};
use crate::downtimes::{self, Downtimes};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::identity::Identity;
use crate::observing::{self, Observing};
use crate::past::Past;
use crate::tables::{Running, Tables};
use crate::trust::{Trust, Watch};
use crate::{assembly, expectations, free_space, hardening, logging, sandboxing, signals};

/// Run the interfaces of a site folder
///
/// The site is checked first; nothing is bound before all of it is sound. An interface that the data folder's catalog
/// does not know gets its first revision from the site folder. From then on the catalog is the truth: a start runs what
/// is live, and a site folder that says something else is reported and not run, unless --apply makes it a new revision.
///
/// SIGTERM or SIGINT stops the engine: nothing more is received, what was received is finished, what is being sent is
/// settled. A second signal ends the process at once; the next start takes up what was cut short.
///
/// Example: transfuse run examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The site folder
    #[arg(default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The environment whose addresses and secrets are meant, a file `environments/NAME.toml`; else the one that
    /// `transfuse.toml` names
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Make what the site folder says live, where it differs from what is
    #[arg(long)]
    apply: bool,
    /// Keep journal and catalog in this folder, instead of the site's own
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Find packages in this folder, instead of the site's own
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

/// How long answers over the control socket may hold up a stop.
const CONTROL_CLOSE_MAX: Duration = Duration::from_secs(2);

/// An engine that is ready to start: everything that can fail without a port has been done.
struct Prepared {
    sandbox: Sandbox,
    opened: Opened,
    deployment: Deployment,
    watch: Watch,
    data: PathBuf,
    plugins: PathBuf,
    environment: Option<String>,
    control: ControlSettings,
    free_space_min: u64,
    intake: InflowSettings,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    hardening::refuse_core_dumps()?;
    let prepared = prepare(arguments, console)?;
    hardening::allow_files();
    let settings = assembly::settings(&prepared.deployment, &arguments.site, &prepared.sandbox)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(prepared, settings, arguments, console))?;
    Ok(Exit::Success)
}

fn prepare(arguments: &Arguments, console: Console) -> Result<Prepared, Failure> {
    let (settings, faults) = configuration::read_settings(&arguments.site);
    // With faults in it, the file cannot say where the data is.
    let settings_are_sound = faults.is_empty();
    logging::start(settings.log);
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| arguments.site.join(&settings.data));
    let plugins = arguments
        .plugins
        .clone()
        .unwrap_or_else(|| arguments.site.join(&settings.plugins));
    let environment = arguments.environment.clone().or_else(|| settings.environment.clone());
    let chosen = environment.as_deref();
    let sandbox = Sandbox::start(sandboxing::of_engine(&arguments.site, &settings, &data))?;
    let trust = Trust::read(&arguments.site, &data, &settings, &faults);
    let site = configuration::read(&arguments.site, chosen, &plugins, &trust, faults, &sandbox);
    let site = match site {
        Err(faults) if !settings_are_sound || arguments.apply => return Err(Failure::Configuration(faults)),
        site => site,
    };
    let opened = open_store(&arguments.site, &data, &settings)?;
    telling::tell_master_key(&opened, &data, console);
    deployment::fits_environment(opened.store.catalog(), &data, chosen, arguments.apply)?.map_err(|other| {
        let hint = other.hint();
        Failure::from(other).hinted(hint)
    })?;
    trust.keep(&data)?;
    let secrets = configuration::read_secrets(&arguments.site, chosen);
    let (control, free_space_min, intake) = (settings.control.clone(), settings.free_space_min, settings.intake);
    let deployment = deploy(site, &trust, secrets, &opened.store, arguments, console)?;
    telling::tell_trust(&deployment, console)?;
    Ok(Prepared {
        sandbox,
        opened,
        watch: Watch::new(&arguments.site, &data, settings, &deployment),
        deployment,
        data,
        plugins,
        environment,
        control,
        free_space_min,
        intake,
    })
}

fn open_store(site: &Path, data: &Path, settings: &Settings) -> Result<Opened, Failure> {
    Store::open(settings.store(site, data)).map_err(|error| {
        let hint = error.hint().map_or_else(
            || {
                format!(
                    "`transfuse status --data {}` shows an engine that uses it",
                    data.display()
                )
            },
            str::to_owned,
        );
        let context = format!("cannot open the data folder `{}`", data.display());
        Failure::from(anyhow::Error::from(error).context(context)).hinted(hint)
    })
}

/// A site folder with faults does not keep what is live from starting again: at two in the morning, a half-edited file
/// must not stop a hospital. Where nothing is live, it does.
fn deploy(
    site: Result<configuration::Site, Vec<configuration::Fault>>,
    trust: &Trust,
    secrets: SecretSources,
    store: &Store,
    arguments: &Arguments,
    console: Console,
) -> Result<Deployment, Failure> {
    let catalog = store.catalog();
    match unless_refused(site, catalog, arguments)? {
        Ok(site) => {
            let reason = if arguments.apply {
                "run --apply"
            } else {
                "first seen in the site folder"
            };
            let change = Change {
                author: Identity::of_process(),
                reason: reason.to_owned(),
                note: String::new(),
            };
            let deployment = deployment::from_site(catalog, &site, trust, arguments.apply, &change)?;
            telling::tell_drift(&deployment, arguments, console);
            Ok(deployment)
        }
        Err(faults) => {
            let mut deployment = deployment::from_catalog(catalog, trust, secrets)?;
            if arguments.apply || (deployment.interfaces.is_empty() && deployment.stopped.is_empty()) {
                return Err(Failure::Configuration(faults));
            }
            let count = faults.len();
            Failure::Configuration(faults).report(console);
            console.note("running what is live; the site folder is left aside until its faults are repaired");
            for live in &mut deployment.interfaces {
                live.drift = Some(format!("the site folder has {count} faults"));
            }
            Ok(deployment)
        }
    }
}

/// A plugin that must not be deployed is a fault of the site folder where something new would use it.
fn unless_refused(
    site: Result<configuration::Site, Vec<configuration::Fault>>,
    catalog: &Catalog,
    arguments: &Arguments,
) -> Result<Result<configuration::Site, Vec<configuration::Fault>>, Failure> {
    let Ok(site) = site else { return Ok(site) };
    let refusals = deployment::refusals(catalog, &site, arguments.apply)?;
    Ok(if refusals.is_empty() { Ok(site) } else { Err(refusals) })
}

async fn serve(
    prepared: Prepared,
    settings: Vec<InterfaceSettings>,
    arguments: &Arguments,
    console: Console,
) -> Result<(), Failure> {
    let Prepared {
        sandbox,
        opened,
        deployment,
        watch,
        data,
        plugins,
        environment,
        control,
        free_space_min,
        intake,
    } = prepared;
    let store = opened.store.clone();
    let stop = CancellationToken::new();
    signals::stop_on_first_and_exit_on_second(stop.clone())?;
    let socket = control::bind(&arguments.site, &data, &control).map_err(|error| {
        let hint = error.hint();
        Failure::from(error).hinted(hint)
    })?;
    let engine = Arc::new(start(opened, settings, Inflow::new(intake)).await?);
    let process = view::Process {
        environment: environment.clone(),
        free_space_min,
        ..telling::process(&engine, &deployment, arguments, &data)
    };
    telling::keep_paused(&engine, &store, &process)?;
    telling::tell_rollbacks(&store, &process)?;
    telling::announce(&process, console);
    let closed = CancellationToken::new();
    let alerts = process.alerts.clone();
    let observing = Arc::new(Observing::new(store.clone())?);
    let observer = tokio::spawn(observing::observe(Arc::clone(&observing), closed.clone()));
    let running = Arc::new(tokio::sync::Mutex::new(running(&engine, deployment)));
    let changes = Arc::new(Changes {
        site: arguments.site.clone(),
        plugins,
        data: data.clone(),
        environment,
        store: store.clone(),
        sandbox,
        engine: Arc::clone(&engine),
        running,
        shown: process.live.clone(),
        alerts: alerts.clone(),
        watched: watch.list(),
        trials: Arc::new(Trials::default()),
        passed_vectors: PassedVectors::default(),
        stop: stop.clone(),
    });
    changes.keep_interrupted().await;
    let beside = beside(&changes, observing)?;
    tokio::spawn(downtimes::keep(Arc::clone(&beside.downtimes), closed.clone()));
    look_around(&changes, (data, free_space_min), &closed);
    let controlled = Controlled::new(store, process, changes.clone(), beside, stop.clone());
    let control = tokio::spawn(control::serve(socket, controlled, closed.clone()));
    watching::keep_watch(watch, &engine, &alerts, &stop, console).await;
    console.note("stopping: finishing what was received");
    closed.cancel();
    close(control, observer).await;
    changes.end_trials().await;
    engine.stop().await;
    console.note("stopped");
    Ok(())
}

/// Looks from time to time for traffic that does not come, and for the room that is left.
fn look_around(changes: &Changes, (data, free_space_min): (PathBuf, u64), closed: &CancellationToken) {
    let Changes {
        store, running, alerts, ..
    } = changes;
    let expecting = expectations::keep(store.clone(), Arc::clone(running), alerts.clone(), closed.clone());
    tokio::spawn(expecting);
    tokio::spawn(free_space::watch(data, free_space_min, closed.clone()));
}

/// Waits for what answers questions and what looks through the journal, both of which have been told to end.
async fn close(control: impl Future, observer: impl Future) {
    if tokio::time::timeout(CONTROL_CLOSE_MAX, control).await.is_err() {
        tracing::warn!("a question over the control socket is cut off");
    }
    if tokio::time::timeout(CONTROL_CLOSE_MAX, observer).await.is_err() {
        tracing::warn!("the journal is still being looked through; the next start goes on where that ends");
    }
}

/// The code tables, the past and the receivers of the same site.
fn beside(changes: &Changes, observing: Arc<Observing>) -> Result<Beside, Failure> {
    let Changes {
        site,
        environment,
        store,
        sandbox,
        running,
        trials,
        engine,
        ..
    } = changes;
    let tables = Tables::new(
        site.clone(),
        environment.clone(),
        store.clone(),
        sandbox.clone(),
        Arc::clone(running),
        Arc::clone(trials),
    );
    let past = Past::new(site.clone(), environment.clone(), store.clone(), sandbox.clone());
    Ok(Beside {
        tables: Arc::new(tables),
        observing,
        past: Arc::new(past),
        downtimes: Arc::new(Downtimes::take_up(store.clone(), Arc::clone(engine))?),
    })
}

/// A start that fails leaves the store as clean as it found it.
async fn start(opened: Opened, settings: Vec<InterfaceSettings>, inflow: Inflow) -> Result<Engine, Failure> {
    let Opened {
        store,
        unclean,
        unfinished,
        ..
    } = opened;
    let down = downtimes::receivers_down(store.catalog())?;
    match Engine::start(store.clone(), settings, unfinished, unclean, &down, inflow).await {
        Ok(engine) => Ok(engine),
        Err(error) => {
            store.shutdown().await;
            Err(error).hint("`transfuse check` shows which addresses and folders the site uses")
        }
    }
}

/// What runs, for whoever changes its tables.
fn running(engine: &Engine, deployment: Deployment) -> Vec<Running> {
    let parts = deployment.parts;
    let interfaces = deployment.interfaces.into_iter();
    interfaces
        .filter_map(|live| {
            let handle = engine.interface(&live.interface.name)?;
            Some(Running {
                secrets: parts.secrets(&live.interface),
                interface: live.interface,
                live: handle,
            })
        })
        .collect()
}
