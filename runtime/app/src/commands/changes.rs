//! Commands that change what is live, and that tell how it came to be so.

pub(crate) mod apply;
pub(crate) mod approve;
pub(crate) mod deploy;
pub(crate) mod diff;
pub(crate) mod evidence;
pub(crate) mod history;
pub(crate) mod pause;
pub(crate) mod rollback;
pub(crate) mod trial;
mod trying;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;

use crate::commands::site::Engine;
use crate::configuration::{NAME_RULE, is_name};
use crate::console::{Console, Palette, Tone};
use crate::control::ClientError;
use crate::control::wire::ErrorBody;
use crate::control::wire::changes::{ChangeWanted, Changed, InterfaceChange, PlaceDifference};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::story;

/// Differences of one interface that are shown; a new interface has some dozens, and JSON has them all.
const DIFFERENCES_SHOWN_MAX: usize = 40;

/// Who wants a change, and how it is to be made.
#[derive(Debug, Args)]
struct Intent {
    /// Why: it is kept with the revision
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// The release note: what is new, for those who run it
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Show what would be done and what gates find, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Which engine is asked, where the first argument is another one.
#[derive(Debug, Args)]
pub(super) struct Site {
    /// The site folder
    #[arg(long, default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The engine's data folder, where it is not the site's own
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Site {
    pub(super) fn engine(&self) -> Engine {
        Engine::new(self.site.clone(), self.data.clone())
    }
}

impl Intent {
    fn wanted(&self) -> ChangeWanted {
        ChangeWanted {
            reason: self.reason.clone(),
            note: self.note.clone(),
            ..ChangeWanted::default()
        }
    }
}

/// Shows the plan, asks, and has it done: by then nobody else may have changed what was shown.
fn plan_and_do(engine: &Engine, path: &str, wanted: ChangeWanted, intent: &Intent, console: Console) -> Outcome {
    let plan = ChangeWanted {
        dry_run: true,
        // Nobody looks at what its gates find, and they run again before it is made.
        ungated: intent.yes && !intent.dry_run,
        ..wanted.clone()
    };
    let planned = engine.ask(async |client| client.change(path.to_owned(), &plan).await)?;
    if intent.dry_run || planned.interfaces.is_empty() {
        return tell(&planned, intent.json, console);
    }
    if !intent.yes && !is_confirmed(&planned, console)? {
        console.note("nothing was changed");
        return Ok(Exit::Failure);
    }
    needs_reason("a change", &wanted.reason)?;
    let wanted = ChangeWanted {
        expected: expected(&planned),
        ..wanted
    };
    match engine.ask(async |client| Ok(client.change(path.to_owned(), &wanted).await))? {
        Err(ClientError::Refused(refusal)) if !refusal.refused.is_empty() => {
            tell_refusal(refusal, intent.json, console)
        }
        answer => {
            let changed = engine.ask(async |_| answer)?;
            tell(&changed, intent.json, console)
        }
    }
}

fn expected(planned: &Changed) -> std::collections::BTreeMap<String, Option<u32>> {
    let interfaces = planned.interfaces.iter();
    let changed = interfaces.filter(|one| one.kind != "other-tables");
    changed.map(|one| (one.interface.clone(), one.before)).collect()
}

fn is_confirmed(planned: &Changed, console: Console) -> Result<bool, Failure> {
    confirmed(&told(planned, console.notes_palette()), console)
}

/// Shows what is to be done, and asks. Without a terminal nobody can be asked.
pub(super) fn confirmed(told: &[String], console: Console) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(anyhow::anyhow!("nobody can be asked whether this is to be done"))
            .hint("look at it with --dry-run, and do it with --yes");
    }
    for line in told {
        console.note(line);
    }
    console.note("do this? (yes/no)");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}

fn tell(changed: &Changed, json: bool, console: Console) -> Outcome {
    if json {
        console.json(changed)?;
    } else {
        console.result(told(changed, console.palette()).join("\n"))?;
    }
    let has_failed = |one: &InterfaceChange| one.gates.iter().any(|gate| gate.verdict == "failed");
    Ok(if changed.interfaces.iter().any(has_failed) {
        Exit::Failure
    } else {
        Exit::Success
    })
}

