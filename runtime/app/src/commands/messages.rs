//! `transfuse messages`: what became of each message.

mod discard;
mod edit;
mod explain;
mod replay;
mod verify;

use clap::{Args, Subcommand};
use serde::Serialize;
use transfuse_store::MessageId;

use super::selecting::Search;
use super::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire;
use crate::failure::{Exit, Outcome};
use crate::layout::{self, Cell, shortened};
use crate::story;
use crate::visible;

/// Messages that are told one by one by what acts on many; JSON has them all.
const MESSAGES_SHOWN_MAX: usize = 20;

/// Look at messages: what came in, what became of it, where it went; mend them, have them decided anew, or give them up
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(ListArguments),
    Show(ShowArguments),
    Explain(explain::Arguments),
    Verify(verify::Arguments),
    Replay(replay::Arguments),
    Edit(edit::Arguments),
    Discard(discard::Arguments),
}

/// List messages, newest first
///
/// Without anything to look for all are listed, page by page.
///
/// Example: transfuse messages list examples/lab-results --stage refused --since 24h
///
/// The results of one day: transfuse messages list examples/lab-results --type ORU --since 2026-11-20 --until 2026-11-20
///
/// What a revision has sent out: transfuse messages list examples/lab-results --interface lab-results --delivered-by 12
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    search: Search,
    /// Only these messages; several with commas
    #[arg(long = "id", value_name = "ID", value_delimiter = ',')]
    ids: Vec<MessageId>,
    /// Only older than this message: the page after the one that ends with it
    #[arg(long, value_name = "ID")]
    before: Option<MessageId>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Show one message's life: its chain, every field that changed, deliveries, faults
///
/// What is shown is patient data: values before and after, and whatever plugins and receivers said.
///
/// Example: transfuse messages show 20261123-000001 examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The message's id, as `messages list` shows it
    #[arg(value_name = "ID")]
    id: MessageId,
    #[command(flatten)]
    engine: Engine,
    /// Show input and outputs in full as well
    #[arg(long)]
    content: bool,
    /// Write the message alone, byte for byte as it is decided the next time: to be edited
    #[arg(long, conflicts_with_all = ["content", "json"])]
    raw: bool,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::List(arguments) => list(arguments, console),
        Command::Show(arguments) => show(arguments, console),
        Command::Explain(arguments) => explain::run(arguments, console),
        Command::Verify(arguments) => verify::run(arguments, console),
        Command::Replay(arguments) => replay::run(arguments, console),
        Command::Edit(arguments) => edit::run(arguments, console),
        Command::Discard(arguments) => discard::run(arguments, console),
    }
}

fn list(arguments: &ListArguments, console: Console) -> Outcome {
    let query = wire::MessagesQuery {
        before: arguments.before.map(|id| id.to_string()),
        limit: Some(arguments.limit),
        ..arguments.search.query(&arguments.ids)
    };
    let found = arguments.engine.ask(async |client| client.messages(&query).await)?;
    if arguments.json {
        console.json(&found)?;
        return Ok(Exit::Success);
    }
    if found.messages.is_empty() {
        console.note("no stored message matches");
        return Ok(Exit::Success);
    }
    let lines = layout::table(&rows(&found.messages), console.palette());
    console.result(lines.join("\n"))?;
    if let Some(next) = &found.next {
        console.note(format_args!("there may be more: `--before {next}` shows the next page"));
    }
    Ok(Exit::Success)
}

/// The widest fault in a list; `messages show` has all of it.
const FAULT_WIDTH_MAX: usize = 60;

fn rows(messages: &[wire::MessageSummary]) -> Vec<Vec<Cell>> {
    let names = ["MESSAGE", "RECEIVED", "INTERFACE", "TYPE", "CONTROL ID", "STAGE", ""];
    let mut rows = vec![
        names
            .iter()
            .map(|name| Cell::new(*name).tone(Tone::Faint))
            .collect::<Vec<_>>(),
    ];
    rows.extend(messages.iter().map(|message| {
        let fault = message
            .fault
            .as_ref()
            .map(|fault| shortened(&fault.summary, FAULT_WIDTH_MAX));
        vec![
            Cell::new(&message.id).tone(Tone::Strong),
            Cell::new(story::local_time(&message.received_at)),
            Cell::new(&message.interface),
            Cell::new(visible::one_line(&message.message_type)),
            Cell::new(visible::one_line(&message.control_id)),
            Cell::new(&message.stage).tone(story::stage_tone(&message.stage)),
            Cell::new(remark(message, fault)),
        ]
    }));
    rows
}

/// What stopped a message, and how often its sender was told no about it.
fn remark(message: &wire::MessageSummary, fault: Option<String>) -> String {
    let refusals = message.refusals.as_ref();
    let told = refusals.filter(|found| found.messages > 1 || found.accepted.is_some());
    let told = told.map(|found| story::refusals(message, found));
    let duplicate = message
        .duplicate_of
        .as_ref()
        .map(|first| format!("duplicate of {first}"));
    fault
        .into_iter()
        .chain(duplicate)
        .chain(told)
        .collect::<Vec<_>>()
        .join("; ")
}

fn show(arguments: &ShowArguments, console: Console) -> Outcome {
    let message = arguments
        .engine
        .ask(async |client| client.message(arguments.id).await)?;
    if arguments.json {
        console.json(&message)?;
        return Ok(Exit::Success);
    }
    if arguments.raw {
        let bytes = message.content().to_bytes().unwrap_or_default();
        console.stream(|out| out.write_all(&bytes))?;
        return Ok(Exit::Success);
    }
    let palette = console.palette();
    let mut lines = story::tell(&message, palette);
    if arguments.content {
        lines.extend(contents(&message, palette));
    }
    console.result(lines.join("\n"))?;
    Ok(Exit::Success)
}

fn contents(message: &wire::Message, palette: Palette) -> Vec<String> {
    let mut lines = vec![String::new(), palette.paint(Tone::Strong, "as it came in").to_string()];
    lines.extend(segments(&message.raw, message.charset.as_deref()));
    for edit in &message.edits {
        let title = format!("as it was edited {}", story::local_time(&edit.at));
        lines.push(String::new());
        lines.push(palette.paint(Tone::Strong, &title).to_string());
        lines.extend(segments(&edit.content, message.charset.as_deref()));
    }
    for (number, output) in message
        .decision
        .iter()
        .flat_map(|decision| &decision.outputs)
        .enumerate()
    {
        let title = format!("output {}", number + 1);
        lines.push(String::new());
        lines.push(palette.paint(Tone::Strong, &title).to_string());
        lines.extend(segments(&output.content, None));
    }
    lines
}

/// One segment a line, decoded as far as it can be.
fn segments(content: &wire::Content, charset: Option<&str>) -> Vec<String> {
    content
        .decoded(charset)
        .split(['\r', '\n'])
        .filter(|line| !line.is_empty())
        .map(visible::one_line)
        .collect()
}

/// Tells what was done about messages, or would be. Where some were left out it has not worked as a whole.
fn tell<T: Serialize>(
    done: &T,
    left_count: usize,
    told: fn(&T, Palette) -> Vec<String>,
    json: bool,
    console: Console,
) -> Outcome {
    if json {
        console.json(done)?;
    } else {
        console.result(told(done, console.palette()).join("\n"))?;
    }
    let is_whole = left_count == 0;
    Ok(if is_whole { Exit::Success } else { Exit::Failure })
}
