//! `transfuse apply`: what the site folder says becomes what is live.

use clap::Args;

use super::trying::Trying;
use super::{Intent, plan_and_do};
use crate::commands::site::Engine;
use crate::console::Console;
use crate::control::wire::changes::ChangeWanted;
use crate::failure::Outcome;

/// Make what the site folder says live
///
/// The running engine reads the folder, resolves the versions of plugins to packages, checks everything as `transfuse check` does,
/// and shows how each interface would change. Then it makes the changes, one interface after the other, each as a new revision: the
/// running interface takes it over with its connections open, and messages that are under way end on the revision that they began
/// with. A changed listener alone is bound anew. An interface whose file is gone is taken out of use; its history stays.
///
/// Before anything goes live it passes the site's `[gates]`: the plugins' own vectors, and the last stored messages, or those that
/// --replay looks for, run by the live and by the new revision. What differs is shown, and what costs too much or fails is refused. --dry-run
/// stops there.
///
/// Where one interface changes, --shadow or --pilot try its new revision first (see `transfuse trial`).
///
/// What somebody else changes between the plan and your answer is a conflict, and nothing is done.
///
/// Examples:
///
/// Looked at first: transfuse apply examples/lab-results --dry-run
///
/// Held against a week of one type: transfuse apply examples/lab-results --dry-run --replay 'type=ORU^R01,since=168h,last=5000'
///
/// And done: transfuse apply examples/lab-results --reason "codes of the new analyser"
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    trying: Trying,
    #[command(flatten)]
    intent: Intent,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let (intent, trying) = (&arguments.intent, &arguments.trying);
    let wanted = ChangeWanted {
        trial: trying.wanted()?,
        unwatched: trying.unwatched,
        expect: trying.expected(),
        waive: trying.waive.clone(),
        replay: trying.replayed()?,
        ..intent.wanted()
    };
    plan_and_do(&arguments.engine, "/v1/apply", wanted, intent, console)
}
