#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use transfuse_message::Payload;

use super::{Connection, END_GRACE, LINGER};
use crate::answer::{Answer, Handler, Later, Next, Reply};
use crate::frame::{Defect, Frame, Truncation};
use crate::inflow::Inflow;
use crate::mllp::{ListenerSettings, Release};
use crate::tcp::Framing;

/// What has not happened by then never will: no time limit of a connection is as long.
const FOREVER: Duration = Duration::from_hours(24 * 3650);

/// A connection whose other end, and whose handler's answers, are in the test's hand. The clock stands still unless
/// everybody waits.
struct Served {
    peer: DuplexStream,
    frames: mpsc::UnboundedReceiver<(Frame, oneshot::Sender<Answer>)>,
    ended: JoinHandle<()>,
    shutdown: CancellationToken,
    writes: Arc<AtomicUsize>,
    /// How many of the handler's futures came to their end.
    completed: Arc<AtomicUsize>,
}

/// Counts the writes that reach the socket.
struct Counting(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counting {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut this.0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

fn serve(change: impl FnOnce(&mut ListenerSettings)) -> Served {
    serve_with_socket_buffer(64 * 1024, change)
}

fn serve_with_socket_buffer(bytes: usize, change: impl FnOnce(&mut ListenerSettings)) -> Served {
    let mut settings = ListenerSettings::new("unused");
    settings.frame_bytes_max = 1024 * 1024;
    change(&mut settings);
    let (peer, ours) = duplex(bytes);
    let (sender, frames) = mpsc::unbounded_channel();
    let (writes, completed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let done = Arc::clone(&completed);
    let handler: Handler = Arc::new(move |frame| {
        let (answer, answered) = oneshot::channel();
        sender.send((frame, answer)).unwrap();
        let done = Arc::clone(&done);
        async move {
            let answer = answered.await.unwrap_or(Answer::Unanswered);
            done.fetch_add(1, Ordering::Relaxed);
            answer
        }
        .boxed()
    });
    let stream = Counting(ours, Arc::clone(&writes));
    let connection = Connection::new(
        stream,
        "test".to_owned(),
        Inflow::default().account(),
        Arc::new(settings),
        handler,
    );
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(connection.run(shutdown.clone()));
    Served {
        peer,
        frames,
        ended,
        shutdown,
        writes,
        completed,
    }
}

impl Served {
    async fn send(&mut self, bytes: &[u8]) {
        timeout(FOREVER, self.peer.write_all(bytes)).await.unwrap().unwrap();
    }

    /// The next frame that was handed over, and where its answer goes.
    async fn frame(&mut self) -> (Frame, oneshot::Sender<Answer>) {
        timeout(FOREVER, self.frames.recv()).await.unwrap().unwrap()
    }

    /// The next frame's content; it is answered with its own content.
    async fn echo(&mut self) -> Frame {
        let (frame, answer) = self.frame().await;
        answer.send(Answer::Accepted(frame.content.clone().into())).unwrap();
        frame
    }

    async fn reads(&mut self, expected: &[u8]) {
        let mut found = vec![0; expected.len()];
        timeout(FOREVER, self.peer.read_exact(&mut found))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found, expected);
    }

    /// All that is still written until the connection is closed.
    async fn reads_to_the_end(&mut self) -> Vec<u8> {
        let mut found = Vec::new();
        timeout(FOREVER, self.peer.read_to_end(&mut found))
            .await
            .unwrap()
            .unwrap();
        found
    }

    /// Lets everybody else run until they wait; no time passes.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
}

fn accepted(reply: &'static str) -> Answer {
    Answer::Accepted(Payload::from(reply.as_bytes()).into())
}

#[tokio::test(start_paused = true)]
async fn replies_leave_in_the_order_of_their_frames_whatever_the_order_of_the_answers() {
    let mut served = serve(|_| {});
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r\x0B3\x1C\r").await;
    let (first, answer_first) = served.frame().await;
    let (second, answer_second) = served.frame().await;
    let (_, answer_third) = served.frame().await;
    assert_eq!(
        (first.content.as_slice(), second.content.as_slice()),
        (b"1".as_slice(), b"2".as_slice())
    );
    assert_eq!((first.source.as_str(), first.connection), ("test", second.connection));
    answer_third.send(accepted("c")).unwrap();
    answer_second
        .send(Answer::Refused(Payload::from(b"b".as_slice()).into()))
        .unwrap();
    served.settle().await;
    assert_eq!(served.writes.load(Ordering::Relaxed), 0);
    answer_first.send(accepted("a")).unwrap();
    served.reads(b"\x0Ba\x1C\r\x0Bb\x1C\r\x0Bc\x1C\r").await;
    assert_eq!(
        served.writes.load(Ordering::Relaxed),
        1,
        "replies that are ready together leave together"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_the_pipeline_is_full() {
    let mut served = serve(|settings| settings.pipeline_max = 2);
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r\x0B3\x1C\r").await;
    let (_, first) = served.frame().await;
    let (_, _second) = served.frame().await;
    served.send(b"\x0B4\x1C\r").await;
    sleep(Duration::from_hours(1)).await;
    assert!(served.frames.try_recv().is_err());
    first.send(accepted("a")).unwrap();
    assert_eq!(served.frame().await.0.content.as_slice(), b"3");
    assert!(served.frames.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_frame_closes_the_connection_and_silences_later_replies() {
    let mut served = serve(|_| {});
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r\x0B3\x1C\r").await;
    let (_, first) = served.frame().await;
    let (_, second) = served.frame().await;
    let (_, third) = served.frame().await;
    third.send(accepted("c")).unwrap();
    second.send(Answer::Unanswered).unwrap();
    first.send(accepted("a")).unwrap();
    assert_eq!(served.reads_to_the_end().await, b"\x0Ba\x1C\r");
    drop(served.peer);
    timeout(FOREVER, served.ended).await.unwrap().unwrap();
    assert_eq!(served.completed.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn an_empty_reply_is_not_written() {
    let mut served = serve(|_| {});
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r").await;
    served.frame().await.1.send(accepted("")).unwrap();
    served.frame().await.1.send(accepted("b")).unwrap();
    served.reads(b"\x0Bb\x1C\r").await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_would_break_the_framing_closes_the_connection() {
    let mut served = serve(|_| {});
    served.send(b"\x0B1\x1C\r").await;
    served.frame().await.1.send(accepted("a\x1C\r\x0Bb")).unwrap();
    assert_eq!(served.reads_to_the_end().await, b"");
}

/// An answer whose reply is followed by another one, and where that one is given.
fn accepted_for_now(reply: &'static str) -> (Answer, oneshot::Sender<Payload>) {
    let (later, known) = oneshot::channel();
    let reply = Reply {
        now: Payload::from(reply.as_bytes()),
        later: Some(Later::new(async { known.await.unwrap_or_default() })),
    };
    (Answer::Accepted(reply), later)
}

/// An answer that says no more than that the frame is stored, and where the next one is given.
fn stored() -> (Answer, oneshot::Sender<Answer>) {
    let (decided, known) = oneshot::channel();
    let next = Next::new(async { known.await.unwrap_or(Answer::Unanswered) });
    (Answer::Stored(next), decided)
}

#[tokio::test(start_paused = true)]
async fn a_deferred_reply_holds_up_no_other_frame_s_reply() {
    let mut served = serve(|settings| settings.pipeline_max = 1);
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r\x0B3\x1C\r").await;
    let (first, later_first) = accepted_for_now("a");
    let (second, later_second) = accepted_for_now("");
    served.frame().await.1.send(first).unwrap();
    served.reads(b"\x0Ba\x1C\r").await;
    served.frame().await.1.send(second).unwrap();
    served.frame().await.1.send(accepted("c")).unwrap();
    served.reads(b"\x0Bc\x1C\r").await;
    later_second.send(Payload::from(b"B".as_slice())).unwrap();
    served.settle().await;
    later_first.send(Payload::from(b"A".as_slice())).unwrap();
    served.reads(b"\x0BA\x1C\r\x0BB\x1C\r").await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_sent_all_it_wants_still_gets_its_deferred_replies() {
    let mut served = serve(|_| {});
    served.send(b"\x0B1\x1C\r").await;
    served.peer.shutdown().await.unwrap();
    let (answer, later) = accepted_for_now("a");
    served.frame().await.1.send(answer).unwrap();
    served.reads(b"\x0Ba\x1C\r").await;
    later.send(Payload::from(b"A".as_slice())).unwrap();
    assert_eq!(served.reads_to_the_end().await, b"\x0BA\x1C\r");
}

#[tokio::test(start_paused = true)]
async fn a_deferred_reply_does_not_keep_a_connection_that_is_lost() {
    let mut served = serve(|_| {});
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r").await;
    let (answer, _later) = accepted_for_now("a");
    served.frame().await.1.send(answer).unwrap();
    served.reads(b"\x0Ba\x1C\r").await;
    drop(served.peer);
    served.frames.recv().await.unwrap().1.send(accepted("b")).unwrap();
    timeout(FOREVER, served.ended).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn release_2_commits_what_is_stored_before_it_replies_and_in_the_order_of_the_frames() {
    let mut served = serve(|settings| settings.framing = Framing::Mllp(Release::Two));
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r").await;
    let (_, first) = served.frame().await;
    let (_, second) = served.frame().await;
    let ((stored_first, decided_first), (stored_second, decided_second)) = (stored(), stored());
    second.send(stored_second).unwrap();
    decided_second.send(accepted("b")).unwrap();
    served.settle().await;
    assert_eq!(served.writes.load(Ordering::Relaxed), 0);
    first.send(stored_first).unwrap();
    served.reads(b"\x0B\x06\x1C\r\x0B\x06\x1C\r").await;
    decided_first
        .send(Answer::Refused(Payload::from(b"a".as_slice()).into()))
        .unwrap();
    served.reads(b"\x0Ba\x1C\r\x0Bb\x1C\r").await;
}

#[tokio::test(start_paused = true)]
async fn release_2_takes_the_peer_s_commit_blocks_for_no_messages() {
    let mut served = serve(|settings| settings.framing = Framing::Mllp(Release::Two));
    served.send(b"\x0B\x06\x1C\r\x0B\x15\x1C\r\x0B1\x1C\r").await;
    assert_eq!(served.echo().await.content.as_slice(), b"1");
    served.reads(b"\x0B\x06\x1C\r\x0B1\x1C\r").await;

    let mut served = serve(|_| {});
    served.send(b"\x0B\x06\x1C\r").await;
    assert_eq!(served.echo().await.content.as_slice(), b"\x06");
}

#[tokio::test(start_paused = true)]
async fn release_2_says_of_a_frame_that_could_not_be_stored_so_and_nothing_else() {
    let mut served = serve(|settings| {
        settings.framing = Framing::Mllp(Release::Two);
        settings.frame_bytes_max = 10;
    });
    served.send(b"\x0B0123456789A\x1C\r\x0B1\x1C\r").await;
    let refused = Answer::Refused(Payload::from(b"too long".as_slice()).into());
    served.frame().await.1.send(refused).unwrap();
    served.reads(b"\x0B\x15\x1C\r").await;
    served.frame().await.1.send(Answer::Unanswered).unwrap();
    assert_eq!(served.reads_to_the_end().await, b"\x0B\x15\x1C\r");
}

#[tokio::test(start_paused = true)]
async fn release_2_says_nothing_of_bytes_that_were_no_frame() {
    let mut served = serve(|settings| settings.framing = Framing::Mllp(Release::Two));
    served.send(b"hello\x0B1\x1C\r").await;
    let nothing = Answer::Refused(Reply::default());
    served.frame().await.1.send(nothing).unwrap();
    served.echo().await;
    served.reads(b"\x0B\x06\x1C\r\x0B1\x1C\r").await;
}

#[tokio::test(start_paused = true)]
async fn an_end_without_a_return_is_accepted_after_a_moment() {
    let mut served = serve(|_| {});
    let began = Instant::now();
    served.send(b"\x0B1\x1C").await;
    served.echo().await;
    assert!(
        began.elapsed() >= END_GRACE && began.elapsed() < END_GRACE * 2,
        "{:?}",
        began.elapsed()
    );
    served.reads(b"\x0B1\x1C\r").await;
    served.send(b"\r\x0B2\x1C\r").await;
    assert_eq!(served.echo().await.content.as_slice(), b"2");
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_does_not_go_on_is_reported_and_the_connection_closed_after_its_answer() {
    let mut served = serve(|settings| settings.frame_timeout = Duration::from_secs(30));
    let began = Instant::now();
    served.send(b"\x0Bhalf a").await;
    let (frame, answer) = served.frame().await;
    assert_eq!(began.elapsed().as_secs(), 30);
    assert_eq!(frame.defect, Some(Defect::Truncated(Truncation::Stalled)));
    assert_eq!(frame.content.as_slice(), b"half a");
    answer
        .send(Answer::Refused(Payload::from(b"no".as_slice()).into()))
        .unwrap();
    assert_eq!(served.reads_to_the_end().await, b"\x0Bno\x1C\r");
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_second_keeps_nobody() {
    let mut served = serve(|settings| settings.frame_timeout = Duration::from_secs(30));
    let began = Instant::now();
    served.send(b"\x0B").await;
    let reported = loop {
        sleep(Duration::from_secs(1)).await;
        served.send(b"x").await;
        served.settle().await;
        if let Ok((frame, _)) = served.frames.try_recv() {
            break frame;
        }
        assert!(began.elapsed() < Duration::from_mins(1));
    };
    assert_eq!(reported.defect, Some(Defect::Truncated(Truncation::Stalled)));
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_slow_line_may_take_its_time() {
    let mut served = serve(|settings| settings.frame_timeout = Duration::from_secs(30));
    served.send(b"\x0B").await;
    for _ in 0..300 {
        sleep(Duration::from_secs(1)).await;
        served.send(&[b'x'; 1000]).await;
    }
    served.send(b"\x1C\r").await;
    let frame = served.echo().await;
    assert_eq!((frame.content.len(), frame.defect), (300_000, None));
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_kept_unless_an_idle_timeout_is_set() {
    let mut served = serve(|_| {});
    sleep(Duration::from_hours(24 * 365)).await;
    served.send(b"\x0B1\x1C\r").await;
    served.echo().await;
    served.reads(b"\x0B1\x1C\r").await;

    let mut served = serve(|settings| settings.idle_timeout = Some(Duration::from_mins(10)));
    served.send(b"\x0B1\x1C\r").await;
    let (_, answer) = served.frame().await;
    sleep(Duration::from_mins(30)).await;
    answer.send(accepted("a")).unwrap();
    served.reads(b"\x0Ba\x1C\r").await;
    let answered = Instant::now();
    assert_eq!(served.reads_to_the_end().await, b"");
    assert_eq!(answered.elapsed(), Duration::from_mins(10));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_its_replies_is_closed() {
    let mut served = serve_with_socket_buffer(16, |settings| settings.write_timeout = Duration::from_secs(20));
    served.send(b"\x0B1\x1C\r").await;
    let began = Instant::now();
    served
        .frame()
        .await
        .1
        .send(accepted("more than the socket takes at once"))
        .unwrap();
    timeout(FOREVER, served.ended).await.unwrap().unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_sent_all_it_wants_still_gets_its_replies() {
    let mut served = serve(|_| {});
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r").await;
    served.peer.shutdown().await.unwrap();
    let (_, first) = served.frame().await;
    let (_, second) = served.frame().await;
    served.settle().await;
    first.send(accepted("a")).unwrap();
    second.send(accepted("b")).unwrap();
    assert_eq!(served.reads_to_the_end().await, b"\x0Ba\x1C\r\x0Bb\x1C\r");
    timeout(FOREVER, served.ended).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_closes_in_the_middle_of_a_frame_leaves_a_truncated_one() {
    let mut served = serve(|_| {});
    served.send(b"\x0Bhalf").await;
    served.peer.shutdown().await.unwrap();
    let frame = served.echo().await;
    assert_eq!(frame.defect, Some(Defect::Truncated(Truncation::StreamEnd)));
    assert_eq!(frame.content.as_slice(), b"half");
    assert_eq!(served.reads_to_the_end().await, b"\x0Bhalf\x1C\r");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_does_not_abandon_what_is_in_flight() {
    let mut served = serve(|_| {});
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r").await;
    let (_, first) = served.frame().await;
    let (_, second) = served.frame().await;
    drop(served.peer);
    first.send(accepted("a")).unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(!served.ended.is_finished());
    second.send(accepted("b")).unwrap();
    timeout(FOREVER, served.ended).await.unwrap().unwrap();
    assert_eq!(served.completed.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn garbage_is_handed_over_and_the_next_frame_is_served() {
    let mut served = serve(|_| {});
    served.send(b"hello\x0B1\x1C\r").await;
    let (frame, answer) = served.frame().await;
    assert_eq!(frame.defect, Some(Defect::Garbage { bytes: 5 }));
    answer.send(accepted("no")).unwrap();
    assert_eq!(served.echo().await.content.as_slice(), b"1");
    served.reads(b"\x0Bno\x1C\r\x0B1\x1C\r").await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_above_the_limit_is_refused_and_the_next_one_served() {
    let mut served = serve(|settings| settings.frame_bytes_max = 10);
    served.send(b"\x0B0123456789A\x1C\r\x0B1\x1C\r").await;
    let (frame, answer) = served.frame().await;
    assert_eq!(
        frame.defect,
        Some(Defect::TooLong {
            bytes: 11,
            bytes_max: 10
        })
    );
    assert_eq!(frame.content.as_slice(), b"0123456789");
    answer.send(accepted("no")).unwrap();
    served.echo().await;
    served.reads(b"\x0Bno\x1C\r\x0B1\x1C\r").await;
}

#[tokio::test(start_paused = true)]
async fn an_endless_frame_is_refused_once_and_the_connection_closed() {
    let mut served = serve(|settings| settings.frame_bytes_max = 1000);
    served.send(b"\x0B").await;
    served.send(&[b'x'; 5000]).await;
    let (frame, answer) = served.frame().await;
    assert!(matches!(
        frame.defect,
        Some(Defect::TooLong {
            bytes: 4001,
            bytes_max: 1000
        })
    ));
    answer.send(accepted("no")).unwrap();
    served.send(&[b'x'; 5000]).await;
    served.reads(b"\x0Bno\x1C\r").await;
    assert_eq!(served.reads_to_the_end().await, b"");
    assert!(served.frames.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_answers_what_is_in_flight_and_takes_nothing_more() {
    let mut served = serve(|settings| settings.pipeline_max = 2);
    served.send(b"\x0B1\x1C\r\x0B2\x1C\r\x0B3\x1C\r\x0Bhalf").await;
    let (_, first) = served.frame().await;
    let (_, second) = served.frame().await;
    served.shutdown.cancel();
    served.settle().await;
    first.send(accepted("a")).unwrap();
    second.send(accepted("b")).unwrap();
    assert_eq!(served.reads_to_the_end().await, b"\x0Ba\x1C\r\x0Bb\x1C\r");
    assert!(
        served.frames.recv().await.is_none(),
        "a frame was handed over during the shutdown"
    );
}

/// The clock runs here: it would never move on by itself while somebody sends.
#[tokio::test]
async fn a_shutdown_comes_through_a_peer_that_never_stops_sending() {
    let mut served = serve(|_| {});
    let sender = tokio::spawn(async move { while served.peer.write_all(b"\x0B1\x1C\r").await.is_ok() {} });
    for _ in 0..1000 {
        let (_, answer) = served.frames.recv().await.unwrap();
        answer.send(accepted("")).unwrap();
    }
    served.shutdown.cancel();
    let cancelled = Instant::now();
    while let Some((_, answer)) = served.frames.recv().await {
        answer.send(accepted("")).unwrap();
    }
    timeout(FOREVER, served.ended).await.unwrap().unwrap();
    sender.await.unwrap();
    assert!(cancelled.elapsed() < LINGER * 4);
}
