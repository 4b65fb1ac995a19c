//! From what is live to what the engine runs.

mod over_http;
mod over_tcp;
mod timed;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use transfuse_engine::{
    AckStage, Acknowledged, AdmissionSettings, AllowedSender, DestinationSettings, DuplicateSettings, HandoverSettings,
    InterfaceSettings, LaneKey, MllpSettings, NoReply, OnFinding, Order, OutputCharset, RateMax, RejectsThen,
    ReplySettings, RetrySettings, SourceSettings, ValidationSettings, WireSettings,
};
use transfuse_message::validation::Level;
use transfuse_message::{AcknowledgementCode, Charset, Unmappable};
use transfuse_sandbox::Sandbox;
use transfuse_store::OnFault;
use transfuse_transport::files::{FolderSourceSettings, ReadyWhen};
use transfuse_transport::mllp::{ListenerSettings, Release, SenderSettings};
use transfuse_transport::tcp::Framing;

use crate::configuration::{self, SecretSources, answer_table, resolved};
use crate::deployment::Deployment;
use crate::parts::Parts;

/// The settings of every interface, chains included. Blocks while plugins are compiled.
pub(crate) fn settings(
    deployment: &Deployment,
    site: &Path,
    sandbox: &Sandbox,
) -> anyhow::Result<Vec<InterfaceSettings>> {
    let interfaces = deployment.interfaces.iter();
    interfaces
        .map(|live| interface(&live.interface, live.revision, &deployment.parts, site, sandbox))
        .collect()
}

/// The settings of one revision of an interface. Blocks while plugins are compiled.
pub(crate) fn interface(
    interface: &resolved::Interface,
    revision: u32,
    parts: &Parts,
    site: &Path,
    sandbox: &Sandbox,
) -> anyhow::Result<InterfaceSettings> {
    let cannot_run = || format!("revision {revision} of `{}` cannot run", interface.name);
    let chains = parts.chains(sandbox, interface).with_context(cannot_run)?;
    let destinations = interface
        .destinations
        .iter()
        .map(|one| destination(one, interface.on_fault, site, parts.secret_sources()))
        .collect::<Result<_, _>>();
    Ok(InterfaceSettings {
        name: interface.name.as_str().into(),
        revision,
        source: source(&interface.source, site, parts.secret_sources()).with_context(cannot_run)?,
        ack: match interface.source.ack {
            resolved::Acknowledge::Received => AckStage::Received,
            resolved::Acknowledge::Processed => AckStage::Processed,
        },
        order: order(&interface.order).with_context(cannot_run)?,
        on_fault: on_fault(interface.on_fault),
        duplicates: interface.duplicates.map(|of| DuplicateSettings {
            window: Duration::from_millis(of.window_ms),
        }),
        charset: charset(interface.source.charset.as_deref()).with_context(cannot_run)?,
        application_acknowledgements: interface.source.application_acknowledgements.as_deref().map(Arc::from),
        time_zone: interface.source.time_zone.as_str().into(),
        admission: admission(&interface.source).with_context(cannot_run)?,
        validation: validation(&interface.source, parts).with_context(cannot_run)?,
        chains,
        destinations: destinations.with_context(cannot_run)?,
        reply: interface.reply.as_ref().map(reply),
    })
}

fn reply(reply: &resolved::Reply) -> ReplySettings {
    ReplySettings {
        destination: Arc::from(reply.destination.as_str()),
        timeout: Duration::from_millis(reply.timeout_ms),
        no_reply: NoReply {
            code: match reply.code {
                resolved::NoReplyCode::AE => AcknowledgementCode::AE,
                resolved::NoReplyCode::AR => AcknowledgementCode::AR,
            },
            text: reply.text.clone(),
        },
    }
}

fn order(order: &resolved::Order) -> anyhow::Result<Order> {
    Ok(match order {
        resolved::Order::Interface => Order::Interface,
        resolved::Order::Keys(keys) => {
            let keys = keys.iter().map(|key| key.parse::<LaneKey>());
            Order::Keys(keys.collect::<Result<Vec<_>, _>>()?.into())
        }
        resolved::Order::None => Order::None,
    })
}

fn on_fault(on_fault: resolved::OnFault) -> OnFault {
    match on_fault {
        resolved::OnFault::Continue => OnFault::Continue,
        resolved::OnFault::HoldKey => OnFault::HoldLanes,
        resolved::OnFault::Stop => OnFault::HoldInterface,
    }
}

