//! An interface as a revision keeps it: every default written out, every version a digest.
//!
//! This is the form that the catalog stores, as JSON, and the form that an interface is started from. It names no
//! file of the site folder but the folders that sources and destinations use, so that a live revision does not change
//! when somebody edits the folder. Durations are whole milliseconds, sizes are bytes.

mod expectation;
mod http;
mod reply;
mod tcp;
mod timer;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use expectation::{Awaited, Expectation, Hours, Weekday};
pub(crate) use http::{ClientCredentials, HttpCredentials, HttpDestination, HttpHeader, ShownIn};
pub(crate) use reply::{NoReplyCode, Reply};
pub(crate) use tcp::{Acknowledgement, ByteOrder, Framing, TcpDestination, TcpSource};
pub(crate) use timer::{Ticks, TimerSource};

/// The version of this form. A reader refuses a newer one instead of guessing.
pub(crate) const FORMAT: u32 = 1;

/// One interface, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interface {
    pub(crate) format: u32,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner: String,
    /// The environment whose addresses it has; none of a site that knows no environments.
    #[serde(default)]
    pub(crate) environment: Option<String>,
    pub(crate) order: Order,
    #[serde(default)]
    pub(crate) on_fault: OnFault,
    /// Which messages are recognised when they come again; none for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duplicates: Option<Duplicates>,
    pub(crate) source: Source,
    pub(crate) steps: Vec<Step>,
    pub(crate) destinations: Vec<Destination>,
    /// Whose answer is the reply; none: the engine acknowledges by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<Reply>,
    /// Traffic that is missed when it does not come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) expectations: Vec<Expectation>,
}

/// `[duplicates]`: messages that come again after they were accepted, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Duplicates {
    /// Those that were received so long ago at most.
    pub(crate) window_ms: u64,
}

impl Interface {
    /// Whether it has a destination of this name.
    pub(crate) fn sends_to(&self, destination: &str) -> bool {
        self.destinations.iter().any(|one| one.name == destination)
    }

    /// All its steps, those of destinations behind its own, and then those of its reply.
    pub(crate) fn all_steps(&self) -> impl Iterator<Item = &Step> {
        let of_destinations = self.destinations.iter().flat_map(|one| &one.steps);
        let of_reply = self.reply.iter().flat_map(|reply| &reply.steps);
        self.steps.iter().chain(of_destinations).chain(of_reply)
    }

    /// The same, to change them.
    pub(crate) fn all_steps_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        let of_destinations = self.destinations.iter_mut().flat_map(|one| &mut one.steps);
        let of_reply = self.reply.iter_mut().flat_map(|reply| &mut reply.steps);
        self.steps.iter_mut().chain(of_destinations).chain(of_reply)
    }

    /// The interfaces that it hands something over to.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = &str> {
        self.destinations.iter().filter_map(|one| match &one.wire {
            DestinationWire::Interface { to, .. } => Some(to.as_str()),
            DestinationWire::Mllp { .. }
            | DestinationWire::Http(_)
            | DestinationWire::Tcp(_)
            | DestinationWire::Files { .. } => None,
        })
    }

    /// The code tables that it needs, those of its steps and those of its profile.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &TableGrant> {
        let profile = self
            .source
            .validate
            .as_ref()
            .and_then(|validate| validate.profile.as_ref());
        let of_steps = self.all_steps().flat_map(|step| &step.grants.tables);
        of_steps.chain(profile.into_iter().flat_map(|profile| &profile.tables))
    }

    /// The same, to give them other versions.
    pub(crate) fn tables_mut(&mut self) -> impl Iterator<Item = &mut TableGrant> {
        let profile = self
            .source
            .validate
            .as_mut()
            .and_then(|validate| validate.profile.as_mut());
        let of_destinations = self.destinations.iter_mut().flat_map(|one| &mut one.steps);
        let of_reply = self.reply.iter_mut().flat_map(|reply| &mut reply.steps);
        let of_steps = self.steps.iter_mut().chain(of_destinations).chain(of_reply);
        let of_steps = of_steps.flat_map(|step| &mut step.grants.tables);
        of_steps.chain(profile.into_iter().flat_map(|profile| &mut profile.tables))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    Interface,
    /// By these fields.
    Keys(Vec<String>),
    None,
}

/// What becomes of messages behind one that is put into quarantine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFault {
    #[default]
    Continue,
    /// Those of its lanes wait for a person.
    HoldKey,
    /// All of the interface do.
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Acknowledge {
    Received,
    Processed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) ack: Acknowledge,
    pub(crate) time_zone: String,
    /// None: what MSH-18 says.
    pub(crate) charset: Option<String>,
    /// A destination; none: the connection that the message came over.
    #[serde(default)]
    pub(crate) application_acknowledgements: Option<String>,
    /// The values of MSH-11.1 that fit the environment; empty: all.
    #[serde(default)]
    pub(crate) processing_ids: Vec<String>,
    /// Who may send; empty: everybody.
    #[serde(default)]
    pub(crate) senders: Vec<Sender>,
    /// None: nothing is asked of messages.
    #[serde(default)]
    pub(crate) validate: Option<Validate>,
    #[serde(flatten)]
    pub(crate) wire: SourceWire,
}

