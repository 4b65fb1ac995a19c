//! The side that connects.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::reloaded::Reloaded;
use super::server::server_name;
use super::{ClientSettings, HandshakeError, TlsError, VERSIONS, files, provider};

/// A connection, with TLS or without.
pub(crate) type ClientStream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// TLS for the connections of a destination.
#[derive(Debug, Clone)]
pub struct Client {
    config: Arc<Reloaded<ClientConfig>>,
    name: ServerName<'static>,
}

impl Client {
    /// Prepares to connect to `address`, a host and a port, and reads no file yet.
    pub fn new(settings: &ClientSettings, address: &str) -> Result<Self, TlsError> {
        let name = match &settings.server_name {
            Some(name) => server_name(name)?,
            None => server_name(host(address))?,
        };
        let identity = settings.identity.iter();
        let identity = identity.flat_map(|identity| [identity.certificate.clone(), identity.key.clone()]);
        let files = settings.authorities.iter().cloned().chain(identity).collect();
        let settings = settings.clone();
        Ok(Self {
            config: Arc::new(Reloaded::new(files, move || config(&settings))),
            name,
        })
    }

    /// The same, with the files read, and what is wrong with them. Blocks on the disk.
    pub fn load(settings: &ClientSettings, address: &str) -> Result<Self, TlsError> {
        let client = Self::new(settings, address)?;
        client.config.current()?;
        Ok(client)
    }

    /// Agrees on TLS with whoever was connected to. How long that may take is the caller's to say.
    pub(crate) async fn connect(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, ConnectError> {
        let files = Arc::clone(&self.config);
        let config = spawn_blocking(move || files.current()).await;
        let config = config.map_err(|error| HandshakeError::Other(error.to_string()))??;
        let connector = TlsConnector::from(config);
        let connected = connector.connect(self.name.clone(), stream).await;
        Ok(connected.map_err(HandshakeError::of)?)
    }
}

/// Why a connection has no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(transparent)]
    Files(#[from] TlsError),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

fn config(settings: &ClientSettings) -> Result<ClientConfig, TlsError> {
    let authorities: RootCertStore = match &settings.authorities {
        Some(file) => files::authorities(file)?,
        None => files::machine_authorities()?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(|error| TlsError::Unusable {
            file: settings.authorities.clone().unwrap_or_default(),
            reason: error.to_string(),
        })?
        .with_root_certificates(authorities);
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(files::certificates(&identity.certificate)?, files::key(&identity.key)?)
            .map_err(|error| TlsError::of(&error, &identity.certificate, &identity.key))?,
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The host of `host:port`, and of `[::1]:port`.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_of_an_address_is_what_stands_before_its_port() {
        assert_eq!(host("ehr.hospital.example:2575"), "ehr.hospital.example");
        assert_eq!(host("127.0.0.1:2575"), "127.0.0.1");
        assert_eq!(host("[::1]:2575"), "::1");
    }
}
