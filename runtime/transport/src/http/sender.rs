//! Sends messages to one receiver, one at a time, and gives its responses back.

mod connection;
mod response;
mod tokens;

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use transfuse_message::Payload;

pub use response::Response;
pub use tokens::{ClientCredentials, ShownIn};

use super::authentication::Authentication;
use super::url::Url;
use crate::net::{CONNECT_TIMEOUT, KEEPALIVE, REPLY_BYTES_MAX, REPLY_TIMEOUT, WRITE_TIMEOUT};
use crate::send::SendError;
use crate::tls;
use connection::Endpoint;
use tokens::Tokens;

/// What is said of bytes of which nothing is known.
const ANY_BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

const UNAUTHORIZED: u16 = 401;

/// That a request which comes again is the same one (IETF draft `draft-ietf-httpapi-idempotency-key-header`).
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How to reach a receiver, what to show it, and how long to wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderSettings {
    /// Where messages are posted.
    pub url: Url,
    /// Further headers of each request. Those that are secrets are marked as such.
    pub headers: HeaderMap,
    /// Who this side is; none to say nothing.
    pub credentials: Option<Credentials>,
    /// What a connection may take.
    pub limits: Limits,
    /// How TLS is spoken; only where the URL asks for it.
    pub tls: tls::ClientSettings,
}

/// What a connection may take, in time and in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the name, the connection and what TLS needs to begin, together.
    pub connect_timeout: Duration,
    /// How long the receiver may take no byte of a request.
    pub write_timeout: Duration,
    /// From the request's first byte to the response's last byte.
    pub reply_timeout: Duration,
    /// The largest body of a response.
    pub reply_bytes_max: usize,
    /// After so much silence the kernel asks whether the receiver still lives.
    pub keepalive: Duration,
}

/// How a client says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// By what does not change.
    Fixed(Authentication),
    /// By a token that somebody else gives out (RFC 6749, 4.4).
    Client(Box<ClientCredentials>),
}

/// A message on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The body.
    pub content: &'a Payload,
    /// Its media type.
    pub content_type: &'a str,
    /// The same for each attempt at one delivery, and for nothing else. Printable ASCII without quotes.
    pub idempotency_key: Option<&'a str>,
}

/// A connection to one receiver, opened at the first message and kept.
#[derive(Debug)]
pub struct Sender {
    endpoint: Endpoint,
    headers: HeaderMap,
    shown: Shown,
}

/// What is shown of who this side is.
#[derive(Debug)]
enum Shown {
    Nothing,
    Fixed(HeaderValue),
    Token(Tokens),
}

impl Default for Limits {
    /// Each with its reason at its constant.
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            reply_timeout: REPLY_TIMEOUT,
            reply_bytes_max: REPLY_BYTES_MAX,
            keepalive: KEEPALIVE,
        }
    }
}

impl SenderSettings {
    /// The defaults.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self {
            url,
            headers: HeaderMap::new(),
            credentials: None,
            limits: Limits::default(),
            tls: tls::ClientSettings::default(),
        }
    }
}

impl Sender {
    /// So many senders, not connected yet, which share their tokens: with several connections one is fetched for all.
    #[must_use]
    pub fn several(settings: &SenderSettings, count: usize) -> Vec<Self> {
        let tokens = match &settings.credentials {
            Some(Credentials::Client(client)) => Some(Tokens::new(client, settings.limits)),
            _ => None,
        };
        let one = || Self {
            endpoint: Endpoint::new(settings.url.clone(), settings.tls.clone(), settings.limits),
            headers: settings.headers.clone(),
            shown: match (&settings.credentials, &tokens) {
                (_, Some(tokens)) => Shown::Token(tokens.clone()),
                (Some(Credentials::Fixed(authentication)), None) => Shown::Fixed(authentication.header()),
                (_, None) => Shown::Nothing,
            },
        };
        (0..count).map(|_| one()).collect()
    }

    /// A sender of its own.
    #[must_use]
    pub fn new(settings: &SenderSettings) -> Option<Self> {
        Self::several(settings, 1).pop()
    }

    /// Sends one message and waits for the response, whatever its status; nothing is followed anywhere else. Connects where
    /// needed. A token that is not accepted is fetched anew, once. After an error, and when the future is dropped, the
    /// connection is closed.
    pub async fn send(&mut self, request: &Request<'_>) -> Result<Response, SendError> {
        let tokens = match &self.shown {
            Shown::Nothing => return self.post(request, None).await,
            Shown::Fixed(header) => {
                let header = header.clone();
                return self.post(request, Some(header)).await;
            }
            Shown::Token(tokens) => tokens.clone(),
        };
        let token = tokens.current().await?;
        let response = self.post(request, Some(token.clone())).await?;
        if response.status != UNAUTHORIZED {
            return Ok(response);
        }
        let token = tokens.instead_of(&token).await?;
        self.post(request, Some(token)).await
    }

    async fn post(&mut self, request: &Request<'_>, shown: Option<HeaderValue>) -> Result<Response, SendError> {
        let mut headers = self.headers.clone();
        let content_type = HeaderValue::from_str(request.content_type).unwrap_or(ANY_BYTES);
        headers.insert(CONTENT_TYPE, content_type);
        if let Some(shown) = shown {
            headers.insert(AUTHORIZATION, shown);
        }
        let key = request
            .idempotency_key
            .map(|key| HeaderValue::from_str(&format!("\"{key}\"")));
        if let Some(Ok(key)) = key {
            headers.insert(&IDEMPOTENCY_KEY, key);
        }
        self.endpoint.post(headers, request.content.bytes().clone()).await
    }
}
