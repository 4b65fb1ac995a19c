//! `transfuse rollback`: an earlier revision is live again.

use clap::Args;

use super::{Intent, Site, interface, plan_and_do};
use crate::console::Console;
use crate::control::wire::changes::ChangeWanted;
use crate::failure::Outcome;

/// Make an earlier revision of an interface live again
///
/// Without --to, the one that was live before. Its plugins are those that it had, by their digests; code tables stay those of today
/// unless --with-tables says otherwise, and the plan names every interface that this changes.
/// With --hold nothing more of the revision that is left is delivered, until `transfuse deliveries recompute` has it made anew.
/// What was live before passes no gates. A revision whose plugins could not read the state that later ones have written is refused. A rollback survives a restart.
///
/// Example: transfuse rollback lab-results --reason "wrong units from 12 on" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// The revision to go back to
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,
    /// Hold what the revision that is left has made and not delivered yet: recommended where it was wrong
    #[arg(long)]
    hold: bool,
    /// Make the versions of code tables live again that the revision was made with; other interfaces that use them change too
    #[arg(long)]
    with_tables: bool,
    #[command(flatten)]
    site: Site,
    #[command(flatten)]
    intent: Intent,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let Arguments { site, intent, to, .. } = arguments;
    let name = interface(&arguments.interface)?;
    let wanted = ChangeWanted {
        to: *to,
        hold: arguments.hold,
        with_tables: arguments.with_tables,
        ..intent.wanted()
    };
    plan_and_do(
        &site.engine(),
        &format!("/v1/interfaces/{name}/rollback"),
        wanted,
        intent,
        console,
    )
}
