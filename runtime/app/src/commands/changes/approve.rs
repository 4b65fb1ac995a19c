//! `transfuse approve`: a second person lets a revision go live.

use clap::Args;

use super::{Site, interface, needs_reason, tell};
use crate::console::Console;
use crate::control::wire::changes::ChangeWanted;
use crate::failure::Outcome;

/// Let a revision go live that waits for a second person
///
/// Where the site's `[gates]` want it (`approval = true`), `apply` and `deploy` make a revision, keep what its gates have found, and
/// leave live what is live. Somebody else looks at it (`transfuse history`, `transfuse diff`, `transfuse evidence`) and approves it: then
/// it goes live as if it had been deployed. Whoever asked for it cannot: another account has to, or where the site says so (`approval =
/// "sudo"`) somebody else whom sudo names. Where something else has gone live meanwhile, it is a conflict.
///
/// Example: transfuse approve lab-results 12 --reason "looked at OBX-3 with the laboratory" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// The revision that waits
    #[arg(value_name = "REVISION")]
    revision: u32,
    /// Why: it is kept
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Do not watch it once it is live
    #[arg(long)]
    unwatched: bool,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let name = interface(&arguments.interface)?;
    needs_reason("an approval", &arguments.reason)?;
    let wanted = ChangeWanted {
        reason: arguments.reason.clone(),
        to: Some(arguments.revision),
        unwatched: arguments.unwatched,
        ..ChangeWanted::default()
    };
    let path = format!("/v1/interfaces/{name}/approve");
    let engine = arguments.site.engine();
    let changed = engine.ask(async |client| client.change(path, &wanted).await)?;
    tell(&changed, arguments.json, console)
}
