//! Linking the chains of a site: what only the sandbox can find, told at the lines that are at fault.

use transfuse_sandbox::{LinkError, Sandbox};

use super::fault::Faults;
use super::interface::Read;
use super::step;
use crate::parts::{ChainError, ChainsError, Parts};

/// Makes every chain once. The chains are thrown away: what runs is made of what the catalog holds.
pub(super) fn check(read: &[Read], parts: &Parts, sandbox: &Sandbox, faults: &Faults) {
    for read in read.iter().filter(|read| read.is_sound) {
        let Some(interface) = &read.interface else { continue };
        let (steps, error) = match parts.chains(sandbox, interface) {
            Ok(_) => continue,
            Err(ChainsError::Own(error)) => (&read.steps, error),
            Err(ChainsError::OfDestination { destination, source }) => match read.steps_of(&destination) {
                Some(steps) => (steps, *source),
                None => continue,
            },
            Err(ChainsError::OfReply(error)) => (&read.reply_steps, error),
        };
        if let Some(places) = steps.get(error.step()) {
            report(&error, places, faults);
        }
    }
}

fn report(error: &ChainError, places: &step::Places, faults: &Faults) {
    match error {
        ChainError::Link(LinkError::Ungranted {
            plugin,
            interface,
            hint,
            ..
        }) => {
            let message = format!("`{plugin}` imports `{interface}`, which nothing grants");
            faults.at_with_hint(
                &places.grants,
                message,
                format!("write `{hint}`, if the plugin may have that"),
            );
        }
        ChainError::Link(LinkError::Misconfigured { plugin, words, .. }) => {
            faults.at(&places.config, format!("`{plugin}` refuses its configuration: {words}"));
        }
        ChainError::Link(LinkError::Init(fault)) => {
            let hints = fault.hint.clone().into_iter().collect();
            faults.at_with_hints(&places.step, format!("the plugin cannot be started: {fault}"), hints);
        }
        other => faults.at(&places.step, other.to_string()),
    }
}
