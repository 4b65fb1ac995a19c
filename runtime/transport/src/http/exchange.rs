//! One request, and what it is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use transfuse_message::Payload;

use super::body;
use super::listener::{ListenerSettings, MEDIA_TYPES};
use super::refused::{RETRY_AFTER_SECONDS, Refused};
use super::repeats::{self, Entry, Repeats, Teller, Telling};
use crate::answer::{Answer, Handler};
use crate::frame::{Defect, Frame, Truncation};
use crate::inflow::{Held, Inflow};
use crate::net::Peers;

/// What the connections of a listener share.
pub(super) struct Shared {
    pub(super) settings: ListenerSettings,
    pub(super) handler: Handler,
    pub(super) repeats: Repeats,
    /// Places for requests that are being answered.
    pub(super) places: Arc<Semaphore>,
    /// What goes on where a client has hung up.
    pub(super) under_way: TaskTracker,
    pub(super) peers: Peers,
    pub(super) address: SocketAddr,
}

/// One connection.
pub(super) struct Conversation {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: SocketAddr,
    /// What all connections together may take in.
    pub(super) inflow: Inflow,
    pub(super) number: u64,
    pub(super) requests: AtomicU64,
}

/// What a client is told of its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) reply: Payload,
}

/// What of a request's head is needed behind it.
struct Asked {
    key: Option<Arc<str>>,
    media_type: &'static str,
    /// Whether the client writes its body without being asked to.
    writes_at_once: bool,
}

impl Conversation {
    /// Answers one request. What it began goes on where the client hangs up meanwhile.
    pub(super) async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let is_last = self.requests.fetch_add(1, Ordering::Relaxed) + 1 >= self.shared.settings.requests_max;
        let (head, body) = request.into_parts();
        let (mut response, is_read) = match self.admit(&head) {
            Err(refused) => (refusing(refused), false),
            Ok((asked, place)) => {
                let media_type = asked.media_type;
                let (told, telling) = oneshot::channel();
                let conversation = Arc::clone(&self);
                // Whoever hung up hears nothing.
                let carried = async move { drop(told.send(conversation.carry(asked, body, place).await)) };
                self.shared.under_way.spawn(carried);
                match telling.await.unwrap_or(Err(Refused::Unanswered)) {
                    Ok(told) => (told.response(media_type), true),
                    Err(refused) => (refusing(refused), true),
                }
            }
        };
        if is_last || !is_read {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// What can be said before the body is read.
    fn admit(&self, head: &Parts) -> Result<(Asked, OwnedSemaphorePermit), Refused> {
        let settings = &self.shared.settings;
        if let Some(authentication) = &settings.authentication
            && !authentication.is_shown(&head.headers)
        {
            let why = "it does not show who it is";
            self.shared.peers.turn_away(self.peer, self.shared.address, why);
            return Err(Refused::Unauthorized(authentication.challenge()));
        }
        if settings.path.as_ref().is_some_and(|path| path != head.uri.path()) {
            return Err(Refused::Path);
        }
        if head.method != Method::POST {
            return Err(Refused::Method);
        }
        let asked = Asked {
            media_type: media_type(&head.headers).ok_or(Refused::MediaType)?,
            key: repeats::key(&head.headers)?,
            writes_at_once: !head.headers.contains_key(EXPECT),
        };
        let encoding = head.headers.get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Refused::Encoding);
        }
        let place = Arc::clone(&self.shared.places).try_acquire_owned();
        Ok((asked, place.map_err(|_| Refused::Overloaded)?))
    }

    async fn carry(&self, asked: Asked, body: Incoming, place: OwnedSemaphorePermit) -> Result<Told, Refused> {
        let settings = &self.shared.settings;
        let mut account = self.inflow.account();
        let (content, defect) = body::read(body, settings, asked.writes_at_once, &mut account).await;
        if content.is_empty() && defect.is_none() {
            return Err(Refused::Empty);
        }
        let entry = match asked.key.filter(|_| defect.is_none()) {
            Some(key) => self.shared.repeats.enter(key, &content)?,
            None => Entry::New(Teller::once().0),
        };
        let mut telling = match entry {
            Entry::Again(telling) => telling,
            Entry::New(teller) => {
                let telling = teller.subscribe();
                let held = account.hand_over(content.len());
                self.hand_over(content, defect, teller, (place, held));
                telling
            }
        };
        timeout(settings.answer_timeout, told(&mut telling))
            .await
            .unwrap_or(Err(Refused::Unanswered))
    }

    /// The place, and the part of the budget, are kept until the answer is known, whether its client still waits or not.
    fn hand_over(&self, content: Payload, defect: Option<Defect>, teller: Teller, kept: (OwnedSemaphorePermit, Held)) {
        let source = self.peer.to_string();
        if let Some(defect) = &defect {
            tracing::warn!(source, connection = self.number, %defect, "not a whole request");
        }
        let answer = (self.shared.handler)(Frame {
            content,
            defect,
            source,
            connection: self.number,
        });
        self.shared.under_way.spawn(async move {
            teller.tell(Told::of(answer.await.decided().await, defect));
            drop(kept);
        });
    }
}

async fn told(telling: &mut Telling) -> Result<Told, Refused> {
    let told = telling.wait_for(Option::is_some).await;
    told.ok().and_then(|told| told.clone()).ok_or(Refused::Unanswered)
}

impl Told {
    /// There is one response, and it is the answer that is known first.
    fn of(answer: Answer, defect: Option<Defect>) -> Self {
        let (status, reply) = match answer {
            Answer::Accepted(reply) if reply.now.is_empty() => (StatusCode::NO_CONTENT, reply.now),
            Answer::Accepted(reply) => (StatusCode::OK, reply.now),
            Answer::Refused(reply) => (refusal(defect), reply.now),
            Answer::Failed(reply) => (StatusCode::INTERNAL_SERVER_ERROR, reply.now),
            Answer::Stored(_) | Answer::Unanswered => (StatusCode::SERVICE_UNAVAILABLE, Payload::default()),
        };
        Self { status, reply }
    }

    /// Whether the same message would be told the same another time.
    pub(super) fn is_final(&self) -> bool {
        !self.status.is_server_error()
    }

    fn response(self, media_type: &'static str) -> Response<Full<Bytes>> {
        let is_silent = self.reply.is_empty();
        let mut response = Response::new(Full::new(self.reply.into_bytes()));
        *response.status_mut() = self.status;
        if !is_silent {
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}

/// The status of a message that its sender keeps.
fn refusal(defect: Option<Defect>) -> StatusCode {
    match defect {
        Some(Defect::TooLong { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        Some(Defect::Truncated(Truncation::Stalled)) => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn refusing(refused: Refused) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(format!("{}\n", refused.text()).into()));
    *response.status_mut() = refused.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Some((name, value)) = refused.header() {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What the content is said to be; none where that is no HL7 v2. The character set is what MSH-18 or the interface says.
fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    MEDIA_TYPES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(essence))
}
