use std::time::Duration;

use tokio::time::timeout;
use transfuse_transport::Defect;
use transfuse_transport::mllp::{NotSent, Release, SendError, Sender, SenderSettings, Unknown};
use transfuse_transport::tcp::Framing;

use crate::support::{PATIENCE, Peer, Wire, echo, listen, payload};

/// A sender whose patience fits a test. What must not happen takes longer than a test may run.
fn sender(address: &str) -> Sender {
    Sender::new(SenderSettings::new(address))
}

fn impatient(address: &str) -> Sender {
    let mut settings = SenderSettings::new(address);
    settings.reply_timeout = Duration::from_millis(100);
    settings.write_timeout = Duration::from_millis(100);
    Sender::new(settings)
}

fn unknown(result: Result<transfuse_message::Payload, SendError>) -> Unknown {
    match result {
        Err(SendError::Unknown(unknown)) => unknown,
        other => panic!("{other:?}"),
    }
}

/// Sends a message while the test plays the receiver.
macro_rules! exchange {
    ($sender:expr, $content:expr, $receiver:expr) => {{
        let content = payload($content);
        let both = async { tokio::join!($sender.send(&content), $receiver) };
        timeout(PATIENCE, both).await.unwrap()
    }};
}

/// Takes one message on a new connection and writes these bytes back.
async fn answers(peer: &Peer, message: &[u8], reply: &[u8]) -> Wire {
    let mut wire = peer.accept().await;
    wire.reads(message).await;
    wire.send(reply).await;
    wire
}

#[tokio::test]
async fn a_message_is_framed_and_its_reply_returned_over_one_connection() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (reply, mut wire) = exchange!(sender, "one", answers(&peer, b"\x0Bone\x1C\r", b"\x0BAA\x1C\r"));
    assert_eq!(reply.unwrap(), payload("AA"));
    let (reply, ()) = exchange!(sender, "two", async {
        wire.reads(b"\x0Btwo\x1C\r").await;
        wire.send(b"\x0BA").await;
        wire.send(b"E\x1C\r\n").await;
    });
    assert_eq!(reply.unwrap(), payload("AE"));
    assert!(!peer.has_another());
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let running = listen(echo(), |_| {}).await;
    let content = transfuse_message::Payload::from(vec![b'x'; 3 * 1024 * 1024]);
    assert_eq!(sender(&running.address).send(&content).await.unwrap(), content);
}

