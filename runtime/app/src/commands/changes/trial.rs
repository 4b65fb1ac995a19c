//! `transfuse trial`: revisions that run beside the live one, decide a part of the messages, or are watched.

use clap::{Args, Subcommand};

use super::{Site, interface, needs_reason};
use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::trials::{Figures, Trial, TrialAction};
use crate::failure::{Exit, Hint as _, Outcome};
use crate::layout::{self, Cell};
use crate::story;

/// Look at revisions on trial, and end them
///
/// `transfuse deploy` and `transfuse apply` begin a trial with --shadow or --pilot, and what they make live at once is watched. A trial
/// ends by itself: when it has seen its messages within its budget (a pilot is live then), or when it overruns the budget (the revision
/// that was live before decides everything again).
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(ListArguments),
    Show(ShowArguments),
    Pause(ActArguments),
    Resume(ActArguments),
    Stop(ActArguments),
    Promote(ActArguments),
}

/// List revisions on trial
///
/// Example: transfuse trial list examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    engine: Engine,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Show one trial: figures of both revisions, and what they make of the same messages
///
/// What is shown may be patient data: values that differ.
///
/// Example: transfuse trial show lab-results --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Pause, resume, stop or promote one trial
///
/// While it is paused the live revision decides everything. `stop` ends it, and the live revision stays. `promote` makes the revision on
/// trial live now.
///
/// Example: transfuse trial stop lab-results --reason "wrong units in OBX-6" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct ActArguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// Why: it is kept
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::List(arguments) => list(arguments, console),
        Command::Show(arguments) => show(arguments, console),
        Command::Pause(arguments) => act("pause", arguments, console),
        Command::Resume(arguments) => act("resume", arguments, console),
        Command::Stop(arguments) => act("stop", arguments, console),
        Command::Promote(arguments) => act("promote", arguments, console),
    }
}

fn list(arguments: &ListArguments, console: Console) -> Outcome {
    let found = arguments.engine.ask(async |client| client.trials().await)?;
    if arguments.json {
        console.json(&found)?;
    } else if found.trials.is_empty() {
        console.note("no revision is on trial");
    } else {
        console.result(layout::table(&table(&found.trials), console.palette()).join("\n"))?;
    }
    Ok(Exit::Success)
}

fn table(trials: &[Trial]) -> Vec<Vec<Cell>> {
    let names = ["INTERFACE", "REVISION", "KIND", "DECIDES"].map(Cell::new);
    let figures = ["MESSAGES", "OF", "FAULTED", "REJECTED", "DIFFER"].map(Cell::right);
    let header = names.into_iter().chain(figures).map(|cell| cell.tone(Tone::Faint));
    let mut rows = vec![header.collect()];
    rows.extend(trials.iter().map(|trial| {
        vec![
            Cell::new(&trial.interface).tone(Tone::Strong),
            Cell::new(trial.revision.to_string()),
            Cell::new(if trial.is_paused {
                format!("{}, paused", trial.kind)
            } else {
                trial.kind.clone()
            }),
            Cell::new(&trial.decides),
            Cell::number(trial.messages),
            Cell::number(trial.messages_max),
            Cell::trouble(trial.candidate.faulted),
            Cell::trouble(trial.candidate.rejected),
            Cell::number(trial.differences.differing),
        ]
    }));
    rows
}

fn show(arguments: &ShowArguments, console: Console) -> Outcome {
    let name = interface(&arguments.interface)?;
    let found = arguments.site.engine().ask(async |client| client.trials().await)?;
    let Some(trial) = found.trials.into_iter().find(|trial| trial.interface == name) else {
        return Err(anyhow::anyhow!("`{name}` has no trial")).hint("`transfuse trial list` shows those that there are");
    };
    if arguments.json {
        console.json(&trial)?;
    } else {
        console.result(told(&trial, console.palette()).join("\n"))?;
    }
    Ok(Exit::Success)
}

fn told(trial: &Trial, palette: Palette) -> Vec<String> {
    let name = palette.paint(Tone::Strong, &trial.interface);
    let Trial {
        revision,
        against,
        kind,
        decides,
        stage,
        stages,
        messages,
        messages_max,
        ..
    } = trial;
    let mut lines = vec![
        format!("{name}: {kind} of revision {revision}, against revision {against}"),
        format!("  decides {decides}; stage {stage} of {stages}, {messages} of {messages_max} messages"),
        format!("  begun at {} by {}: {}", trial.began_at, trial.author, trial.reason),
        String::new(),
    ];
    let rows = [
        header(),
        figures(&format!("revision {revision}"), &trial.candidate),
        figures(&format!("revision {against}"), &trial.baseline),
    ];
    lines.extend(layout::table(&rows, palette));
    lines.push(String::new());
    lines.extend(story::differences::differences(&trial.differences, palette));
    if trial.dropped > 0 {
        lines.push(format!(
            "{} messages were not compared: the machine had better things to do",
            trial.dropped
        ));
    }
    if trial.approximate > 0 {
        lines.push(format!(
            "{} comparisons are approximate: plugins keep something between messages",
            trial.approximate
        ));
    }
    lines
}

fn header() -> Vec<Cell> {
    let figures = [
        "MESSAGES",
        "PROCESSED",
        "FILTERED",
        "REJECTED",
        "FAULTED",
        "FUEL",
        "MEDIAN",
        "99 %",
    ];
    let cells = figures.map(|name| Cell::right(name).tone(Tone::Faint));
    std::iter::once(Cell::new("")).chain(cells).collect()
}

fn figures(name: &str, figures: &Figures) -> Vec<Cell> {
    vec![
        Cell::new(name),
        Cell::number(figures.messages),
        Cell::number(figures.processed),
        Cell::number(figures.filtered),
        Cell::trouble(figures.rejected),
        Cell::trouble(figures.faulted),
        Cell::number(figures.fuel),
        Cell::right(format!("{} us", figures.elapsed_us_median)),
        Cell::right(format!("{} us", figures.elapsed_us_99)),
    ]
}

fn act(action: &str, arguments: &ActArguments, console: Console) -> Outcome {
    let name = interface(&arguments.interface)?;
    needs_reason("this", &arguments.reason)?;
    let wanted = TrialAction {
        action: action.to_owned(),
        reason: arguments.reason.clone(),
    };
    let trial = arguments
        .site
        .engine()
        .ask(async |client| client.trial(name, &wanted).await)?;
    if arguments.json {
        console.json(&trial)?;
        return Ok(Exit::Success);
    }
    let (name, number) = (console.palette().paint(Tone::Strong, name).to_string(), trial.revision);
    console.result(match action {
        "pause" => format!(
            "{name}: the trial of revision {number} is paused, and revision {} decides everything",
            trial.against
        ),
        "resume" => format!("{name}: the trial of revision {number} goes on"),
        "promote" => format!("{name}: revision {number} is live"),
        _ => format!(
            "{name}: the trial of revision {number} has ended, and revision {} decides everything",
            trial.against
        ),
    })?;
    Ok(Exit::Success)
}
