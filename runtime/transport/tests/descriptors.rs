//! A process that has run out of file descriptors. It has this program to itself, since the limit is the process's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use transfuse_transport::mllp::{Listener, ListenerSettings};
use transfuse_transport::{Answer, Handler};

#[tokio::test]
async fn a_listener_outlives_a_lack_of_file_descriptors() {
    let handler: Handler = Arc::new(|frame| std::future::ready(Answer::Accepted(frame.content.into())).boxed());
    let listener = Listener::bind(ListenerSettings::new("127.0.0.1:0")).await.unwrap();
    let address = listener.local_address();
    tokio::spawn(listener.serve(handler, CancellationToken::new()));

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"\x0B1\x1C\r").await.unwrap();
    client.read_exact(&mut [0; 4]).await.unwrap();

    // Connected, but nothing is left to accept it with.
    let free = open_descriptor();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    allow_descriptors(free + 1);
    let mut waiting = socket.connect(address).await.unwrap();
    waiting.write_all(b"\x0B2\x1C\r").await.unwrap();
    let mut reply = [0; 4];
    assert!(
        timeout(Duration::from_millis(100), waiting.read_exact(&mut reply))
            .await
            .is_err()
    );

    client.write_all(b"\x0B3\x1C\r").await.unwrap();
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"\x0B3\x1C\r", "connections that are open are served on");

    drop(client);
    timeout(Duration::from_secs(10), waiting.read_exact(&mut reply))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&reply, b"\x0B2\x1C\r");
}

/// The number that the next descriptor would get.
fn open_descriptor() -> u64 {
    let file = std::fs::File::open("/dev/null").unwrap();
    u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&file)).unwrap()
}

fn allow_descriptors(count: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(count),
            maximum,
        },
    )
    .unwrap();
}