/// An application that may send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sender {
    /// MSH-3: its namespace id, or all of it where it holds a caret.
    pub(crate) application: String,
    /// MSH-4 in the same way; none: any.
    pub(crate) facility: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validate {
    pub(crate) level: ValidationLevel,
    /// Of the level `profile`, and of no other.
    pub(crate) profile: Option<Profile>,
    pub(crate) on_error: OnFinding,
    pub(crate) on_warning: OnFinding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ValidationLevel {
    Readable,
    Structure,
    Profile,
}

/// From the mildest to the hardest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFinding {
    Pass,
    Quarantine,
    Refuse,
}

/// A profile as its file was when the revision was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// The file that it was read from, relative to the site folder: what findings call it.
    pub(crate) name: String,
    /// `sha256:` of the text.
    pub(crate) digest: String,
    pub(crate) text: String,
    /// The code tables that its rules look into.
    pub(crate) tables: Vec<TableGrant>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum SourceWire {
    Mllp {
        listen: std::net::SocketAddr,
        #[serde(default)]
        mllp_release: MllpRelease,
        frame_bytes_max: u64,
        /// None: silence never closes a connection.
        idle_timeout_ms: Option<u64>,
        connections_max: u64,
        #[serde(default = "Before::frame_timeout_ms")]
        frame_timeout_ms: u64,
        #[serde(default = "Before::write_timeout_ms")]
        write_timeout_ms: u64,
        /// Networks, as `10.1.2.0/24` or `127.0.0.1`; empty: from everywhere.
        #[serde(default)]
        peers: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<ServerTls>,
    },
    Http(HttpSource),
    /// Other interfaces alone.
    Interface,
    Tcp(TcpSource),
    Timer(TimerSource),
    Files {
        /// Relative to the site folder, or absolute.
        folder: PathBuf,
        pattern: String,
        poll_ms: u64,
        ready: FileReady,
        /// Relative to `folder`, as `errors` is.
        archive: PathBuf,
        errors: PathBuf,
        #[serde(default = "Before::message_bytes_max")]
        message_bytes_max: u64,
        #[serde(default = "Before::file_bytes_max")]
        file_bytes_max: u64,
    },
}

/// A listener that takes messages over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HttpSource {
    pub(crate) listen: std::net::SocketAddr,
    /// None: every path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authentication: Option<HttpAuthentication>,
    pub(crate) body_bytes_max: u64,
    pub(crate) connections_max: u64,
    pub(crate) requests_max: u64,
    pub(crate) idle_timeout_ms: u64,
    pub(crate) body_timeout_ms: u64,
    pub(crate) write_timeout_ms: u64,
    pub(crate) answer_timeout_ms: u64,
    /// As of an MLLP listener.
    pub(crate) peers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ServerTls>,
}

impl SourceWire {
    /// From where connections are taken; empty: from everywhere, or there are none.
    pub(crate) fn peers(&self) -> &[String] {
        match self {
            Self::Mllp { peers, .. } | Self::Http(HttpSource { peers, .. }) | Self::Tcp(TcpSource { peers, .. }) => {
                peers
            }
            Self::Files { .. } | Self::Timer(_) | Self::Interface => &[],
        }
    }

    /// The name of the secret that is asked of senders.
    pub(crate) fn secret(&self) -> Option<&str> {
        match self {
            Self::Http(http) => http.authentication.as_ref().map(HttpAuthentication::secret),
            Self::Mllp { .. } | Self::Tcp(_) | Self::Files { .. } | Self::Timer(_) | Self::Interface => None,
        }
    }
}

/// What one side of HTTP has to show the other. Secrets are names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HttpAuthentication {
    Bearer { secret: String },
    Basic { user: String, secret: String },
}

impl HttpAuthentication {
    pub(crate) fn secret(&self) -> &str {
        match self {
            Self::Bearer { secret } | Self::Basic { secret, .. } => secret,
        }
    }
}

/// What older revisions, which do not name them, were made with.
struct Before;

impl Before {
    fn message_bytes_max() -> u64 {
        16 << 20
    }

    fn file_bytes_max() -> u64 {
        1 << 30
    }

    fn frame_timeout_ms() -> u64 {
        30_000
    }

    fn write_timeout_ms() -> u64 {
        30_000
    }

    fn answers() -> BTreeMap<String, AnswerThen> {
        let blamed = ["AE", "CE"].map(|code| (code.to_owned(), AnswerThen::Quarantine));
        let put_off = ["AR", "CR"].map(|code| (code.to_owned(), AnswerThen::Retry));
        blamed.into_iter().chain(put_off).collect()
    }

