//! `transfuse deliveries`: what a bad revision has made and is held, and what waits for a word because of its receiver.

mod word;

use clap::{Args, Subcommand};

use super::asked::{Act, Look};
use super::changes::{confirmed, interface, needs_reason};
use super::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::repairs::{HeldChanged, HeldQuery, HeldWanted, Hold, Left, Recomputed};
use crate::failure::{Exit, Failure, Outcome};
use crate::layout::{self, Cell, counted};
use crate::story;

/// Look at deliveries that are held, and decide what becomes of them
///
/// `transfuse rollback --hold` holds what the revision that is left has made and not delivered yet, and a revision that overruns its budget is
/// held by itself. What is held is in no queue, also after a restart; what the revision is still to make is held too, until it is released.
///
/// What a receiver keeps rejecting waits for a word as well: `retry` and `skip` are about that.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is held, since when and why
    ///
    /// Example: transfuse deliveries held --site examples/lab-results
    Held(Look),
    /// Keep what a revision has made, and what it is still to make, from being delivered
    ///
    /// What is being sent ends first. The hold lasts until it is released.
    ///
    /// Example: transfuse deliveries hold lab-results --revision 12 --reason "wrong units" --site examples/lab-results
    Hold(ActArguments),
    Recompute(RecomputeArguments),
    /// Give up what is held of a revision
    ///
    /// It is never delivered, and stays in the journal with who said so and why.
    ///
    /// Example: transfuse deliveries discard lab-results --revision 12 --reason "sent again by hand" --site examples/lab-results
    Discard(ActArguments),
    /// Let what is held of a revision go on as it is, and end the hold
    ///
    /// What is delivered behind newer messages is marked as out of order.
    ///
    /// Example: transfuse deliveries release lab-results --revision 12 --reason "it was right" --site examples/lab-results
    Release(ActArguments),
    Retry(word::RetryArguments),
    Skip(word::SkipArguments),
}

/// What is held, and why.
#[derive(Debug, Args)]
pub(crate) struct ActArguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// The revision that made the deliveries
    #[arg(long, value_name = "NUMBER")]
    revision: u32,
    #[command(flatten)]
    act: Act,
}

/// Have the messages decided anew by another revision, and deliver that in the places of what is held
///
/// Deliveries go on in their order with what the other revision makes of their messages; what was held stays in the journal for the record.
/// Where it makes fewer outputs the rest is discarded; what it makes beyond them is delivered last and marked as out of order. Messages that
/// it cannot process stay held and are named.
///
/// Example: transfuse deliveries recompute lab-results --revision 12 --reason "wrong units" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct RecomputeArguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// The revision that made the deliveries
    #[arg(long, value_name = "NUMBER")]
    revision: u32,
    /// The revision that decides anew [default: the live one]
    #[arg(long, value_name = "NUMBER")]
    on: Option<u32>,
    #[command(flatten)]
    act: Act,
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Held(arguments) => held(arguments, console),
        Command::Hold(arguments) => act("hold", arguments, console),
        Command::Discard(arguments) => act("discard", arguments, console),
        Command::Release(arguments) => act("release", arguments, console),
        Command::Recompute(arguments) => recompute(arguments, console),
        Command::Retry(arguments) => word::retry(arguments, console),
        Command::Skip(arguments) => word::skip(arguments, console),
    }
}

fn held(arguments: &Look, console: Console) -> Outcome {
    let query = arguments.query();
    let found = arguments.site.engine().ask(async |client| client.held(&query).await)?;
    if arguments.json {
        console.json(&found)?;
    } else if found.holds.is_empty() {
        console.note("nothing is held");
    } else {
        let mut lines = layout::table(&table(&found.holds), console.palette());
        lines.push(String::new());
        lines.extend(found.holds.iter().map(why));
        console.result(lines.join("\n"))?;
    }
    Ok(Exit::Success)
}

fn table(holds: &[Hold]) -> Vec<Vec<Cell>> {
    let header = [
        Cell::new("INTERFACE"),
        Cell::right("REVISION"),
        Cell::new("DESTINATION"),
        Cell::right("HELD"),
        Cell::new("OLDEST"),
    ];
    let mut rows = vec![header.map(|cell| cell.tone(Tone::Faint)).to_vec()];
    for hold in holds {
        let lead = || {
            vec![
                Cell::new(&hold.interface).tone(Tone::Strong),
                Cell::right(hold.revision.to_string()),
            ]
        };
        if hold.destinations.is_empty() {
            let nothing = vec![Cell::new("-"), Cell::number(0), Cell::new("")];
            rows.push(lead().into_iter().chain(nothing).collect());
        }
        rows.extend(hold.destinations.iter().map(|one| {
            let own = vec![
                Cell::new(&one.destination),
                Cell::trouble(one.deliveries),
                Cell::new(story::local_time(&one.oldest_queued_at)),
            ];
            lead().into_iter().chain(own).collect()
        }));
    }
    rows
}

fn why(hold: &Hold) -> String {
    let Hold {
        interface,
        revision,
        author,
        reason,
        held_at,
        ..
    } = hold;
    let at = story::local_time(held_at);
    format!("{interface}, revision {revision}: held since {at} by {author}: {reason}")
}

