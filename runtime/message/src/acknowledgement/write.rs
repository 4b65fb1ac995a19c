//! Building the acknowledgement of a message.

use bytes::Bytes;

use super::{AcknowledgementCode, AcknowledgementContext, Finding};
use crate::Message;

/// The accepting acknowledgement (AA). Whoever sends it owns the message.
#[must_use]
pub fn accept(request: &Message, context: &AcknowledgementContext<'_>) -> Bytes {
    refuse(request, AcknowledgementCode::AA, &[], context)
}

/// A refusing acknowledgement with its findings as ERR. A code that accepts is turned into its error, because nothing
/// may be accepted here.
#[must_use]
pub fn refuse(
    request: &Message,
    code: AcknowledgementCode,
    findings: &[Finding],
    context: &AcknowledgementContext<'_>,
) -> Bytes {
    let _ = (request, code, findings, context);
    Bytes::new()
}

/// Refuses (AR) bytes that could not be parsed. What their header still tells is answered to.
#[must_use]
pub fn refuse_unreadable(raw: &[u8], finding: &Finding, context: &AcknowledgementContext<'_>) -> Bytes {
    let _ = (raw, finding, context);
    Bytes::new()
}
