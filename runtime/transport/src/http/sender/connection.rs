//! One connection to one address, kept between requests.

use std::io;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT_ENCODING, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::time::{Duration, Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use transfuse_message::Payload;

use super::super::guarded::Guarded;
use super::super::url::Url;
use super::Limits;
use super::response::{self, Body, Response};
use crate::net;
use crate::send::{NotSent, SendError, Unknown};
use crate::tls;

/// Receivers commonly close what was silent for a minute. What has been silent for nearly as long is not used again, so that
/// no request meets a connection that is being closed.
const IDLE_MAX: Duration = Duration::from_secs(45);

/// The status line and all headers of a response.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Whom the receiver's log shows.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("transfuse/", env!("CARGO_PKG_VERSION")));

/// Where requests go, and the connection to it.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: Url,
    tls_settings: tls::ClientSettings,
    /// Made at the first connection, because a file may be missing until then.
    tls: Option<tls::Client>,
    limits: Limits,
    /// Present only while it can carry the next request: it is taken out for each exchange.
    link: Option<Link>,
}

/// An open connection, which is closed on drop.
#[derive(Debug)]
struct Link {
    requests: SendRequest<Full<Bytes>>,
    used_at: Instant,
    _driver: AbortOnDropHandle<()>,
}

/// What became of a request.
enum Tried {
    Answered(Response, Link),
    /// Nothing of it has left.
    Unsent(io::Error),
}

impl Endpoint {
    pub(super) fn new(url: Url, tls_settings: tls::ClientSettings, limits: Limits) -> Self {
        Self {
            url,
            tls_settings,
            tls: None,
            limits,
            link: None,
        }
    }

    pub(super) fn address(&self) -> String {
        self.url.address().to_owned()
    }

    /// Posts once. A kept connection on which nothing has left, because the receiver has closed it meanwhile, is replaced.
    pub(super) async fn post(&mut self, headers: HeaderMap, body: Bytes) -> Result<Response, SendError> {
        let kept = self.link.take().filter(Link::is_usable);
        if let Some(link) = kept
            && let Tried::Answered(response, link) = self.ask(link, headers.clone(), body.clone()).await?
        {
            return Ok(self.keep(response, link));
        }
        let link = self.connect().await?;
        match self.ask(link, headers, body).await? {
            Tried::Answered(response, link) => Ok(self.keep(response, link)),
            Tried::Unsent(source) => Err(NotSent::Write {
                address: self.address(),
                source,
            }
            .into()),
        }
    }

    /// A body that was not read to its end leaves a connection of no use.
    fn keep(&mut self, response: Response, link: Link) -> Response {
        if !response.is_too_long {
            self.link = Some(link);
        }
        response
    }

    async fn ask(&self, mut link: Link, headers: HeaderMap, body: Bytes) -> Result<Tried, SendError> {
        let Limits {
            reply_timeout,
            reply_bytes_max,
            ..
        } = self.limits;
        let request = self.request(headers, body);
        let exchange = async {
            if let Err(error) = link.requests.ready().await {
                return Ok(Tried::Unsent(io::Error::other(error)));
            }
            let sent = link.requests.try_send_request(request).await;
            let response = match sent {
                Ok(response) => response,
                Err(mut error) => {
                    let has_stayed = error.take_message().is_some();
                    let error = error.into_error();
                    return if has_stayed {
                        Ok(Tried::Unsent(io::Error::other(error)))
                    } else {
                        Err(self.unknown(error))
                    };
                }
            };
            let (head, body) = response.into_parts();
            let body = response::read(body, reply_bytes_max).await;
            let (content, is_too_long) = match body.map_err(|error| self.unknown(error))? {
                Body::Whole(content) => (content, false),
                Body::TooLong => (Payload::default(), true),
            };
            link.used_at = Instant::now();
            let response = Response {
                status: head.status.as_u16(),
                retry_after: response::retry_after(&head.headers, SystemTime::now()),
                content,
                is_too_long,
            };
            Ok(Tried::Answered(response, link))
        };
        let answered = timeout(reply_timeout, exchange)
            .await
            .map_err(|_| Unknown::ReplyTimeout {
                address: self.address(),
                timeout: reply_timeout,
            })?;
        Ok(answered?)
    }

    fn request(&self, headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(self.url.path().clone());
        *request.headers_mut() = headers;
        let own = request.headers_mut();
        if let Ok(host) = HeaderValue::from_str(self.url.authority()) {
            own.insert(HOST, host);
        }
        // What is compressed would be longer than it looks.
        own.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        own.entry(USER_AGENT).or_insert(AGENT);
        request
    }

    async fn connect(&mut self) -> Result<Link, NotSent> {
        let tls = self.tls()?;
        let address = self.url.address();
        let Limits {
            connect_timeout,
            write_timeout,
            keepalive,
            ..
        } = self.limits;
        let connected = net::connect(address, tls.as_ref(), keepalive, connect_timeout).await;
        let stream = connected.map_err(|failed| NotSent::of(failed, address, connect_timeout))?;
        let io = TokioIo::new(Guarded::new(stream, write_timeout));
        let shaken = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(io).await;
        let (requests, connection) = shaken.map_err(|error| NotSent::Write {
            address: address.to_owned(),
            source: io::Error::other(error),
        })?;
        tracing::debug!(address, "connected");
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection lost");
            }
        });
        Ok(Link {
            requests,
            used_at: Instant::now(),
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    fn tls(&mut self) -> Result<Option<tls::Client>, NotSent> {
        if self.url.is_secure() && self.tls.is_none() {
            let client = tls::Client::new(&self.tls_settings, self.url.address());
            self.tls = Some(client.map_err(|source| NotSent::TlsFiles {
                address: self.address(),
                source,
            })?);
        }
        Ok(self.tls.clone())
    }

    /// The request has left, or a part of it, and there is no response.
    fn unknown(&self, error: hyper::Error) -> Unknown {
        let address = self.address();
        if error.is_parse() || error.is_parse_status() || error.is_parse_too_large() {
            let reason = error.to_string();
            return Unknown::BadResponse { address, reason };
        }
        if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            return Unknown::Closed { address };
        }
        Unknown::Read {
            address,
            source: io::Error::other(error),
        }
    }
}

impl Link {
    fn is_usable(&self) -> bool {
        !self.requests.is_closed() && self.used_at.elapsed() < IDLE_MAX
    }
}
