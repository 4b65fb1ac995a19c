//! A plugin that goes wrong as its configuration says: it faults now and then, takes its time, or changes a code without a
//! word. With no configuration it forwards what it got.

use std::hint::black_box;

use serde::Deserialize;
use transfuse_plugin::prelude::*;

/// What is wrong with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// It faults in messages whose control id ends with a multiple of this; 0 for none.
    pub fault_every: u64,
    /// Rounds of work that each message takes.
    pub rounds: u64,
    /// What it writes into OBX-3.1; empty for what is there.
    pub code: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fault_every: 0,
            rounds: 20_000,
            code: String::new(),
        }
    }
}

/// Goes wrong, or forwards.
#[transform]
fn wayward(exchange: &Exchange, config: &Config) -> Outcome {
    let mut message = exchange.message()?;
    let control_id = message.get("MSH-10")?.unwrap_or_default();
    if config.fault_every > 0 && number(&control_id).is_multiple_of(config.fault_every) {
        return Err(Stop::fault("wayward", "the configuration asked for a fault"));
    }
    work(config.rounds);
    if !config.code.is_empty() {
        message.set("OBX-3.1", &config.code)?;
    }
    exchange.forward(message)
}

/// The digits at the end of a control id.
fn number(control_id: &str) -> u64 {
    let digits = control_id
        .trim_end_matches(|character: char| character.is_ascii_digit())
        .len();
    control_id
        .get(digits..)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(1)
}

fn work(rounds: u64) {
    let mut number = 1_u64;
    for round in 0..rounds {
        number = black_box(number.wrapping_mul(31).wrapping_add(round));
    }
}
