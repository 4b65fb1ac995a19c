//! `transfuse pause` and `resume`: messages wait in front of an interface.

use clap::Args;

use super::{Site, interface, needs_reason};
use crate::console::{Console, Tone};
use crate::control::wire::changes::ChangeWanted;
use crate::failure::{Exit, Outcome};

/// Keep new messages in front of an interface
///
/// Senders stay connected and wait for their acknowledgement; what was received before is processed and delivered. It lasts until
/// `transfuse resume`, over restarts too.
///
/// Example: transfuse pause lab-results --reason "the EHR is being moved" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// Why: whoever looks at the status reads it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Let messages into a paused interface again
///
/// Those that wait on their connections are first, in the order in which they came.
///
/// Example: transfuse resume lab-results --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn pause(arguments: &PauseArguments, console: Console) -> Outcome {
    needs_reason("a pause", &arguments.reason)?;
    let wanted = wanted(&arguments.reason);
    ask(
        &arguments.interface,
        "pause",
        &wanted,
        &arguments.site,
        arguments.json,
        console,
    )
}

pub(crate) fn resume(arguments: &ResumeArguments, console: Console) -> Outcome {
    let wanted = wanted("resume");
    ask(
        &arguments.interface,
        "resume",
        &wanted,
        &arguments.site,
        arguments.json,
        console,
    )
}

fn wanted(reason: &str) -> ChangeWanted {
    ChangeWanted {
        reason: reason.to_owned(),
        ..ChangeWanted::default()
    }
}

fn ask(name: &str, verb: &str, wanted: &ChangeWanted, site: &Site, json: bool, console: Console) -> Outcome {
    let path = format!("/v1/interfaces/{}/{verb}", interface(name)?);
    let done = site.engine().ask(async |client| client.pause(path, wanted).await)?;
    if json {
        console.json(&done)?;
        return Ok(Exit::Success);
    }
    let name = console.palette().paint(Tone::Strong, &done.interface).to_string();
    console.result(match (done.is_paused, done.was_paused) {
        (true, true) => format!("{name} was paused already"),
        (true, false) => format!("{name} is paused: new messages wait at their senders"),
        (false, true) => format!("{name} takes messages again"),
        (false, false) => format!("{name} was not paused"),
    })?;
    Ok(Exit::Success)
}
