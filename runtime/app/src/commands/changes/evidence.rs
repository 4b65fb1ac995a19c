//! `transfuse evidence`: what was found out about revisions.

use clap::Args;

use super::{Site, interface};
use crate::console::Console;
use crate::control::wire::evidence::EvidenceQuery;
use crate::failure::{Exit, Outcome};
use crate::story;

/// Show what gates, trials and people have found out about the revisions of an interface
///
/// Newest first, with who wanted to know and when. What did not become a revision is there too: a change that a gate refused, or the trust
/// policy.
///
/// What is shown may be patient data: values that differ.
///
/// Example: transfuse evidence lab-results --revision 12 --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// Only about this revision
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u32>,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let name = interface(&arguments.interface)?;
    let query = EvidenceQuery {
        revision: arguments.revision,
    };
    let engine = arguments.site.engine();
    let found = engine.ask(async |client| client.evidence(name, &query).await)?;
    if arguments.json {
        console.json(&found)?;
    } else if found.evidence.is_empty() {
        console.note("nothing was found out yet");
    } else {
        let palette = console.palette();
        let kept = found.evidence.iter();
        let lines: Vec<String> = kept.flat_map(|one| story::evidence::evidence(one, palette)).collect();
        console.result(lines.join("\n"))?;
    }
    Ok(Exit::Success)
}
