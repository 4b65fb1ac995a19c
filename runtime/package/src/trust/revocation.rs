//! The revocation list: packages and keys that are not to be trusted any more, with the reason.
//!
//! A list is whole, signed, and has a number that only grows. Whoever reads one keeps the highest that was seen and
//! refuses an older one, so that nobody brings a revoked package back by serving yesterday's list.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::envelope::{Envelope, EnvelopeError};
use super::key::{KeyId, PrivateKey};
use super::policy::PinnedKey;
use super::statement::Role;
use super::time;

/// A revocation list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// Grows with every list.
    pub number: u64,
    /// When it was made, in milliseconds since 1970 UTC.
    pub issued_at_ms: i64,
    /// Revoked packages, by digest.
    pub packages: Vec<Revoked>,
    /// Revoked keys, by key id: what they have signed counts no more.
    pub keys: Vec<Revoked>,
}

/// One thing that is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// A package's digest, or a key's id.
    pub id: String,
    /// Why, for the people who have to act on it.
    pub reason: String,
}

/// A revocation list is not to be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// The file is no envelope.
    #[error("it cannot be read: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The envelope holds something else.
    #[error("it holds `{0}`, and not a revocation list")]
    PayloadType(String),
    /// Signed, and yet no list that this version understands.
    #[error("it is not a revocation list that this version understands: {0}")]
    Malformed(String),
    /// More entries than a list may have.
    #[error("it revokes {0} packages and keys, and no more than {REVOKED_MAX} are read")]
    TooLong(usize),
    /// No pinned key signed it.
    #[error("it is signed by the unknown key {0}")]
    UnknownKey(String),
    /// It says that a pinned key signed it, and that is not so.
    #[error("its signature by `{by}` does not fit: the list was changed after it was signed")]
    BadSignature {
        /// The pinned key's name.
        by: String,
    },
    /// A pinned key signed it, whose role may not revoke.
    #[error("`{by}` signed it, a {role}'s key, and only certifiers and hospitals revoke")]
    WrongRole {
        /// The pinned key's name.
        by: String,
        /// What it is pinned as.
        role: Role,
    },
    /// A newer list has been seen.
    #[error("it is an older list: it has the number {number}, and number {seen} has been seen")]
    Older {
        /// Of this list.
        number: u64,
        /// The highest that was seen.
        seen: u64,
    },
    /// Another list of the same number has been seen.
    #[error("it is another list of the number {0} than the one that has been seen")]
    Replaced(u64),
}

/// Bytes of a list's file: some hundred for each entry.
pub const REVOCATION_LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Entries of a list, which is looked through for every package and signature.
pub const REVOKED_MAX: usize = 10_000;

const PAYLOAD_TYPE: &str = "application/vnd.transfuse.revocations+json";

/// The version of this form. A reader refuses a newer one instead of guessing.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u32,
    number: u64,
    #[serde(rename = "issuedAt", serialize_with = "time::write", deserialize_with = "time::read")]
    issued_at_ms: i64,
    packages: Vec<Revoked>,
    keys: Vec<Revoked>,
}

impl RevocationList {
    /// Signs the list.
    #[must_use]
    pub fn sign(&self, key: &PrivateKey) -> Envelope {
        let wire = Wire {
            format: FORMAT,
            number: self.number,
            issued_at_ms: self.issued_at_ms,
            packages: self.packages.clone(),
            keys: self.keys.clone(),
        };
        // A struct of texts and numbers has no way to fail.
        Envelope::sign(PAYLOAD_TYPE, serde_json::to_vec(&wire).unwrap_or_default(), key)
    }

    /// Reads a list and holds its signature against the pinned keys. Whether it is the newest is not looked at.
    pub fn open(json: &[u8], keys: &[PinnedKey]) -> Result<Self, RevocationError> {
        let envelope = Envelope::parse_within(json, REVOCATION_LIST_BYTES_MAX)?;
        let mut signers = keys.iter().filter(|pinned| envelope.is_signed_by(&pinned.key));
        match (signers.clone().find(|signer| signer.may_revoke()), signers.next()) {
            (Some(_), _) => Self::read(&envelope),
            (None, Some(signer)) => Err(RevocationError::WrongRole {
                by: signer.name.clone(),
                role: signer.role,
            }),
            (None, None) => Err(unknown_signer(&envelope, keys)),
        }
    }

    /// Refuses a list that is older than one that was seen, and another one of the same number.
    pub fn refuse_older_than(&self, seen: &Self) -> Result<(), RevocationError> {
        let (number, seen_number) = (self.number, seen.number);
        if number < seen_number {
            return Err(RevocationError::Older {
                number,
                seen: seen_number,
            });
        }
        if number == seen_number && self != seen {
            return Err(RevocationError::Replaced(number));
        }
        Ok(())
    }

    /// Why a package is revoked; none where it is not.
    #[must_use]
    pub fn package(&self, digest: &str) -> Option<&Revoked> {
        self.packages.iter().find(|revoked| revoked.id == digest)
    }

    /// Why a key is revoked; none where it is not.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&Revoked> {
        self.keys.iter().find(|revoked| revoked.id == id.as_str())
    }

    fn read(envelope: &Envelope) -> Result<Self, RevocationError> {
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(RevocationError::PayloadType(envelope.payload_type.clone()));
        }
        let wire: Wire =
            serde_json::from_slice(&envelope.payload).map_err(|error| RevocationError::Malformed(error.to_string()))?;
        if wire.format != FORMAT {
            let text = format!("its format is {}, and this version reads {FORMAT}", wire.format);
            return Err(RevocationError::Malformed(text));
        }
        let count = wire.packages.len() + wire.keys.len();
        if count > REVOKED_MAX {
            return Err(RevocationError::TooLong(count));
        }
        Ok(Self {
            number: wire.number,
            issued_at_ms: wire.issued_at_ms,
            packages: wire.packages,
            keys: wire.keys,
        })
    }
}

/// Tells a changed list of a known signer from a list of a stranger.
fn unknown_signer(envelope: &Envelope, keys: &[PinnedKey]) -> RevocationError {
    let ids: Vec<&KeyId> = envelope.key_ids().collect();
    match keys.iter().find(|pinned| ids.contains(&&pinned.key.id())) {
        Some(pinned) => RevocationError::BadSignature {
            by: pinned.name.clone(),
        },
        None => RevocationError::UnknownKey(
            ids.first()
                .map_or_else(|| "without an id".to_owned(), ToString::to_string),
        ),
    }
}

impl RevocationError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Older { .. } | Self::Replaced(_) => {
                "get the newest list from whoever publishes it; the engine keeps to the newest that it has seen"
            }
            Self::UnknownKey(_) => "pin the publisher's key in `[trust] keys`, if this site is to follow that list",
            Self::WrongRole { .. } => "have a certifier or the hospital sign the list",
            Self::BadSignature { .. } | Self::Envelope(_) => "fetch the list again from whoever publishes it",
            Self::PayloadType(_) | Self::Malformed(_) | Self::TooLong(_) => {
                "a list is what `transfuse plugin revoke` writes; a newer one may need a newer engine"
            }
        }
    }
}
