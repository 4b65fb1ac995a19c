//! `transfuse downtime`: receivers that are down because somebody has planned it.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::changes::{Site, interface, needs_reason};
use super::moment;
use super::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::downtimes::{Downtime, DowntimeWanted};
use crate::failure::{Exit, Outcome};
use crate::layout::lasting;
use crate::story::local_time;

/// Plan for receivers that are down: what is for them waits, and goes out at a limited rate afterwards
///
/// A receiver is the destinations of one name, in all interfaces. Messages are received, processed and acknowledged as ever while it is
/// down; nothing is tried in vain, and no circuit opens. It outlives restarts.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Start(StartArguments),
    End(EndArguments),
    List(ListArguments),
}

/// Deliver nothing more to a receiver
///
/// What is being sent is finished. It ends at --until by itself, or with `transfuse downtime end`. With --rate, what has waited goes out
/// no faster than that, together with what comes meanwhile, until everything that waited is delivered.
///
/// Example: transfuse downtime start ehr --until 04:00 --rate 20/s --reason "upgrade of the EHR" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct StartArguments {
    /// The name of the destinations
    #[arg(value_name = "RECEIVER")]
    receiver: String,
    /// When it ends by itself: 04:00, "2026-11-20 04:00", 2026-11-20T04:00:00Z, or in how long: 90min
    #[arg(long, value_name = "TIME", value_parser = moment::ahead)]
    until: Option<Timestamp>,
    /// How much is sent afterwards at most, until it has caught up: 20/s, 600/min
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// Why: whoever looks at the status reads it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Deliver to a receiver again
///
/// Example: transfuse downtime end ehr --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct EndArguments {
    /// The name of the destinations
    #[arg(value_name = "RECEIVER")]
    receiver: String,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Show which receivers are down, what waits for them, and how past downtimes went
///
/// Example: transfuse downtime list examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    engine: Engine,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Start(arguments) => start(arguments, console),
        Command::End(arguments) => end(arguments, console),
        Command::List(arguments) => list(arguments, console),
    }
}

fn start(arguments: &StartArguments, console: Console) -> Outcome {
    needs_reason("a downtime", &arguments.reason)?;
    let wanted = DowntimeWanted {
        action: "start".to_owned(),
        receiver: interface(&arguments.receiver)?.to_owned(),
        reason: arguments.reason.clone(),
        until: arguments.until.map(|until| until.to_string()),
        rate_max: arguments.rate.clone(),
    };
    act(&wanted, &arguments.site.engine(), arguments.json, console)
}

fn end(arguments: &EndArguments, console: Console) -> Outcome {
    let wanted = DowntimeWanted {
        action: "end".to_owned(),
        receiver: interface(&arguments.receiver)?.to_owned(),
        ..DowntimeWanted::default()
    };
    act(&wanted, &arguments.site.engine(), arguments.json, console)
}

fn act(wanted: &DowntimeWanted, engine: &Engine, json: bool, console: Console) -> Outcome {
    let downtime = engine.ask(async |client| client.act_on_downtime(wanted).await)?;
    if json {
        console.json(&downtime)?;
    } else {
        console.result(told(&downtime, console.palette()))?;
    }
    Ok(Exit::Success)
}

fn list(arguments: &ListArguments, console: Console) -> Outcome {
    let listed = arguments.engine.ask(async |client| client.downtimes().await)?;
    if arguments.json {
        console.json(&listed)?;
        return Ok(Exit::Success);
    }
    if listed.downtimes.is_empty() {
        console.note("no receiver was ever down by plan");
    }
    for downtime in &listed.downtimes {
        console.result(told(downtime, console.palette()))?;
    }
    Ok(Exit::Success)
}

/// A line of what it is, and one of what became of it.
pub(crate) fn told(downtime: &Downtime, palette: Palette) -> String {
    let name = palette.paint(Tone::Strong, &downtime.receiver);
    let Downtime {
        author,
        reason,
        started_at,
        ..
    } = downtime;
    let since = local_time(started_at);
    let head = match downtime.stage.as_str() {
        "down" => format!("{name} is down since {since}{}", until(downtime)),
        "catching-up" => format!("{name} was down from {since}{}, and is catching up", ended(downtime)),
        _ => format!("{name} was down from {since}{}", ended(downtime)),
    };
    format!("{head}\n  by {author}: {reason}\n  {}", backlog(downtime))
}

fn until(downtime: &Downtime) -> String {
    match &downtime.until {
        Some(until) => format!(", until {}", local_time(until)),
        None => ", until somebody ends it".to_owned(),
    }
}

fn ended(downtime: &Downtime) -> String {
    let by = downtime.ended_by.as_deref().unwrap_or_default();
    let at = downtime.ended_at.as_deref().map(local_time).unwrap_or_default();
    format!(" to {at}, ended by {by}")
}

fn backlog(downtime: &Downtime) -> String {
    let rate = downtime
        .rate_max
        .as_ref()
        .map(|rate| format!(" at {rate}"))
        .unwrap_or_default();
    match (&downtime.caught_up_at, downtime.waiting) {
        (Some(at), _) => {
            let waited = downtime.waited.unwrap_or_default();
            format!("{waited} deliveries had waited, all made by {}", local_time(at))
        }
        (None, waiting) => {
            let waiting = waiting.unwrap_or_default();
            let takes = downtime.estimate_s.map(|seconds| {
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                format!(", which take about {}{rate}", lasting(seconds))
            });
            format!("{waiting} deliveries wait{}", takes.unwrap_or_default())
        }
    }
}
