//! `authentication`: what one side of HTTP has to show the other.

use super::resolved::HttpAuthentication;
use super::secrets::{PREFIX, SecretSources};
use super::section::Section;

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
    if let Err(error) = sources.get(name) {
        section
            .faults()
            .at_with_hints(&text.place, error.to_string(), error.hints());
        return None;
    }
    Some(name.to_owned())
}
