//! Laboratory results (ORU^R01) in the hospital's vocabulary.
//!
//! - OBX-3: local codes become LOINC through a code table; the local code stays as the alternate.
//! - OBX-6: units as UCUM writes them; a missing unit of a number is filled in from the table.
//! - OBX-8: abnormal flags of HL7 table 0078.
//! - PID-5: the case of names, where the site asks for it.
//! - MSH-5 and MSH-6: the receiver, where the site names it.
//!
//! Values are never converted, and everything else, Z-segments included, stays as it came, byte for byte. The
//! configuration is [`Config`]; the table's columns are in [`codes`].

pub mod codes;
mod config;
pub mod flags;
pub mod names;
mod observation;
pub mod units;

use transfuse_plugin::prelude::*;

pub use config::{Config, NameCase, OnUnknownCode};
use observation::Observation;

/// Values to put into the message, by path: collected, so that one call sets them all.
type Edits = Vec<(String, String)>;

/// How many names a line of the log holds.
const LISTED_MAX: usize = 20;

/// HL7's delete marker: a value to be removed at the receiver, and none itself.
const DELETE: &str = "\"\"";

/// Puts a laboratory result into the hospital's vocabulary.
#[transform]
pub fn lab_normalize(exchange: &Exchange, config: &Config) -> Outcome {
    let mut message = exchange.message()?;
    if !is_result(&message)? {
        return pass_or_reject(exchange, message, config);
    }
    let mut edits = receiver(config);
    names::normalize(&message, config.name_case, &mut edits)?;
    let mut observations = Observation::read_all(&message)?;
    codes::normalize(&mut observations, config, &mut edits)?;
    units::normalize(&observations, &mut edits);
    flags::normalize(&observations, &mut edits);
    message.set_many(&edits)?;
    exchange.forward(message)
}

fn is_result(message: &Message) -> Result<bool, Stop> {
    let [code, event] = message.get_many(["MSH-9.1.1", "MSH-9.2.1"])?;
    Ok(code.as_deref() == Some("ORU") && event.as_deref() == Some("R01"))
}

/// Handing on unseen what this plugin was not made for would look like success, so the site has to ask for it.
fn pass_or_reject(exchange: &Exchange, message: Message, config: &Config) -> Outcome {
    if config.pass_others {
        log::debug!("not an ORU^R01: passed on as it came");
        return exchange.forward(message);
    }
    reject!(Code::UnsupportedMessageType, at "MSH-9", "only laboratory results (ORU^R01) are taken here")
}

fn receiver(config: &Config) -> Edits {
    let application = config.application.iter().map(|name| ("MSH-5".to_owned(), name.clone()));
    let facility = config.facility.iter().map(|name| ("MSH-6".to_owned(), name.clone()));
    application.chain(facility).collect()
}

/// Names for a line of the log: each once, and no more of them than a person would read.
fn listed(names: &[impl AsRef<str>]) -> String {
    let mut once: Vec<&str> = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    let more = once.len().saturating_sub(LISTED_MAX);
    once.truncate(LISTED_MAX);
    let names = once.join(", ");
    if more == 0 {
        names
    } else {
        format!("{names} and {more} more")
    }
}

#[cfg(test)]
mod tests;
