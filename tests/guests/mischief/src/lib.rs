//! A plugin that misbehaves on purpose: what it does stands in the first letters of the control id (MSH-10).
//!
//! `LOOP`, `ALLOCATE`, `RECURSE`, `PANIC`, `FLOOD` (the log), `CALL` (the host without end), `SWELL` (a huge output), `STRAY`
//! (a destination that it was not granted), `PEEK` (a field that it was not granted), `TWICE` (two outputs alike, which is allowed).
//! Anything else is forwarded.
#![expect(clippy::panic, reason = "panicking is one of its jobs")]

use std::hint::black_box;

use transfuse_plugin::prelude::*;

/// Misbehaves, or forwards.
#[transform]
fn mischief(exchange: &Exchange) -> Outcome {
    let mut message = exchange.message()?;
    let control_id = message.get("MSH-10")?.unwrap_or_default();
    let deed: String = control_id.chars().take_while(char::is_ascii_uppercase).collect();
    match deed.as_str() {
        "LOOP" => spin(),
        "ALLOCATE" => allocate(),
        "RECURSE" => drop(black_box(recurse(0))),
        "PANIC" => panic!("the patient PRÓBABETEG made me do it"),
        "FLOOD" => flood(),
        "CALL" => loop {
            message.get("MSH-10")?;
        },
        "SWELL" => swell(&mut message)?,
        "STRAY" => return exchange.forward_to(message, &["nowhere"]),
        "PEEK" => drop(message.get("PID-19")?),
        "TWICE" => {
            let _ = exchange.forward(&message)?;
        }
        _ => {}
    }
    exchange.forward(message)
}

fn spin() {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

fn allocate() {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
    }
}

/// Adds after the call, so that no compiler turns it into a loop.
fn recurse(depth: u64) -> u64 {
    if black_box(depth) == u64::MAX {
        return depth;
    }
    black_box(recurse(depth + 1)) + 1
}

fn flood() {
    for line in 0..1_000_000_u32 {
        log::info!("line {line} of a flood");
    }
}

fn swell(message: &mut Message) -> Result<(), Stop> {
    let megabyte = "x".repeat(1 << 20);
    for field in 20..84 {
        message.set(format!("PID-{field}"), &megabyte)?;
    }
    Ok(())
}
