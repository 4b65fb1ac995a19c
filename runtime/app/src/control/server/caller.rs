//! Who is at the other end of the socket.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::request::Parts;
use axum::serve::IncomingStream;
use tokio::net::UnixListener;
use tokio::task::spawn_blocking;

use super::{ApiError, Controlled};
use crate::control::SUDO_USER_HEADER;
use crate::identity::{Account, Identity};

/// The longest name that is kept of what sudo said: Linux has names of 32 bytes, and directories longer ones.
const NAME_BYTES_MAX: usize = 256;

/// The account that opened a connection, as the kernel says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// None where it does not.
    uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let credentials = stream.io().peer_cred();
        if let Err(error) = &credentials {
            tracing::error!(%error, "whose connection it is to the control socket is not known");
        }
        Self {
            uid: credentials.ok().map(|credentials| credentials.uid()),
        }
    }
}

/// Nothing that the request says takes the place of the account. Whoever has no account changes nothing.
impl FromRequestParts<Arc<Controlled>> for Identity {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Controlled>) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        let Some(uid) = peer.and_then(|ConnectInfo(peer)| peer.uid) else {
            return Err(ApiError::failed("whose connection this is is not known".to_owned()));
        };
        let claimed = parts.headers.get(SUDO_USER_HEADER);
        let claimed = claimed.and_then(|value| value.to_str().ok()).map(str::trim);
        let claimed = claimed.filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX);
        let claimed = claimed.map(str::to_owned);
        // A directory server may take its time to say what the account is called.
        let account = spawn_blocking(move || Account::of(uid, claimed)).await;
        account
            .map(Self::Account)
            .map_err(|panicked| ApiError::internal(&panicked))
    }
}
