//! `transfuse deploy`: another version of a plugin in one interface.

use clap::Args;

use super::trying::Trying;
use super::{Intent, Site, interface, plan_and_do};
use crate::console::Console;
use crate::control::wire::changes::ChangeWanted;
use crate::failure::{Hint as _, Outcome};

/// Run another version of a plugin in one interface
///
/// Every step of that plugin gets the version; settings, grants and everything else stay as they are live. The package has to be in the
/// site's library (`transfuse plugin install`) and allowed by its trust policy. It is compiled before anything changes; the switch
/// takes place between two messages, with connections open.
///
/// Before it goes live it passes the site's `[gates]`: its own vectors, and the last stored messages, or those that --replay looks for, run
/// by the live and by the new revision. --dry-run stops there; --waive goes on where one fails.
///
/// With --shadow or --pilot it is tried first, and goes live only when it has kept the site's `[budget]` (see `transfuse trial`). What
/// goes live at once is watched instead: where it does worse than what was live before, that is live again, by itself.
///
/// The site folder is not written: `transfuse status` tells that it differs, until it says the same.
///
/// Examples:
///
/// Held against what the ward sent yesterday: transfuse deploy lab-results transfuse/lab-normalize@1.1.0 --dry-run --replay 'since=2026-11-19,until=2026-11-19' --site examples/lab-results
///
/// And done: transfuse deploy lab-results transfuse/lab-normalize@1.1.0 --reason "LOINC 2.80" --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    /// The plugin and its version, or a requirement: the newest one that fits
    #[arg(value_name = "PLUGIN@VERSION")]
    plugin: String,
    #[command(flatten)]
    site: Site,
    #[command(flatten)]
    trying: Trying,
    #[command(flatten)]
    intent: Intent,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let Arguments {
        plugin, site, intent, ..
    } = arguments;
    let name = interface(&arguments.interface)?;
    let Some((plugin, version)) = plugin.split_once('@') else {
        return Err(anyhow::anyhow!("`{plugin}` names no version"))
            .hint(format!("write `{plugin}@1.0.0` or `{plugin}@^1`"));
    };
    let wanted = ChangeWanted {
        plugin: Some(plugin.to_owned()),
        version: Some(version.to_owned()),
        trial: arguments.trying.wanted()?,
        unwatched: arguments.trying.unwatched,
        expect: arguments.trying.expected(),
        waive: arguments.trying.waive.clone(),
        replay: arguments.trying.replayed()?,
        ..intent.wanted()
    };
    plan_and_do(
        &site.engine(),
        &format!("/v1/interfaces/{name}/deploy"),
        wanted,
        intent,
        console,
    )
}
