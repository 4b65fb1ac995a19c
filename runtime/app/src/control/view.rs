//! From what the store knows to what the API says.

pub(crate) mod destinations;
mod differences;
mod downtimes;
mod evidence;
pub(crate) mod lanes;
mod past;
pub(crate) mod quarantine;
pub(crate) mod repairs;
mod trials;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use transfuse_engine::{Detail, Origin};
use transfuse_message::{Charset, Message, ParseOptions, Payload};
use transfuse_store::{
    DamagedSegment, DecisionRecord, DeliveryRecord, FaultSummary, InterfaceStatus, MessageRecord, MessageSummary,
    OperationRecord, OutputRecord, Sealed, Status, StoredFault,
};

use transfuse_transport::Inflowing;
use transfuse_transport::net::TurnedAway;

use super::wire;
use crate::changes::Standing;
use crate::configuration::resolved;
use crate::deployment::{Live, Stopped};
use crate::free_space;
use crate::trust::{Alerts, Distrust};

pub(crate) use differences::of_many;
pub(crate) use downtimes::downtime;
pub(crate) use evidence::{evidence, gate};
pub(crate) use past::{explanation, reasons, verified};
pub(crate) use trials::trial;

/// What the process itself knows: what is not in the store.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) started_at: Timestamp,
    pub(crate) site: String,
    pub(crate) data: String,
    /// The environment that it was started in.
    pub(crate) environment: Option<String>,
    pub(crate) live: LiveList,
    /// What somebody should know about their plugins, by now.
    pub(crate) alerts: Alerts,
    /// With less room than this on the data folder's disk, somebody is told.
    pub(crate) free_space_min: u64,
    /// What is live and was not started.
    pub(crate) stopped: Vec<StoppedInterface>,
}

/// An interface that was not started, because a plugin is not trusted.
#[derive(Debug, Clone)]
pub(crate) struct StoppedInterface {
    name: String,
    description: String,
    alerts: Vec<String>,
}

impl StoppedInterface {
    pub(crate) fn new(stopped: &Stopped) -> Self {
        let revision = stopped.revision;
        let told = |reason: &Distrust| format!("revision {revision} was not started: {}", reason.message);
        Self {
            name: stopped.interface.name.clone(),
            description: stopped.interface.description.clone(),
            alerts: stopped.reasons.iter().map(told).collect(),
        }
    }
}

/// What runs, shared with whoever changes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveList(Arc<Mutex<BTreeMap<String, LiveInterface>>>);

impl LiveList {
    pub(crate) fn set(&self, name: &str, live: LiveInterface) {
        self.lock().insert(name.to_owned(), live);
    }

    pub(crate) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    pub(crate) fn set_drift(&self, name: &str, drift: Option<String>) {
        if let Some(live) = self.lock().get_mut(name) {
            live.drift = drift;
        }
    }

    pub(crate) fn set_paused(&self, name: &str, paused: Option<String>) {
        if let Some(live) = self.lock().get_mut(name) {
            live.paused = paused;
        }
    }

