//! Sources and destinations over TCP with frames of the site's own: those of MLLP with another framing.

use std::path::Path;
use std::time::Duration;

use transfuse_engine::{Acknowledged, MllpSettings};
use transfuse_transport::mllp::{ListenerSettings, SenderSettings};
use transfuse_transport::tcp::Framing;

use super::{acknowledged, count};
use crate::configuration::{answer_table, resolved};

pub(super) fn source(tcp: &resolved::TcpSource, site: &Path) -> anyhow::Result<ListenerSettings> {
    Ok(ListenerSettings {
        framing: tcp.framing.settings()?,
        acknowledging: tcp.acknowledgement.told_by_listener()?,
        frame_bytes_max: count(tcp.frame_bytes_max),
        idle_timeout: tcp.idle_timeout_ms.map(Duration::from_millis),
        connections_max: count(tcp.connections_max),
        tls: tcp.tls.as_ref().map(|tls| tls.settings(site)),
        frame_timeout: Duration::from_millis(tcp.frame_timeout_ms),
        write_timeout: Duration::from_millis(tcp.write_timeout_ms),
        ..ListenerSettings::new(tcp.listen.to_string())
    })
}

pub(super) fn destination(tcp: &resolved::TcpDestination, site: &Path) -> anyhow::Result<MllpSettings> {
    let words = tcp.acknowledgement.words()?;
    let settled_by = match (&words, &tcp.acknowledgement) {
        (Some([accepted, _]), _) => Acknowledged::Word {
            accepted: accepted.clone(),
        },
        (None, resolved::Acknowledgement::None) => Acknowledged::Transport,
        (None, _) => acknowledged(&tcp.settled_by),
    };
    Ok(MllpSettings {
        acknowledged: settled_by,
        answers: answer_table(&tcp.answers)?,
        sender: SenderSettings {
            framing: tcp.framing.settings()?,
            reply_framing: words.map(|words| Framing::Words(words.to_vec())),
            connect_timeout: Duration::from_millis(tcp.connect_timeout_ms),
            reply_timeout: Duration::from_millis(tcp.reply_timeout_ms),
            tls: tcp.tls.as_ref().map(|tls| tls.settings(site)),
            ..SenderSettings::new(&tcp.address)
        },
        connections: count(tcp.connections),
    })
}
