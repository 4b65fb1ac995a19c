//! `transfuse messages replay`: decided messages, decided anew and delivered again.

use clap::Args;
use transfuse_message::Path;
use transfuse_store::MessageId;

use super::MESSAGES_SHOWN_MAX;
use crate::commands::changes::{Site, confirmed, interface, needs_reason};
use crate::commands::deliveries::told_left;
use crate::commands::selecting::Search;
use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::MessagesQuery;
use crate::control::wire::repairs::{ReplayWanted, Replayed};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::counted;
use crate::story;

/// Have messages decided anew, and deliver what comes of it
///
/// What would be sent is shown first, with how it differs from what there was, place by place, and with newer messages that have been
/// delivered to the same destinations: a receiver may take the older one for the newest. What is sent goes behind everything that waits and is
/// marked as out of order. A message that rested in quarantine leaves it, and so does a delivery in whose place something is sent. An edited
/// message is decided by what it was edited to. What plugins keep between messages is as it is now, and is not
/// changed.
///
/// Messages are named, or looked for within one interface. A search takes what senders were told no about only where it says `--stage
/// refused`. The oldest 500 are taken; where there are more it is said how to go on.
///
/// --after-step and --to repeat a part of the way: what the first steps made, once more through the rest of the chain, to one destination.
///
/// With --dry-run nothing is sent, and --on may name a plugin's version that is not deployed: what it would have made of the past.
///
/// Examples:
///
/// A message, after a fix: transfuse messages replay 20261123-000042 --reason "code added"
///
/// Everything that rests: transfuse messages replay --interface lab-results --stage quarantined --reason "code added"
///
/// What a receiver did not take, as the chain had made it: transfuse messages replay 20261123-000042 --after-step 2 --to ehr --reason "record opened"
///
/// What revision 12 got wrong: transfuse messages replay --interface lab-results --delivered-by 12 --on 11 --only-different --reason "wrong units"
///
/// What a new version would make of yesterday: transfuse messages replay --interface lab-results --type ORU --since 2026-11-19 --until 2026-11-19 --on transfuse/lab-normalize@1.1.0 --expect MSH-7 --dry-run
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
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
    /// Only those behind this message: where an earlier replay has ended
    #[arg(long, value_name = "ID", requires = "interface")]
    after: Option<MessageId>,
    /// What decides anew: a revision's number, `live`, or PLUGIN@VERSION for the live one with another version of a plugin, which nothing
    /// is delivered by
    #[arg(long, value_name = "REVISION", value_parser = on, default_value = "live")]
    on: On,
    /// Begin behind this step: the ones up to it are run as they were when the message was decided the last time, with the code tables of
    /// then, and the others of the chain as --on says; 0 begins at the source
    #[arg(long, value_name = "N")]
    after_step: Option<u32>,
    /// Only messages of which it makes something else than there was
    #[arg(long)]
    only_different: bool,
    /// Duplicates too: messages that had been accepted before, byte for byte
    #[arg(long)]
    anyway: bool,
    /// Fields that are expected to differ; may be given again
    #[arg(long, value_name = "PATH")]
    expect: Vec<Path>,
    /// Only what goes to this destination
    #[arg(long, value_name = "DESTINATION")]
    to: Option<String>,
    /// Why: it is kept with the messages
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Show what would be sent, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking, also where newer messages were delivered
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// What decides anew.
#[derive(Debug, Clone)]
enum On {
    Live,
    Revision(u32),
    Candidate(String, String),
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    if let (On::Candidate(plugin, version), false) = (&arguments.on, arguments.dry_run) {
        return Err(anyhow::anyhow!(
            "{plugin}@{version} is not deployed, and nothing is delivered by what is no revision"
        ))
        .hint(format!(
            "look at it with --dry-run; `transfuse deploy INTERFACE {plugin}@{version}` makes a revision of it"
        ));
    }
    let wanted = wanted(arguments)?;
    let engine = arguments.site.engine();
    let planned = ask(&engine, &wanted)?;
    if planned.is_empty() {
        return Err(anyhow::anyhow!("no stored message matches: nothing is replayed"))
            .hint("`transfuse messages list` takes the same search, and shows what there is");
    }
    let json = arguments.json;
    if arguments.dry_run || planned.messages.is_empty() {
        return tell(&planned, json, console);
    }
    needs_reason("a replay", &arguments.reason)?;
    if !arguments.yes && !confirmed(&told(&planned, console.notes_palette()), console)? {
        console.note("nothing was sent");
        return Ok(Exit::Failure);
    }
    // What was shown is sent, and nothing that came to be chosen since.
    let wanted = ReplayWanted {
        messages: MessagesQuery {
            ids: planned.messages.iter().map(|one| one.message.id.clone()).collect(),
            ..MessagesQuery::default()
        },
        dry_run: false,
        accept_disorder: true,
        ..wanted
    };
    let done = Replayed {
        same: planned.same,
        next: planned.next,
        ..ask(&engine, &wanted)?
    };
    tell(&done, json, console)
}