    /// By name.
    pub(crate) fn all(&self) -> Vec<(String, LiveInterface)> {
        let live = self.lock();
        live.iter().map(|(name, live)| (name.clone(), live.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, LiveInterface>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A live interface.
#[derive(Debug, Clone)]
pub(crate) struct LiveInterface {
    pub(crate) description: String,
    pub(crate) revision: u32,
    /// What a start says of it: `listening on 127.0.0.1:2575, revision 1`.
    pub(crate) ready: String,
    /// `127.0.0.1:2575`, or `inbox`.
    pub(crate) source: String,
    pub(crate) destinations: Vec<String>,
    pub(crate) drift: Option<String>,
    /// Why it takes no messages, where somebody has paused it.
    pub(crate) paused: Option<String>,
}

impl LiveInterface {
    /// `address` is where the source is bound, which a port of 0 leaves to the system.
    pub(crate) fn new(live: &Live, address: &str) -> Self {
        let (verb, source) = match &live.interface.source.wire {
            resolved::SourceWire::Mllp { .. } | resolved::SourceWire::Tcp(_) | resolved::SourceWire::Http(_) => {
                ("listening on", address.to_owned())
            }
            resolved::SourceWire::Files { folder, .. } => ("watching", folder.display().to_string()),
            resolved::SourceWire::Interface => ("fed by", address.to_owned()),
            resolved::SourceWire::Timer(timer) => ("ticking", timer.ticks.told()),
        };
        Self {
            description: live.interface.description.clone(),
            revision: live.revision,
            ready: format!("{verb} {source}, revision {}", live.revision),
            source,
            destinations: live
                .interface
                .destinations
                .iter()
                .map(|destination| destination.name.clone())
                .collect(),
            drift: live.drift.clone(),
            paused: None,
        }
    }
}

pub(super) fn status(process: &Process, trials: &[Standing], status: Status) -> wire::Status {
    let mut past: BTreeMap<String, InterfaceStatus> = status
        .interfaces
        .into_iter()
        .map(|figures| (figures.interface.clone(), figures))
        .collect();
    let live = process.live.all().into_iter();
    let mut interfaces: Vec<wire::InterfaceStatus> = live
        .map(|(name, live)| wire::InterfaceStatus {
            alerts: process.alerts.of(&name),
            trial: trials.iter().find(|one| one.trial.interface == name).map(trials::line),
            ..interface(&name, Some(&live), past.remove(&name).unwrap_or_default())
        })
        .collect();
    interfaces.extend(process.stopped.iter().map(|stopped| wire::InterfaceStatus {
        description: stopped.description.clone(),
        alerts: stopped.alerts.clone(),
        ..interface(&stopped.name, None, past.remove(&stopped.name).unwrap_or_default())
    }));
    interfaces.extend(past.into_iter().map(|(name, figures)| interface(&name, None, figures)));
    wire::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process_id: std::process::id(),
        started_at: process.started_at.to_string(),
        site: process.site.clone(),
        data: process.data.clone(),
        environment: process.environment.clone(),
        behind: status.behind,
        downtimes: Vec::new(),
        damaged: status.damaged.iter().map(damaged).collect(),
        room: None,
        interfaces,
    }
}

/// How far the limits of the whole engine are used up.
pub(super) fn room(process: &Process, inflow: Inflowing) -> wire::Room {
    wire::Room {
        in_flight_bytes: inflow.bytes,
        in_flight_bytes_max: inflow.bytes_max,
        connections: inflow.connections,
        connections_max: inflow.connections_max,
        waits: inflow.waits,
        free_space_bytes: free_space::of(Path::new(&process.data)),
        free_space_bytes_min: process.free_space_min,
    }
}

fn damaged(segment: &DamagedSegment) -> wire::DamagedSegment {
    wire::DamagedSegment {
        file: segment.file.display().to_string(),
        reason: segment.reason.clone(),
    }
}

fn interface(name: &str, live: Option<&LiveInterface>, figures: InterfaceStatus) -> wire::InterfaceStatus {
    let mut destinations: Vec<wire::DestinationStatus> = figures
        .destinations
        .into_iter()
        .map(|figures| wire::DestinationStatus {
            name: figures.destination,
            pending: figures.pending,
            held: figures.held,
            delivered: figures.delivered,
            quarantined: figures.quarantined,
            oldest_queued_at: figures.oldest_queued_at_ms.map(time),
            last_fault: figures.last_fault,
            last_fault_at: figures.last_fault_at_ms.map(time),
            receiver: None,
        })
        .collect();
    for name in live.into_iter().flat_map(|live| &live.destinations) {
        if !destinations.iter().any(|known| known.name == *name) {
            destinations.push(wire::DestinationStatus::idle(name));
        }
    }
    wire::InterfaceStatus {
        name: name.to_owned(),
        description: live.map(|live| live.description.clone()).unwrap_or_default(),
        revision: live.map(|live| live.revision),
        source: live.map(|live| live.source.clone()),
        drift: live.and_then(|live| live.drift.clone()),
        paused: live.and_then(|live| live.paused.clone()),
        alerts: Vec::new(),
        trial: None,
        turned_away: None,
        received: figures.received,
        processed: figures.processed,
        filtered: figures.filtered,
        refused: figures.refused,
        quarantined: figures.quarantined,
        discarded: figures.discarded,
        duplicates: figures.repeats,
        lane_holds: figures.lane_holds,
        destinations,
    }
}

/// None where no connection was.
pub(super) fn turned_away(turned_away: Option<TurnedAway>) -> Option<wire::TurnedAway> {
    let TurnedAway { count, last } = turned_away?;
    let last = last?.to_string();
    Some(wire::TurnedAway { count, last })
}

impl wire::DestinationStatus {
    /// A destination that never had a delivery.
    fn idle(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            pending: 0,
            held: 0,
            delivered: 0,
            quarantined: 0,
            oldest_queued_at: None,
            last_fault: None,
            last_fault_at: None,
            receiver: None,
        }
    }
}

/// A page that is full may have a next one.
pub(super) fn messages(found: &[MessageSummary], limit: usize) -> wire::Messages {
    let full = found.len() >= limit;
    wire::Messages {
        messages: found.iter().map(summary).collect(),
        next: found.last().filter(|_| full).map(|last| last.id.to_string()),
    }
}

fn summary(message: &MessageSummary) -> wire::MessageSummary {
    wire::MessageSummary {
        id: message.id.to_string(),
        interface: message.interface.to_string(),
        stage: message.stage.to_string(),
        revision: message.revision,
        received_at: time(message.received_at_ms),
        decided_at: message.decided_at_ms.map(time),
        control_id: message.control_id.clone(),
        message_type: message.message_type.clone(),
        source: message.source.clone(),
        attempts: message.attempts,
        fault: message
            .fault
            .as_ref()
            .map(|FaultSummary { kind, summary }| wire::FaultSummary {
                kind: kind.clone(),
                summary: summary.clone(),
            }),
        delivery_count: message.deliveries,
        refusals: message.refusals.as_ref().map(|found| wire::Refusals {
            messages: found.messages,
            first_at: time(found.first_at_ms),
            last_at: time(found.last_at_ms),
            last: found.last.to_string(),
            accepted: found.accepted.map(|id| id.to_string()),
        }),
        duplicate_of: message.repeats.map(|id| id.to_string()),
    }
}

/// The character set that a revision gives its source.
pub(super) fn charset_of(revision: &str) -> Option<String> {
    serde_json::from_str::<resolved::Interface>(revision)
        .ok()?
        .source
        .charset
}

pub(super) fn message(record: &MessageRecord, charset: Option<String>) -> wire::Message {
    let options = ParseOptions {
        charset: charset.as_deref().and_then(Charset::from_label),
        ..ParseOptions::default()
    };
    let read = |content: &Sealed| Message::parse(content.bytes().clone(), &options).ok();
    let decision = |made: &DecisionRecord| decision(made, read(record.content_of(made)).as_ref());
    wire::Message {
        summary: summary(&record.summary),
        charset,
        origin: Origin::read(&record.summary.source).map(origin),
        raw: content(&record.raw),
        edits: quarantine::edits(record, &read),
        damage: record.damage.clone(),
        decision: record.decision.as_ref().map(decision),
        earlier: record.earlier.iter().map(decision).collect(),
        operations: record.operations.iter().map(operation).collect(),
        deliveries: record.deliveries.iter().map(delivery).collect(),
    }
}

fn origin(origin: Origin) -> wire::Origin {
    wire::Origin {
        interface: origin.interface,
        message: origin.message.to_string(),
        delivery: origin.delivery.to_string(),
    }
}

fn decision(record: &DecisionRecord, input: Option<&Message>) -> wire::Decision {
    let detail = Detail::open(record.detail.bytes()).unwrap_or_else(|error| {
        tracing::warn!(%error, "a message's detail cannot be shown");
        Detail::default()
    });
    let all_steps = steps(&detail);
    wire::Decision {
        at: time(record.at_ms),
        revision: record.revision,
        edits: record.edits,
        code: record.code.clone(),
        reason: record.reason.as_ref().map(content),
        fault: record.fault.as_ref().map(fault),
        findings: detail.findings.into_iter().map(finding).collect(),
        findings_unlisted: detail.findings_unlisted,
        steps: all_steps,
        destinations: detail.destinations.into_iter().map(destination_steps).collect(),
        log: detail
            .log
            .into_iter()
            .map(|line| wire::LogLine {
                step: line.step,
                level: line.level,
                text: line.text.into(),
            })
            .collect(),
        tables: detail
            .tables
            .into_iter()
            .map(|table| wire::Table {
                name: table.name,
                digest: table.digest,
            })
            .collect(),
        table_misses: detail.table_misses.into_iter().map(table_miss).collect(),
        table_misses_unlisted: detail.table_misses_unlisted,
        exchange: detail.exchange.map(exchange),
        outputs: record.outputs.iter().map(|made| output(made, input)).collect(),
    }
}

fn exchange(note: transfuse_engine::ExchangeNote) -> wire::Exchange {
    wire::Exchange {
        destination: note.destination,
        question: content(&Sealed::from(note.question)),
        answer: note.answer.map(|answer| content(&Sealed::from(answer))),
        elapsed_us: note.elapsed_us,
    }
}

fn finding(finding: transfuse_engine::FindingNote) -> wire::Finding {
    wire::Finding {
        path: Some(finding.path).filter(|path| !path.is_empty()),
        code: finding.code,
        severity: finding.severity,
        text: finding.text.into(),
    }
}

/// Each with the destination whose step it is.
fn steps(detail: &Detail) -> Vec<wire::Step> {
    let steps = detail.steps.iter().cloned().enumerate();
    steps
        .map(|(index, note)| step(note, detail.destination_at(index).map(|note| note.destination.clone())))
        .collect()
}

fn destination_steps(note: transfuse_engine::DestinationNote) -> wire::DestinationSteps {
    let is_filtered = note.ending == "filtered";
    wire::DestinationSteps {
        destination: note.destination,
        ending: note.ending,
        reason: is_filtered.then(|| note.reason.into()),
    }
}

fn step(step: transfuse_engine::StepNote, destination: Option<String>) -> wire::Step {
    wire::Step {
        destination,
        plugin: step.plugin,
        version: step.version,
        digest: step.digest,
        fuel: step.fuel,
        elapsed_us: step.elapsed_us,
        log_lines_dropped: step.log_lines_dropped,
        access: access(step.access),
    }
}

fn access(access: transfuse_engine::AccessNote) -> wire::Access {
    wire::Access {
        read: access.read,
        written: access.written,
        tables: access.tables,
        to: access.to,
        create: access.create,
        state: access.state,
        everything: access.everything,
    }
}

fn table_miss(miss: transfuse_engine::MissNote) -> wire::TableMiss {
    wire::TableMiss {
        step: miss.step,
        table: miss.table,
        column: miss.column,
        value: miss.value.into(),
    }
}

fn output(record: &OutputRecord, input: Option<&Message>) -> wire::Output {
    wire::Output {
        content: content(&record.content),
        content_type: record.content_type.as_ref().map(ToString::to_string),
        destinations: record.destinations.iter().map(ToString::to_string).collect(),
        stopped: record.stopped.is_some(),
        differences: input
            .filter(|_| record.content_type.is_none())
            .and_then(|input| differences(input, &record.content)),
    }
}

/// None where the output is no HL7 v2, and where it is an acknowledgement of the input: the two have nothing in common.
fn differences(input: &Message, output: &Sealed) -> Option<Vec<wire::Difference>> {
    let output = Message::parse(output.bytes().clone(), &ParseOptions::default()).ok()?;
    if output.is_acknowledgement() && !input.is_acknowledgement() {
        return None;
    }
    let found = transfuse_message::differences(input, &output);
    Some(found.into_iter().map(difference).collect())
}

fn difference(difference: transfuse_message::Difference) -> wire::Difference {
    let readable = |value: Payload| wire::Words::from(value.lossy_text().into_owned());
    wire::Difference {
        path: difference.path,
        before: difference.before.map(readable),
        after: difference.after.map(readable),
    }
}

fn operation(record: &OperationRecord) -> wire::Operation {
    wire::Operation {
        at: time(record.at_ms),
        kind: record.kind.as_str().to_owned(),
        revision: record.revision,
        after_step: record.after.map(|after| after.steps),
        after_revision: record.after.map(|after| after.revision),
        author: record.operator.author.clone(),
        reason: record.operator.reason.clone(),
        deliveries: record.deliveries,
    }
}

fn delivery(record: &DeliveryRecord) -> wire::Delivery {
    wire::Delivery {
        id: record.id.to_string(),
        output: record.output,
        decision: record.decision,
        revision: record.revision,
        out_of_order: record.is_out_of_order,
        destination: record.destination.to_string(),
        stage: record.stage.to_string(),
        attempts: record.attempts,
        last_fault: record.last_fault.clone(),
        queued_at: time(record.queued_at_ms),
        settled_at: record.settled_at_ms.map(time),
        answer: record.answer.as_ref().map(content),
        fault: record.fault.as_ref().map(fault),
    }
}

fn fault(fault: &StoredFault) -> wire::Fault {
    wire::Fault {
        kind: fault.kind.clone(),
        summary: fault.summary.clone(),
        hint: fault.hint.clone(),
        text: content(&fault.text),
    }
}

fn content(sealed: &Sealed) -> wire::Content {
    wire::Content::new(sealed.bytes())
}

/// RFC 3339 in UTC, to the millisecond.
pub(super) fn time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map(|time| format!("{time:.3}"))
        .unwrap_or_default()
}
