//! TLS around a connection: what is shown to the peer, and what the peer has to show.
//!
//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446) and nothing older, as BCP 195 asks for and IHE ATNA with it (ITI-19, in which both sides
//! show certificates). A session is not resumed: hospital links are kept open, and each new one is judged anew. Files are read
//! again when they change, so that a renewed certificate counts from the next connection on.

mod client;
mod error;
mod files;
mod reloaded;
mod server;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{SupportedProtocolVersion, version};

pub use client::Client;
pub use error::{HandshakeError, TlsError};
pub use server::Server;

pub(crate) use client::{ClientStream, ConnectError};

/// The newest first.
static VERSIONS: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// Who one is: a certificate and its key, in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and behind it those that lead to an authority which the peer knows.
    pub certificate: PathBuf,
    /// Its private key. Others than its owner and group must not be able to read it.
    pub key: PathBuf,
}

/// How a listener speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Who it is.
    pub identity: Identity,
    /// Who may connect; everybody where this is none.
    pub clients: Option<Clients>,
}

/// The clients of a listener, which have to show a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// Certificates of the authorities that vouch for them, in PEM form.
    pub authorities: PathBuf,
    /// The names of which their certificate has to bear one; any name where there are none.
    pub names: Vec<String>,
}

/// How a destination is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// Certificates of the authorities that may vouch for it, in PEM form; those that this machine trusts where this is none.
    pub authorities: Option<PathBuf>,
    /// The name that its certificate has to bear; the host of its address where this is none.
    pub server_name: Option<String>,
    /// What is shown where it asks for a certificate.
    pub identity: Option<Identity>,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
