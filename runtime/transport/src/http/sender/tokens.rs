//! Tokens that somebody else gives out for credentials of this side (OAuth 2.0, RFC 6749, section 4.4).

use std::fmt;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};

use super::super::authentication::{basic, sensitive};
use super::super::url::Url;
use super::Limits;
use super::connection::Endpoint;
use super::response::Response;
use crate::secret::Secret;
use crate::send::{NotSent, SendError};
use crate::tls;

/// So long before its end a token is not used any more: the receiver's clock may be ahead, and a request takes its time.
const MARGIN: Duration = Duration::from_secs(30);

/// A token whose life is not told is fetched anew after this; those that are told live for five minutes to an hour.
const LIFE: Duration = Duration::from_mins(5);

/// The longest life that is believed.
const LIFE_MAX: Duration = Duration::from_hours(24);

/// A signed token with all its claims has some kilobytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The largest answer of a token endpoint.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// How a client gets tokens for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub url: Url,
    /// Who this side is there.
    pub client_id: String,
    /// What only this side knows.
    pub client_secret: Secret,
    /// Where both of them are shown.
    pub shown_in: ShownIn,
    /// What the token is to be good for; empty to let the endpoint say.
    pub scopes: Vec<String>,
    /// For whom it is to be good, which some endpoints want to know.
    pub audience: Option<String>,
    /// How TLS is spoken there; only where the URL asks for it.
    pub tls: tls::ClientSettings,
}

/// Where a client shows who it is (RFC 6749, 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShownIn {
    /// In the header `Authorization`, which every endpoint has to take.
    #[default]
    Header,
    /// In the body, which some want.
    Body,
}

/// The tokens of one receiver. A clone has the same.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Inner>);

struct Inner {
    settings: ClientCredentials,
    /// Locked while a token is fetched, so that one is fetched for all who wait for it.
    state: Mutex<State>,
}

struct State {
    endpoint: Endpoint,
    held: Option<Held>,
}

struct Held {
    header: HeaderValue,
    until: Instant,
}

/// What an endpoint gives (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Given {
    access_token: String,
    token_type: String,
    expires_in: Option<serde_json::Number>,
}

/// Why it gives nothing (RFC 6749, 5.2). The description may hold what was sent, and is left alone.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Tokens {
    pub(super) fn new(settings: &ClientCredentials, limits: Limits) -> Self {
        let limits = Limits {
            reply_bytes_max: REPLY_BYTES_MAX,
            ..limits
        };
        let endpoint = Endpoint::new(settings.url.clone(), settings.tls.clone(), limits);
        Self(Arc::new(Inner {
            settings: settings.clone(),
            state: Mutex::new(State { endpoint, held: None }),
        }))
    }

    /// The value of `Authorization`: of the token that is held, or of a new one.
    pub(super) async fn current(&self) -> Result<HeaderValue, SendError> {
        let mut state = self.0.state.lock().await;
        match &state.held {
            Some(held) if Instant::now() < held.until => Ok(held.header.clone()),
            _ => self.fetch(&mut state).await,
        }
    }

    /// The same, where the receiver has refused a token: another one, unless somebody else has fetched it meanwhile.
    pub(super) async fn instead_of(&self, refused: &HeaderValue) -> Result<HeaderValue, SendError> {
        let mut state = self.0.state.lock().await;
        match &state.held {
            Some(held) if held.header != refused => Ok(held.header.clone()),
            _ => self.fetch(&mut state).await,
        }
    }

    async fn fetch(&self, state: &mut State) -> Result<HeaderValue, SendError> {
        state.held = None;
        let (headers, body) = self.0.settings.request();
        let asked_at = Instant::now();
        let response = state.endpoint.post(headers, body.into()).await?;
        let held = held(&response, asked_at).map_err(|reason| NotSent::NoToken {
            address: state.endpoint.address(),
            reason,
        })?;
        tracing::debug!(address = state.endpoint.address(), "a token was fetched");
        let header = held.header.clone();
        state.held = Some(held);
        Ok(header)
    }
}

impl ClientCredentials {
    fn request(&self) -> (HeaderMap, String) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, kind);
        let scope = self.scopes.join(" ");
        let mut fields = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        if let Some(audience) = &self.audience {
            fields.push(("audience", audience));
        }
        match self.shown_in {
            ShownIn::Header => {
                let encoded = |text: &str| encoded(&[("", text)]).trim_start_matches('=').to_owned();
                let shown = basic(&encoded(&self.client_id), &encoded(self.client_secret.reveal()));
                headers.insert(AUTHORIZATION, shown);
            }
            ShownIn::Body => {
                fields.push(("client_id", &self.client_id));
                fields.push(("client_secret", self.client_secret.reveal()));
            }
        }
        (headers, encoded(&fields))
    }
}

