//! `transfuse check`: would this site run, and what would run?

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use transfuse_sandbox::Sandbox;

use crate::configuration::resolved::{
    Destination, DestinationWire, FileReady, Grants, Instances, Interface, Limits, OnFault, OnFinding, Order,
    SourceWire, Step, Unmappable, ValidationLevel,
};
use crate::configuration::{self, Fault, FaultReport, Site, show_duration, show_size};
use crate::console::{Console, Palette, Tone};
use crate::failure::{self, Exit, Failure, Outcome};
use crate::layout::{counted, short_digest};
use crate::sandboxing;
use crate::trust::Trust;

/// Read a site folder and tell every fault, or what would run
///
/// All files are read and all faults are told at once, each with its file, line, column and a hint. Plugins are found,
/// verified and linked against the grants of their step, so that a plugin which would ask for more than it is granted
/// is found here and not at the first message. Configuration is held against the schema in its package; what a plugin
/// asks for and is not granted is a warning, with the line that would grant it. Nothing is bound, and nothing is written.
///
/// Example: transfuse check examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The site folder
    #[arg(default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The environment to check the site for, a file `environments/NAME.toml`; else the one that `transfuse.toml` names
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Find packages in this folder, instead of the site's own
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'r> {
    site: String,
    faults: Vec<FaultReport<'r>>,
    /// What a person should look at, and what stops nothing.
    warnings: Vec<FaultReport<'r>>,
    interfaces: &'r [Interface],
    alerts: &'r [String],
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let (settings, faults) = configuration::read_settings(&arguments.site);
    let plugins = arguments
        .plugins
        .clone()
        .unwrap_or_else(|| arguments.site.join(&settings.plugins));
    let data = arguments.site.join(&settings.data);
    let trust = Trust::read(&arguments.site, &data, &settings, &faults);
    let environment = arguments.environment.clone().or_else(|| settings.environment.clone());
    let sandbox = Sandbox::start(sandboxing::of_check(&arguments.site, &settings))?;
    let read = unless_refused(configuration::read(
        &arguments.site,
        environment.as_deref(),
        &plugins,
        &trust,
        faults,
        &sandbox,
    ));
    if arguments.json {
        return as_json(arguments, read, console);
    }
    let site = read.map_err(Failure::Configuration)?;
    for warning in &site.warnings {
        failure::warn(warning, console);
    }
    console.result(summary(&site, console.palette()))?;
    Ok(Exit::Success)
}

/// A plugin that must not be deployed is a fault: a check asks whether all of the site could be.
fn unless_refused(site: Result<Site, Vec<Fault>>) -> Result<Site, Vec<Fault>> {
    let mut site = site?;
    let refusals: Vec<Fault> = std::mem::take(&mut site.refusals).into_values().flatten().collect();
    if refusals.is_empty() { Ok(site) } else { Err(refusals) }
}

fn as_json(arguments: &Arguments, read: Result<Site, Vec<Fault>>, console: Console) -> Outcome {
    let name = arguments.site.display().to_string();
    match read {
        Ok(site) => {
            console.json(&Report {
                site: name,
                faults: Vec::new(),
                warnings: site.warnings.iter().map(configuration::Fault::report).collect(),
                interfaces: &site.interfaces,
                alerts: &site.alerts,
            })?;
            Ok(Exit::Success)
        }
        Err(faults) => {
            let faults = faults.iter().map(Fault::report).collect();
            console.json(&Report {
                site: name,
                faults,
                warnings: Vec::new(),
                interfaces: &[],
                alerts: &[],
            })?;
            Ok(Exit::Configuration)
        }
    }
}

fn summary(site: &Site, palette: Palette) -> String {
    let mut lines: Vec<String> = Vec::new();
    for interface in &site.interfaces {
        lines.extend(interface_lines(interface, site, palette));
        lines.push(String::new());
    }
    let environment = site
        .interfaces
        .iter()
        .find_map(|interface| interface.environment.as_ref());
    let environment = environment
        .map(|name| format!(", in the environment {name}"))
        .unwrap_or_default();
    let alert = palette.paint(Tone::Odd, "alert:").to_string();
    lines.extend(site.alerts.iter().map(|told| format!("{alert} {told}")));
    let steps = site
        .interfaces
        .iter()
        .map(|interface| interface.all_steps().count())
        .sum();
    lines.push(format!(
        "{} {}, {}, {}{environment}",
        palette.paint(Tone::Good, "ok:"),
        counted(site.interfaces.len(), "interface"),
        counted(steps, "step"),
        counted(site.tables.len(), "table"),
    ));
    lines.join("\n")
}

