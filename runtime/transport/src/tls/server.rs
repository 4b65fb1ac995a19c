//! The side that is connected to.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::reloaded::Reloaded;
use super::{Clients, HandshakeError, ServerSettings, TlsError, VERSIONS, files, provider};

/// A handshake is two round trips and a signature; whoever takes longer holds a connection for nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// TLS for the connections of a listener.
#[derive(Debug, Clone)]
pub struct Server {
    config: Arc<Reloaded<ServerConfig>>,
    /// The names of which a client has to bear one; any where there are none.
    names: Arc<[ServerName<'static>]>,
}

impl Server {
    /// Reads the files, and says what is wrong with them. Blocks on the disk.
    pub fn load(settings: &ServerSettings) -> Result<Self, TlsError> {
        let clients = settings.clients.as_ref();
        let names = clients.map(|clients| clients.names.as_slice()).unwrap_or_default();
        let names: Vec<_> = names.iter().map(|name| server_name(name)).collect::<Result<_, _>>()?;
        let identity = &settings.identity;
        let mut files = vec![identity.certificate.clone(), identity.key.clone()];
        files.extend(clients.map(|clients| clients.authorities.clone()));
        let settings = settings.clone();
        let config = Reloaded::new(files, move || config(&settings));
        config.current()?;
        Ok(Self {
            config: Arc::new(config),
            names: names.into(),
        })
    }

    /// Agrees on TLS with whoever has connected.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let files = Arc::clone(&self.config);
        let config = spawn_blocking(move || files.current()).await;
        let config = config.map_err(|error| HandshakeError::Other(error.to_string()))?;
        let config = config.map_err(|error| HandshakeError::Other(error.to_string()))?;
        let accepting = timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await;
        let stream = accepting
            .map_err(|_| HandshakeError::Timeout)?
            .map_err(HandshakeError::of)?;
        self.check_name(&stream)?;
        Ok(stream)
    }

    /// The authority says who a client is; the interface says who of them may connect.
    fn check_name(&self, stream: &TlsStream<TcpStream>) -> Result<(), HandshakeError> {
        if self.names.is_empty() {
            return Ok(());
        }
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown
            .and_then(|chain| chain.first())
            .ok_or(HandshakeError::NoCertificate)?;
        let shown =
            webpki::EndEntityCert::try_from(shown).map_err(|error| HandshakeError::Certificate(error.to_string()))?;
        let bears = |name: &ServerName<'_>| shown.verify_is_valid_for_subject_name(name).is_ok();
        if self.names.iter().any(bears) {
            Ok(())
        } else {
            Err(HandshakeError::OtherName)
        }
    }
}

fn config(settings: &ServerSettings) -> Result<ServerConfig, TlsError> {
    let identity = &settings.identity;
    let (chain, key) = (files::certificates(&identity.certificate)?, files::key(&identity.key)?);
    let unusable = |error: rustls::Error| TlsError::of(&error, &identity.certificate, &identity.key);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(unusable)?;
    let builder = match &settings.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let verifier = verifier(clients, files::authorities(&clients.authorities)?)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn verifier(
    clients: &Clients,
    authorities: RootCertStore,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider());
    builder.build().map_err(|error| TlsError::Unusable {
        file: clients.authorities.clone(),
        reason: error.to_string(),
    })
}

pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
}
