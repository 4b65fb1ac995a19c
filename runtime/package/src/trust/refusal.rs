//! Why a package is not trusted, or with which reservations it is: each reason by its own name, with a hint.

use std::fmt;

use thiserror::Error;

use super::statement::Role;
use super::time::moment;

/// Why a package may not be installed, deployed or loaded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody in a required role has said anything about it.
    #[error("nobody vouches for it as {role}")]
    Missing {
        /// The role that is required.
        role: Role,
    },
    /// The signer is nobody whom the site knows.
    #[error("a {role}'s statement is signed by the unknown key {key_id}")]
    UnknownKey {
        /// What the statement would have counted for.
        role: Role,
        /// What the signature says that its key is called.
        key_id: String,
    },
    /// A known key made a statement that its role does not make.
    #[error("`{by}` signed a {claimed}'s statement, and is pinned as {role}")]
    WrongRole {
        /// The pinned key's name.
        by: String,
        /// What it is pinned as.
        role: Role,
        /// Whose statement it made.
        claimed: Role,
    },
    /// The statement is about another package.
    #[error("the statement of {role} `{by}` is about another package, {package} with the digest {digest}")]
    OtherDigest {
        /// The pinned key's name.
        by: String,
        /// Its role.
        role: Role,
        /// What the statement calls its subject.
        package: String,
        /// The statement's subject.
        digest: String,
    },
    /// The statement, or its signature, was changed after it was signed.
    #[error("the signature of {role} `{by}` does not fit: the statement was changed after it was signed")]
    BadSignature {
        /// The pinned key's name.
        by: String,
        /// Its role.
        role: Role,
    },
    /// Bytes that ought to be a signature are none.
    #[error("one of its signatures is damaged: {0}")]
    Damaged(String),
    /// A signature of something that this version does not know. It counts for nothing.
    #[error("one of its statements is not understood: {0}")]
    NotUnderstood(String),
    /// More signatures than are looked at.
    #[error("it has {count} signatures, and no more than {count_max} are looked at")]
    TooManySignatures {
        /// How many there are.
        count: usize,
        /// The limit.
        count_max: usize,
    },
    /// The statement held until a moment that has passed.
    #[error("the statement of {role} `{by}` expired at {until}", until = moment(*until_ms))]
    Expired {
        /// The pinned key's name.
        by: String,
        /// Its role.
        role: Role,
        /// In milliseconds since 1970 UTC.
        until_ms: i64,
    },
    /// The statement holds from a moment that has not come.
    #[error("the statement of {role} `{by}` is not valid before {from}", from = moment(*from_ms))]
    NotYetValid {
        /// The pinned key's name.
        by: String,
        /// Its role.
        role: Role,
        /// In milliseconds since 1970 UTC.
        from_ms: i64,
    },
    /// A step grants what the plugin was not certified with.
    #[error("the step grants more than it was certified with by `{by}`: {more}")]
    MoreThanCertified {
        /// The pinned key's name, a certifier's.
        by: String,
        /// Lines of the step's grants, separated by commas.
        more: String,
    },
    /// The package is on the revocation list.
    #[error("it is revoked by list {number}: {reason}")]
    RevokedPackage {
        /// Of the list.
        number: u64,
        /// What the list says.
        reason: String,
    },
    /// A signer's key is on the revocation list.
    #[error("the key of {role} `{by}` is revoked by list {number}: {reason}")]
    RevokedKey {
        /// The pinned key's name.
        by: String,
        /// Its role.
        role: Role,
        /// Of the list.
        number: u64,
        /// What the list says.
        reason: String,
    },
}

/// What somebody should look at, though the package runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    /// What would have been a refusal at a deployment.
    Tolerated(Refusal),
    /// A statement that is required expires before long.
    ExpiresSoon {
        /// The pinned key's name.
        by: String,
        /// Its role.
        role: Role,
        /// In milliseconds since 1970 UTC.
        until_ms: i64,
    },
}