/// What a gate refuses is shown with what the gates have found.
fn tell_refusal(refusal: ErrorBody, json: bool, console: Console) -> Outcome {
    let planned = Changed {
        dry_run: true,
        interfaces: refusal.refused,
    };
    tell(&planned, json, console)?;
    let failure: Outcome = Err(anyhow::anyhow!(refusal.message).into());
    match refusal.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn told(changed: &Changed, palette: Palette) -> Vec<String> {
    if changed.interfaces.is_empty() {
        return vec!["nothing to change: what is live is what is wanted".to_owned()];
    }
    let interfaces = changed.interfaces.iter();
    interfaces
        .flat_map(|one| {
            let mut lines = vec![headline(one, changed.dry_run, palette)];
            lines.extend(differences(&one.differences, palette));
            lines.extend(one.held.map(|held| {
                let label = palette.paint(Tone::Odd, "held:");
                let before = one.before.unwrap_or_default();
                let deliveries = if held == 1 { "delivery" } else { "deliveries" };
                format!(
                    "  {label} {held} {deliveries} of revision {before} (`transfuse deliveries held {}`)",
                    one.interface
                )
            }));
            let alert = palette.paint(Tone::Odd, "alert:");
            lines.extend(one.alerts.iter().map(|text| format!("  {alert} {text}")));
            lines.extend(one.gates.iter().flat_map(|gate| story::evidence::gate(gate, palette)));
            lines
        })
        .collect()
}

fn headline(one: &InterfaceChange, dry_run: bool, palette: Palette) -> String {
    let name = palette.paint(Tone::Strong, &one.interface);
    let number =
        |revision: Option<u32>| revision.map_or_else(|| "a new revision".to_owned(), |it| format!("revision {it}"));
    let (before, after) = (number(one.before), number(one.after));
    match (one.kind.as_str(), dry_run) {
        ("new", true) => format!("{name} would be new"),
        ("new", false) => format!("{name} is new, {after}"),
        ("retired", true) => format!("{name} would be taken out of use ({before} is live)"),
        ("retired", false) => format!("{name} is out of use ({before} was live)"),
        ("on-trial", _) => format!("{name}: {after} is on trial, and {before} stays live"),
        ("waiting", _) => format!("{name}: {after} waits for a second person, and {before} stays live"),
        ("other-tables", true) => format!("{name}, {before}, would use other versions of its code tables"),
        ("other-tables", false) => format!("{name}, {before}, uses other versions of its code tables"),
        ("rolled-back", true) => format!("{name} would go back from {before} to {after}"),
        ("rolled-back", false) => format!("{name} went back from {before} to {after}"),
        (_, true) => format!("{name} would change from {before} to {after}"),
        (_, false) => format!("{name} changed from {before} to {after}"),
    }
}

fn differences(differences: &[PlaceDifference], palette: Palette) -> Vec<String> {
    let shown = differences.iter().take(DIFFERENCES_SHOWN_MAX);
    let mut lines: Vec<String> = shown
        .map(|difference| {
            let place = palette.paint(Tone::Name, &difference.place);
            match (&difference.before, &difference.after) {
                (Some(before), Some(after)) => format!("  {place}: {before} -> {after}"),
                (Some(before), None) => format!("  {place}: {before} -> (gone)"),
                (None, Some(after)) => format!("  {place}: (new) {after}"),
                (None, None) => format!("  {place}"),
            }
        })
        .collect();
    let more = differences.len().saturating_sub(DIFFERENCES_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("  and {more} more places; --json shows them all"));
    }
    lines
}

/// A change, or whatever it is called, says why it is made.
pub(super) fn needs_reason(what: &str, reason: &str) -> Result<(), Failure> {
    if reason.trim().is_empty() {
        Err(anyhow::anyhow!("{what} needs a reason")).hint("say it with --reason \"..\"")
    } else {
        Ok(())
    }
}

/// A name becomes part of an address.
pub(super) fn interface(name: &str) -> Result<&str, Failure> {
    if is_name(name) {
        Ok(name)
    } else {
        Err(anyhow::anyhow!("`{name}` cannot name an interface")).hint(NAME_RULE)
    }
}
