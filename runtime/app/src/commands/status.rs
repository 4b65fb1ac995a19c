//! `transfuse status`: what a running engine is doing.

use clap::Args;
use jiff::Timestamp;

use super::downtime;
use super::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::{DestinationStatus, InterfaceStatus, Room, Status, TurnedAway};
use crate::failure::{Exit, Outcome};
use crate::layout::{self, Cell, lasting};

/// Show what the running engine is doing
///
/// For each interface: its live revision, where it receives, and how many messages were processed, filtered, refused
/// and quarantined; for each destination: what was delivered, what waits, since when, and why.
///
/// Example: transfuse status examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    engine: Engine,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let status = arguments.engine.ask(async |client| client.status().await)?;
    if arguments.json {
        console.json(&status)?;
    } else {
        console.result(show(&status, console.palette()))?;
    }
    Ok(Exit::Success)
}

fn show(status: &Status, palette: Palette) -> String {
    let Status {
        version,
        process_id,
        started_at,
        data,
        environment,
        behind,
        damaged,
        downtimes,
        room,
        ..
    } = status;
    let environment = environment.as_ref();
    let environment = environment
        .map(|name| format!(", environment {name}"))
        .unwrap_or_default();
    let mut lines = vec![
        format!(
            "transfuse {version}, process {process_id}, running for {}",
            since(started_at)
        ),
        format!(
            "{}",
            palette.paint(Tone::Faint, &format!("data in {data}{environment}"))
        ),
        String::new(),
    ];
    lines.extend(figures(status, palette));
    lines.extend(
        downtimes
            .iter()
            .map(|one| format!("\n{}", downtime::told(one, palette))),
    );
    lines.extend(room.iter().flat_map(|room| scarce(room, palette)));
    for segment in damaged {
        let line = format!("\n{} is damaged: {}", segment.file, segment.reason);
        lines.push(palette.paint(Tone::Bad, &line).to_string());
    }
    if !damaged.is_empty() {
        lines.push("  what it holds cannot be had; `transfuse store check` says what can be done".to_owned());
    }
    if *behind > 0 {
        lines.push(format!("\n{behind} journal entries are not in these figures yet"));
    }
    lines.join("\n")
}

/// Which limits of the whole engine are all but reached.
fn scarce(room: &Room, palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(free) = room.free_space_bytes.filter(|free| *free < room.free_space_bytes_min) {
        let (free, least) = (free >> 20, room.free_space_bytes_min >> 20);
        lines.push(format!(
            "\nthe data folder's disk has {free} MiB left, and `free_space` asks for {least} MiB; nothing is acknowledged once it is full"
        ));
    }
    if room.in_flight_bytes >= room.in_flight_bytes_max {
        let max = room.in_flight_bytes_max >> 20;
        lines.push(format!(
            "\n{max} MiB are in flight, as much as `in_flight` allows; connections are read on as messages are answered"
        ));
    }
    if room.connections >= room.connections_max {
        let max = room.connections_max;
        lines.push(format!(
            "\n{max} connections are open, as many as `connections` allows; further ones are turned away"
        ));
    }
    let painted = lines.iter().map(|line| palette.paint(Tone::Bad, line).to_string());
    painted.collect()
}

/// The two tables, and what an operator should look at.
pub(crate) fn figures(status: &Status, palette: Palette) -> Vec<String> {
    let mut lines = layout::table(&interfaces(&status.interfaces), palette);
    let destinations = destinations(&status.interfaces);
    if destinations.len() > 1 {
        lines.push(String::new());
        lines.extend(layout::table(&destinations, palette));
    }
    lines.extend(troubles(&status.interfaces, palette));
    lines
}

fn header(names: &[&str]) -> Vec<Cell> {
    let is_left = |name: &str| matches!(name, "INTERFACE" | "SOURCE" | "DESTINATION" | "LAST ANSWER" | "OLDEST");
    let cell = |name: &str| {
        if is_left(name) {
            Cell::new(name)
        } else {
            Cell::right(name)
        }
    };
    names.iter().map(|name| cell(name).tone(Tone::Faint)).collect()
}

fn interfaces(interfaces: &[InterfaceStatus]) -> Vec<Vec<Cell>> {
    let names = [
        "INTERFACE",
        "REVISION",
        "UNDECIDED",
        "PROCESSED",
        "FILTERED",
        "REFUSED",
        "QUARANTINED",
        "SOURCE",
    ];
    let mut rows = vec![header(&names)];
    rows.extend(interfaces.iter().map(|interface| {
        vec![
            Cell::new(&interface.name).tone(Tone::Strong),
            Cell::right(
                interface
                    .revision
                    .map_or_else(|| "-".to_owned(), |revision| revision.to_string()),
            ),
            Cell::number(interface.received),
            Cell::number(interface.processed),
            Cell::number(interface.filtered),
            Cell::number(interface.refused),
            Cell::trouble(interface.quarantined),
            Cell::new(interface.source.as_deref().unwrap_or("not running")),
        ]
    }));
    rows
}

