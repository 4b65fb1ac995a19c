//! `transfuse messages discard`: what is in quarantine, given up.

use clap::Args;
use transfuse_store::MessageId;

use super::MESSAGES_SHOWN_MAX;
use crate::commands::changes::{Site, confirmed, interface, needs_reason};
use crate::commands::deliveries::told_left;
use crate::commands::selecting::Search;
use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::MessagesQuery;
use crate::control::wire::quarantine::{DiscardWanted, Discarded};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::counted;
use crate::story;

/// Give up what is in quarantine: it is delivered to nobody, and is not open any more
///
/// A message that rests is in the stage `discarded` then, with who gave it up, when and why; deliveries in quarantine are `discarded`
/// too. Nothing is erased, and `transfuse messages replay` still sends it. Lanes that it holds stay held until `transfuse lanes release`.
///
/// Messages are named, or looked for within one interface. The oldest 500 are taken; where there are more it is said how to go on.
///
/// Examples:
///
/// A message: transfuse messages discard 20261123-000042 --reason "a test of the laboratory"
///
/// All of a kind: transfuse messages discard --interface lab-results --stage quarantined --type ADT --reason "not for us" --dry-run
///
/// What a receiver does not want: transfuse messages discard --interface lab-results --quarantined-at ehr --to ehr --reason "closed cases"
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
    /// Only those behind this message: where an earlier one has ended
    #[arg(long, value_name = "ID", requires = "interface")]
    after: Option<MessageId>,
    /// Only deliveries to this destination
    #[arg(long, value_name = "DESTINATION")]
    to: Option<String>,
    /// Why: it is kept with the messages
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Show what would be given up, and do nothing
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
    arguments.search.interface.as_deref().map(interface).transpose()?;
    let wanted = DiscardWanted {
        messages: MessagesQuery {
            after: arguments.after.map(|id| id.to_string()),
            ..arguments.search.query(&arguments.ids)
        },
        to: arguments.to.clone(),
        dry_run: true,
        reason: arguments.reason.clone(),
    };
    let engine = arguments.site.engine();
    let planned = ask(&engine, &wanted)?;
    if planned.messages.is_empty() && planned.left_count == 0 {
        return Err(anyhow::anyhow!("no stored message matches: nothing is given up"))
            .hint("`transfuse messages list` takes the same search, and shows what there is");
    }
    if arguments.dry_run || planned.messages.is_empty() {
        return tell(&planned, arguments.json, console);
    }
    needs_reason("giving up messages", &arguments.reason)?;
    if !arguments.yes && !confirmed(&told(&planned, console.notes_palette()), console)? {
        console.note("nothing was given up");
        return Ok(Exit::Failure);
    }
    // What was shown is given up, and nothing that came to be chosen since.
    let wanted = DiscardWanted {
        messages: MessagesQuery {
            ids: planned.messages.iter().map(|one| one.message.id.clone()).collect(),
            ..MessagesQuery::default()
        },
        dry_run: false,
        ..wanted
    };
    let done = ask(&engine, &wanted)?;
    let done = Discarded {
        left_count: planned.left_count + done.left_count,
        left: [planned.left, done.left].concat(),
        next: planned.next,
        ..done
    };
    tell(&done, arguments.json, console)
}

fn ask(engine: &Engine, wanted: &DiscardWanted) -> Result<Discarded, Failure> {
    engine.ask(async |client| client.discard(wanted).await)
}

fn tell(discarded: &Discarded, json: bool, console: Console) -> Outcome {
    super::tell(discarded, discarded.left_count, told, json, console)
}

fn told(discarded: &Discarded, palette: Palette) -> Vec<String> {
    let verb = if discarded.dry_run {
        "would be given up"
    } else {
        "given up"
    };
    let count = counted(discarded.messages.len(), "message");
    let mut lines = vec![format!(
        "{}: {count} {verb}",
        palette.paint(Tone::Strong, &discarded.interface)
    )];
    lines.extend(discarded.messages.iter().take(MESSAGES_SHOWN_MAX).map(|one| {
        let id = palette.paint(Tone::Strong, &one.message.id);
        let stage = palette.paint(story::stage_tone(&one.message.stage), &one.message.stage);
        let to = if one.destinations.is_empty() {
            String::new()
        } else {
            format!(", in quarantine at {}", one.destinations.join(", "))
        };
        format!("  {id} {stage}{to}")
    }));
    let more = discarded.messages.len().saturating_sub(MESSAGES_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("  and {more} more; --json shows them all"));
    }
    let left = told_left(discarded.left_count, &discarded.left, "stay as they are", palette);
    lines.extend(left);
    if !discarded.holding_lanes.is_empty() {
        let label = palette.paint(Tone::Odd, "held lanes:");
        lines.push(format!(
            "{label} {} hold lanes, which wait for `transfuse lanes release {} MESSAGE`",
            discarded.holding_lanes.join(", "),
            discarded.interface
        ));
    }
    if let Some(next) = &discarded.next {
        lines.push(format!("there are more: `--after {next}` goes on behind these"));
    }
    lines
}
