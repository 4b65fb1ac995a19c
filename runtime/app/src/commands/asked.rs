//! Arguments that commands about a running engine share.

use clap::Args;

use super::changes::Site;
use crate::control::wire::repairs::HeldQuery;

/// Looks at what an engine has of some kind.
#[derive(Debug, Args)]
pub(crate) struct Look {
    /// Only of this interface
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
    #[command(flatten)]
    pub(super) site: Site,
    /// Write the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Has something done to messages or deliveries, by somebody, for a reason.
#[derive(Debug, Args)]
pub(crate) struct Act {
    /// Why: it is kept with the messages
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) reason: String,
    /// Do it without asking
    #[arg(long, short)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) site: Site,
    /// Write the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Look {
    pub(super) fn query(&self) -> HeldQuery {
        HeldQuery {
            interface: self.interface.clone(),
        }
    }
}
