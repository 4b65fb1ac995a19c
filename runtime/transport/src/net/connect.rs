//! A connection to somebody else.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::either::Either;

use super::socket;
use crate::tls::{self, ClientStream, HandshakeError, TlsError};

/// Why there is no connection. The peer has heard nothing.
#[derive(Debug)]
pub(crate) enum ConnectFailed {
    Resolve(io::Error),
    Refused(io::Error),
    Timeout,
    TlsFiles(TlsError),
    Tls(HandshakeError),
}

/// Connects to `address`, a host and a port, with TLS where it is given. A name is resolved each time. `patience` is for
/// the name, the connection and what TLS needs to begin, together.
pub(crate) async fn connect(
    address: &str,
    tls: Option<&tls::Client>,
    keepalive: Duration,
    patience: Duration,
) -> Result<ClientStream, ConnectFailed> {
    let connecting = async {
        let resolved = tokio::net::lookup_host(address).await;
        let addresses: Vec<_> = resolved.map_err(ConnectFailed::Resolve)?.collect();
        let connected = TcpStream::connect(addresses.as_slice()).await;
        let stream = connected.map_err(ConnectFailed::Refused)?;
        socket::set_up(&stream, keepalive);
        secured(stream, tls).await
    };
    let connected = timeout(patience, connecting).await;
    connected.unwrap_or(Err(ConnectFailed::Timeout))
}

async fn secured(stream: TcpStream, tls: Option<&tls::Client>) -> Result<ClientStream, ConnectFailed> {
    let Some(tls) = tls else {
        return Ok(Either::Left(stream));
    };
    match tls.connect(stream).await {
        Ok(stream) => Ok(Either::Right(Box::new(stream))),
        Err(tls::ConnectError::Files(source)) => Err(ConnectFailed::TlsFiles(source)),
        Err(tls::ConnectError::Handshake(source)) => Err(ConnectFailed::Tls(source)),
    }
}
