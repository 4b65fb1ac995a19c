//! Where a blob goes while it is pulled: memory, and never more of it than was named.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// Takes bytes up to a limit, and tells how many there are.
pub(super) struct Sink<'p> {
    bytes: Vec<u8>,
    bytes_max: u64,
    arrived: &'p mut (dyn FnMut(u64) + Send),
}

impl<'p> Sink<'p> {
    /// `arrived` hears of every piece, by its length.
    pub(super) fn new(bytes_max: u64, arrived: &'p mut (dyn FnMut(u64) + Send)) -> Self {
        Self {
            bytes: Vec::new(),
            bytes_max,
            arrived,
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl AsyncWrite for Sink<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, piece: &[u8]) -> Poll<io::Result<usize>> {
        let length = piece.len() as u64;
        if self.bytes.len() as u64 + length > self.bytes_max {
            let text = format!(
                "the registry sends more than the {} bytes that were named",
                self.bytes_max
            );
            return Poll::Ready(Err(io::Error::other(text)));
        }
        self.bytes.extend_from_slice(piece);
        (self.arrived)(length);
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::io::AsyncWriteExt as _;

    use super::Sink;

    #[tokio::test]
    async fn more_than_was_named_is_refused_while_it_comes() {
        let mut total = 0;
        let mut arrived = |bytes| total += bytes;
        let mut sink = Sink::new(8, &mut arrived);
        sink.write_all(b"1234").await.unwrap();
        sink.write_all(b"5678").await.unwrap();
        let refused = sink.write_all(b"9").await.unwrap_err();
        assert!(refused.to_string().contains("more than the 8 bytes"), "{refused}");
        assert_eq!(sink.into_bytes(), b"12345678");
        assert_eq!(total, 8);
    }
}
