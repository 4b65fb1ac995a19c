//! How the sockets of both sides are set up.

use std::io;
use std::time::Duration;

use rustix::net::{RecvFlags, recv, sockopt};
use tokio::net::TcpStream;

/// Time between two keepalive probes once the first was not answered.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// So many probes without an answer mean that the peer is gone: with the interval, a minute, which a restarting
/// firewall survives.
const PROBES_MAX: u32 = 6;

/// Sends small frames at once, and notices a peer that vanished without a word: the kernel asks after `keepalive` of
/// silence. A socket that refuses an option still carries messages, so that a failure is only logged.
pub(super) fn set_up(stream: &TcpStream, keepalive: Duration) {
    if let Err(error) = try_set_up(stream, keepalive) {
        tracing::debug!(%error, "a socket option could not be set");
    }
}

fn try_set_up(stream: &TcpStream, keepalive: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, keepalive.max(Duration::from_secs(1)))?;
    sockopt::set_tcp_keepintvl(stream, PROBE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, PROBES_MAX)?;
    Ok(())
}

/// Whether an idle connection can carry the next message: the peer has not closed it, and nothing is waiting to be
/// read except CR and LF, which some receivers send late after their last reply. Asks the kernel and not the
/// runtime's readiness, which may be older than the last call.
pub(crate) fn is_quiet(stream: &TcpStream) -> bool {
    let mut waiting = [0_u8; 4];
    loop {
        match recv(stream, &mut waiting[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => return false,
            Ok((count, _)) if waiting.iter().take(count).all(|byte| matches!(*byte, b'\r' | b'\n')) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return true,
            Ok(_) | Err(_) => return false,
        }
    }
}

/// Whether the peer has kept an idle connection open. What is waiting to be read does not matter, and stays.
pub(crate) fn is_open(stream: &TcpStream) -> bool {
    waiting(stream) != Waiting::Closed
}

/// What the kernel has of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Nothing,
    Bytes,
    /// By the peer, or by the network.
    Closed,
}

/// Looks, and leaves it there.
pub(crate) fn waiting(stream: &TcpStream) -> Waiting {
    let mut waiting = [0_u8; 1];
    loop {
        match recv(stream, &mut waiting[..], RecvFlags::DONTWAIT | RecvFlags::PEEK) {
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Waiting::Nothing,
            Ok((1.., _)) => return Waiting::Bytes,
            Ok(_) | Err(_) => return Waiting::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Duration;

    use rustix::net::sockopt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::{is_open, is_quiet, set_up};

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        (ours.unwrap(), theirs.unwrap().0)
    }

    #[tokio::test]
    async fn a_socket_sends_small_frames_at_once_and_notices_a_peer_that_vanished() {
        let (stream, _peer) = pair().await;
        set_up(&stream, Duration::from_secs(45));
        assert!(stream.nodelay().unwrap());
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), Duration::from_secs(45));
        assert_eq!(sockopt::tcp_keepintvl(&stream).unwrap(), Duration::from_secs(10));
        assert_eq!(sockopt::tcp_keepcnt(&stream).unwrap(), 6);
    }

    #[tokio::test]
    async fn a_connection_is_quiet_while_nothing_but_line_ends_has_come() {
        let (stream, mut peer) = pair().await;
        assert!(is_quiet(&stream));
        peer.write_all(b"\r\n\r\n\r\n\r\n\r\n").await.unwrap();
        assert!(is_quiet(&stream));
        peer.write_all(b"\r\n\x0B").await.unwrap();
        assert!(is_open(&stream));
        assert!(!is_quiet(&stream));
    }

    #[tokio::test]
    async fn a_connection_that_the_peer_closed_is_not_quiet() {
        let (stream, peer) = pair().await;
        drop(peer);
        assert!(!is_open(&stream) && !is_quiet(&stream));
        let (stream, peer) = pair().await;
        peer.set_zero_linger().unwrap();
        drop(peer);
        assert!(!is_quiet(&stream));
    }
}
