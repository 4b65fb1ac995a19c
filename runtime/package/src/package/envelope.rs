//! What an envelope says of itself: for showing. Whether that is true is not known here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What is said in an envelope, and by whom, as far as its own words go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvelopeSummary {
    /// The kind of statement, a URI; empty where the payload is no statement.
    pub predicate_type: String,
    /// What its makers call their keys.
    pub key_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope {
    payload: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    #[serde(default)]
    keyid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    predicate_type: String,
}

impl EnvelopeSummary {
    /// Reads a DSSE envelope in JSON; nothing where it is none.
    #[must_use]
    pub fn read(envelope: &[u8]) -> Option<Self> {
        let envelope: Envelope = serde_json::from_slice(envelope).ok()?;
        let payload = STANDARD.decode(&envelope.payload).ok()?;
        let statement: Option<Statement> = serde_json::from_slice(&payload).ok();
        Some(Self {
            predicate_type: statement.map(|statement| statement.predicate_type).unwrap_or_default(),
            key_ids: envelope
                .signatures
                .into_iter()
                .map(|signature| signature.keyid)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_tells_kind_and_keys_and_anything_else_tells_nothing() {
        let payload = STANDARD.encode("{\"predicateType\":\"urn:transfuse:built\"}");
        let envelope = format!("{{\"payload\":\"{payload}\",\"signatures\":[{{\"keyid\":\"ab12\",\"sig\":\"\"}}]}}");
        let expected = EnvelopeSummary {
            predicate_type: "urn:transfuse:built".to_owned(),
            key_ids: vec!["ab12".to_owned()],
        };
        assert_eq!(EnvelopeSummary::read(envelope.as_bytes()), Some(expected));
        assert_eq!(EnvelopeSummary::read(b"{}"), None);
        assert_eq!(EnvelopeSummary::read(b"\xff"), None);
    }
}