fn destinations(interfaces: &[InterfaceStatus]) -> Vec<Vec<Cell>> {
    let mut rows = vec![header(&[
        "DESTINATION",
        "DELIVERED",
        "WAITING",
        "QUARANTINED",
        "LAST ANSWER",
        "OLDEST",
    ])];
    for interface in interfaces {
        rows.extend(interface.destinations.iter().map(|destination| {
            vec![
                Cell::new(format!("{}/{}", interface.name, destination.name)).tone(Tone::Strong),
                Cell::number(destination.delivered),
                Cell::number(destination.pending),
                Cell::trouble(destination.quarantined),
                Cell::new(last_answer(destination)),
                Cell::new(oldest(destination)),
            ]
        }));
    }
    rows
}

fn last_answer(destination: &DestinationStatus) -> &str {
    let receiver = destination.receiver.as_ref();
    receiver.and_then(|one| one.last_answer.as_deref()).unwrap_or_default()
}

fn oldest(destination: &DestinationStatus) -> String {
    destination
        .oldest_queued_at
        .as_deref()
        .map(|at| format!("waits for {}", since(at)))
        .unwrap_or_default()
}

/// What an operator should look at, one line each.
fn troubles(interfaces: &[InterfaceStatus], palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    for interface in interfaces {
        for destination in &interface.destinations {
            lines.extend(held(&interface.name, destination, palette));
            lines.extend(receiver(&interface.name, destination, palette));
            if let (Some(fault), Some(at)) = (&destination.last_fault, &destination.last_fault_at) {
                let place = format!("{}/{}", interface.name, destination.name);
                lines.push(format!(
                    "{} {place}: {fault} ({} ago)",
                    palette.paint(Tone::Bad, "fault:"),
                    since(at)
                ));
            }
        }
        lines.extend(held_lanes(interface, palette));
        if let Some(trial) = &interface.trial {
            let label = palette.paint(Tone::Name, "trial:");
            lines.push(format!("{label} {}: {trial}", interface.name));
        }
        for alert in &interface.alerts {
            let label = palette.paint(Tone::Odd, "alert:");
            lines.push(format!("{label} {}: {alert}", interface.name));
        }
        if let Some(TurnedAway { count, last }) = &interface.turned_away {
            let label = palette.paint(Tone::Odd, "peers:");
            let connections = layout::counted(usize::try_from(*count).unwrap_or(usize::MAX), "connection");
            lines.push(format!(
                "{label} {}: {connections} turned away, the last one from {last}",
                interface.name
            ));
        }
        if let Some(paused) = &interface.paused {
            let label = palette.paint(Tone::Odd, "paused:");
            lines.push(format!("{label} {}: {paused}", interface.name));
        }
        if let Some(drift) = &interface.drift {
            lines.push(format!(
                "{} {}: {drift}",
                palette.paint(Tone::Odd, "drift:"),
                interface.name
            ));
        }
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

fn held(interface: &str, destination: &DestinationStatus, palette: Palette) -> Option<String> {
    let label = palette.paint(Tone::Odd, "held:");
    let (name, count) = (&destination.name, destination.held);
    let deliveries = if count == 1 {
        "delivery waits"
    } else {
        "deliveries wait"
    };
    (count > 0).then(|| {
        format!("{label} {interface}/{name}: {count} {deliveries} for a word (`transfuse deliveries held {interface}`)")
    })
}

fn held_lanes(interface: &InterfaceStatus, palette: Palette) -> Option<String> {
    let (name, count) = (&interface.name, interface.lane_holds);
    let label = palette.paint(Tone::Odd, "lanes:");
    let what = if count == 1 {
        "1 fault holds its lanes".to_owned()
    } else {
        format!("{count} faults hold their lanes")
    };
    (count > 0).then(|| format!("{label} {name}: {what} (`transfuse lanes held {name}`)"))
}

/// What a receiver keeps from going on.
fn receiver(interface: &str, destination: &DestinationStatus, palette: Palette) -> Vec<String> {
    let Some(receiver) = &destination.receiver else {
        return Vec::new();
    };
    let name = &destination.name;
    let label = palette.paint(Tone::Odd, "waits:");
    let mut lines: Vec<String> = receiver
        .waiting_for_a_word
        .iter()
        .map(|one| {
            format!(
                "{label} {interface}/{name}: {}, {} for {}; say `transfuse deliveries retry {interface} {name}`, or `skip`",
                one.message,
                one.why,
                since(&one.since)
            )
        })
        .collect();
    if let Some(circuit) = &receiver.circuit {
        let label = palette.paint(Tone::Bad, "circuit:");
        let next = match until(&circuit.next_attempt_at) {
            Some(seconds) if lines.is_empty() => format!(", the next attempt is in {}", lasting(seconds)),
            _ => String::new(),
        };
        lines.push(format!(
            "{label} {interface}/{name}: open for {}, {} attempts in a row failed{next}",
            since(&circuit.open_since),
            circuit.failures
        ));
    }
    lines
}

/// Seconds until then; none where it is past.
fn until(at: &str) -> Option<i64> {
    let at: Timestamp = at.parse().ok()?;
    let left = at.duration_since(Timestamp::now());
    (!left.is_negative()).then(|| left.as_secs())
}

/// How long ago that was, in the two largest units that matter.
fn since(at: &str) -> String {
    let Ok(at) = at.parse::<Timestamp>() else {
        return "an unknown time".to_owned();
    };
    let seconds = Timestamp::now().duration_since(at).as_secs().max(0);
    lasting(seconds)
}
