//! `[source]` with `type = "http"`.

use transfuse_transport::http::ListenerSettings;

use super::super::document::Located;
use super::super::http_authentication;
use super::super::quantity::milliseconds;
use super::super::resolved::SourceWire;
use super::super::section::Section;
use super::super::step::Surroundings;
use super::super::tls;
use super::{Claims, ONE_HOUR, ONE_SECOND, ONE_WEEK, SHORTEST_PAUSE, listen_address, peers};

pub(super) fn read(
    section: &mut Section<'_>,
    claims: &mut Claims,
    surroundings: &Surroundings<'_>,
) -> Option<SourceWire> {
    let listen = listen_address(section);
    let path = path(section);
    let body_bytes_max = section.size("body_bytes_max", &(1024..=(256 << 20)));
    let connections_max = section.count("connections_max", &(1..=10_000));
    let requests_max = section.count("requests_max", &(1..=1_000_000_000));
    let idle_timeout = section.duration("idle_timeout", &(ONE_SECOND..=ONE_WEEK));
    let patience = SHORTEST_PAUSE..=ONE_HOUR;
    let body_timeout = section.duration("body_timeout", &patience);
    let write_timeout = section.duration("write_timeout", &patience);
    let answer_timeout = section.duration("answer_timeout", &patience);
    let peers = peers(section);
    let authentication = section
        .section("authentication", "`authentication`")
        .map(|section| http_authentication::read(section, &surroundings.environment.secrets));
    let tls = section
        .section("tls", "`[source.tls]`")
        .map(|section| tls::server(section, surroundings.site));
    let listen = listen?;
    claims.listen = Some(listen.clone());
    let defaults = ListenerSettings::new("");
    Some(SourceWire::Http {
        listen: listen.value,
        path: path.map(|path| path.value),
        authentication: match authentication {
            Some(authentication) => Some(authentication?),
            None => None,
        },
        body_bytes_max: body_bytes_max.unwrap_or(defaults.body_bytes_max as u64),
        connections_max: connections_max.unwrap_or(defaults.connections_max as u64),
        requests_max: requests_max.unwrap_or(defaults.requests_max),
        idle_timeout_ms: milliseconds(idle_timeout.unwrap_or(defaults.idle_timeout)),
        body_timeout_ms: milliseconds(body_timeout.unwrap_or(defaults.body_timeout)),
        write_timeout_ms: milliseconds(write_timeout.unwrap_or(defaults.write_timeout)),
        answer_timeout_ms: milliseconds(answer_timeout.unwrap_or(defaults.answer_timeout)),
        peers,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
    })
}

fn path(section: &mut Section<'_>) -> Option<Located<String>> {
    let path = section.text("path")?;
    let is_sound = path.value.starts_with('/') && path.value.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sound && !path.value.contains(['?', '#']) {
        return Some(path);
    }
    let message = format!("`{}` is not a path", path.value);
    let hint = "write what follows the host in the address, `/hl7`, or leave `path` out to take messages at every path";
    section.faults().at_with_hint(&path.place, message, hint);
    None
}