fn wanted(arguments: &Arguments) -> Result<ReplayWanted, Failure> {
    arguments.search.interface.as_deref().map(interface).transpose()?;
    let messages = MessagesQuery {
        after: arguments.after.map(|id| id.to_string()),
        ..arguments.search.query(&arguments.ids)
    };
    let (number, plugin, version) = match &arguments.on {
        On::Live => (None, None, None),
        On::Revision(number) => (Some(*number), None, None),
        On::Candidate(plugin, version) => (None, Some(plugin.clone()), Some(version.clone())),
    };
    Ok(ReplayWanted {
        messages,
        on: number,
        plugin,
        version,
        expect: arguments.expect.iter().map(ToString::to_string).collect(),
        after_step: arguments.after_step,
        to: arguments.to.clone(),
        only_different: arguments.only_different,
        anyway: arguments.anyway,
        dry_run: true,
        accept_disorder: false,
        reason: arguments.reason.clone(),
    })
}

fn on(text: &str) -> Result<On, String> {
    if let Some((plugin, version)) = text.split_once('@') {
        return Ok(On::Candidate(plugin.to_owned(), version.to_owned()));
    }
    match (text, text.parse()) {
        ("live", _) => Ok(On::Live),
        (_, Ok(number)) => Ok(On::Revision(number)),
        _ => Err("write a revision's number, `live`, or PLUGIN@VERSION".to_owned()),
    }
}

impl Replayed {
    /// Whether there was nothing to look at.
    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.same == 0 && self.left_count == 0
    }

    /// What decides anew, in words.
    fn maker(&self) -> String {
        match &self.candidate {
            None => format!("revision {}", self.on),
            Some(other) => format!("revision {} with {other}", self.on),
        }
    }
}

fn ask(engine: &Engine, wanted: &ReplayWanted) -> Result<Replayed, Failure> {
    engine.ask(async |client| client.replay(wanted).await)
}

fn tell(replayed: &Replayed, json: bool, console: Console) -> Outcome {
    super::tell(replayed, replayed.left_count, told, json, console)
}

fn told(replayed: &Replayed, palette: Palette) -> Vec<String> {
    let verb = if replayed.dry_run {
        "would be delivered"
    } else {
        "delivered"
    };
    let mut lines = vec![format!(
        "{}: {} {verb} again, as {} makes them",
        palette.paint(Tone::Strong, &replayed.interface),
        counted(replayed.messages.len(), "message"),
        replayed.maker()
    )];
    lines.extend(replayed.messages.iter().take(MESSAGES_SHOWN_MAX).map(|one| {
        let id = palette.paint(Tone::Strong, &one.message.id);
        let stage = palette.paint(story::stage_tone(&one.message.stage), &one.message.stage);
        format!("  {id} {stage}, to {}", or_nowhere(&one.destinations))
    }));
    let more = replayed.messages.len().saturating_sub(MESSAGES_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("  and {more} more; --json shows them all"));
    }
    if replayed.same > 0 {
        lines.push(format!("  {} would be the same, and are left out", replayed.same));
    }
    lines.extend(told_left(
        replayed.left_count,
        &replayed.left,
        "stay as they are",
        palette,
    ));
    if replayed.differences.compared > 0 {
        lines.extend(story::differences::differences(&replayed.differences, palette));
    }
    if replayed.approximate > 0 {
        lines.push(format!(
            "  {} used what their plugins keep, as it is now",
            counted(usize::try_from(replayed.approximate).unwrap_or(usize::MAX), "message")
        ));
    }
    lines.extend(told_newer(replayed, palette));
    if let Some(next) = &replayed.next {
        lines.push(format!("there are more: `--after {next}` goes on behind these"));
    }
    lines
}

fn told_newer(replayed: &Replayed, palette: Palette) -> Vec<String> {
    if replayed.newer.is_empty() {
        return Vec::new();
    }
    let label = palette.paint(Tone::Odd, "newer:");
    let more = if replayed.newer_has_more { " and more" } else { "" };
    let mut lines = vec![format!(
        "{label} {}{more} came later and were delivered to the same destinations",
        counted(replayed.newer.len(), "message")
    )];
    lines.extend(replayed.newer.iter().map(|one| {
        let id = palette.paint(Tone::Strong, &one.id);
        format!(
            "  {id} received {}, revision {}",
            story::local_time(&one.received_at),
            one.revision
        )
    }));
    lines
}

fn or_nowhere(destinations: &[String]) -> String {
    if destinations.is_empty() {
        "nowhere: it is filtered".to_owned()
    } else {
        destinations.join(", ")
    }
}
