//! A value that is shown nowhere.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A password or a token. `Debug` prints none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Whether what somebody shows is it. How long that takes tells nothing of how much of it is right.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(shown)
    }

    /// What is shown to a peer that asks for it, and to nobody else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}
