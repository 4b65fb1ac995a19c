//! `transfuse messages edit`: stored messages are given other bytes.

use std::path::PathBuf;

use clap::Args;
use transfuse_message::Path;
use transfuse_store::MessageId;

use super::MESSAGES_SHOWN_MAX;
use crate::commands::changes::{Site, confirmed, interface, needs_reason};
use crate::commands::deliveries::told_left;
use crate::commands::selecting::Search;
use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::quarantine::{Assignment, EditWanted, Edited, EditedOne};
use crate::control::wire::{Content, MessagesQuery};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::counted;
use crate::message_file::MessageFile;
use crate::story;

/// Give messages other bytes, by which they are decided from then on
///
/// What came in stays in the journal beside it, with who changed it, when and why, and `transfuse messages show` tells both and how they
/// differ. Nothing is decided and nothing is sent: that is for `transfuse messages replay`. An edit can be edited again.
///
/// Values are put in by path, into one message or into all that a search finds; they are escaped as the message's delimiters ask for, and
/// `PATH=` empties a value. One message can be given whole, from a file that is in its own character set: `transfuse messages show ID --raw`
/// writes such a one. What comes of it has to be an HL7 v2 message that the interface can read. The oldest 500 messages are taken; where there
/// are more it is said how to go on.
///
/// Examples:
///
/// A value: transfuse messages edit 20261123-000042 --set PID-3.4=PROBA --reason "assigning authority was missing"
///
/// The whole message: transfuse messages edit 20261123-000042 --file mended.hl7 --reason "as the laboratory says"
///
/// Everything that rests for that reason: transfuse messages edit --interface lab-results --stage quarantined --set PID-3.4=PROBA --dry-run
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The messages' ids, as `messages list` shows them
    #[arg(
        value_name = "ID",
        required_unless_present = "interface",
        conflicts_with_all = [
            "since", "until", "stage", "message_type", "control_id", "decided_by", "delivered_by", "quarantined_at"
        ]
    )]
    ids: Vec<MessageId>,
    #[command(flatten)]
    search: Search,
    /// Only those behind this message: where an earlier edit has ended
    #[arg(long, value_name = "ID", requires = "interface")]
    after: Option<MessageId>,
    /// A value to be put in; may be given again
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment, required_unless_present = "file")]
    set: Vec<(Path, String)>,
    /// A file with the message as it is to be; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "set")]
    file: Option<PathBuf>,
    /// Why: it is kept with the messages
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Show what would be changed, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let wanted = wanted(arguments)?;
    let engine = arguments.site.engine();
    let planned = ask(&engine, &wanted)?;
    if planned.messages.is_empty() && planned.left_count == 0 {
        return Err(anyhow::anyhow!("no stored message matches: nothing is edited"))
            .hint("`transfuse messages list` takes the same search, and shows what there is");
    }
    if arguments.dry_run || planned.messages.is_empty() {
        return tell(&planned, arguments.json, console);
    }
    needs_reason("an edit", &arguments.reason)?;
    if !arguments.yes && !confirmed(&told(&planned, console.notes_palette()), console)? {
        console.note("nothing was changed");
        return Ok(Exit::Failure);
    }
    // What was shown is changed, and nothing that came to be chosen since.
    let wanted = EditWanted {
        messages: MessagesQuery {
            ids: planned.messages.iter().map(|one| one.message.id.clone()).collect(),
            ..MessagesQuery::default()
        },
        dry_run: false,
        ..wanted
    };
    let done = ask(&engine, &wanted)?;
    let done = Edited {
        left_count: planned.left_count + done.left_count,
        left: [planned.left, done.left].concat(),
        next: planned.next,
        ..done
    };
    tell(&done, arguments.json, console)
}

fn wanted(arguments: &Arguments) -> Result<EditWanted, Failure> {
    arguments.search.interface.as_deref().map(interface).transpose()?;
    let set = arguments.set.iter().map(|(path, value)| Assignment {
        path: path.to_string(),
        value: value.clone().into(),
    });
    Ok(EditWanted {
        messages: MessagesQuery {
            after: arguments.after.map(|id| id.to_string()),
            ..arguments.search.query(&arguments.ids)
        },
        content: arguments.file.as_deref().map(content).transpose()?,
        set: set.collect(),
        dry_run: true,
        reason: arguments.reason.clone(),
    })
}

/// The one message of a file, with the segment ends that HL7 asks for: editors write others.
fn content(path: &std::path::Path) -> Result<Content, Failure> {
    let file = MessageFile::read(path)?;
    let [part] = file.parts.as_slice() else {
        return Err(anyhow::anyhow!(
            "`{}` holds {}",
            file.name(),
            counted(file.parts.len(), "message")
        ))
        .hint("a message is given in a file of its own");
    };
    let text = file.content(part);
    let mut bytes = Vec::with_capacity(text.len());
    for line in text
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|line| !line.is_empty())
    {
        bytes.extend_from_slice(line);
        bytes.push(b'\r');
    }
    Ok(Content::new(&bytes))
}

fn assignment(text: &str) -> Result<(Path, String), String> {
    let (path, value) = text
        .split_once('=')
        .ok_or_else(|| "write the value behind the path: PID-8=F".to_owned())?;
    let path = crate::commands::hl7::path(path)?;
    Ok((path, value.to_owned()))
}

fn ask(engine: &Engine, wanted: &EditWanted) -> Result<Edited, Failure> {
    engine.ask(async |client| client.edit(wanted).await)
}

fn tell(edited: &Edited, json: bool, console: Console) -> Outcome {
    super::tell(edited, edited.left_count, told, json, console)
}

fn told(edited: &Edited, palette: Palette) -> Vec<String> {
    let verb = if edited.dry_run { "would be edited" } else { "edited" };
    let count = counted(edited.messages.len(), "message");
    let mut lines = vec![format!(
        "{}: {count} {verb}",
        palette.paint(Tone::Strong, &edited.interface)
    )];
    let shown = edited.messages.iter().take(MESSAGES_SHOWN_MAX);
    lines.extend(shown.flat_map(|one| told_one(one, palette)));
    let more = edited.messages.len().saturating_sub(MESSAGES_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("  and {more} more; --json shows them all"));
    }
    lines.extend(told_left(edited.left_count, &edited.left, "stay as they are", palette));
    if let Some(next) = &edited.next {
        lines.push(format!("there are more: `--after {next}` goes on behind these"));
    }
    if !edited.dry_run && !edited.messages.is_empty() {
        lines.push("nothing was sent: `transfuse messages replay` does that".to_owned());
    }
    lines
}

fn told_one(one: &EditedOne, palette: Palette) -> Vec<String> {
    let id = palette.paint(Tone::Strong, &one.message.id);
    let stage = palette.paint(story::stage_tone(&one.message.stage), &one.message.stage);
    let holds = if one.holds_lanes { ", holds lanes" } else { "" };
    let mut lines = vec![format!("  {id} {stage}{holds}")];
    match &one.differences {
        Some(changes) => lines.extend(
            story::differences(changes, palette)
                .into_iter()
                .map(|line| format!("  {line}")),
        ),
        None => lines.push("    what it was before is no HL7 v2 message".to_owned()),
    }
    lines
}
