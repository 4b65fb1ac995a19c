//! One accepted connection: frames in, replies out, both in order.

mod owed;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use transfuse_message::Payload;

use super::decoder::{Event, Pending};
use super::listener::ListenerSettings;
use super::release::{Commit, Release};
use crate::answer::{Answer, Handler, Reply};
use crate::frame::{Defect, Frame, Truncation, next_connection};
use crate::inflow::{Account, Held};
use crate::net::{self, Watchdog};
use crate::tcp::{Acknowledging, Decoder};
use owed::{Owed, Stage};

/// The read buffer of a connection: about ten usual messages, so that a busy connection allocates once for ten.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// A read with less room than this is not worth its system call.
const READ_BYTES_MIN: usize = 4 * 1024;

/// Replies that the peer does not take are kept up to this; beyond, nothing more is read from it.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// How long a frame that ends with 0x1C waits for its CR. Long enough that a network which cuts the stream right there
/// does not shorten content with binary data, short enough for senders that never send the CR and wait for the reply.
pub(super) const END_GRACE: Duration = Duration::from_millis(50);

/// How long the peer may take to close after we did, so that it reads the last reply before the socket goes away. A
/// socket that is closed with unread bytes resets the connection and takes the reply with it.
const LINGER: Duration = Duration::from_millis(500);

/// The state of one connection. Everything that happens to it is a [`Step`], taken one at a time.
pub(super) struct Connection<S> {
    stream: S,
    source: String,
    number: u64,
    settings: Arc<ListenerSettings>,
    handler: Handler,
    decoder: Decoder,
    /// Covers what the decoder holds; what covers a frame is owed with its answer.
    account: Account,
    owed: Owed,
    /// Framed replies that the socket has not taken yet.
    replies: BytesMut,
    /// Whether some of what was taken may wait below, where TLS has made records of it.
    is_unflushed: bool,
    reading: Reading,
    /// False once a frame was left unanswered: a later reply would be taken for its.
    answering: bool,
    /// As many frames are in flight as may be; the decoder may hold more that are whole.
    paused: bool,
    read_at: Instant,
    frame_began_at: Instant,
    /// Since when the socket has taken nothing of `replies`.
    write_blocked_at: Option<Instant>,
    watchdog: Watchdog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    /// By us.
    Stopped,
    PeerClosed,
    /// The connection is broken in both directions.
    Lost,
}

enum Step {
    Answer(Stage),
    Wrote(io::Result<usize>),
    Flushed(io::Result<()>),
    Read(io::Result<usize>),
    TimePassed,
    Shutdown,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(
        stream: S,
        source: String,
        account: Account,
        settings: Arc<ListenerSettings>,
        handler: Handler,
    ) -> Connection<S> {
        let now = Instant::now();
        Connection {
            stream,
            source,
            number: next_connection(),
            decoder: Decoder::new(&settings.framing, settings.frame_bytes_max),
            settings,
            handler,
            account,
            owed: Owed::default(),
            replies: BytesMut::new(),
            is_unflushed: false,
            reading: Reading::Open,
            answering: true,
            paused: false,
            read_at: now,
            frame_began_at: now,
            write_blocked_at: None,
            watchdog: Watchdog::default(),
        }
    }

