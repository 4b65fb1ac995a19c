//! Sources and destinations over HTTP, with the values of their secrets.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use transfuse_engine::HttpSettings;
use transfuse_transport::http::{
    Authentication, ClientCredentials, Credentials, Limits, ListenerSettings, SenderSettings, ShownIn,
};
use transfuse_transport::tls;

use super::count;
use crate::configuration::{SecretError, SecretSources, answer_table, resolved};

pub(super) fn source(
    http: &resolved::HttpSource,
    site: &Path,
    secrets: &SecretSources,
) -> Result<ListenerSettings, SecretError> {
    let shown = http.authentication.as_ref();
    let shown = shown.map(|one| authentication(one, secrets));
    Ok(ListenerSettings {
        path: http.path.clone(),
        authentication: shown.transpose()?,
        body_bytes_max: count(http.body_bytes_max),
        connections_max: count(http.connections_max),
        requests_max: http.requests_max,
        idle_timeout: Duration::from_millis(http.idle_timeout_ms),
        body_timeout: Duration::from_millis(http.body_timeout_ms),
        write_timeout: Duration::from_millis(http.write_timeout_ms),
        answer_timeout: Duration::from_millis(http.answer_timeout_ms),
        tls: http.tls.as_ref().map(|tls| tls.settings(site)),
        ..ListenerSettings::new(http.listen.to_string())
    })
}

pub(super) fn destination(
    http: &resolved::HttpDestination,
    site: &Path,
    secrets: &SecretSources,
) -> anyhow::Result<HttpSettings> {
    let limits = Limits {
        connect_timeout: Duration::from_millis(http.connect_timeout_ms),
        reply_timeout: Duration::from_millis(http.reply_timeout_ms),
        reply_bytes_max: count(http.reply_bytes_max),
        ..Limits::default()
    };
    let tls = http.tls.as_ref().map(|tls| tls.settings(site)).unwrap_or_default();
    let shown = http.authentication.as_ref();
    let shown = shown.map(|one| credentials(one, &tls, secrets));
    Ok(HttpSettings {
        sender: SenderSettings {
            headers: headers(http, secrets)?,
            credentials: shown.transpose()?,
            limits,
            tls,
            ..SenderSettings::new(http.url.parse()?)
        },
        content_type: http.content_type.clone(),
        answers: answer_table(&http.answers)?,
        connections: count(http.connections),
    })
}

fn headers(http: &resolved::HttpDestination, secrets: &SecretSources) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &http.headers {
        let value = match value {
            resolved::HttpHeader::Text(text) => HeaderValue::from_str(text)?,
            resolved::HttpHeader::Secret(secret) => {
                let mut value = secrets
                    .get(secret)?
                    .header()
                    .with_context(|| format!("`secret:{secret}` holds what cannot stand in a header"))?;
                value.set_sensitive(true);
                value
            }
        };
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, value);
    }
    Ok(headers)
}

fn credentials(
    credentials: &resolved::HttpCredentials,
    tls: &tls::ClientSettings,
    secrets: &SecretSources,
) -> anyhow::Result<Credentials> {
    Ok(match credentials {
        resolved::HttpCredentials::Fixed(fixed) => {
            let name = fixed.secret();
            if matches!(fixed, resolved::HttpAuthentication::Bearer { .. }) && secrets.get(name)?.header().is_none() {
                anyhow::bail!("`secret:{name}` holds what cannot stand in a header");
            }
            Credentials::Fixed(authentication(fixed, secrets)?)
        }
        resolved::HttpCredentials::Client(client) => Credentials::Client(Box::new(ClientCredentials {
            url: client.token_url.parse()?,
            client_id: client.client_id.clone(),
            client_secret: secrets.get(&client.secret)?.for_transport(),
            shown_in: match client.shown_in {
                resolved::ShownIn::Header => ShownIn::Header,
                resolved::ShownIn::Body => ShownIn::Body,
            },
            scopes: client.scopes.clone(),
            audience: client.audience.clone(),
            // The same authorities and the same certificate, for another host.
            tls: tls::ClientSettings {
                server_name: None,
                ..tls.clone()
            },
        })),
    })
}

fn authentication(
    authentication: &resolved::HttpAuthentication,
    secrets: &SecretSources,
) -> Result<Authentication, SecretError> {
    let secret = secrets.get(authentication.secret())?.for_transport();
    Ok(match authentication {
        resolved::HttpAuthentication::Bearer { .. } => Authentication::Bearer(secret),
        resolved::HttpAuthentication::Basic { user, .. } => Authentication::Basic {
            user: user.clone(),
            password: secret,
        },
    })
}