    fn rejects_then() -> RejectsThen {
        RejectsThen::Quarantine
    }

    fn failures_max() -> u32 {
        5
    }
}

/// When a file is complete and may be taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileReady {
    /// Neither size nor time of change moved for this long.
    StableForMs(u64),
    /// A file of the same name with this suffix exists beside it.
    Marker(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// `vendor/name`.
    pub(crate) plugin: String,
    pub(crate) version: String,
    /// `sha256:` of the package: what really runs. Of the bare component in revisions of earlier engines.
    pub(crate) digest: String,
    pub(crate) config: serde_json::Value,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) instances: Instances,
}

/// How many messages an instance of a plugin sees; the sandbox explains each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Instances {
    #[default]
    Fresh,
    Reuse(NonZeroU32),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grants {
    pub(crate) tables: Vec<TableGrant>,
    pub(crate) read: Vec<String>,
    pub(crate) write: Vec<String>,
    /// None: whatever routing decides.
    pub(crate) to: Option<Vec<String>>,
    pub(crate) create: bool,
    #[serde(default)]
    pub(crate) state: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableGrant {
    pub(crate) name: String,
    pub(crate) digest: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub(crate) name: String,
    /// Empty: all.
    pub(crate) types: Vec<String>,
    /// What else has to hold, in CEL. None: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) when: Option<String>,
    /// None: the message's own.
    #[serde(default)]
    pub(crate) charset: Option<String>,
    #[serde(default)]
    pub(crate) unmappable: Unmappable,
    pub(crate) retry: Retry,
    /// None: as much as the receiver takes.
    #[serde(default)]
    pub(crate) rate_max: Option<Rate>,
    /// What goes there goes through these first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<Step>,
    #[serde(flatten)]
    pub(crate) wire: DestinationWire,
}

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) count: u32,
    pub(crate) per_ms: u64,
}

/// What becomes of a character that a destination's set lacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unmappable {
    #[default]
    Fault,
    Escape,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum DestinationWire {
    Mllp {
        address: String,
        #[serde(default)]
        mllp_release: MllpRelease,
        #[serde(default)]
        settled_by: SettledBy,
        /// By `AE`, or `AE 207` for one of the errors: what that answer is taken for.
        #[serde(default = "Before::answers")]
        answers: BTreeMap<String, AnswerThen>,
        connect_timeout_ms: u64,
        reply_timeout_ms: u64,
        connections: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<ClientTls>,
    },
    Interface {
        /// The other interface of the site.
        to: String,
        answers: BTreeMap<String, AnswerThen>,
        connections: u64,
    },
    Http(Box<HttpDestination>),
    Tcp(Box<TcpDestination>),
    Files {
        /// Relative to the site folder, or absolute.
        folder: PathBuf,
        file: String,
    },
}

/// A certificate and its key. Relative to the site folder, or absolute, as all files of TLS are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerTls {
    pub(crate) identity: Identity,
    /// Who vouches for clients; none: no client is asked for a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_authorities: Option<PathBuf>,
    /// Who of them may connect; empty: all.
    pub(crate) client_names: Vec<String>,
}

/// TLS of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientTls {
    /// None: those that the machine trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authorities: Option<PathBuf>,
    /// None: the host of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MllpRelease {
    #[default]
    One,
    Two,
}

/// What settles a delivery; the engine explains each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SettledBy {
    #[default]
    Answer,
    Accept,
    Application {
        timeout_ms: u64,
        /// The interface at which it may arrive; none: on the connection only.
        at: Option<String>,
    },
    Transport,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Retry {
    pub(crate) first_ms: u64,
    pub(crate) ceiling_ms: u64,
    pub(crate) rejects_max: u32,
    #[serde(default = "Before::rejects_then")]
    pub(crate) rejects_then: RejectsThen,
    #[serde(default = "Before::failures_max")]
    pub(crate) failures_max: u32,
}

/// What becomes of what was rejected as often as it may be; the engine explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RejectsThen {
    Hold,
    Quarantine,
}

/// What an answer is taken for; the engine explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AnswerThen {
    Delivered,
    Retry,
    Hold,
    Quarantine,
}

/// What a step may use for one message; the sandbox explains each. A field that an older revision does not have takes
/// its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    pub(crate) deadline_ms: u64,
    pub(crate) fuel: u64,
    pub(crate) memory_bytes_max: u64,
    pub(crate) table_elements_max: u64,
    pub(crate) transfer_bytes_max: u64,
    pub(crate) output_bytes_max: u64,
    pub(crate) outputs_max: u64,
    pub(crate) host_calls_max: u64,
    pub(crate) log_lines_max: u64,
    pub(crate) log_bytes_max: u64,
    pub(crate) handles_max: u64,
    pub(crate) attribute_bytes_max: u64,
    pub(crate) state_bytes_max: u64,
    pub(crate) state_keys_max: u64,
}