fn interface_lines(interface: &Interface, site: &Site, palette: Palette) -> Vec<String> {
    let owner = if interface.owner.is_empty() {
        String::new()
    } else {
        format!(" ({})", interface.owner)
    };
    let mut lines = vec![format!(
        "{}  {}{owner}",
        palette.paint(Tone::Strong, &interface.name),
        interface.description
    )];
    lines.push(row("from", &source(interface), palette));
    lines.extend(admission(interface).into_iter().map(|text| row("from", &text, palette)));
    lines.extend(validation(interface).map(|text| row("valid", &text, palette)));
    lines.extend(order(interface).map(|text| row("order", &text, palette)));
    for step in &interface.steps {
        lines.extend(told_step(step, "", site, palette));
    }
    for destination in &interface.destinations {
        let types = if destination.types.is_empty() {
            "all types".to_owned()
        } else {
            destination.types.join(" ")
        };
        let wire = destination_wire(&destination.wire);
        let when = destination
            .when
            .as_ref()
            .map(|when| format!(" when {when}"))
            .unwrap_or_default();
        let charset = output_charset(destination);
        let text = format!("{}: {wire}, {types}{when}{charset}", destination.name);
        lines.push(row("to", &text, palette));
        for step in &destination.steps {
            lines.extend(told_step(step, "  ", site, palette));
        }
    }
    if let Some(reply) = &interface.reply {
        let (asked, within) = (&reply.destination, shown(reply.timeout_ms));
        let text = format!("what {asked} answers within {within}, else {:?}", reply.code);
        lines.push(row("reply", &text, palette));
        for step in &reply.steps {
            lines.extend(told_step(step, "  ", site, palette));
        }
    }
    lines
}

/// A step of the interface, or further to the right one of the destination above it.
fn told_step(step: &Step, indent: &str, site: &Site, palette: Palette) -> Vec<String> {
    let version = format!("{} {}", step.plugin, step.version);
    let digest = short_digest(&step.digest);
    let first = row(
        "step",
        &format!("{version}  {}", palette.paint(Tone::Faint, &digest)),
        palette,
    );
    let more = step_lines(step, site);
    let more = more.iter().map(|line| format!("          {line}"));
    std::iter::once(first)
        .chain(more)
        .map(|line| format!("{indent}{line}"))
        .collect()
}

fn row(label: &str, text: &str, palette: Palette) -> String {
    format!("  {:<6}{text}", palette.paint(Tone::Faint, label))
}

fn source(interface: &Interface) -> String {
    let source = &interface.source;
    let wire = match &source.wire {
        SourceWire::Mllp { listen, .. } => format!("mllp {listen}"),
        SourceWire::Interface => "other interfaces".to_owned(),
        SourceWire::Tcp(tcp) => format!("tcp {}, {}", tcp.listen, tcp.framing.told()),
        SourceWire::Timer(timer) => format!("timer {}", timer.ticks.told()),
        SourceWire::Http(http) => format!("http {}{}", http.listen, http.path.as_deref().unwrap_or("/*")),
        SourceWire::Files {
            folder, pattern, ready, ..
        } => {
            let ready = match ready {
                FileReady::StableForMs(pause) => format!("unchanged for {}", shown(*pause)),
                FileReady::Marker(suffix) => format!("marked by `{suffix}`"),
            };
            format!("files {}/{pattern}, {ready}", folder.display())
        }
    };
    let ack = match source.ack {
        configuration::resolved::Acknowledge::Received => "received",
        configuration::resolved::Acknowledge::Processed => "processed",
    };
    let charset = source.charset.as_deref().unwrap_or("character set of MSH-18");
    format!("{wire}, acknowledged when {ack}, {}, {charset}", source.time_zone)
}

/// Who may send, and what, where not everybody may send everything.
fn admission(interface: &Interface) -> Vec<String> {
    let source = &interface.source;
    let mut lines = Vec::new();
    let peers = source.wire.peers();
    if !peers.is_empty() {
        lines.push(format!("only {}", peers.join(", ")));
    }
    if let Some(secret) = source.wire.secret() {
        lines.push(format!("only who shows `secret:{secret}`"));
    }
    if !source.senders.is_empty() {
        let senders = source.senders.iter().map(|sender| match &sender.facility {
            Some(facility) => format!("{} at {facility}", sender.application),
            None => sender.application.clone(),
        });
        lines.push(format!("only sent by {}", senders.collect::<Vec<_>>().join(", ")));
    }
    if !source.processing_ids.is_empty() {
        lines.push(format!("only with {} in MSH-11", source.processing_ids.join(" or ")));
    }
    lines
}

