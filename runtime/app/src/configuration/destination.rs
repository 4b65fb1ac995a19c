//! `[[destinations]]`: where an interface's outputs go.

mod http;

use std::path::Path;
use std::time::Duration;

use transfuse_engine::{Condition, FileName, RejectsThen as Then, RetrySettings};
use transfuse_transport::mllp::SenderSettings;

use super::acknowledgement;
use super::answers;
use super::charset;
use super::document::Located;
use super::framing;
use super::interface::refuse_too_many;
use super::message_types;
use super::name;
use super::quantity::milliseconds;
use super::resolved::{
    Acknowledgement, ClientTls, Destination, DestinationWire, Order, RejectsThen, Retry, TcpDestination,
};
use super::section::Section;
use super::step::{self, Surroundings};
use super::tls;

#[derive(Clone, Copy)]
enum Kind {
    Mllp,
    Tcp,
    Http,
    Files,
    Interface,
}

const ONE_MILLISECOND: Duration = Duration::from_millis(1);
const TEN_MINUTES: Duration = Duration::from_mins(10);
const ONE_DAY: Duration = Duration::from_hours(24);

/// One destination as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) name: Option<Located<String>>,
    /// The interface at which its application acknowledgements arrive.
    pub(super) acknowledged_at: Option<Located<String>>,
    /// The interface that it is.
    pub(super) feeds: Option<Located<String>>,
    /// Where its steps were written.
    pub(super) steps: Vec<step::Places>,
    /// None where something that is needed is missing or wrong.
    pub(super) resolved: Option<Destination>,
}

impl Written {
    /// Its name, and where its steps were written; none where it has no name.
    pub(super) fn places(&self) -> Option<(String, Vec<step::Places>)> {
        Some((self.name.as_ref()?.value.clone(), self.steps.clone()))
    }
}

pub(super) fn read(mut section: Section<'_>, order: &Order, surroundings: &Surroundings<'_>) -> Written {
    let site = surroundings.site;
    let name = section
        .required_text("name")
        .and_then(|text| name::checked(text, "destination", section.faults()));
    let kinds = [
        ("mllp", Kind::Mllp),
        ("tcp", Kind::Tcp),
        ("http", Kind::Http),
        ("files", Kind::Files),
        ("interface", Kind::Interface),
    ];
    let kind = section.required_choice("type", &kinds);
    let types = message_types::read(&mut section);
    let when = condition(&mut section);
    let charset = charset::read(&mut section);
    let unmappable = charset::unmappable(&mut section, charset.as_deref());
    let is_interface = matches!(&kind, Some(kind) if matches!(kind.value, Kind::Interface));
    let retry = retry(section.section("retry", "`retry`"), is_interface);
    let rate_max = section.rate("rate_max");
    let own = name.as_ref().map_or("", |name| name.value.as_str());
    let steps = section.sections("steps", "`[[destinations.steps]]`");
    refuse_too_many(steps.len(), "steps", &section);
    let steps = steps.into_iter();
    let steps: Vec<_> = steps
        .map(|section| step::read(section, &step::Named::Own(own), surroundings))
        .collect();
    let Some(kind) = kind else {
        return Written {
            name,
            ..Written::default()
        };
    };
    let mut feeds = None;
    let (wire, acknowledged_at) = match kind.value {
        Kind::Mllp => mllp(&mut section, order, site),
        Kind::Tcp => tcp(&mut section, order, site),
        Kind::Http => (http::read(&mut section, order, surroundings), None),
        Kind::Files => (files(&mut section, site), None),
        Kind::Interface => {
            feeds = section.required_text("to");
            (feeds.as_ref().map(|to| interface(&mut section, order, to)), None)
        }
    };
    section.finish();
    let places = steps.iter().map(|step| step.places.clone()).collect();
    let steps = steps.into_iter().map(|step| step.resolved).collect::<Option<Vec<_>>>();
    let whole = name.as_ref().zip(wire).zip(steps);
    let resolved = whole.map(|((name, wire), steps)| Destination {
        name: name.value.clone(),
        types,
        when,
        charset,
        unmappable,
        retry,
        rate_max,
        steps,
        wire,
    });
    Written {
        name,
        acknowledged_at,
        feeds,
        steps: places,
        resolved,
    }
}

