//! Ed25519 keys: a private one in a file of its own, a public one as a short text.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A key that signs. It prints as its public half.
pub struct PrivateKey(SigningKey);

/// A key that verifies, written as `ed25519:` and 32 bytes in base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The name of a public key: the first 16 bytes of its SHA-256 digest, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// A key could not be made, read, written or understood.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The operating system has no randomness to give.
    #[error("this machine gives no randomness: {0}")]
    Randomness(String),
    /// The key's file cannot be read or written.
    #[error("{}", unusable(path, error))]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// Others than its owner could have read the private key.
    #[error("`{path}` can be read by others than its owner: make it private with `chmod 600`, or make a new key", path = path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
    },
    /// The file holds no Ed25519 key in PKCS#8 PEM.
    #[error("`{path}` is not an Ed25519 private key in PKCS#8 PEM: make one with `transfuse plugin key new`", path = path.display())]
    NotAPrivateKey {
        /// Which.
        path: PathBuf,
    },
    /// The text is no public key.
    #[error(
        "`{0}` is not a public key: write `ed25519:` and 44 characters of base64, as `transfuse plugin key show` prints it"
    )]
    NotAPublicKey(String),
    /// The text is no key id.
    #[error("`{0}` is not a key id: it is 32 lower-case hexadecimal digits")]
    NotAKeyId(String),
}

/// Why a key's file is of no use: what people get wrong has words of its own.
fn unusable(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no key `{}`", path.display()),
        io::ErrorKind::AlreadyExists => format!("`{}` exists already", path.display()),
        _ => format!("the key `{}`: {error}", path.display()),
    }
}

/// A private key's file has some 120 bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024;

/// How a public key's text begins.
const PREFIX: &str = "ed25519:";

/// Bytes of the digest that name a key: 128 bits, so that nobody makes a second key of the same name.
const KEY_ID_BYTES: usize = 16;

impl PrivateKey {
    /// Makes a new key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Randomness(error.to_string()))?;
        Ok(Self::from_seed(&seed))
    }

    /// The key that 32 secret bytes are.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key's file, which nobody but its owner may be able to read.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |error| KeyError::File {
            path: path.to_owned(),
            error,
        };
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned() });
        }
        let not_a_key = || KeyError::NotAPrivateKey { path: path.to_owned() };
        if metadata.len() > FILE_BYTES_MAX {
            return Err(not_a_key());
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        SigningKey::from_pkcs8_pem(&text).map(Self).map_err(|_| not_a_key())
    }

    /// Writes the key into a new file that only its owner can read. A file that is there already is left alone.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF);
        let pem = pem.map_err(|_| KeyError::NotAPrivateKey { path: path.to_owned() })?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|error| KeyError::File {
                path: path.to_owned(),
                error,
            })
    }

    /// The half that everybody may know.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

impl PublicKey {
    /// The key's name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let digest = Sha256::digest(self.0.as_bytes());
        let digits = digest.iter().take(KEY_ID_BYTES);
        KeyId(digits.fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
    }

    /// Whether the signature is this key's, by the strict rules: no second form of a signature, no weak key.
    pub(super) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(bytes, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        bytes
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or_else(|| KeyError::NotAPublicKey(text.to_owned()))
    }
}

impl KeyId {
    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 2 * KEY_ID_BYTES && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyError::NotAKeyId(text.to_owned()))
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey of {}", self.public())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
