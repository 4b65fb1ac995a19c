//! `[source]`: where an interface's messages come from.

mod http;
mod timer;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use transfuse_transport::files::{FolderSourceSettings, ReadyWhen};
use transfuse_transport::mllp::ListenerSettings;
use transfuse_transport::net::Network;

use super::acknowledgement;
use super::charset;
use super::document::{Located, Place};
use super::framing;
use super::quantity::milliseconds;
use super::resolved::{Acknowledge, FileReady, Sender, ServerTls, Source, SourceWire, TcpSource};
use super::section::Section;
use super::step::Surroundings;
use super::suggest;
use super::tls;
use super::validate;

/// What an interface asks of the rest of its file and of the other interfaces of the site. No two of them can have one
/// address to listen on, or one folder.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) listen: Option<Located<SocketAddr>>,
    pub(super) folder: Option<Located<PathBuf>>,
    /// Where it says that only other interfaces bring something.
    pub(super) waits_for_others: Option<Place>,
    /// The interfaces that its destinations are.
    pub(super) feeds: Vec<Located<String>>,
    /// The destination that delivers application acknowledgements.
    pub(super) application_acknowledgements: Option<Located<String>>,
    /// The interfaces at which its destinations wait for application acknowledgements.
    pub(super) acknowledged_at: Vec<Located<String>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Mllp,
    Tcp,
    Http,
    Files,
    Interface,
    Timer,
}

/// Where refused files go, beside `archive` in the source's folder.
const ERRORS: &str = "errors";

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const ONE_SECOND: Duration = Duration::from_secs(1);
const ONE_HOUR: Duration = Duration::from_hours(1);
const ONE_WEEK: Duration = Duration::from_hours(7 * 24);

pub(super) fn read(mut section: Section<'_>, surroundings: &Surroundings<'_>) -> (Option<Source>, Claims) {
    let mut claims = Claims::default();
    let kind = section.required_choice(
        "type",
        &[
            ("mllp", Kind::Mllp),
            ("tcp", Kind::Tcp),
            ("http", Kind::Http),
            ("files", Kind::Files),
            ("timer", Kind::Timer),
            ("interface", Kind::Interface),
        ],
    );
    let stages = [
        ("received", Acknowledge::Received),
        ("processed", Acknowledge::Processed),
    ];
    let ack = section
        .choice("ack", &stages)
        .map_or(Acknowledge::Processed, |ack| ack.value);
    let time_zone = time_zone(&mut section);
    let charset = charset::read(&mut section);
    claims.application_acknowledgements = section.text("application_acknowledgements");
    let application_acknowledgements = claims.application_acknowledgements.as_ref();
    let application_acknowledgements = application_acknowledgements.map(|name| name.value.clone());
    let validate = section
        .section("validate", "`[source.validate]`")
        .map(|section| validate::read(section, ack, surroundings));
    let senders = senders(&mut section);
    let Some(kind) = kind else { return (None, claims) };
    let wire = match kind.value {
        Kind::Mllp => mllp(&mut section, &mut claims, surroundings.site),
        Kind::Tcp => tcp(&mut section, &mut claims, surroundings.site),
        Kind::Http => http::read(&mut section, &mut claims, surroundings),
        Kind::Files => files(&mut section, &mut claims, surroundings.site),
        Kind::Interface => {
            claims.waits_for_others = Some(kind.place.clone());
            Some(SourceWire::Interface)
        }
        Kind::Timer => timer::read(&mut section, surroundings),
    };
    section.finish();
    let source = || {
        Some(Source {
            ack,
            time_zone,
            charset,
            application_acknowledgements,
            processing_ids: surroundings.environment.processing_ids.clone(),
            senders,
            validate: match validate {
                Some(validate) => Some(validate?),
                None => None,
            },
            wire: wire?,
        })
    };
    (source(), claims)
}