fn charset(label: Option<&str>) -> anyhow::Result<Option<Charset>> {
    let Some(label) = label else { return Ok(None) };
    let charset = Charset::from_label(label);
    Ok(Some(charset.with_context(|| {
        format!("the character set `{label}` is not supported")
    })?))
}

/// Who may send to an interface, and what.
fn admission(source: &resolved::Source) -> anyhow::Result<AdmissionSettings> {
    let peers = source.wire.peers();
    let senders = source.senders.iter();
    Ok(AdmissionSettings {
        peers: peers.iter().map(|network| network.parse()).collect::<Result<_, _>>()?,
        processing_ids: source.processing_ids.clone(),
        senders: senders
            .map(|sender| AllowedSender {
                application: sender.application.clone(),
                facility: sender.facility.clone(),
            })
            .collect(),
    })
}

/// What an interface asks of its messages, with the tables that its profile looks into.
pub(crate) fn validation(source: &resolved::Source, parts: &Parts) -> anyhow::Result<Option<ValidationSettings>> {
    let Some(validate) = &source.validate else {
        return Ok(None);
    };
    let level = match (validate.level, &validate.profile) {
        (resolved::ValidationLevel::Readable, _) => Level::Readable,
        (resolved::ValidationLevel::Structure, _) => Level::Structure,
        (resolved::ValidationLevel::Profile, Some(profile)) => self::profile(profile, parts)?,
        (resolved::ValidationLevel::Profile, None) => anyhow::bail!("the profile that it asks for is missing"),
    };
    Ok(Some(ValidationSettings {
        level,
        on_error: on_finding(validate.on_error),
        on_warning: on_finding(validate.on_warning),
    }))
}

/// The rules of a profile, from the text and the tables that the revision keeps.
fn profile(profile: &resolved::Profile, parts: &Parts) -> anyhow::Result<Level> {
    let tables = profile.tables.iter();
    let tables = tables
        .filter_map(|grant| Some((grant.name.as_str(), parts.table(&grant.digest)?)))
        .collect();
    match configuration::profile::from_revision(&profile.name, &profile.text, &tables) {
        Ok(rules) => Ok(Level::Profile(rules)),
        Err(faults) => {
            let first = faults.first().map(|fault| fault.message.as_str()).unwrap_or_default();
            anyhow::bail!(
                "this engine does not understand the profile `{}`: {first}",
                profile.name
            )
        }
    }
}

fn on_finding(action: resolved::OnFinding) -> OnFinding {
    match action {
        resolved::OnFinding::Pass => OnFinding::Pass,
        resolved::OnFinding::Quarantine => OnFinding::Quarantine,
        resolved::OnFinding::Refuse => OnFinding::Refuse,
    }
}

fn source(source: &resolved::Source, site: &Path, secrets: &SecretSources) -> anyhow::Result<SourceSettings> {
    Ok(match &source.wire {
        resolved::SourceWire::Interface => SourceSettings::Interface,
        resolved::SourceWire::Timer(timer) => SourceSettings::Timer(timed::source(timer, &source.time_zone)?),
        resolved::SourceWire::Http(http) => SourceSettings::Http(over_http::source(http, site, secrets)?),
        resolved::SourceWire::Tcp(tcp) => SourceSettings::Mllp(over_tcp::source(tcp, site)?),
        resolved::SourceWire::Mllp {
            listen,
            mllp_release,
            frame_bytes_max,
            idle_timeout_ms,
            connections_max,
            tls,
            frame_timeout_ms,
            write_timeout_ms,
            ..
        } => SourceSettings::Mllp(ListenerSettings {
            framing: Framing::Mllp(release(*mllp_release)),
            frame_bytes_max: count(*frame_bytes_max),
            idle_timeout: idle_timeout_ms.map(Duration::from_millis),
            connections_max: count(*connections_max),
            tls: tls.as_ref().map(|tls| tls.settings(site)),
            frame_timeout: Duration::from_millis(*frame_timeout_ms),
            write_timeout: Duration::from_millis(*write_timeout_ms),
            ..ListenerSettings::new(listen.to_string())
        }),
        resolved::SourceWire::Files {
            folder,
            pattern,
            poll_ms,
            ready,
            archive,
            errors,
            message_bytes_max,
            file_bytes_max,
        } => SourceSettings::Files(FolderSourceSettings {
            pattern: pattern.clone(),
            poll_interval: Duration::from_millis(*poll_ms),
            ready_when: match ready {
                resolved::FileReady::StableForMs(pause) => ReadyWhen::Stable(Duration::from_millis(*pause)),
                resolved::FileReady::Marker(suffix) => ReadyWhen::Marker(suffix.clone()),
            },
            archive: archive.clone(),
            errors: errors.clone(),
            message_bytes_max: *message_bytes_max,
            file_bytes_max: *file_bytes_max,
            ..FolderSourceSettings::new(site.join(folder))
        }),
    })
}

