//! What a start tells: on the terminal, and to whoever asks for the status.

use std::path::Path;

use jiff::Timestamp;
use transfuse_engine::Engine;
use transfuse_store::{Opened, Store};

use super::Arguments;
use crate::changes;
use crate::console::{Console, Tone};
use crate::control::view;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::layout::counted;
use crate::trust::{Alerts, Distrust};

/// That a master key was made is told once: a backup of the data folder is worth nothing without it.
pub(super) fn tell_master_key(opened: &Opened, data: &Path, console: Console) {
    let Some(file) = &opened.master_key_made else { return };
    let (file, data) = (file.display(), data.display());
    let palette = console.notes_palette();
    console.note(format_args!(
        "made the master key `{file}`: without it, nothing in `{data}` can be read"
    ));
    console.note(format_args!(
        "{} keep a copy of it where the backups of the data folder are not",
        palette.paint(Tone::Name, "hint:")
    ));
}

/// What is not trusted without reserve. A start that would run nothing for that reason fails.
pub(super) fn tell_trust(deployment: &Deployment, console: Console) -> Result<(), Failure> {
    let palette = console.notes_palette();
    for live in &deployment.interfaces {
        for alert in &live.alerts {
            let name = &live.interface.name;
            console.note(format_args!("{} {name}: {alert}", palette.paint(Tone::Odd, "alert:")));
            tracing::warn!(interface = name, alert, "a plugin needs attention");
        }
    }
    for stopped in &deployment.stopped {
        let name = &stopped.interface.name;
        for Distrust { message, hint, .. } in &stopped.reasons {
            let label = palette.paint(Tone::Bad, "not started:");
            console.note(format_args!("{label} {name}: {message}"));
            console.note(format_args!("{} {hint}", palette.paint(Tone::Name, "hint:")));
            tracing::error!(interface = name, reason = message, "an interface does not start");
        }
    }
    if deployment.interfaces.is_empty() && !deployment.stopped.is_empty() {
        return Err(anyhow::anyhow!("no interface may start").into());
    }
    Ok(())
}

pub(super) fn tell_drift(deployment: &Deployment, arguments: &Arguments, console: Console) {
    let palette = console.notes_palette();
    for live in &deployment.interfaces {
        if let Some(drift) = &live.drift {
            let name = &live.interface.name;
            let revision = live.revision;
            console.note(format_args!(
                "{} {name} runs revision {revision}, and {drift}",
                palette.paint(Tone::Odd, "drift:")
            ));
            console.note(format_args!(
                "{} `transfuse run {} --apply` makes the site folder's state live",
                palette.paint(Tone::Name, "hint:"),
                arguments.site.display(),
            ));
        }
    }
}

/// One line for each interface. Nobody reading them is no reason to stop.
pub(super) fn announce(process: &view::Process, console: Console) {
    let live = process.live.all();
    let lines = live.iter().map(|(name, live)| format!("{name}: {}", live.ready));
    let ready = format!("ready: {}", counted(live.len(), "interface"));
    for line in lines.chain([ready]) {
        if let Err(error) = console.result(line) {
            tracing::warn!(%error, "nobody reads the output");
        }
    }
}

pub(super) fn process(engine: &Engine, deployment: &Deployment, arguments: &Arguments, data: &Path) -> view::Process {
    let running = engine.interfaces();
    let shown = view::LiveList::default();
    for live in &deployment.interfaces {
        let address = running.iter().find(|(name, ..)| **name == live.interface.name);
        let address = address.map(|(_, _, address)| address.as_str()).unwrap_or_default();
        shown.set(&live.interface.name, view::LiveInterface::new(live, address));
    }
    let alerts = Alerts::default();
    for live in &deployment.interfaces {
        alerts.set(&live.interface.name, live.alerts.clone());
    }
    view::Process {
        started_at: Timestamp::now(),
        site: absolute(&arguments.site),
        data: absolute(data),
        environment: None,
        live: shown,
        alerts,
        free_space_min: 0,
        stopped: deployment.stopped.iter().map(view::StoppedInterface::new).collect(),
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

/// What somebody has paused stays so over a restart: messages wait at their senders.
pub(super) fn keep_paused(engine: &Engine, store: &Store, process: &view::Process) -> Result<(), Failure> {
    for (name, ..) in process.live.all() {
        if let Some(pause) = store.catalog().paused(&name)? {
            // It has just been started.
            let _ = engine.pause(&name);
            process
                .live
                .set_paused(&name, Some(format!("{}, by {}", pause.reason, pause.author)));
        }
    }
    Ok(())
}

/// What was rolled back by itself is told until somebody changes it, also after a restart.
pub(super) fn tell_rollbacks(store: &Store, process: &view::Process) -> Result<(), Failure> {
    for (name, ..) in process.live.all() {
        if let Some(told) = changes::rolled_back(&store.catalog().live_history(&name, 2)?) {
            process.alerts.add_of_change(&name, told);
        }
    }
    Ok(())
}