impl Refusal {
    /// What a person can do about it. `package` is what commands call it, `NAME@VERSION` or its file, and `site` the folder
    /// whose policy refuses it.
    #[must_use]
    pub fn hint(&self, package: &str, site: &str) -> String {
        match self {
            Self::Missing { role: Role::Hospital } => format!(
                "`transfuse plugin verify {package} --site {site}` shows who vouches for it; `transfuse plugin approve \
                 {package} --site {site}` lets it run here"
            ),
            Self::Missing { role } => {
                format!("get a package that a {role} has signed, or leave `{role}` out of `[trust] require`")
            }
            Self::UnknownKey { key_id, .. } => format!(
                "if {key_id} is a key that you know, pin its public half in `[trust] keys`; ask its owner for that over another way"
            ),
            Self::WrongRole { role, claimed, .. } => format!(
                "have a key signed that is pinned as {claimed}; pin this one as {claimed} only if its owner is more than a {role}"
            ),
            Self::OtherDigest { .. } => {
                "the package was built again, or changed, after it was signed: have this one signed".to_owned()
            }
            Self::BadSignature { .. } | Self::Damaged(_) => {
                "the package was damaged or tampered with on its way: fetch it again from its vendor".to_owned()
            }
            Self::NotUnderstood(_) => "a newer engine may understand it".to_owned(),
            Self::TooManySignatures { .. } => "fetch the package again from its vendor".to_owned(),
            Self::Expired { role, .. } => {
                format!("have a {role} renew the statement; what is live already keeps running")
            }
            Self::NotYetValid { .. } => "look at this machine's clock, and at the signer's".to_owned(),
            Self::MoreThanCertified { more, .. } => {
                format!("take {more} out of the step's `grants`, or have the package certified with it requested")
            }
            Self::RevokedPackage { .. } => "use a version that is not revoked".to_owned(),
            Self::RevokedKey { by, .. } => format!("get a package that is signed by another key of `{by}`'s owner"),
        }
    }

    /// Whether the package itself is damaged, whatever the policy requires.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::BadSignature { .. } | Self::Damaged(_))
    }

    /// Whether the package, or its signer's key, was taken back: what the policy's `on_revoked` is about.
    #[must_use]
    pub fn is_revocation(&self) -> bool {
        matches!(self, Self::RevokedPackage { .. } | Self::RevokedKey { .. })
    }

    /// The role that the statement would have counted for.
    pub(super) fn concerns(&self) -> Option<Role> {
        match self {
            Self::Missing { role }
            | Self::UnknownKey { role, .. }
            | Self::WrongRole { claimed: role, .. }
            | Self::OtherDigest { role, .. }
            | Self::BadSignature { role, .. }
            | Self::Expired { role, .. }
            | Self::NotYetValid { role, .. }
            | Self::RevokedKey { role, .. } => Some(*role),
            Self::MoreThanCertified { .. } => Some(Role::Certifier),
            Self::Damaged(_)
            | Self::NotUnderstood(_)
            | Self::TooManySignatures { .. }
            | Self::RevokedPackage { .. } => None,
        }
    }

    /// Of several reasons the one that says most: how near the statement came to counting.
    pub(super) fn nearness(&self) -> u8 {
        match self {
            Self::MoreThanCertified { .. } => 5,
            Self::Expired { .. } | Self::NotYetValid { .. } => 4,
            Self::RevokedKey { .. } => 3,
            Self::OtherDigest { .. } => 2,
            Self::WrongRole { .. } => 1,
            _ => 0,
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tolerated(refusal) => fmt::Display::fmt(refusal, formatter),
            Self::ExpiresSoon { by, role, until_ms } => {
                write!(
                    formatter,
                    "the statement of {role} `{by}` expires at {}",
                    moment(*until_ms)
                )
            }
        }
    }
}
