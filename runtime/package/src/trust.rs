//! Who vouches for a package, and whether that is enough for a site.
//!
//! A statement about a package is an in-toto statement whose subject is the package's digest, signed in a DSSE
//! [`Envelope`] by an Ed25519 key. Three roles make statements: the vendor ("I built this"), the certifier ("this digest
//! passed a suite, with these grants, until then") and the hospital ("approved here"). A site pins keys to roles and
//! says which roles it requires: its [`Policy`] judges a package from these, from the hospital's written approvals and
//! from a signed [`RevocationList`]. Nothing here asks a network.

mod envelope;
mod grants;
mod key;
mod policy;
mod refusal;
mod revocation;
mod statement;
mod time;

pub use envelope::{ENVELOPE_BYTES_MAX, Envelope, EnvelopeError};
pub use key::{KeyError, KeyId, PrivateKey, PublicKey};
pub use policy::{
    Approval, ENVELOPES_MAX, Occasion, OnRevoked, PINNED_KEYS_MAX, PinnedKey, Policy, Signature, Subject,
};
pub use refusal::{Alert, Refusal};
pub use revocation::{REVOCATION_LIST_BYTES_MAX, REVOKED_MAX, RevocationError, RevocationList, Revoked};
pub use statement::{Certificate, CertifiedGrants, Claim, Role, Statement, StatementError};
pub use time::{moment, parse_moment};

#[cfg(test)]
mod tests;