#[tokio::test]
async fn a_receiver_that_is_not_there_has_no_message() {
    let (peer, address) = Peer::bind().await;
    drop(peer);
    let error = sender(&address).send(&payload("one")).await.unwrap_err();
    assert!(matches!(&error, SendError::NotSent(NotSent::Connect { address: named, .. }) if *named == address));
    assert!(error.hint().is_some());
    let error = sender("host.invalid:1").send(&payload("one")).await.unwrap_err();
    assert!(
        matches!(error, SendError::NotSent(NotSent::Resolve { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn content_with_framing_bytes_is_refused_before_anything_is_sent() {
    let mut sender = sender("host.invalid:1");
    for (content, wanted) in [("ab\x0B", (0x0B, 2)), ("\x1C", (0x1C, 0))] {
        let error = sender.send(&payload(content)).await.unwrap_err();
        assert!(error.is_messages_fault());
        match error {
            SendError::NotSent(NotSent::Unframeable { byte, offset }) => assert_eq!((byte, offset), wanted),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next_message() {
    let (peer, address) = Peer::bind().await;
    let mut sender = impatient(&address);
    let (sent, mut first) = exchange!(sender, "one", async {
        let mut wire = peer.accept().await;
        wire.reads(b"\x0Bone\x1C\r").await;
        wire
    });
    assert!(matches!(unknown(sent), Unknown::ReplyTimeout { .. }));
    assert_eq!(first.reads_to_the_end().await, b"", "the connection is closed at once");
    let (reply, _wire) = exchange!(sender, "two", async {
        let mut second = peer.accept().await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut first.0, b"\x0Banswer to one\x1C\r").await;
        second.reads(b"\x0Btwo\x1C\r").await;
        second.send(b"\x0Banswer to two\x1C\r").await;
        second
    });
    assert_eq!(reply.unwrap(), payload("answer to two"));
}

#[tokio::test]
async fn a_second_answer_costs_the_connection_and_not_the_message() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (reply, mut wire) = exchange!(
        sender,
        "one",
        answers(&peer, b"\x0Bone\x1C\r", b"\x0B1\x1C\r\x0B1\x1C\r")
    );
    assert_eq!(reply.unwrap(), payload("1"));
    assert_eq!(wire.reads_to_the_end().await, b"");
    let (reply, _wire) = exchange!(sender, "two", answers(&peer, b"\x0Btwo\x1C\r", b"\x0B2\x1C\r"));
    assert_eq!(reply.unwrap(), payload("2"));
}

#[tokio::test]
async fn an_answer_that_was_waiting_before_the_message_is_not_its_answer() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (reply, mut wire) = exchange!(sender, "one", answers(&peer, b"\x0Bone\x1C\r", b"\x0B1\x1C\r"));
    reply.unwrap();
    wire.send(b"\x0Bunasked\x1C\r").await;
    let (reply, _wire) = exchange!(sender, "two", answers(&peer, b"\x0Btwo\x1C\r", b"\x0B2\x1C\r"));
    assert_eq!(reply.unwrap(), payload("2"));
    assert_eq!(wire.reads_to_the_end().await, b"");
}

#[tokio::test]
async fn a_return_that_comes_late_does_not_cost_the_connection() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (reply, mut wire) = exchange!(sender, "one", answers(&peer, b"\x0Bone\x1C\r", b"\x0B1\x1C"));
    assert_eq!(reply.unwrap(), payload("1"));
    wire.send(b"\r\n").await;
    let (reply, ()) = exchange!(sender, "two", async {
        wire.reads(b"\x0Btwo\x1C\r").await;
        wire.send(b"\x0B2\x1C\r").await;
    });
    assert_eq!(reply.unwrap(), payload("2"));
    assert!(!peer.has_another());
}

#[tokio::test]
async fn a_connection_that_the_receiver_closed_meanwhile_is_replaced() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    for message in ["one", "two", "three"] {
        let framed = format!("\x0B{message}\x1C\r");
        let (reply, wire) = exchange!(sender, message, answers(&peer, framed.as_bytes(), b"\x0BAA\x1C\r"));
        assert_eq!(reply.unwrap(), payload("AA"));
        drop(wire);
    }
}

#[tokio::test]
async fn a_receiver_that_closes_without_a_reply_may_have_the_message() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (sent, ()) = exchange!(sender, "one", async {
        peer.accept().await.reads(b"\x0Bone\x1C\r").await;
    });
    assert!(matches!(unknown(sent), Unknown::Closed { .. }));
}

#[tokio::test]
async fn a_receiver_that_closes_in_the_middle_of_its_reply_may_have_the_message() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (sent, ()) = exchange!(sender, "one", async {
        drop(answers(&peer, b"\x0Bone\x1C\r", b"\x0BMSH|half").await);
    });
    assert!(matches!(
        unknown(sent),
        Unknown::BadReply {
            defect: Defect::Truncated(_),
            ..
        }
    ));
}

#[tokio::test]
async fn a_receiver_that_resets_may_have_the_message() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (sent, ()) = exchange!(sender, "one", async {
        answers(&peer, b"\x0Bone\x1C\r", b"\x0BMSH|half").await.reset();
    });
    assert!(matches!(unknown(sent), Unknown::Read { .. }));
}

#[tokio::test]
async fn a_reply_that_ends_with_the_connection_counts() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (reply, ()) = exchange!(sender, "one", async {
        drop(answers(&peer, b"\x0Bone\x1C\r", b"\x0BAA\x1C").await);
    });
    assert_eq!(reply.unwrap(), payload("AA"));
}

#[tokio::test]
async fn a_reply_that_is_no_frame_is_not_waited_out() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let reply = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let (sent, mut wire) = exchange!(sender, "one", answers(&peer, b"\x0Bone\x1C\r", reply));
    let unknown = unknown(sent);
    assert!(
        matches!(
            unknown,
            Unknown::BadReply {
                defect: Defect::Garbage { bytes: 28 },
                ..
            }
        ),
        "{unknown:?}"
    );
    let error = SendError::from(unknown);
    assert!(error.hint().is_some_and(|hint| hint.contains("MLLP")));
    assert!(!format!("{error:?} {error}").contains("HTTP/1.1"));
    assert_eq!(wire.reads_to_the_end().await, b"");
}

#[tokio::test]
async fn a_reply_above_the_limit_is_given_up() {
    let (peer, address) = Peer::bind().await;
    let mut settings = SenderSettings::new(&address);
    settings.reply_bytes_max = 10;
    let mut sender = Sender::new(settings);
    let (sent, _wire) = exchange!(
        sender,
        "one",
        answers(&peer, b"\x0Bone\x1C\r", b"\x0B0123456789A\x1C\r")
    );
    assert!(matches!(
        unknown(sent),
        Unknown::BadReply {
            defect: Defect::TooLong {
                bytes: 11,
                bytes_max: 10
            },
            ..
        }
    ));
}

