//! `transfuse deliveries retry` and `skip`: a word about what a receiver keeps rejecting.

use clap::Args;

use super::super::changes::{Site, interface, needs_reason};
use crate::console::Console;
use crate::control::wire::destinations::Word;
use crate::failure::{Exit, Outcome};

/// Try again now what waits for a word at a destination
///
/// A delivery that its receiver has rejected as often as it may stays in its place, and what is behind it waits; `transfuse status` shows
/// it. This has it tried again from the first attempt on. Where the receiver takes nothing and is tried at intervals, it is tried at once.
///
/// Example: transfuse deliveries retry lab-results ehr --reason "the EHR is back" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    #[command(flatten)]
    about: About,
}

/// Leave out what waits for a word at a destination
///
/// It goes to quarantine with who said so and why, and what is behind it goes on. `transfuse messages replay` sends it later.
///
/// Example: transfuse deliveries skip lab-results ehr --reason "the EHR will not take it" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct SkipArguments {
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
struct About {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// The destination
    #[arg(value_name = "DESTINATION")]
    destination: String,
    /// Why: `skip` keeps it with the delivery, and the log has it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn retry(arguments: &RetryArguments, console: Console) -> Outcome {
    say("retry", &arguments.about, console)
}

pub(super) fn skip(arguments: &SkipArguments, console: Console) -> Outcome {
    say("skip", &arguments.about, console)
}

fn say(action: &str, about: &About, console: Console) -> Outcome {
    let (name, destination) = (interface(&about.interface)?, interface(&about.destination)?);
    needs_reason("this", &about.reason)?;
    let word = Word {
        action: action.to_owned(),
        reason: about.reason.clone(),
    };
    let engine = about.site.engine();
    let said = engine.ask(async |client| client.say(name, destination, &word).await)?;
    if about.json {
        console.json(&said)?;
        return Ok(Exit::Success);
    }
    let deliveries = super::counted_deliveries(said.deliveries as u64);
    console.result(match (action, said.deliveries) {
        ("skip", 0) => format!("{name}/{destination}: nothing waits for a word"),
        ("skip", _) => format!("{name}/{destination}: {deliveries} left out, in quarantine now"),
        (_, 0) => format!("{name}/{destination}: nothing waits for a word; the receiver is tried at once"),
        _ => format!("{name}/{destination}: {deliveries} tried again"),
    })?;
    Ok(Exit::Success)
}