/// `when`: what has to hold of an output so that it goes there.
fn condition(section: &mut Section<'_>) -> Option<String> {
    let text = section.text("when")?;
    match text.value.parse::<Condition>() {
        Ok(_) => Some(text.value),
        Err(error) => {
            let hints = error.hint().into_iter().collect();
            section
                .faults()
                .at_with_hints(&text.place, format!("`when`: {error}"), hints);
            None
        }
    }
}

fn mllp(section: &mut Section<'_>, order: &Order, site: &Path) -> (Option<DestinationWire>, Option<Located<String>>) {
    let mllp_release = acknowledgement::release(section);
    let settling = acknowledgement::settling(section);
    let answers = answers::read(section, answers::Of::Mllp);
    let wire = connecting(section, order, site).map(|to| DestinationWire::Mllp {
        address: to.address,
        mllp_release,
        settled_by: settling.by,
        answers,
        connect_timeout_ms: to.connect_timeout_ms,
        reply_timeout_ms: to.reply_timeout_ms,
        connections: to.connections,
        tls: to.tls,
    });
    (wire, settling.at)
}

fn tcp(section: &mut Section<'_>, order: &Order, site: &Path) -> (Option<DestinationWire>, Option<Located<String>>) {
    let framing = framing::read(section);
    let acknowledgement = framing::acknowledgement(section);
    let settling = match acknowledgement {
        Acknowledgement::Hl7 => acknowledgement::settling(section),
        // What is not of HL7 settles in one way only.
        Acknowledgement::None | Acknowledgement::Words { .. } => acknowledgement::Settling::default(),
    };
    let answers = answers::read(section, answers::Of::Mllp);
    let wire = connecting(section, order, site).zip(framing).map(|(to, framing)| {
        DestinationWire::Tcp(Box::new(TcpDestination {
            address: to.address,
            framing,
            acknowledgement,
            settled_by: settling.by,
            answers,
            connect_timeout_ms: to.connect_timeout_ms,
            reply_timeout_ms: to.reply_timeout_ms,
            connections: to.connections,
            tls: to.tls,
        }))
    });
    (wire, settling.at)
}

/// What all connections for frames are told.
struct Connecting {
    address: String,
    connect_timeout_ms: u64,
    reply_timeout_ms: u64,
    connections: u64,
    tls: Option<ClientTls>,
}

fn connecting(section: &mut Section<'_>, order: &Order, site: &Path) -> Option<Connecting> {
    let address = section
        .required_text("address")
        .and_then(|text| checked_address(text, section));
    let timeouts = ONE_MILLISECOND..=TEN_MINUTES;
    let connect_timeout = section.duration("connect_timeout", &timeouts);
    let reply_timeout = section.duration("reply_timeout", &timeouts);
    let connections = connections(section, order);
    let host = address.as_ref().map_or("", |address| address.value.as_str());
    let tls = section
        .section("tls", "`tls`")
        .map(|section| tls::client(section, host, site));
    let defaults = SenderSettings::new("");
    Some(Connecting {
        address: address?.value,
        connect_timeout_ms: milliseconds(connect_timeout.unwrap_or(defaults.connect_timeout)),
        reply_timeout_ms: milliseconds(reply_timeout.unwrap_or(defaults.reply_timeout)),
        connections,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
    })
}

