//! Requests that are no message for the handler.

use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};

use super::listener::MEDIA_TYPES;

/// What a client may do until it is worth asking again: a chain that was stuck has passed its deadline by then.
pub(super) const RETRY_AFTER_SECONDS: &str = "5";

/// Why a request is not taken. Its sender has the message still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Only POST carries a message.
    Method,
    Path,
    /// With what it has to show.
    Unauthorized(&'static str),
    MediaType,
    /// It is compressed.
    Encoding,
    Empty,
    /// The key that is to tell repetitions is none.
    Key,
    /// The same key came with another message.
    OtherMessage,
    /// So many requests are being answered as may be.
    Overloaded,
    /// The answer is not known in time, or cannot be given.
    Unanswered,
}

impl Refused {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Path => StatusCode::NOT_FOUND,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::MediaType | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Empty | Self::Key => StatusCode::BAD_REQUEST,
            Self::OtherMessage => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Overloaded | Self::Unanswered => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A header that belongs to the status.
    pub(super) fn header(self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::Method => Some((ALLOW, "POST")),
            Self::Unauthorized(challenge) => Some((WWW_AUTHENTICATE, challenge)),
            Self::MediaType => Some((
                HeaderName::from_static("accept-post"),
                "application/hl7-v2, x-application/hl7-v2+er7, text/plain",
            )),
            Self::Encoding => Some((hyper::header::ACCEPT_ENCODING, "identity")),
            Self::Overloaded | Self::Unanswered => Some((RETRY_AFTER, RETRY_AFTER_SECONDS)),
            _ => None,
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::Method => "a message is sent with POST".to_owned(),
            Self::Path => "no messages are taken at this path".to_owned(),
            Self::Unauthorized(_) => "show who you are in the header Authorization".to_owned(),
            Self::MediaType => format!("the Content-Type of a message is {}", MEDIA_TYPES.join(", ")),
            Self::Encoding => "a message is not to be compressed".to_owned(),
            Self::Empty => "the body is empty".to_owned(),
            Self::Key => "Idempotency-Key is one text of 1 to 255 printable characters".to_owned(),
            Self::OtherMessage => "another message has come with this Idempotency-Key".to_owned(),
            Self::Overloaded => "too many messages are being taken at the moment".to_owned(),
            Self::Unanswered => "there is no answer yet: send the message again later".to_owned(),
        }
    }
}
