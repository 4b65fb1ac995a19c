//! The body of a request, within its limits.

use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};
use transfuse_message::Payload;

use super::listener::ListenerSettings;
use crate::frame::{Defect, Truncation};
use crate::inflow::Account;
use crate::net;

/// What is set aside for a body by its own word; what is longer grows as it comes.
const RESERVED_MAX: usize = 64 * 1024;

/// How long what nobody wants is read on, so that a client which writes before it reads hears why.
const DISCARD: Duration = Duration::from_millis(500);

/// What came of a body, and why that is not all of it.
pub(super) async fn read(
    mut body: Incoming,
    settings: &ListenerSettings,
    may_discard: bool,
    account: &mut Account,
) -> (Payload, Option<Defect>) {
    let bytes_max = settings.body_bytes_max;
    let announced = body.size_hint().lower();
    let mut content = BytesMut::new();
    let defect = if announced > bytes_max as u64 {
        Some(too_long(announced, bytes_max))
    } else {
        content.reserve(usize::try_from(announced).map_or(RESERVED_MAX, |bytes| bytes.min(RESERVED_MAX)));
        fill(&mut content, &mut body, settings, account).await
    };
    if may_discard && matches!(defect, Some(Defect::TooLong { .. })) {
        // Whichever comes first.
        let _ = timeout(DISCARD, async { while let Some(Ok(_)) = body.frame().await {} }).await;
    }
    (Payload::from(content.freeze()), defect)
}

async fn fill(
    content: &mut BytesMut,
    body: &mut Incoming,
    settings: &ListenerSettings,
    account: &mut Account,
) -> Option<Defect> {
    let (mut began, bytes_max) = (Instant::now(), settings.body_bytes_max);
    let mut read_at = began;
    loop {
        let asked = Instant::now();
        account.cover(content.len()).await;
        let waited = asked.elapsed();
        // It was not the client that paused.
        (began, read_at) = (began + waited, read_at + waited);
        let deadline = net::receive_deadline(began, read_at, content.len(), settings.body_timeout);
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Some(Defect::Truncated(Truncation::Stalled)),
            Ok(Some(Err(_))) => return Some(Defect::Truncated(Truncation::StreamEnd)),
            Ok(None) => return None,
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers say nothing that is looked at.
        let Ok(data) = frame.into_data() else { continue };
        read_at = Instant::now();
        let room = bytes_max - content.len();
        content.extend_from_slice(data.get(..data.len().min(room)).unwrap_or_default());
        if data.len() > room {
            return Some(too_long(bytes_max as u64 + 1, bytes_max));
        }
    }
}

fn too_long(bytes: u64, bytes_max: usize) -> Defect {
    Defect::TooLong {
        bytes,
        bytes_max: bytes_max as u64,
    }
}
