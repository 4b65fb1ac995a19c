//! `transfuse lanes`: what waits because something before it is in quarantine.

use clap::{Args, Subcommand};

use super::asked::{Act, Look};
use super::changes::{confirmed, interface, needs_reason};
use crate::console::{Console, Tone};
use crate::control::wire::lanes::{HeldLane, HeldLanes, ReleaseWanted};
use crate::failure::{Exit, Outcome};
use crate::layout::{self, Cell};
use crate::story;

/// Look at lanes that are held because something of theirs is in quarantine, and let them go on
///
/// A lane is what keeps its order: all messages of an interface, or with `order = ["PID-3", "MRG-1"]` those of one patient. Where the
/// interface says `on_fault = "hold-key"`, what is behind an accepted message in quarantine, or behind a delivery there, waits in its lanes
/// for a word; with `on_fault = "stop"` all of the interface does. Messages are received, acknowledged and processed meanwhile: it is what
/// comes of them that waits, in the journal, in its order, also after a restart.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what holds lanes, since when, why, and how much waits
    ///
    /// Lanes have numbers made of their identifiers, which name nobody.
    ///
    /// Example: transfuse lanes held --site examples/lab-results
    Held(Look),
    Release(ReleaseArguments),
}

/// Let the lanes that a message holds go on
///
/// What holds them stays in quarantine: left out, or sent before. `transfuse messages replay` sends it while its lanes are still held, in front of
/// what waits: look at the fault, correct its cause, replay the message, and release its lanes once it is delivered. Whoever lets the lanes
/// go on without it can still replay it, behind what was newer.
///
/// Example: transfuse lanes release lab-results 20261128-000042 --reason "replayed" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct ReleaseArguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// The message that holds them, as `transfuse lanes held` shows it
    #[arg(value_name = "MESSAGE", required_unless_present = "all")]
    message: Option<String>,
    /// All that is held of the interface
    #[arg(long, conflicts_with = "message")]
    all: bool,
    #[command(flatten)]
    act: Act,
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Held(arguments) => held(arguments, console),
        Command::Release(arguments) => release(arguments, console),
    }
}

fn held(arguments: &Look, console: Console) -> Outcome {
    let query = arguments.query();
    let engine = arguments.site.engine();
    let found = engine.ask(async |client| client.held_lanes(&query).await)?;
    if arguments.json {
        console.json(&found)?;
    } else if found.held.is_empty() {
        console.note("no lane is held");
    } else {
        let mut lines = layout::table(&table(&found.held), console.palette());
        lines.push(String::new());
        lines.extend(found.held.iter().map(why));
        lines.extend(more(&found));
        console.result(lines.join("\n"))?;
    }
    Ok(Exit::Success)
}

fn table(held: &[HeldLane]) -> Vec<Vec<Cell>> {
    let header = [
        Cell::new("INTERFACE"),
        Cell::new("DESTINATION"),
        Cell::new("HELD BY"),
        Cell::new("LANES"),
        Cell::right("WAITING"),
        Cell::new("SINCE"),
    ];
    let mut rows = vec![header.map(|cell| cell.tone(Tone::Faint)).to_vec()];
    rows.extend(held.iter().map(|one| {
        let lanes = one
            .lanes
            .as_ref()
            .map_or_else(|| "all".to_owned(), |lanes| lanes.join(" "));
        vec![
            Cell::new(&one.interface).tone(Tone::Strong),
            Cell::new(one.destination.as_deref().unwrap_or("all")),
            Cell::new(&one.message),
            Cell::new(lanes),
            Cell::trouble(one.waiting),
            Cell::new(story::local_time(&one.held_since)),
        ]
    }));
    rows
}

fn why(held: &HeldLane) -> String {
    format!("{} {}: {}", held.interface, held.message, held.why)
}

fn more(found: &HeldLanes) -> Option<String> {
    let more = found.total.saturating_sub(found.held.len() as u64);
    (more > 0).then(|| format!("and {more} more"))
}

fn release(arguments: &ReleaseArguments, console: Console) -> Outcome {
    let name = interface(&arguments.interface)?;
    needs_reason("this", &arguments.act.reason)?;
    let what = arguments.message.as_deref().unwrap_or("everything in quarantine");
    if !arguments.act.yes {
        let question = format!("let go on what waits behind {what} in the lanes of {name}");
        if !confirmed(&[question], console)? {
            console.note("nothing was changed");
            return Ok(Exit::Failure);
        }
    }
    let wanted = ReleaseWanted {
        message: arguments.message.clone(),
        reason: arguments.act.reason.clone(),
    };
    let engine = arguments.act.site.engine();
    let done = engine.ask(async |client| client.release_lanes(name, &wanted).await)?;
    if arguments.act.json {
        console.json(&done)?;
    } else {
        console.result(format!("{name}: what waited behind {what} goes on"))?;
    }
    Ok(Exit::Success)
}