fn act(action: &str, arguments: &ActArguments, console: Console) -> Outcome {
    let ActArguments {
        interface: name,
        revision,
        act,
    } = arguments;
    let name = interface(name)?;
    let wanted = act.wanted(action, *revision)?;
    let engine = act.site.engine();
    if action != "hold" && !act.yes {
        let count = held_now(&engine, name, *revision)?;
        let question = format!(
            "{action} {} of revision {revision} of {name}",
            counted_deliveries(count)
        );
        if !confirmed(&[question], console)? {
            console.note("nothing was changed");
            return Ok(Exit::Failure);
        }
    }
    let done = engine.ask(async |client| client.act_on_held(name, &wanted).await)?;
    if act.json {
        console.json(&done)?;
    } else {
        console.result(told(action, &done))?;
    }
    Ok(Exit::Success)
}

fn told(action: &str, done: &HeldChanged) -> String {
    let HeldChanged {
        interface,
        revision,
        held,
        sending,
        ..
    } = done;
    match action {
        "hold" if *sending > 0 => format!(
            "{interface}: {} of revision {revision} held, and {sending} still being sent",
            counted_deliveries(*held)
        ),
        "hold" => format!("{interface}: {} of revision {revision} held", counted_deliveries(*held)),
        "release" => format!("{interface}: what revision {revision} has made goes on as it is"),
        _ => format!("{interface}: what was held of revision {revision} is discarded"),
    }
}

/// Asks for some at a time, until all were looked at.
fn recompute(arguments: &RecomputeArguments, console: Console) -> Outcome {
    let RecomputeArguments {
        interface: name,
        revision,
        on,
        act,
    } = arguments;
    let name = interface(name)?;
    let wanted = HeldWanted {
        on: *on,
        ..act.wanted("recompute", *revision)?
    };
    let engine = act.site.engine();
    if !act.yes {
        let count = held_now(&engine, name, *revision)?;
        let on = on.map_or_else(|| "the live revision".to_owned(), |on| format!("revision {on}"));
        let question = format!(
            "have {} of revision {revision} of {name} made anew by {on}",
            counted_deliveries(count)
        );
        if !confirmed(&[question], console)? {
            console.note("nothing was changed");
            return Ok(Exit::Failure);
        }
    }
    let done = recompute_all(&engine, name, wanted, console)?;
    let recomputed = done.recomputed.clone().unwrap_or_default();
    if act.json {
        console.json(&done)?;
    } else {
        console.result(told_recomputed(&done, &recomputed, console.palette()).join("\n"))?;
    }
    let is_whole = recomputed.left_count == 0;
    Ok(if is_whole { Exit::Success } else { Exit::Failure })
}

fn recompute_all(
    engine: &Engine,
    name: &str,
    mut wanted: HeldWanted,
    console: Console,
) -> Result<HeldChanged, Failure> {
    let progress = console.working("recomputing");
    let mut all = Recomputed::default();
    loop {
        let done = engine.ask(async |client| client.act_on_held(name, &wanted).await)?;
        let own = done.recomputed.clone().unwrap_or_default();
        let has_more = own.has_more;
        wanted.skip += own.left_count;
        all = Recomputed {
            on: own.on,
            processed: all.processed + own.processed,
            filtered: all.filtered + own.filtered,
            left_count: all.left_count + own.left_count,
            left: [all.left, own.left].concat(),
            has_more,
        };
        progress.doing(format!("recomputed {}", all.processed + all.filtered));
        if !has_more {
            return Ok(HeldChanged {
                recomputed: Some(all),
                ..done
            });
        }
    }
}

fn told_recomputed(done: &HeldChanged, recomputed: &Recomputed, palette: Palette) -> Vec<String> {
    let messages = |count: u64| counted(usize::try_from(count).unwrap_or(usize::MAX), "message");
    let mut lines = vec![format!(
        "{}: {} of revision {} made anew by revision {}",
        done.interface,
        messages(recomputed.processed),
        done.revision,
        recomputed.on
    )];
    if recomputed.filtered > 0 {
        lines.push(format!("  {} end there on purpose", messages(recomputed.filtered)));
    }
    lines.extend(told_left(recomputed.left_count, &recomputed.left, "stay held", palette));
    lines
}

/// Messages that were left as they are, and why.
pub(super) fn told_left(count: usize, left: &[Left], what: &str, palette: Palette) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    let mut lines = vec![format!("  {} {what}:", counted(count, "message"))];
    lines.extend(left.iter().map(|one| {
        let id = palette.paint(Tone::Strong, &one.message);
        format!("    {id} {}", one.reason)
    }));
    if count > left.len() {
        lines.push(format!("    and {} more", count - left.len()));
    }
    lines
}

fn held_now(engine: &Engine, name: &str, revision: u32) -> Result<u64, Failure> {
    let query = HeldQuery {
        interface: Some(name.to_owned()),
    };
    let found = engine.ask(async |client| client.held(&query).await)?;
    let own = found.holds.iter().filter(|hold| hold.revision == revision);
    Ok(own.flat_map(|hold| &hold.destinations).map(|one| one.deliveries).sum())
}

fn counted_deliveries(count: u64) -> String {
    match count {
        1 => "1 delivery".to_owned(),
        some => format!("{some} deliveries"),
    }
}

impl Act {
    fn wanted(&self, action: &str, revision: u32) -> Result<HeldWanted, Failure> {
        needs_reason("this", &self.reason)?;
        Ok(HeldWanted {
            action: action.to_owned(),
            revision,
            reason: self.reason.clone(),
            on: None,
            skip: 0,
        })
    }
}