/// How many connections send at the same time.
fn connections(section: &mut Section<'_>, order: &Order) -> u64 {
    let connections = section.located_count("connections", &(1..=64));
    if let Some(connections) = connections
        .as_ref()
        .filter(|count| count.value > 1 && *order == Order::Interface)
    {
        section.faults().at_with_hint(
            &connections.place,
            "more than one connection cannot keep the interface's order",
            "leave `connections` out, or say above `[source]` which messages keep their order: `order = [\"PID-3\", \"MRG-1\"]`, or \
             `order = \"none\"`",
        );
    }
    connections.map_or(1, |connections| connections.value)
}

/// Which other interfaces there are, and whether they lead back, is known with all files.
fn interface(section: &mut Section<'_>, order: &Order, to: &Located<String>) -> DestinationWire {
    DestinationWire::Interface {
        to: to.value.clone(),
        answers: answers::read(section, answers::Of::Mllp),
        connections: connections(section, order),
    }
}

fn files(section: &mut Section<'_>, site: &Path) -> Option<DestinationWire> {
    let folder = section.required_existing_folder("folder", site);
    let file = section.text("file");
    if let Some(file) = &file
        && let Err(error) = file.value.parse::<FileName>()
    {
        section.faults().at(&file.place, format!("`file`: {error}"));
    }
    let file = file.map_or_else(|| "{control_id}.{extension}".to_owned(), |file| file.value);
    Some(DestinationWire::Files {
        folder: folder?.value,
        file,
    })
}

/// Another interface is at hand: what keeps it from taking something is over when somebody says so, and is looked at often.
const INTERFACE_FIRST: Duration = Duration::from_millis(100);
const INTERFACE_CEILING: Duration = Duration::from_secs(2);

fn retry(section: Option<Section<'_>>, is_interface: bool) -> Retry {
    let mut defaults = RetrySettings::default();
    if is_interface {
        (defaults.first, defaults.ceiling) = (INTERFACE_FIRST, INTERFACE_CEILING);
    }
    let mut retry = Retry {
        first_ms: milliseconds(defaults.first),
        ceiling_ms: milliseconds(defaults.ceiling),
        rejects_max: defaults.rejects_max,
        rejects_then: match defaults.rejects_then {
            Then::Hold => RejectsThen::Hold,
            Then::Quarantine => RejectsThen::Quarantine,
        },
        failures_max: defaults.failures_max,
    };
    let Some(mut section) = section else { return retry };
    let pauses = ONE_MILLISECOND..=ONE_DAY;
    let first = section.duration("first", &pauses).unwrap_or(defaults.first);
    let ceiling = section
        .duration("ceiling", &pauses)
        .unwrap_or(defaults.ceiling.max(first));
    (retry.first_ms, retry.ceiling_ms) = (milliseconds(first), milliseconds(ceiling));
    let count = |count: u64| u32::try_from(count).ok();
    let rejects_max = section.count("rejects_max", &(0..=1_000_000)).and_then(count);
    retry.rejects_max = rejects_max.unwrap_or(retry.rejects_max);
    let thens = [("hold", RejectsThen::Hold), ("quarantine", RejectsThen::Quarantine)];
    let rejects_then = section.choice("rejects_then", &thens);
    retry.rejects_then = rejects_then.map_or(retry.rejects_then, |then| then.value);
    let failures_max = section.count("failures_max", &(1..=1_000_000)).and_then(count);
    retry.failures_max = failures_max.unwrap_or(retry.failures_max);
    if first > ceiling {
        section.faults().at(
            section.place(),
            "`first` is longer than `ceiling`, which no pause may pass",
        );
    }
    section.finish();
    retry
}

/// `host:port`; names are looked up at every connect, so that a peer may move.
fn checked_address(text: Located<String>, section: &Section<'_>) -> Option<Located<String>> {
    let sound = text.value.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        !host.is_empty() && bare && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if sound {
        return Some(text);
    }
    let message = format!("`{}` is not an address", text.value);
    section
        .faults()
        .at_with_hint(&text.place, message, "write a host and a port: `ehr.example.org:2576`");
    None
}