/// As a form is sent. Texts can always be encoded.
fn encoded(fields: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(fields).unwrap_or_default()
}

fn held(response: &Response, asked_at: Instant) -> Result<Held, String> {
    let body = response.content.as_slice();
    if response.is_too_long {
        return Err(format!("its answer is longer than {REPLY_BYTES_MAX} bytes"));
    }
    if response.status != 200 {
        return Err(match serde_json::from_slice::<Refused>(body) {
            Ok(Refused { error }) if is_code(&error) => format!("it answers {} `{error}`", response.status),
            _ => format!("it answers {}", response.status),
        });
    }
    let given: Given = serde_json::from_slice(body).map_err(|_| "its answer holds no token".to_owned())?;
    if !given.token_type.eq_ignore_ascii_case("bearer") {
        return Err("it gives tokens of another type than `Bearer`".to_owned());
    }
    let token = given.access_token;
    let is_sound = (1..=TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sound {
        return Err("its token cannot be shown".to_owned());
    }
    Ok(Held {
        header: sensitive(&format!("Bearer {token}")),
        until: asked_at + usable(given.expires_in.as_ref()),
    })
}

/// How long a token is used that lives so many seconds. Of a very short life some is left all the same.
fn usable(expires_in: Option<&serde_json::Number>) -> Duration {
    let Some(seconds) = expires_in.and_then(serde_json::Number::as_f64) else {
        return LIFE;
    };
    let life = Duration::try_from_secs_f64(seconds.max(0.0)).map_or(LIFE_MAX, |life| life.min(LIFE_MAX));
    life.saturating_sub(MARGIN.min(life / 2))
}

/// A code of table 5.2 of RFC 6749, or one that looks like it.
fn is_code(error: &str) -> bool {
    error.len() <= 40 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Tokens").field(&self.0.settings.url).finish()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use transfuse_message::Payload;

    use super::*;

    fn client(shown_in: ShownIn) -> ClientCredentials {
        ClientCredentials {
            url: "https://id.example.org/token".parse().unwrap(),
            client_id: "lab:1".to_owned(),
            client_secret: "a b&c".to_owned().into(),
            shown_in,
            scopes: vec!["results.write".to_owned(), "ping".to_owned()],
            audience: None,
            tls: tls::ClientSettings::default(),
        }
    }

    fn given(status: u16, body: &str) -> Result<Held, String> {
        let response = Response {
            status,
            retry_after: None,
            content: Payload::from(body.to_owned()),
            is_too_long: false,
        };
        held(&response, Instant::now())
    }

    #[test]
    fn a_client_shows_itself_encoded_in_the_header_or_in_the_body() {
        let (headers, body) = client(ShownIn::Header).request();
        assert_eq!(body, "grant_type=client_credentials&scope=results.write+ping");
        // `lab%3A1:a+b%26c`
        assert_eq!(headers.get(AUTHORIZATION).unwrap(), "Basic bGFiJTNBMTphK2IlMjZj");
        let (headers, body) = client(ShownIn::Body).request();
        assert!(body.ends_with("&client_id=lab%3A1&client_secret=a+b%26c"), "{body}");
        assert!(!headers.contains_key(AUTHORIZATION));
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let of = |text: &str| usable(Some(&serde_json::from_str(text).unwrap()));
        let seconds = [of("3600"), of("40"), of("0"), of("-5")].map(|life| life.as_secs());
        assert_eq!(seconds, [3_570, 20, 0, 0]);
        assert_eq!(usable(None), LIFE);
        assert!(of("1e300") <= LIFE_MAX);
    }

    #[test]
    fn an_endpoint_that_gives_no_token_is_told_without_what_it_was_sent() {
        let why = |status, body| given(status, body).map(|_| ()).unwrap_err();
        assert_eq!(
            why(400, r#"{"error":"invalid_client","error_description":"secret CANARY"}"#),
            "it answers 400 `invalid_client`"
        );
        assert_eq!(why(503, "<html>CANARY</html>"), "it answers 503");
        assert_eq!(why(400, r#"{"error":"CANARY"}"#), "it answers 400");
        assert_eq!(why(200, "{}"), "its answer holds no token");
        let other = r#"{"access_token":"a","token_type":"mac"}"#;
        assert_eq!(why(200, other), "it gives tokens of another type than `Bearer`");
        let broken = r#"{"access_token":"a\nb","token_type":"Bearer"}"#;
        assert_eq!(why(200, broken), "its token cannot be shown");
        let held = given(200, r#"{"access_token":"abc","token_type":"bearer","expires_in":60}"#).unwrap();
        assert_eq!(
            (held.header.to_str().unwrap(), held.header.is_sensitive()),
            ("Bearer abc", true)
        );
    }
}
