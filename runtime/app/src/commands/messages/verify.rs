//! `transfuse messages verify`: stored messages run again, as they were run then.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use transfuse_store::MessageId;

use crate::commands::selecting::Search;
use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::past::Verified;
use crate::control::wire::{Difference, MessagesQuery, Reason};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::counted;
use crate::story::differences::told_value;

/// Run stored messages again, and say whether they come out as they did
///
/// Each is run on the revision that decided it, with the code tables of that moment; nothing is decided or delivered. The result is
/// identical, byte for byte; different; or not to be verified, and why: its plugins use what they keep between messages, another version
/// of the engine decided it, a deadline passed. The newest messages are first.
///
/// The exit code is 0 where none comes out differently, and 1 where one does, or where nothing matches what is looked for.
///
/// Examples:
///
/// The newest: transfuse messages verify examples/lab-results --last 1000
///
/// The results of one day: transfuse messages verify examples/lab-results --type ORU^R01 --since 2026-11-20 --until 2026-11-20
///
/// Two that somebody asks about: transfuse messages verify examples/lab-results --id 20261120-000017,20261120-000042
#[derive(Debug, ClapArgs)]
pub(crate) struct Arguments {
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    search: Search,
    /// Only these messages; several with commas
    #[arg(long = "id", value_name = "ID", value_delimiter = ',')]
    ids: Vec<MessageId>,
    /// Only older than this message
    #[arg(long, value_name = "ID")]
    before: Option<MessageId>,
    /// Only so many, the newest; without it all that the store has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    last: Option<u64>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Messages that one question is for. The engine answers within some seconds, and with fewer where that is not enough.
const PAGE: u32 = 200;

/// Messages that come out differently and are told of.
const DIFFERENT_MAX: usize = 50;

/// Places told of one message.
const PLACES_MAX: usize = 10;

/// How much of a value is shown.
const VALUE_WIDTH_MAX: usize = 40;

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let search = arguments.search.query(&arguments.ids);
    let verified = ask(arguments, &search, console)?;
    if verified.messages() == 0 && search != MessagesQuery::default() {
        return Err(anyhow::anyhow!("no stored message matches: nothing was verified"))
            .hint("`transfuse messages list` takes the same search, and shows what there is");
    }
    if arguments.json {
        console.json(&verified)?;
    } else {
        console.result(told(&verified, console.palette()).join("\n"))?;
    }
    Ok(if verified.different == 0 {
        Exit::Success
    } else {
        Exit::Failure
    })
}

/// Page by page, until there are no more.
fn ask(arguments: &Arguments, search: &MessagesQuery, console: Console) -> Result<Verified, Failure> {
    let progress = console.working("running stored messages again");
    let mut all = Verified::default();
    let mut before = arguments.before.map(|id| id.to_string());
    let mut left = arguments.last.unwrap_or(u64::MAX);
    while left > 0 {
        let query = MessagesQuery {
            before: before.clone(),
            limit: Some(u32::try_from(left).unwrap_or(u32::MAX).min(PAGE)),
            ..search.clone()
        };
        let page = arguments.engine.ask(async |client| client.verify(&query).await)?;
        left = left.saturating_sub(page.messages());
        before.clone_from(&page.last);
        let is_last = page.last.is_none();
        all.add(page);
        progress.doing(format!(
            "{} run again",
            counted(usize::try_from(all.messages()).unwrap_or(usize::MAX), "message")
        ));
        if is_last {
            break;
        }
    }
    all.last = before;
    Ok(all)
}

impl Verified {
    fn messages(&self) -> u64 {
        let not_verifiable: u64 = self.not_verifiable.iter().map(|reason| reason.messages).sum();
        self.identical + self.other_fuel + self.different + not_verifiable
    }

    fn add(&mut self, page: Self) {
        self.identical += page.identical;
        self.other_fuel += page.other_fuel;
        self.different += page.different;
        let room = DIFFERENT_MAX.saturating_sub(self.listed.len());
        self.listed.extend(page.listed.into_iter().take(room));
        let mut reasons: BTreeMap<String, Reason> = std::mem::take(&mut self.not_verifiable)
            .into_iter()
            .map(|reason| (reason.why.clone(), reason))
            .collect();
        for reason in page.not_verifiable {
            match reasons.get_mut(&reason.why) {
                Some(known) => known.messages += reason.messages,
                None => drop(reasons.insert(reason.why.clone(), reason)),
            }
        }
        self.not_verifiable = reasons.into_values().collect();
    }
}

fn told(verified: &Verified, palette: Palette) -> Vec<String> {
    let different = verified.different.to_string();
    let tone = if verified.different == 0 { Tone::Good } else { Tone::Bad };
    let mut lines = vec![format!(
        "{} run again: {} identical, {} different",
        counted(usize::try_from(verified.messages()).unwrap_or(usize::MAX), "message"),
        verified.identical,
        palette.paint(tone, &different),
    )];
    if verified.other_fuel > 0 {
        lines.push(format!("{} came out the same for other fuel", verified.other_fuel));
    }
    for reason in &verified.not_verifiable {
        let examples = reason.examples.join(" ");
        lines.push(format!(
            "{} not verifiable: {} ({examples})",
            reason.messages, reason.why
        ));
    }
    for message in &verified.listed {
        let name = palette.paint(Tone::Strong, &message.id).to_string();
        lines.push(format!(
            "{name} of {}, revision {}",
            message.interface, message.revision
        ));
        lines.extend(
            message
                .differences
                .iter()
                .take(PLACES_MAX)
                .map(|place| told_place(place, palette)),
        );
    }
    lines
}

fn told_place(difference: &Difference, palette: Palette) -> String {
    let sides = [&difference.before, &difference.after];
    let [before, after] = sides.map(|value| told_value(value.as_ref(), VALUE_WIDTH_MAX));
    let path = palette.paint(Tone::Name, &difference.path);
    format!("  {path}: {before} -> {after}")
}
