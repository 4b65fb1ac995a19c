//! What a receiver has to say.

use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::RETRY_AFTER;
use transfuse_message::Payload;

/// A response that has come as a whole, or as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status, 100 to 999.
    pub status: u16,
    /// For how long the receiver does not want to be asked again; none where it says nothing, or nothing that can be read.
    pub retry_after: Option<Duration>,
    /// The body; nothing of one that is longer than is read.
    pub content: Payload,
    /// Whether the body was longer than is read.
    pub is_too_long: bool,
}

/// What was read of a body.
pub(super) enum Body {
    Whole(Payload),
    TooLong,
}

/// Reads a body as far as may be.
pub(super) async fn read(mut body: Incoming, bytes_max: usize) -> Result<Body, hyper::Error> {
    let mut content = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers say nothing that is looked at.
        let Ok(data) = frame?.into_data() else { continue };
        if content.len() + data.len() > bytes_max {
            return Ok(Body::TooLong);
        }
        content.extend_from_slice(&data);
    }
    Ok(Body::Whole(Payload::from(content.freeze())))
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_receiver_asks_for_a_pause_in_seconds_or_by_a_date() {
        let now = httpdate::parse_http_date("Sat, 28 Nov 2026 09:00:00 GMT").unwrap();
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("Sat, 28 Nov 2026 09:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Sat, 28 Nov 2026 08:00:00 GMT"), Some(Duration::ZERO));
        for wrong in ["soon", "-1", "1.5", ""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
