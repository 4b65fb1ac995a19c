//! What is said about a package: in-toto statements, one kind for each role.
//!
//! <https://github.com/in-toto/attestation/tree/main/spec/v1>. A field that this version does not know is refused: it
//! could restrict what is said, and passing over it would make a promise larger than it was given.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::envelope::Envelope;
use super::key::PrivateKey;
use super::time;

/// Who says something about a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Built it.
    Vendor,
    /// Tested it.
    Certifier,
    /// Lets it run.
    Hospital,
}

/// One statement about one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The package's name and version, for people: `transfuse/redact@1.0.0`.
    pub package: String,
    /// The package's digest, `sha256:...`: what the statement is about.
    pub digest: String,
    /// From when it holds, in milliseconds since 1970 UTC.
    pub issued_at_ms: i64,
    /// Until when it holds; none: for as long as nobody revokes it.
    pub until_ms: Option<i64>,
    /// What is said.
    pub claim: Claim,
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// "I built this."
    Built,
    /// "This digest passed the suite for that contract, with these grants."
    Certified(Certificate),
    /// "Approved here", with a note for those who ask later.
    Approved {
        /// Why, or under which conditions.
        note: String,
    },
}

/// What a certifier tested, and with which result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The suite and its version, `transfuse-certification 1`.
    pub suite: String,
    /// The version of the plugin contract, `1.0`.
    pub contract: String,
    /// The engine that ran the suite, with its version.
    pub engine: String,
    /// What the plugin was granted while it was tested.
    pub grants: CertifiedGrants,
    /// The digest of the full report, `sha256:...`.
    pub report: String,
    /// One line for each part of the suite: its name, and what was found.
    pub results: BTreeMap<String, String>,
}

/// What a plugin was granted while it was tested: what its manifest requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedGrants {
    /// Fields that it reads.
    pub read: Vec<String>,
    /// Fields that it changes.
    pub write: Vec<String>,
    /// Code tables that it looks into.
    pub tables: Vec<String>,
    /// Whether it makes messages of its own.
    pub create: bool,
    /// Whether it keeps state between messages.
    pub state: bool,
}

/// A payload is no statement about a package.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The envelope holds something else.
    #[error("it holds `{0}`, and not an in-toto statement")]
    PayloadType(String),
    /// It is not JSON, a field is missing, of another kind, or unknown.
    #[error("it is not a statement that this version understands: {0}")]
    Malformed(String),
    /// It says something that no role says.
    #[error("it makes a claim of the type `{0}`, which this version does not know")]
    PredicateType(String),
    /// It is about no package, or about several.
    #[error("it is about {0} subjects, and must be about one package by its SHA-256 digest")]
    Subjects(usize),
}

/// The payload type of an envelope around a statement.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

const BUILT: &str = "urn:transfuse:built:v1";
const CERTIFIED: &str = "urn:transfuse:certified:v1";
const APPROVED: &str = "urn:transfuse:approved:v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<WireSubject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSubject {
    name: String,
    digest: BTreeMap<String, String>,
}

/// What every claim has.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePredicate {
    #[serde(rename = "issuedAt", serialize_with = "time::write", deserialize_with = "time::read")]
    issued_at_ms: i64,
    #[serde(
        default,
        rename = "until",
        skip_serializing_if = "Option::is_none",
        serialize_with = "time::optional::write",
        deserialize_with = "time::optional::read"
    )]
    until_ms: Option<i64>,
    /// Of a certifier, and of nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
    /// Of a hospital, and of nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Statement {
    /// Signs the statement.
    #[must_use]
    pub fn sign(&self, key: &PrivateKey) -> Envelope {
        Envelope::sign(PAYLOAD_TYPE, self.to_json(), key)
    }

    /// What an envelope says. Whether its signer may say so is not looked at.
    pub fn read(envelope: &Envelope) -> Result<Self, StatementError> {
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(StatementError::PayloadType(envelope.payload_type.clone()));
        }
        let wire: Wire = serde_json::from_slice(&envelope.payload).map_err(|error| malformed(&error))?;
        if wire.statement_type != STATEMENT_TYPE {
            return Err(StatementError::Malformed(format!(
                "its type is `{}`",
                wire.statement_type
            )));
        }
        let (package, digest) = subject(&wire.subject)?;
        let role = match wire.predicate_type.as_str() {
            BUILT => Role::Vendor,
            CERTIFIED => Role::Certifier,
            APPROVED => Role::Hospital,
            _ => return Err(StatementError::PredicateType(wire.predicate_type)),
        };
        let predicate: WirePredicate = serde_json::from_value(wire.predicate).map_err(|error| malformed(&error))?;
        Ok(Self {
            package,
            digest,
            issued_at_ms: predicate.issued_at_ms,
            until_ms: predicate.until_ms,
            claim: claim(role, predicate.certificate, predicate.note)?,
        })
    }

    fn to_json(&self) -> Vec<u8> {
        let (predicate_type, certificate, note) = match &self.claim {
            Claim::Built => (BUILT, None, None),
            Claim::Certified(certificate) => (CERTIFIED, Some(certificate.clone()), None),
            Claim::Approved { note } => (APPROVED, None, Some(note.clone())),
        };
        let digest = self.digest.strip_prefix("sha256:").unwrap_or(&self.digest);
        let wire = Wire {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![WireSubject {
                name: self.package.clone(),
                digest: BTreeMap::from([("sha256".to_owned(), digest.to_owned())]),
            }],
            predicate_type: predicate_type.to_owned(),
            predicate: serde_json::to_value(WirePredicate {
                issued_at_ms: self.issued_at_ms,
                until_ms: self.until_ms,
                certificate,
                note,
            })
            .unwrap_or_default(),
        };
        // A struct of texts and truth values has no way to fail.
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

fn malformed(error: &serde_json::Error) -> StatementError {
    StatementError::Malformed(error.to_string())
}

/// Name and digest of the one package that a statement is about.
fn subject(subjects: &[WireSubject]) -> Result<(String, String), StatementError> {
    let [subject] = subjects else {
        return Err(StatementError::Subjects(subjects.len()));
    };
    let digest = subject.digest.get("sha256").ok_or(StatementError::Subjects(1))?;
    Ok((subject.name.clone(), format!("sha256:{digest}")))
}

fn claim(role: Role, certificate: Option<Certificate>, note: Option<String>) -> Result<Claim, StatementError> {
    match (role, certificate, note) {
        (Role::Vendor, None, None) => Ok(Claim::Built),
        (Role::Certifier, Some(certificate), None) => Ok(Claim::Certified(certificate)),
        (Role::Hospital, None, note) => Ok(Claim::Approved {
            note: note.unwrap_or_default(),
        }),
        _ => Err(StatementError::Malformed(format!(
            "its fields are not those of a {role}'s claim"
        ))),
    }
}

impl Claim {
    /// Who says such things.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Built => Role::Vendor,
            Self::Certified(_) => Role::Certifier,
            Self::Approved { .. } => Role::Hospital,
        }
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Vendor, Self::Certifier, Self::Hospital];

    /// The word in configuration files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Certifier => "certifier",
            Self::Hospital => "hospital",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}