    /// Serves the connection to its end. What is in flight then is still brought to its own end, unanswered.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        tracing::debug!(source = self.source, connection = self.number, "connection opened");
        {
            let mut shutdown = pin!(shutdown.cancelled());
            while !self.is_over() {
                let step = poll_fn(|context| self.poll_step(shutdown.as_mut(), context)).await;
                self.take(step);
            }
        }
        tracing::debug!(source = self.source, connection = self.number, state = ?self.reading, "connection closed");
        let unheard = self.owed.deferred();
        if unheard > 0 {
            tracing::warn!(
                source = self.source,
                connection = self.number,
                unheard,
                "closed before the last deferred replies were known"
            );
        }
        tokio::join!(part(self.stream, self.reading), self.owed.finish());
    }

    /// Answers come first, so that all that are ready leave in one write; then room is made before more is read.
    fn poll_step(&mut self, shutdown: Pin<&mut impl Future<Output = ()>>, context: &mut Context<'_>) -> Poll<Step> {
        if let Poll::Ready(stage) = self.owed.poll_next(context) {
            return Poll::Ready(Step::Answer(stage));
        }
        if let Poll::Ready(result) = self.poll_write(context) {
            return Poll::Ready(Step::Wrote(result));
        }
        if let Poll::Ready(result) = self.poll_flush(context) {
            return Poll::Ready(Step::Flushed(result));
        }
        if self.reading == Reading::Open && shutdown.poll(context).is_ready() {
            return Poll::Ready(Step::Shutdown);
        }
        if let Poll::Ready(result) = self.poll_read(context) {
            return Poll::Ready(Step::Read(result));
        }
        self.watchdog.poll(self.deadline(), context).map(|()| Step::TimePassed)
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.replies.is_empty() {
            return Poll::Pending;
        }
        let poll = pin!(self.stream.write(&self.replies)).poll(context);
        self.note_blocked(poll.is_pending());
        poll
    }

    /// What was written leaves at once: nobody knows when something follows.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_unflushed || !self.replies.is_empty() {
            return Poll::Pending;
        }
        let poll = pin!(self.stream.flush()).poll(context);
        self.note_blocked(poll.is_pending());
        poll
    }

    fn note_blocked(&mut self, is_blocked: bool) {
        if is_blocked && self.write_blocked_at.is_none() {
            self.write_blocked_at = Some(Instant::now());
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.may_read() || !self.is_covered(context) {
            return Poll::Pending;
        }
        let buffer = self.decoder.buffer();
        if buffer.capacity() - buffer.len() < READ_BYTES_MIN {
            buffer.reserve(READ_BYTES);
        }
        pin!(self.stream.read_buf(buffer)).poll(context)
    }

    /// Whether all that was read has its part of the budget. Who had to wait for it was not idle.
    fn is_covered(&mut self, context: &mut Context<'_>) -> bool {
        let has_waited = self.account.is_waiting();
        let buffered = self.decoder.buffer().len();
        let is_covered = self.account.poll_cover(buffered, context).is_ready();
        if has_waited && is_covered {
            self.be_patient();
        }
        is_covered
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Answer(stage) => self.take_answer(stage),
            Step::Wrote(Ok(0)) => self.lose("the socket takes no more bytes"),
            Step::Wrote(Ok(count)) => self.take_progress(count),
            Step::Flushed(Ok(())) => {
                self.is_unflushed = false;
                self.write_blocked_at = None;
            }
            Step::Wrote(Err(error)) | Step::Flushed(Err(error)) => self.lose(error),
            Step::Read(Ok(1..)) => self.take_bytes(),
            Step::Read(Ok(0)) => self.take_end(Reading::PeerClosed, Truncation::StreamEnd),
            // TLS without its farewell, which many leave out. Frames say for themselves whether they are whole.
            Step::Read(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.take_end(Reading::PeerClosed, self.broken());
            }
            Step::Read(Err(error)) => {
                self.take_end(Reading::Lost, self.broken());
                self.lose(error);
            }
            Step::TimePassed => self.take_time(),
            Step::Shutdown => self.reading = Reading::Stopped,
        }
    }

    fn take_answer(&mut self, stage: Stage) {
        match stage {
            Stage::First(defect, answer, held) if self.settings.framing.release() == Release::Two => {
                self.take_committing(defect, answer, held);
            }
            Stage::First(_, answer, held) | Stage::Decided(answer, held) => self.take_decided(answer, held),
            Stage::Later(reply) => self.queue_reply(&reply),
        }
        if self.paused {
            self.be_patient();
            self.take_frames();
        }
    }

    /// Release 2: the frame's commit block goes in front of all that HL7 has to say about it. Content that is not in
    /// safe storage as a whole has no reply, and bytes that were no frame have not even a commit block.
    fn take_committing(&mut self, defect: Option<Defect>, answer: Answer, held: Held) {
        match (defect, answer) {
            (None, Answer::Unanswered) => {
                self.queue_commit(Commit::NotStored);
                self.stop_answering();
            }
            (None, answer) => {
                self.queue_commit(Commit::Stored);
                self.take_decided(answer, held);
            }
            (Some(Defect::TooLong { .. }), _) => self.queue_commit(Commit::NotStored),
            (Some(_), _) => {}
        }
    }

    fn take_decided(&mut self, answer: Answer, held: Held) {
        let settings = Arc::clone(&self.settings);
        match (answer, &settings.acknowledging) {
            (Answer::Stored(next), _) => self.owed.decided_by(next, held),
            (Answer::Unanswered, _) => self.stop_answering(),
            (Answer::Accepted(reply) | Answer::Refused(reply) | Answer::Failed(reply), Acknowledging::Reply) => {
                self.take_reply(reply);
            }
            (_, Acknowledging::Nothing) => {}
            (Answer::Accepted(_), Acknowledging::Fixed { accepted, .. }) => self.queue_bytes(accepted),
            (_, Acknowledging::Fixed { refused, .. }) => self.queue_bytes(refused),
        }
    }

    fn take_reply(&mut self, Reply { now, later }: Reply) {
        self.queue_reply(&now);
        if let Some(later) = later {
            self.owed.reply_later(later);
        }
    }

    fn queue_commit(&mut self, commit: Commit) {
        if self.answering {
            self.settings.framing.encode(commit.content(), &mut self.replies);
        }
    }

    fn queue_reply(&mut self, reply: &Payload) {
        if !self.answering {
            return;
        }
        if self.settings.framing.refuses(reply.as_slice()).is_some() {
            tracing::error!(
                source = self.source,
                bytes = reply.len(),
                "a reply cannot be framed and is not sent"
            );
            self.stop_answering();
        } else if !reply.is_empty() {
            self.settings.framing.encode(reply.as_slice(), &mut self.replies);
        }
    }

    /// What stands in no frame.
    fn queue_bytes(&mut self, bytes: &[u8]) {
        if self.answering {
            self.replies.extend_from_slice(bytes);
        }
    }

    fn stop_answering(&mut self) {
        self.answering = false;
        if self.reading == Reading::Open {
            self.reading = Reading::Stopped;
        }
    }

    fn take_progress(&mut self, count: usize) {
        self.replies.advance(count);
        self.is_unflushed = true;
        if self.write_blocked_at.take().is_some() || self.settings.idle_timeout.is_some() {
            self.be_patient();
        }
        if self.replies.is_empty() && self.replies.capacity() > REPLY_BYTES_MAX {
            self.replies = BytesMut::new();
        }
    }

    /// The peer was not idle while we did not read or it took its replies: its time begins anew.
    fn be_patient(&mut self) {
        self.read_at = Instant::now();
        self.frame_began_at = self.read_at;
    }

    fn take_bytes(&mut self) {
        let between = self.decoder.pending() == Pending::Nothing;
        self.read_at = Instant::now();
        if self.take_frames() || between {
            self.frame_began_at = self.read_at;
        }
    }

    /// Hands over what the decoder holds, as far as there is room; says whether there was anything.
    fn take_frames(&mut self) -> bool {
        let mut any = false;
        self.paused = false;
        while self.reading == Reading::Open {
            self.paused = self.owed.is_full(self.settings.pipeline_max);
            if self.paused {
                break;
            }
            let Some(event) = self.decoder.next_event() else { break };
            self.hand_over(event);
            any = true;
            if self.decoder.has_given_up() {
                self.reading = Reading::Stopped;
            }
        }
        any
    }

    fn take_end(&mut self, reading: Reading, reason: Truncation) {
        if let Some(event) = self.decoder.finish(reason) {
            self.hand_over(event);
        }
        self.reading = reading;
    }

    /// Why a frame is not whole where the connection has ended without being closed.
    fn broken(&self) -> Truncation {
        if self.settings.framing.ends_with_connection() {
            Truncation::Broken
        } else {
            Truncation::StreamEnd
        }
    }

    fn take_time(&mut self) {
        let now = Instant::now();
        if self.write_deadline().is_some_and(|deadline| deadline <= now) {
            return self.lose("the peer does not read its replies");
        }
        match self.decoder.pending() {
            Pending::ByteAfterEnd => {
                if let Some(event) = self.decoder.accept_end() {
                    self.hand_over(event);
                }
            }
            Pending::Nothing | Pending::Frame | Pending::Start => self.take_end(Reading::Stopped, Truncation::Stalled),
        }
    }

    fn hand_over(&mut self, event: Event) {
        let (content, defect) = match event {
            Event::Frame(content) => match Commit::of(&content, self.settings.framing.release()) {
                Some(commit) => return self.take_commit(commit),
                None => (content, None),
            },
            Event::Defect { defect, kept } => (kept, Some(defect)),
        };
        if let Some(defect) = &defect {
            tracing::warn!(source = self.source, connection = self.number, %defect, "not a whole frame");
        }
        let held = self.account.hand_over(content.len());
        let frame = Frame {
            content,
            defect,
            source: self.source.clone(),
            connection: self.number,
        };
        self.owed.answer_by((self.handler)(frame), defect, held);
    }

    /// The peer has stored a reply, or could not. A reply is said once: who did not keep it asks by sending the message
    /// again.
    fn take_commit(&self, commit: Commit) {
        if commit == Commit::NotStored {
            tracing::warn!(
                source = self.source,
                connection = self.number,
                "the peer could not store a reply"
            );
        }
    }

    fn lose(&mut self, reason: impl std::fmt::Display) {
        tracing::debug!(source = self.source, connection = self.number, %reason, "connection lost");
        self.reading = Reading::Lost;
        self.answering = false;
        self.replies.clear();
        self.is_unflushed = false;
    }

    fn may_read(&self) -> bool {
        self.reading == Reading::Open && !self.paused && self.replies.len() <= REPLY_BYTES_MAX
    }

    fn is_over(&self) -> bool {
        let answered = self.replies.is_empty() && !self.is_unflushed && (self.owed.is_nothing() || !self.answering);
        match self.reading {
            Reading::Open => false,
            Reading::Stopped | Reading::PeerClosed => answered,
            Reading::Lost => true,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match (self.write_deadline(), self.read_deadline()) {
            (Some(write), Some(read)) => Some(write.min(read)),
            (write, read) => write.or(read),
        }
    }

    fn write_deadline(&self) -> Option<Instant> {
        self.write_blocked_at.map(|since| since + self.settings.write_timeout)
    }

    fn read_deadline(&self) -> Option<Instant> {
        if !self.may_read() || self.account.is_waiting() {
            return None;
        }
        match self.decoder.pending() {
            Pending::ByteAfterEnd => Some(self.read_at + END_GRACE),
            Pending::Frame | Pending::Start => Some(self.frame_deadline()),
            Pending::Nothing if self.owed.is_nothing() && self.replies.is_empty() => {
                self.settings.idle_timeout.map(|timeout| self.read_at + timeout)
            }
            Pending::Nothing => None,
        }
    }

    fn frame_deadline(&self) -> Instant {
        let bytes = self.decoder.pending_bytes();
        net::receive_deadline(self.frame_began_at, self.read_at, bytes, self.settings.frame_timeout)
    }
}

/// Closes the connection so that the peer still reads what was written to it, and knows that nothing follows.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, reading: Reading) {
    if reading == Reading::Lost {
        return;
    }
    let farewell = async {
        if stream.shutdown().await.is_err() || reading == Reading::PeerClosed {
            return;
        }
        let mut ignored = [0_u8; 1024];
        while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
    };
    let _ = timeout(LINGER, farewell).await;
}

#[cfg(test)]
mod tests;
