use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use transfuse_transport::mllp::{Listener, ListenerSettings};
use transfuse_transport::net::{BindError, Network, Peers};
use transfuse_transport::{Answer, Defect, Handler, Truncation};

use crate::support::{PATIENCE, Wire, echo, handler, listen, payload};

#[tokio::test]
async fn a_message_is_handed_over_and_its_reply_written() {
    let (handler, mut frames) = handler();
    let running = listen(handler, |_| {}).await;
    let mut wire = Wire::connect(&running.address).await;
    wire.send(b"\x0BMSH|1\rPID|1\r\x1C\r").await;
    let (frame, answer) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    assert_eq!(frame.content.as_slice(), b"MSH|1\rPID|1\r");
    assert_eq!(frame.source, wire.0.local_addr().unwrap().to_string());
    assert_eq!(frame.defect, None);
    answer.send(Answer::Accepted(payload("MSA|AA\r").into())).unwrap();
    wire.reads(b"\x0BMSA|AA\r\x1C\r").await;
}

#[tokio::test]
async fn pipelined_messages_over_many_connections_are_answered_in_their_order() {
    let running = listen(echo(), |settings| settings.pipeline_max = 8).await;
    let clients = (0..8).map(|client| {
        let address = running.address.clone();
        tokio::spawn(async move {
            let Wire(stream) = Wire::connect(&address).await;
            let (read, mut write) = stream.into_split();
            let messages = (0..500).map(|number| format!("\x0Bclient {client} message {number}\x1C\r"));
            let stream: String = messages.collect();
            let expected = stream.clone();
            let writing = tokio::spawn(async move {
                for piece in stream.as_bytes().chunks(4099) {
                    write.write_all(piece).await.unwrap();
                }
                write
            });
            let mut read = tokio::io::BufReader::new(read);
            let mut found = vec![0; expected.len()];
            tokio::io::AsyncReadExt::read_exact(&mut read, &mut found)
                .await
                .unwrap();
            assert!(found == expected.as_bytes());
            writing.await.unwrap();
        })
    });
    futures_util::future::join_all(clients)
        .await
        .into_iter()
        .for_each(Result::unwrap);
}

#[tokio::test]
async fn connections_have_their_own_numbers() {
    let (handler, mut frames) = handler();
    let running = listen(handler, |_| {}).await;
    let mut first = Wire::connect(&running.address).await;
    let mut second = Wire::connect(&running.address).await;
    first.send(b"\x0B1\x1C\r").await;
    let (one, _one) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    second.send(b"\x0B2\x1C\r").await;
    let (two, _two) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    first.send(b"\x0B3\x1C\r").await;
    let (three, _three) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    assert_eq!(one.connection, three.connection);
    assert_ne!(one.connection, two.connection);
}

