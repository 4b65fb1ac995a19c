//! `authentication`: what one side of HTTP has to show the other.

use transfuse_transport::http::Url;

use super::document::Located;
use super::fault::Faults;
use super::resolved::{ClientCredentials, HttpAuthentication, HttpCredentials, ShownIn};
use super::secrets::{PREFIX, SecretSources};
use super::section::Section;
use super::step::Surroundings;
use super::tls;

/// How it is written.
const EXAMPLE: &str = "write `bearer = \"secret:NAME\"`, or `user` and `password = \"secret:NAME\"`";

/// None where something in it is missing or wrong. That a secret has a value is asked here, before a port is bound. Lines are
/// not shown: somebody may have written a secret into them.
pub(super) fn read(mut section: Section<'_>, sources: &SecretSources) -> Option<HttpAuthentication> {
    let mut keys: Vec<String> = section.keys().into_iter().map(|key| key.value).collect();
    keys.sort();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let read = match keys.as_slice() {
        ["bearer"] => secret(&mut section, "bearer", sources).map(|secret| HttpAuthentication::Bearer { secret }),
        ["password", "user"] => pair(&mut section, sources),
        _ => {
            unshown(
                &section,
                "`authentication` is a token, or a name and a password",
                EXAMPLE,
            );
            return None;
        }
    };
    section.finish();
    read
}

/// The side that shows who it is: as above, or by a token that somebody else gives out.
pub(super) fn credentials(mut section: Section<'_>, surroundings: &Surroundings<'_>) -> Option<HttpCredentials> {
    let sources = &surroundings.environment.secrets;
    if !section.has_any(&["token_url", "client_id", "client_secret"]) {
        return read(section, sources).map(HttpCredentials::Fixed);
    }
    let token_url = url(&mut section, "token_url");
    if let Some(url) = &token_url {
        tls::refuse_without_authorities(&url.place, &url.value, surroundings.faults);
    }
    let client_id = section.required_text("client_id");
    section.require("client_secret");
    let secret = secret(&mut section, "client_secret", sources);
    let places = [("header", ShownIn::Header), ("body", ShownIn::Body)];
    let shown_in = section.choice("shown_in", &places);
    let scopes = section.texts("scopes").unwrap_or_default();
    let audience = section.text("audience");
    section.finish();
    Some(HttpCredentials::Client(ClientCredentials {
        token_url: token_url?.value.to_string(),
        client_id: client_id?.value,
        secret: secret?,
        shown_in: shown_in.map_or(ShownIn::Header, |shown| shown.value),
        scopes: scopes.into_iter().map(|scope| scope.value).collect(),
        audience: audience.map(|audience| audience.value),
    }))
}

/// A URL to which requests go. One that holds a password is not shown.
pub(super) fn url(section: &mut Section<'_>, key: &'static str) -> Option<Located<Url>> {
    let text = section.required_text(key)?;
    match text.value.parse() {
        Ok(value) => Some(Located {
            value,
            place: text.place,
        }),
        Err(error) => {
            let place = &text.place;
            let message = format!("`{key}` cannot be used: {error}");
            let hint = "write `https://ehr.example.org/hl7`; who this side is belongs into `authentication`";
            section
                .faults()
                .in_row(place.file(), place.position().line, message, hint);
            None
        }
    }
}

fn pair(section: &mut Section<'_>, sources: &SecretSources) -> Option<HttpAuthentication> {
    let user = section.required_text("user");
    let secret = secret(section, "password", sources);
    let user = user?;
    if user.value.contains(':') {
        // RFC 7617: what follows the first colon is the password.
        unshown(section, "a name with a colon cannot be shown", "choose another `user`");
        return None;
    }
    Some(HttpAuthentication::Basic {
        user: user.value,
        secret: secret?,
    })
}

fn unshown(section: &Section<'_>, message: &str, hint: &str) {
    let place = section.place();
    section
        .faults()
        .in_row(place.file(), place.position().line, message, hint);
}

/// The name of the secret that a key stands for. A value that was written there is not shown.
fn secret(section: &mut Section<'_>, key: &'static str, sources: &SecretSources) -> Option<String> {
    let text = section.text(key)?;
    let Some(name) = text.value.strip_prefix(PREFIX) else {
        let message = format!("`{key}` is to name a secret, and never to be one");
        let hint = "write `secret:NAME`; `[secrets]` of the environment says where its value comes from";
        unshown(section, &message, hint);
        return None;
    };
    with_a_value(name, &text, sources, section.faults())
}

/// The name in a text that stands for a secret.
pub(super) fn named(text: &Located<String>, sources: &SecretSources, faults: &Faults) -> Option<String> {
    let name = text.value.strip_prefix(PREFIX)?;
    with_a_value(name, text, sources, faults)
}

fn with_a_value(name: &str, text: &Located<String>, sources: &SecretSources, faults: &Faults) -> Option<String> {
    if let Err(error) = sources.get(name) {
        faults.at_with_hints(&text.place, error.to_string(), error.hints());
        return None;
    }
    Some(name.to_owned())
}
