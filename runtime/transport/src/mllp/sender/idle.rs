//! Whether a connection that was kept can carry the next message.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::super::decoder::RETURN;
use super::Link;
use crate::net::{self, Waiting};

/// What is read at once of what should not be there.
const READ_BYTES: usize = 256;

impl Link {
    /// The connection, where the receiver has kept it open and nothing unasked for is waiting on it.
    pub(super) async fn if_quiet(mut self) -> Option<Self> {
        let is_quiet = match &mut self.stream {
            Either::Left(stream) => net::is_quiet(stream),
            Either::Right(stream) => {
                let is_line_end = |byte: &u8| matches!(byte, &RETURN | b'\n');
                waiting_in(stream, &mut |bytes| bytes.iter().all(is_line_end)).await
            }
        };
        is_quiet.then_some(self)
    }

    /// The connection, where the receiver has kept it open. What is waiting to be read stays.
    pub(super) async fn if_open(mut self) -> Option<Self> {
        let Self { stream, decoder, .. } = &mut self;
        let is_open = match stream {
            Either::Left(stream) => net::is_open(stream),
            Either::Right(stream) => {
                let mut kept = |bytes: &[u8]| {
                    decoder.buffer().extend_from_slice(bytes);
                    true
                };
                waiting_in(stream, &mut kept).await
            }
        };
        is_open.then_some(self)
    }
}

/// Takes what waits in a connection with TLS, where the kernel knows of records only, of which some are TLS's own. Says whether it
/// is open, and whether `takes` was content with all that came.
async fn waiting_in(stream: &mut TlsStream<TcpStream>, takes: &mut (dyn FnMut(&[u8]) -> bool + Send)) -> bool {
    loop {
        let mut bytes = [0_u8; READ_BYTES];
        match read_now(stream, &mut bytes).await {
            Some(Ok(count @ 1..)) => {
                if !takes(bytes.get(..count).unwrap_or_default()) {
                    return false;
                }
            }
            Some(Ok(_) | Err(_)) => return false,
            None => match net::waiting(stream.get_ref().0) {
                Waiting::Nothing => return true,
                Waiting::Closed => return false,
                // The runtime has not heard of it yet, and will at once.
                Waiting::Bytes => {
                    if stream.get_ref().0.readable().await.is_err() {
                        return false;
                    }
                }
            },
        }
    }
}

/// What can be read without waiting; none where nothing can.
async fn read_now(stream: &mut TlsStream<TcpStream>, bytes: &mut [u8]) -> Option<io::Result<usize>> {
    poll_fn(|context| {
        let mut buffer = ReadBuf::new(bytes);
        Poll::Ready(match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
            Poll::Ready(read) => Some(read.map(|()| buffer.filled().len())),
            Poll::Pending => None,
        })
    })
    .await
}