#[tokio::test]
async fn a_connection_above_the_limit_is_closed_and_one_that_ends_makes_room() {
    let running = listen(echo(), |settings| settings.connections_max = 1).await;
    let mut first = Wire::connect(&running.address).await;
    first.send(b"\x0B1\x1C\r").await;
    first.reads(b"\x0B1\x1C\r").await;
    let mut second = Wire::connect(&running.address).await;
    assert_eq!(second.reads_to_the_end().await, b"");
    first.send(b"\x0B2\x1C\r").await;
    first.reads(b"\x0B2\x1C\r").await;
    drop(first);
    let served = async {
        loop {
            let mut third = Wire::connect(&running.address).await;
            let sent = third.0.write_all(b"\x0B3\x1C\r").await;
            if sent.is_ok() && third.reads_to_the_end_of_a_frame().await == b"\x0B3\x1C\r" {
                break;
            }
        }
    };
    timeout(PATIENCE, served).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_reset_in_the_middle_of_a_frame_leaves_the_listener_alive() {
    let (handler, mut frames) = handler();
    let running = listen(handler, |_| {}).await;
    let mut wire = Wire::connect(&running.address).await;
    wire.send(b"\x0BMSH|half").await;
    wire.reset();
    let defect = match timeout(Duration::from_secs(5), frames.recv()).await {
        Ok(Some((frame, _))) => frame.defect,
        // The reset may throw away what was sent before it was read.
        _ => Some(Defect::Truncated(Truncation::StreamEnd)),
    };
    assert_eq!(defect, Some(Defect::Truncated(Truncation::StreamEnd)));
    let mut wire = Wire::connect(&running.address).await;
    wire.send(b"\x0B1\x1C\r").await;
    frames
        .recv()
        .await
        .unwrap()
        .1
        .send(Answer::Accepted(payload("a").into()))
        .unwrap();
    wire.reads(b"\x0Ba\x1C\r").await;
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_connection_and_nothing_else() {
    let inner = echo();
    let handler: transfuse_transport::Handler = std::sync::Arc::new(move |frame| {
        assert_ne!(frame.content.as_slice(), b"panic");
        inner(frame)
    });
    let running = listen(handler, |_| {}).await;
    let mut other = Wire::connect(&running.address).await;
    other.send(b"\x0B1\x1C\r").await;
    other.reads(b"\x0B1\x1C\r").await;
    let mut wire = Wire::connect(&running.address).await;
    wire.send(b"\x0Bpanic\x1C\r").await;
    assert_eq!(wire.reads_to_the_end().await, b"");
    other.send(b"\x0B2\x1C\r").await;
    other.reads(b"\x0B2\x1C\r").await;
    Wire::connect(&running.address).await.send(b"\x0B1\x1C\r").await;
}

/// A socket that is closed with unread bytes resets the connection, and the reply is lost on its way.
#[tokio::test]
async fn a_sender_that_is_cut_off_while_it_sends_still_reads_why() {
    let (handler, mut frames) = handler();
    let running = listen(handler, |settings| settings.frame_bytes_max = 1000).await;
    let mut wire = Wire::connect(&running.address).await;
    wire.send(b"\x0B").await;
    wire.send(&[b'x'; 5000]).await;
    let (_, answer) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    wire.send(&vec![b'x'; 100_000]).await;
    answer.send(Answer::Refused(payload("too long").into())).unwrap();
    wire.reads(b"\x0Btoo long\x1C\r").await;
    for _ in 0..10 {
        wire.send(&[b'x'; 10_000]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(
        wire.0.read_u8().await.unwrap_err().kind(),
        std::io::ErrorKind::UnexpectedEof
    );
}

#[tokio::test]
async fn another_protocol_gets_its_answer_and_is_closed() {
    let (handler, mut frames) = handler();
    let running = listen(handler, |settings| settings.frame_timeout = Duration::from_millis(50)).await;
    let mut wire = Wire::connect(&running.address).await;
    wire.send(b"GET / HTTP/1.1\r\n\r\n").await;
    let (frame, answer) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    assert_eq!(frame.defect, Some(Defect::Garbage { bytes: 18 }));
    assert_eq!(frame.content.as_slice(), b"GET / HTTP/1.1\r\n\r\n");
    answer.send(Answer::Unanswered).unwrap();
    assert_eq!(wire.reads_to_the_end().await, b"");
}

#[tokio::test]
async fn a_shutdown_answers_what_is_in_flight_and_frees_the_port() {
    let (handler, mut frames) = handler();
    let running = listen(handler, |_| {}).await;
    let mut wire = Wire::connect(&running.address).await;
    wire.send(b"\x0B1\x1C\r").await;
    let (_, answer) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    running.shutdown.cancel();
    while tokio::net::TcpStream::connect(&running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.ended.is_finished());
    answer.send(Answer::Accepted(payload("a").into())).unwrap();
    assert_eq!(wire.reads_to_the_end().await, b"\x0Ba\x1C\r");
    drop(wire);
    timeout(PATIENCE, running.ended).await.unwrap().unwrap();
    Listener::bind(ListenerSettings::new(running.address)).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_waits_for_answers_only_so_long() {
    let (handler, mut frames) = handler();
    let running = listen(handler, |settings| settings.shutdown_wait = Duration::from_millis(50)).await;
    let mut wire = Wire::connect(&running.address).await;
    wire.send(b"\x0B1\x1C\r").await;
    let (_, _answer) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    running.shutdown.cancel();
    timeout(PATIENCE, running.ended).await.unwrap().unwrap();
    assert_eq!(wire.reads_to_the_end().await, b"");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_a_hint() {
    let running = listen(echo(), |_| {}).await;
    let error = Listener::bind(ListenerSettings::new(running.address.clone()))
        .await
        .unwrap_err();
    assert!(matches!(&error, BindError::InUse { address, .. } if *address == running.address));
    assert_eq!(
        error.to_string(),
        format!("the address `{}` is in use", running.address)
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("another port")));
}

#[tokio::test]
async fn an_address_that_is_none_or_elsewhere_is_named() {
    for address in ["127.0.0.1", "nonsense:port", "host.invalid:2575"] {
        let error = Listener::bind(ListenerSettings::new(address)).await.unwrap_err();
        assert!(matches!(error, BindError::Resolve { .. }), "{address}: {error:?}");
    }
    // An address of the documentation range is nobody's.
    let error = Listener::bind(ListenerSettings::new("192.0.2.1:2575"))
        .await
        .unwrap_err();
    assert!(matches!(error, BindError::NotHere { .. }), "{error:?}");
}

/// A listener that takes connections from these networks, as long as they do not change.
async fn admitting(handler: Handler, networks: &[&str]) -> (String, Peers) {
    let peers = Peers::new(&networks_of(networks));
    let listener = Listener::bind(ListenerSettings::new("127.0.0.1:0")).await.unwrap();
    let address = listener.local_address().to_string();
    tokio::spawn(
        listener
            .admitting(peers.clone())
            .serve(handler, CancellationToken::new()),
    );
    (address, peers)
}

fn networks_of(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A connection from one of the many addresses of this machine.
async fn connect_from(own: &str, address: &str) -> Wire {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{own}:0").parse().unwrap()).unwrap();
    Wire(socket.connect(address.parse().unwrap()).await.unwrap())
}

#[tokio::test]
async fn a_connection_from_elsewhere_is_closed_at_once_and_counted() {
    let (address, peers) = admitting(echo(), &["127.0.0.2", "10.0.0.0/8"]).await;
    for own in ["127.0.0.1", "127.0.0.3"] {
        assert_eq!(connect_from(own, &address).await.reads_to_the_end().await, b"", "{own}");
    }
    let mut known = connect_from("127.0.0.2", &address).await;
    known.send(b"\x0B1\x1C\r").await;
    known.reads(b"\x0B1\x1C\r").await;
    let turned_away = peers.turned_away();
    assert_eq!(turned_away.count, 2);
    assert_eq!(turned_away.last, Some("127.0.0.3".parse().unwrap()));
}

#[tokio::test]
async fn when_the_peers_change_only_those_that_are_no_longer_among_them_are_closed() {
    let (handler, mut frames) = handler();
    let (address, peers) = admitting(handler, &[]).await;
    let (mut stays, mut goes) = (
        connect_from("127.0.0.2", &address).await,
        connect_from("127.0.0.3", &address).await,
    );
    let mut taken = Vec::new();
    for wire in [&mut stays, &mut goes] {
        wire.send(b"\x0B1\x1C\r").await;
        taken.push(timeout(PATIENCE, frames.recv()).await.unwrap().unwrap());
    }
    peers.set(&networks_of(&["127.0.0.2"]));
    assert_eq!(connect_from("127.0.0.3", &address).await.reads_to_the_end().await, b"");
    for (_, answer) in taken {
        answer.send(Answer::Accepted(payload("a").into())).unwrap();
    }
    assert_eq!(
        goes.reads_to_the_end().await,
        b"\x0Ba\x1C\r",
        "what was taken is answered"
    );
    stays.reads(b"\x0Ba\x1C\r").await;
    stays.send(b"\x0B2\x1C\r").await;
    let (frame, answer) = timeout(PATIENCE, frames.recv()).await.unwrap().unwrap();
    assert_eq!(frame.content.as_slice(), b"2");
    answer.send(Answer::Accepted(payload("b").into())).unwrap();
    stays.reads(b"\x0Bb\x1C\r").await;
}
