//! `transfuse diff`: how two revisions differ.

use clap::Args;

use super::{Site, differences, interface};
use crate::console::{Console, Tone};
use crate::control::wire::changes::DifferenceQuery;
use crate::failure::{Exit, Outcome};

/// Show how two revisions of an interface differ
///
/// Without numbers, the newest one against the one before; with one, that one against the one before it.
///
/// Example: transfuse diff lab-results 11 12 --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// One revision, or two: the older and the newer one
    #[arg(value_name = "REVISION", num_args = 0..=2)]
    revisions: Vec<u32>,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let name = interface(&arguments.interface)?;
    let query = match arguments.revisions.as_slice() {
        [] => DifferenceQuery::default(),
        [to] => DifferenceQuery {
            from: None,
            to: Some(*to),
        },
        [from, to, ..] => DifferenceQuery {
            from: Some(*from),
            to: Some(*to),
        },
    };
    let engine = arguments.site.engine();
    let found = engine.ask(async |client| client.difference(name, &query).await)?;
    if arguments.json {
        console.json(&found)?;
        return Ok(Exit::Success);
    }
    let palette = console.palette();
    let name = palette.paint(Tone::Strong, &found.interface);
    let (from, to) = (found.from, found.to);
    let mut lines = vec![if found.differences.is_empty() {
        format!("{name}: revisions {from} and {to} do not differ")
    } else {
        format!("{name}: from revision {from} to {to}")
    }];
    lines.extend(differences(&found.differences, palette));
    console.result(lines.join("\n"))?;
    Ok(Exit::Success)
}
