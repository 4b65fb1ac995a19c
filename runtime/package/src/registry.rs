//! Packages in an OCI registry: pushed as they are, pulled with every byte verified.
//!
//! A package is one image manifest with its layers under a tag. Signatures are image manifests that name it as their
//! subject; they are found through the registry's list of referrers, or through the tag `sha256-HEX` that OCI defines for
//! registries that keep no such list, as Debian's does. That tag is always written.

mod place;
mod pull;
mod push;
mod sink;

use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use thiserror::Error;

use crate::package::PackageError;

pub use place::{Place, PlaceError};
pub use pull::pull;
pub use push::{Pushed, push};

/// Who asks a registry.
#[derive(Clone)]
pub enum Credentials {
    /// Nobody in particular.
    Anonymous,
    /// A user with a password, or with a token in its place.
    User {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
}

/// How far a transfer has come: bytes of blobs, of as many as there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// What has been moved.
    pub bytes: u64,
    /// What there is to move.
    pub bytes_total: u64,
}

/// A package could not be moved to or from a registry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry cannot be reached, refuses, or breaks its protocol.
    #[error("the {what} of {place} could not be moved: {reason}")]
    Registry {
        /// Which part.
        what: String,
        /// Where.
        place: String,
        /// What the registry says.
        reason: String,
    },
    /// The registry wants to know who asks, or does not allow it.
    #[error("{place} does not let this user in: {reason}")]
    Denied {
        /// Where.
        place: String,
        /// What the registry says.
        reason: String,
    },
    /// There is nothing under that name.
    #[error("there is no {place}")]
    NotFound {
        /// Where.
        place: String,
    },
    /// What is there is no sound package.
    #[error("{place} cannot be used as a plugin: {error}")]
    Package {
        /// Where.
        place: String,
        /// What is wrong with it.
        error: PackageError,
    },
    /// It took too long.
    #[error("{place}: gave up after {} s", .after.as_secs())]
    TimedOut {
        /// Where.
        place: String,
        /// How long it was tried.
        after: Duration,
    },
}

/// How long a registry may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long it may take to answer at all.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long a whole transfer may take: the largest package over a line of 2 Mbit/s.
const TRANSFER_MAX: Duration = Duration::from_mins(10);

/// The client for one place. Plain HTTP is spoken with this machine only.
fn client(place: &Place) -> Client {
    Client::new(ClientConfig {
        protocol: if place.is_local() {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        use_monolithic_push: true,
        platform_resolver: None,
        read_timeout: Some(SILENCE_MAX),
        connect_timeout: Some(CONNECT_MAX),
        user_agent: concat!("transfuse/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

impl Credentials {
    fn auth(&self) -> RegistryAuth {
        match self {
            Self::Anonymous => RegistryAuth::Anonymous,
            Self::User { name, password } => RegistryAuth::Basic(name.clone(), password.clone()),
        }
    }
}

/// A password shows nowhere.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("Anonymous"),
            Self::User { name, .. } => write!(formatter, "User({name})"),
        }
    }
}

/// What went wrong with one part, from what the client says.
fn failed(what: &str, reference: &Reference, error: &OciDistributionError) -> RegistryError {
    let place = reference.whole();
    if let OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) = error {
        let reason = error.to_string();
        return RegistryError::Denied { place, reason };
    }
    RegistryError::Registry {
        what: what.to_owned(),
        place,
        reason: chain(error),
    }
}

/// An error with its causes: "error sending request" alone helps nobody.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// Whether a registry says that there is no such thing.
fn is_absent(error: &OciDistributionError) -> bool {
    use oci_client::errors::OciErrorCode;

    match error {
        OciDistributionError::ImageManifestNotFoundError(_) | OciDistributionError::ServerError { code: 404, .. } => {
            true
        }
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|error| {
            matches!(
                error.code,
                OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound
            )
        }),
        _ => false,
    }
}