fn mllp(section: &mut Section<'_>, claims: &mut Claims, site: &Path) -> Option<SourceWire> {
    let mllp_release = acknowledgement::release(section);
    let Listening {
        listen,
        settings,
        peers,
        tls,
    } = listening(section, claims, site)?;
    Some(SourceWire::Mllp {
        listen,
        mllp_release,
        frame_bytes_max: settings.frame_bytes_max as u64,
        idle_timeout_ms: settings.idle_timeout.map(milliseconds),
        connections_max: settings.connections_max as u64,
        frame_timeout_ms: milliseconds(settings.frame_timeout),
        write_timeout_ms: milliseconds(settings.write_timeout),
        peers,
        tls,
    })
}

fn tcp(section: &mut Section<'_>, claims: &mut Claims, site: &Path) -> Option<SourceWire> {
    let framing = framing::read(section);
    let acknowledgement = framing::acknowledgement(section);
    let Listening {
        listen,
        settings,
        peers,
        tls,
    } = listening(section, claims, site)?;
    Some(SourceWire::Tcp(TcpSource {
        listen,
        framing: framing?,
        acknowledgement,
        frame_bytes_max: settings.frame_bytes_max as u64,
        idle_timeout_ms: settings.idle_timeout.map(milliseconds),
        connections_max: settings.connections_max as u64,
        frame_timeout_ms: milliseconds(settings.frame_timeout),
        write_timeout_ms: milliseconds(settings.write_timeout),
        peers,
        tls,
    }))
}

/// What all listeners for frames are told.
struct Listening {
    listen: SocketAddr,
    settings: ListenerSettings,
    peers: Vec<String>,
    tls: Option<ServerTls>,
}

fn listening(section: &mut Section<'_>, claims: &mut Claims, site: &Path) -> Option<Listening> {
    let listen = listen_address(section);
    let frame_bytes_max = section.size("frame_bytes_max", &(1024..=(256 << 20)));
    let idle_timeout = section.duration("idle_timeout", &(ONE_SECOND..=ONE_WEEK));
    let connections_max = section.count("connections_max", &(1..=10_000));
    let patience = SHORTEST_PAUSE..=ONE_HOUR;
    let frame_timeout = section.duration("frame_timeout", &patience);
    let write_timeout = section.duration("write_timeout", &patience);
    let peers = peers(section);
    let tls = section
        .section("tls", "`[source.tls]`")
        .map(|section| tls::server(section, site));
    let listen = listen?;
    let defaults = ListenerSettings::new("");
    claims.listen = Some(listen.clone());
    let whole = |count: u64| usize::try_from(count).ok();
    Some(Listening {
        listen: listen.value,
        settings: ListenerSettings {
            frame_bytes_max: frame_bytes_max.and_then(whole).unwrap_or(defaults.frame_bytes_max),
            idle_timeout: idle_timeout.or(defaults.idle_timeout),
            connections_max: connections_max.and_then(whole).unwrap_or(defaults.connections_max),
            frame_timeout: frame_timeout.unwrap_or(defaults.frame_timeout),
            write_timeout: write_timeout.unwrap_or(defaults.write_timeout),
            ..defaults
        },
        peers,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
    })
}

/// From where connections are taken. A list without an entry would take none, and is no way to close a listener.
fn peers(section: &mut Section<'_>) -> Vec<String> {
    let place = section.place_of("peers");
    let Some(texts) = section.texts("peers") else {
        return Vec::new();
    };
    if texts.is_empty() {
        let hint = "leave `peers` out to take connections from everywhere; `transfuse pause` keeps messages out";
        section
            .faults()
            .at_with_hint(&place, "no connection would be taken", hint);
    }
    let mut peers = Vec::new();
    for text in texts {
        match text.value.parse::<Network>() {
            Ok(network) => peers.push(network.to_string()),
            Err(error) => {
                let message = format!("`{}` cannot be a peer: {error}", text.value);
                let hint = "write `10.1.2.7` for one address, or `10.1.2.0/24` for all that begin like it";
                section.faults().at_with_hint(&text.place, message, hint);
            }
        }
    }
    peers
}