#[tokio::test]
async fn a_receiver_that_does_not_read_is_given_up() {
    let (peer, address) = Peer::bind().await;
    let mut sender = impatient(&address);
    let content = transfuse_message::Payload::from(vec![b'x'; 32 * 1024 * 1024]);
    let (sent, _wire) = tokio::join!(sender.send(&content), peer.accept());
    assert!(matches!(unknown(sent), Unknown::WriteTimeout { .. }));
}

#[tokio::test]
async fn a_send_that_is_abandoned_takes_its_connection_along() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (reply, mut wire) = exchange!(sender, "one", answers(&peer, b"\x0Bone\x1C\r", b"\x0B1\x1C\r"));
    reply.unwrap();
    let content = payload("two");
    tokio::select! {
        _ = sender.send(&content) => panic!("nobody answered"),
        () = wire.reads(b"\x0Btwo\x1C\r") => {}
    }
    assert_eq!(wire.reads_to_the_end().await, b"");
    let (reply, _wire) = exchange!(sender, "three", answers(&peer, b"\x0Bthree\x1C\r", b"\x0B3\x1C\r"));
    assert_eq!(reply.unwrap(), payload("3"));
}

#[tokio::test]
async fn a_sender_that_is_closed_says_so_and_can_send_again() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let (reply, mut wire) = exchange!(sender, "one", answers(&peer, b"\x0Bone\x1C\r", b"\x0B1\x1C\r"));
    reply.unwrap();
    sender.close().await;
    assert_eq!(wire.reads_to_the_end().await, b"");
    let (reply, _wire) = exchange!(sender, "two", answers(&peer, b"\x0Btwo\x1C\r", b"\x0B2\x1C\r"));
    assert_eq!(reply.unwrap(), payload("2"));
}

fn release_2(address: &str) -> Sender {
    let mut settings = SenderSettings::new(address);
    settings.framing = Framing::Mllp(Release::Two);
    Sender::new(settings)
}

#[tokio::test]
async fn release_2_waits_for_the_commit_block_and_then_commits_the_reply() {
    let (peer, address) = Peer::bind().await;
    let mut sender = release_2(&address);
    let (reply, mut wire) = exchange!(sender, "one", async {
        let mut wire = answers(&peer, b"\x0Bone\x1C\r", b"\x0B\x06\x1C\r\x0BAA\x1C\r").await;
        wire.reads(b"\x0B\x06\x1C\r").await;
        wire
    });
    assert_eq!(reply.unwrap(), payload("AA"));
    let (reply, ()) = exchange!(sender, "two", async {
        wire.reads(b"\x0Btwo\x1C\r").await;
        wire.send(b"\x0B\x15\x1C\r").await;
    });
    assert!(
        matches!(reply, Err(SendError::NotSent(NotSent::NotStored { .. }))),
        "{reply:?}"
    );
}

#[tokio::test]
async fn release_2_does_not_take_replies_without_a_commit_block() {
    let (peer, address) = Peer::bind().await;
    let mut sender = release_2(&address);
    let (reply, _wire) = exchange!(
        sender,
        "one",
        answers(&peer, b"\x0Bone\x1C\r", b"\x0BAA\x1C\r\x0BAA\x1C\r")
    );
    assert!(matches!(unknown(reply), Unknown::NoCommit { .. }));
}

#[tokio::test]
async fn an_exchange_gives_all_that_the_receiver_says_also_of_earlier_messages() {
    let (peer, address) = Peer::bind().await;
    let mut sender = sender(&address);
    let content = payload("one");
    let (mut exchange, mut wire) = timeout(PATIENCE, async {
        let (begun, wire) = tokio::join!(
            sender.begin(&content),
            answers(&peer, b"\x0Bone\x1C\r", b"\x0BCA1\x1C\r\x0BAA1\x1C\r")
        );
        (begun.unwrap(), wire)
    })
    .await
    .unwrap();
    assert_eq!(exchange.next(PATIENCE).await.unwrap(), payload("CA1"));
    exchange.finish();

    let mut exchange = sender.begin(&payload("two")).await.unwrap();
    assert_eq!(exchange.next(PATIENCE).await.unwrap(), payload("AA1"));
    let late = exchange.next(Duration::from_millis(1)).await;
    assert!(matches!(late, Err(Unknown::ReplyTimeout { .. })), "{late:?}");
    wire.reads(b"\x0Btwo\x1C\r").await;
    wire.send(b"\x0BCA2\x1C\r").await;
    assert_eq!(exchange.next(PATIENCE).await.unwrap(), payload("CA2"));
    assert!(!peer.has_another());
}
