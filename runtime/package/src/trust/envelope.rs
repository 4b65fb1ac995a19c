//! DSSE envelopes: bytes of a named type with signatures over both.
//!
//! What is signed is the payload's very bytes behind its type and both lengths, so that nothing has to be canonical and
//! no payload can be taken for one of another type. <https://github.com/secure-systems-lab/dsse>

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::key::{KeyId, PrivateKey, PublicKey};

/// A signed payload. Nothing in it may be believed before [`Envelope::is_signed_by`] has said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The bytes that were signed.
    pub payload: Vec<u8>,
    signatures: Vec<Signed>,
}

/// One signature, with what its maker says that the key is called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Signed {
    key_id: Option<KeyId>,
    signature: Vec<u8>,
}

/// Bytes are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It is larger than a statement about a package can be.
    #[error("it has {bytes} bytes, and no more than {bytes_max} are read")]
    TooLarge {
        /// What there is.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// It is not JSON, or a field is missing or of another kind.
    #[error("it is not a DSSE envelope: {0}")]
    Malformed(String),
    /// Nobody signed it, or more than anybody needs.
    #[error("it has {0} signatures, and must have from 1 to {SIGNATURES_MAX}")]
    Signatures(usize),
}

/// An envelope around a statement has one or two thousand bytes.
pub const ENVELOPE_BYTES_MAX: usize = 64 * 1024;

/// Signatures of one envelope: one is usual, a few are co-signers; each costs a verification.
const SIGNATURES_MAX: usize = 8;

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
struct WireSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Signs a payload.
    #[must_use]
    pub fn sign(payload_type: &str, payload: Vec<u8>, key: &PrivateKey) -> Self {
        let signature = key.sign(&pre_authentication(payload_type, &payload)).to_vec();
        Self {
            payload_type: payload_type.to_owned(),
            payload,
            signatures: vec![Signed {
                key_id: Some(key.public().id()),
                signature,
            }],
        }
    }

    /// Reads an envelope of at most [`ENVELOPE_BYTES_MAX`]. Fields that DSSE does not know are passed over, as it asks.
    pub fn parse(json: &[u8]) -> Result<Self, EnvelopeError> {
        Self::parse_within(json, ENVELOPE_BYTES_MAX)
    }

    pub(super) fn parse_within(json: &[u8], bytes_max: usize) -> Result<Self, EnvelopeError> {
        if json.len() > bytes_max {
            return Err(EnvelopeError::TooLarge {
                bytes: json.len(),
                bytes_max,
            });
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|error| EnvelopeError::Malformed(error.to_string()))?;
        let count = wire.signatures.len();
        if !(1..=SIGNATURES_MAX).contains(&count) {
            return Err(EnvelopeError::Signatures(count));
        }
        let signatures = wire.signatures.iter().map(Signed::read);
        Ok(Self {
            payload: base64("payload", &wire.payload)?,
            payload_type: wire.payload_type,
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }

    /// The envelope as JSON, on one line.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|signed| WireSignature {
            keyid: signed.key_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            sig: STANDARD.encode(&signed.signature),
        });
        let wire = Wire {
            payload_type: self.payload_type.clone(),
            payload: STANDARD.encode(&self.payload),
            signatures: signatures.collect(),
        };
        // A struct of texts has no way to fail.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// What the signatures say that their keys are called. It is a claim, and serves to find the key.
    pub fn key_ids(&self) -> impl Iterator<Item = &KeyId> {
        self.signatures.iter().filter_map(|signed| signed.key_id.as_ref())
    }

    /// Whether one of the signatures is this key's.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let bytes = pre_authentication(&self.payload_type, &self.payload);
        self.signatures
            .iter()
            .any(|signed| key.verifies(&bytes, &signed.signature))
    }
}

impl Signed {
    /// An id that is none of ours names a key that nobody here has pinned.
    fn read(wire: &WireSignature) -> Result<Self, EnvelopeError> {
        Ok(Self {
            key_id: wire.keyid.parse().ok(),
            signature: base64("sig", &wire.sig)?,
        })
    }
}

/// Both alphabets, as DSSE asks of readers.
fn base64(field: &str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
    decoded.map_err(|error| EnvelopeError::Malformed(format!("`{field}` is not base64: {error}")))
}

/// DSSE's pre-authentication encoding: what a signature is over.
pub(super) fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}