/// `senders`: which applications may send.
fn senders(section: &mut Section<'_>) -> Vec<Sender> {
    if section.has("senders") && section.is_empty_list("senders") {
        let hint = "leave `senders` out to let everybody send; `transfuse pause` keeps messages out";
        let place = section.place_of("senders");
        section.faults().at_with_hint(&place, "nobody could send", hint);
    }
    let tables = section.sections("senders", "`senders`");
    let read = tables.into_iter().filter_map(|mut table| {
        let application = table.required_text("application");
        let facility = table.has("facility").then(|| table.required_text("facility"));
        table.finish();
        Some(Sender {
            application: application?.value,
            facility: match facility {
                Some(facility) => Some(facility?.value),
                None => None,
            },
        })
    });
    read.collect()
}

fn listen_address(section: &mut Section<'_>) -> Option<Located<SocketAddr>> {
    let text = section.required_text("listen")?;
    if let Ok(value) = text.value.parse() {
        return Some(Located {
            value,
            place: text.place,
        });
    }
    let message = format!("`{}` is not an address to listen on", text.value);
    let hint = "write an IP address of this machine and a port: `127.0.0.1:2575`, or `0.0.0.0:2575` for all";
    section.faults().at_with_hint(&text.place, message, hint);
    None
}

fn files(section: &mut Section<'_>, claims: &mut Claims, site: &Path) -> Option<SourceWire> {
    let folder = section.required_existing_folder("folder", site);
    let pattern = section.text("pattern");
    let poll = section.duration("poll", &(SHORTEST_PAUSE..=ONE_HOUR));
    let stable_for = section.duration("stable_for", &(SHORTEST_PAUSE..=ONE_HOUR));
    let marker = section.text("marker");
    let archive = section.path("archive");
    let errors = section.path("errors");
    let message_bytes_max = section.size("message_bytes_max", &(1024..=(256 << 20)));
    let file_bytes_max = section.size("file_bytes_max", &(1024..=(1 << 40)));
    if let (Some(marker), Some(_)) = (&marker, stable_for) {
        section.faults().at(
            &marker.place,
            "a file is complete by `marker` or by `stable_for`, not by both",
        );
    }
    let folder = folder?;
    let defaults = FolderSourceSettings::new(&folder.value);
    claims.folder = Some(folder.clone());
    Some(SourceWire::Files {
        folder: folder.value,
        pattern: pattern.map_or(defaults.pattern, |pattern| pattern.value),
        poll_ms: milliseconds(poll.unwrap_or(defaults.poll_interval)),
        ready: match (marker, stable_for, defaults.ready_when) {
            (Some(marker), ..) => FileReady::Marker(marker.value),
            (None, Some(pause), _) | (None, None, ReadyWhen::Stable(pause)) => {
                FileReady::StableForMs(milliseconds(pause))
            }
            (None, None, ReadyWhen::Marker(suffix)) => FileReady::Marker(suffix),
        },
        archive: archive.map_or(defaults.archive, |folder| folder.value),
        errors: errors.map_or_else(|| PathBuf::from(ERRORS), |folder| folder.value),
        message_bytes_max: message_bytes_max.unwrap_or(defaults.message_bytes_max),
        file_bytes_max: file_bytes_max.unwrap_or(defaults.file_bytes_max),
    })
}

/// The zone of timestamps that carry no offset. UTC where nothing is said: a guess would be wrong half of the year.
fn time_zone(section: &mut Section<'_>) -> String {
    let Some(text) = section.text("time_zone") else {
        return "UTC".to_owned();
    };
    if jiff::tz::TimeZone::get(&text.value).is_err() {
        let known: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.as_str().to_owned())
            .collect();
        let hint = suggest::nearest(&text.value, known.iter().map(String::as_str)).map_or_else(
            || "zones have names such as `Europe/Budapest`".to_owned(),
            |name| format!("did you mean `{name}`?"),
        );
        section
            .faults()
            .at_with_hint(&text.place, format!("unknown time zone `{}`", text.value), hint);
    }
    text.value
}