/// Which messages keep their order, and what waits behind a bad one, where that is not what everybody expects.
fn order(interface: &Interface) -> Option<String> {
    let order = match &interface.order {
        Order::Interface => "of the interface".to_owned(),
        Order::Keys(keys) => format!("by {}", keys.join(" and ")),
        Order::None => "none".to_owned(),
    };
    let held = match interface.on_fault {
        OnFault::Continue if interface.order == Order::Interface => return None,
        OnFault::Continue => "",
        OnFault::HoldKey => ", what is behind a fault in its lanes is held",
        OnFault::Stop => ", what is behind a fault in the interface is held",
    };
    Some(format!("{order}{held}"))
}

/// What is asked of messages, and what becomes of those that are not so.
fn validation(interface: &Interface) -> Option<String> {
    let validate = interface.source.validate.as_ref()?;
    let asked = match (validate.level, &validate.profile) {
        (ValidationLevel::Readable, _) => "readable".to_owned(),
        (ValidationLevel::Structure, _) => "structure".to_owned(),
        (ValidationLevel::Profile, None) => "profile".to_owned(),
        (ValidationLevel::Profile, Some(profile)) => format!("{} ({})", profile.name, short_digest(&profile.digest)),
    };
    let word = |action| match action {
        OnFinding::Refuse => "refused",
        OnFinding::Quarantine => "quarantined",
        OnFinding::Pass => "passed on",
    };
    let (errors, warnings) = (word(validate.on_error), word(validate.on_warning));
    Some(format!("{asked}, errors are {errors}, warnings are {warnings}"))
}

/// The character set of a destination, where it is not the message's own.
fn output_charset(destination: &Destination) -> String {
    match (&destination.charset, destination.unmappable) {
        (None, _) => String::new(),
        (Some(charset), Unmappable::Fault) => format!(", in {charset}"),
        (Some(charset), Unmappable::Escape) => format!(", in {charset}, escaping what it lacks"),
    }
}

fn destination_wire(wire: &DestinationWire) -> String {
    let over = |connections: u64| match connections {
        1 => String::new(),
        connections => format!(" over {connections} connections"),
    };
    match wire {
        DestinationWire::Mllp {
            address, connections, ..
        } => format!("mllp {address}{}", over(*connections)),
        DestinationWire::Interface { to, .. } => format!("interface {to}"),
        DestinationWire::Tcp(tcp) => {
            let over = over(tcp.connections);
            format!("tcp {}{over}, {}", tcp.address, tcp.framing.told())
        }
        DestinationWire::Http(http) => format!("http {}{}", http.url, over(http.connections)),
        DestinationWire::Files { folder, file } => format!("files {}/{file}", folder.display()),
    }
}

fn step_lines(step: &Step, site: &Site) -> Vec<String> {
    let Grants {
        tables,
        read,
        write,
        to,
        create,
        state,
    } = &step.grants;
    let mut lines = Vec::new();
    let mut list = |label: &str, words: &[String]| {
        if !words.is_empty() {
            lines.push(format!("{label} {}", words.join(" ")));
        }
    };
    list("reads ", read);
    list("writes", write);
    list("to    ", to.as_deref().unwrap_or_default());
    for table in tables {
        let rows = site.tables.get(&table.name).map_or(0, |table| table.rows.len());
        lines.push(format!(
            "table  {} ({}, {})",
            table.name,
            counted(rows, "row"),
            short_digest(&table.digest)
        ));
    }
    if *create {
        lines.push("may create messages".to_owned());
    }
    if *state {
        lines.push("may keep state".to_owned());
    }
    lines.push(format!("limits {}", limits(&step.limits)));
    if let Instances::Reuse(messages) = step.instances {
        lines.push(format!("reuses an instance for up to {messages} messages"));
    }
    lines
}

fn limits(limits: &Limits) -> String {
    let memory = show_size(limits.memory_bytes_max);
    format!("{}, {} fuel, {memory} memory", shown(limits.deadline_ms), limits.fuel)
}

fn shown(milliseconds: u64) -> String {
    show_duration(Duration::from_millis(milliseconds))
}