fn destination(
    destination: &resolved::Destination,
    on_fault: resolved::OnFault,
    site: &Path,
    secrets: &SecretSources,
) -> anyhow::Result<DestinationSettings> {
    Ok(DestinationSettings {
        name: Arc::from(destination.name.as_str()),
        types: destination.types.clone(),
        when: destination.when.as_deref().map(str::parse).transpose()?,
        charset: output_charset(destination)?,
        wire: wire(&destination.wire, site, secrets)?,
        retry: retry(&destination.retry),
        on_fault: self::on_fault(on_fault),
        rate_max: destination.rate_max.map(|rate| RateMax {
            attempts: rate.count,
            per: Duration::from_millis(rate.per_ms),
        }),
    })
}

fn retry(retry: &resolved::Retry) -> RetrySettings {
    RetrySettings {
        first: Duration::from_millis(retry.first_ms),
        ceiling: Duration::from_millis(retry.ceiling_ms),
        rejects_max: retry.rejects_max,
        rejects_then: match retry.rejects_then {
            resolved::RejectsThen::Hold => RejectsThen::Hold,
            resolved::RejectsThen::Quarantine => RejectsThen::Quarantine,
        },
        failures_max: retry.failures_max,
    }
}

fn output_charset(destination: &resolved::Destination) -> anyhow::Result<Option<OutputCharset>> {
    let unmappable = match destination.unmappable {
        resolved::Unmappable::Fault => Unmappable::Fault,
        resolved::Unmappable::Escape => Unmappable::Escape,
    };
    let charset = charset(destination.charset.as_deref())?;
    Ok(charset.map(|charset| OutputCharset { charset, unmappable }))
}

fn wire(wire: &resolved::DestinationWire, site: &Path, secrets: &SecretSources) -> anyhow::Result<WireSettings> {
    Ok(match wire {
        resolved::DestinationWire::Mllp {
            address,
            mllp_release,
            settled_by,
            answers,
            connect_timeout_ms,
            reply_timeout_ms,
            connections,
            tls,
        } => WireSettings::Mllp(Box::new(MllpSettings {
            acknowledged: acknowledged(settled_by),
            answers: answer_table(answers)?,
            sender: SenderSettings {
                framing: Framing::Mllp(release(*mllp_release)),
                connect_timeout: Duration::from_millis(*connect_timeout_ms),
                reply_timeout: Duration::from_millis(*reply_timeout_ms),
                tls: tls.as_ref().map(|tls| tls.settings(site)),
                ..SenderSettings::new(address)
            },
            connections: count(*connections),
        })),
        resolved::DestinationWire::Interface {
            to,
            answers,
            connections,
        } => WireSettings::Interface(HandoverSettings {
            to: Arc::from(to.as_str()),
            answers: answer_table(answers)?,
            connections: count(*connections),
        }),
        resolved::DestinationWire::Tcp(tcp) => WireSettings::Mllp(Box::new(over_tcp::destination(tcp, site)?)),
        resolved::DestinationWire::Http(http) => {
            WireSettings::Http(Box::new(over_http::destination(http, site, secrets)?))
        }
        resolved::DestinationWire::Files { folder, file } => WireSettings::Files {
            folder: site.join(folder),
            name: file.parse()?,
        },
    })
}

fn release(release: resolved::MllpRelease) -> Release {
    match release {
        resolved::MllpRelease::One => Release::One,
        resolved::MllpRelease::Two => Release::Two,
    }
}

fn acknowledged(settled_by: &resolved::SettledBy) -> Acknowledged {
    match settled_by {
        resolved::SettledBy::Answer => Acknowledged::Answer,
        resolved::SettledBy::Accept => Acknowledged::Accept,
        resolved::SettledBy::Application { timeout_ms, at } => Acknowledged::Application {
            timeout: Duration::from_millis(*timeout_ms),
            at: at.as_deref().map(Arc::from),
        },
        resolved::SettledBy::Transport => Acknowledged::Transport,
    }
}

/// Every count of a resolved interface is bounded far below what an address can hold.
fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
