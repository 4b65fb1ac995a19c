//! A frame of many messages: each goes its own way, and one answer tells of all.
//!
//! The split is here, and not in the transport, because what answers a batch is made of acknowledgements; and in front of
//! [`Interface::accept`], because behind it a message is one message, wherever it came from. A source of files splits for
//! itself, since it has to remember which messages are done with.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use jiff::ZonedDateTime;
use transfuse_message::Payload;
use transfuse_message::acknowledgement::AcknowledgementContext;
use transfuse_message::batch::{self, Flaw, Header, Level, PartKind, Structure, Trailer, is_batch, parts};
use transfuse_transport::{Answer, Defect, Frame, Later, Next, Reply};

use crate::interface::Interface;

/// How many messages, headers and trailers a frame may have. All messages of a frame are numbered at once, so that no other
/// one comes between them; each takes some four kilobytes in the engine beyond its bytes, and so many of them less than
/// the largest frame.
const PARTS_MAX: usize = 1_000;

/// How many flaws of a batch a log line names.
const FLAWS_NAMED_MAX: usize = 5;

/// A frame, split.
#[derive(Debug, Default)]
struct Batch {
    messages: Vec<Payload>,
    outline: Outline,
}

/// What the answer to a batch has to say, part by part.
#[derive(Debug, Default)]
struct Outline(Vec<Part>);

#[derive(Debug)]
enum Part {
    Header(Header),
    /// The next one.
    Message,
    Flaw(Flaw),
    Trailer(Level),
}

/// The replies to the messages of a batch, in their order.
#[derive(Debug, Default)]
struct Replies {
    now: Vec<Payload>,
    later: Vec<Option<Later>>,
    is_accepted: bool,
    /// Whether at least one of them may be taken another time.
    is_failed: bool,
}

impl Interface {
    /// Takes what a source hands over: a message, or a batch of them. What has to keep the order of the calls happens in
    /// the call itself, for each message of a batch too.
    pub(crate) fn take(self: &Arc<Self>, frame: Frame) -> BoxFuture<'static, Answer> {
        if frame.defect.is_some() || !is_batch(frame.content.bytes()) {
            return self.accept(frame).boxed();
        }
        let Some(batch) = Batch::of(&frame.content) else {
            let parts_max = PARTS_MAX;
            let defect = Some(Defect::TooManyParts { parts_max });
            return self.accept(Frame { defect, ..frame }).boxed();
        };
        batch.outline.report(&self.name, &frame.source);
        let numbered = (1..).zip(batch.messages);
        let answers = numbered.map(|(number, content): (usize, Payload)| {
            self.accept(Frame {
                content,
                defect: None,
                source: format!("{}#{number}", frame.source),
                connection: frame.connection,
            })
        });
        answer(batch.outline, answers.collect())
    }
}

/// The answer to a batch, when there is one to each message. The first stage of all comes before the second of any.
fn answer(outline: Outline, answers: Vec<impl Future<Output = Answer> + Send + 'static>) -> BoxFuture<'static, Answer> {
    let answers = join_all(answers);
    let answer = async move {
        let answers = answers.await;
        if answers.iter().any(|answer| matches!(answer, Answer::Stored(_))) {
            Answer::Stored(Next::new(decided(outline, answers)))
        } else {
            decided(outline, answers).await
        }
    };
    answer.boxed()
}

/// A batch is accepted where one of its messages is: its reply tells which were not. Where nothing can be said of one of
/// them, nothing can be said of the batch, since what it does not name counts as accepted.
fn decided(outline: Outline, answers: Vec<Answer>) -> BoxFuture<'static, Answer> {
    let answers = join_all(answers.into_iter().map(Answer::decided));
    let decided = answers.map(|answers| match Replies::of(answers) {
        Some(replies) => replies.told(outline),
        None => Answer::Unanswered,
    });
    decided.boxed()
}

/// What is said later goes into an answer of its own. Where none of the messages has anything to say then, there is none.
async fn deferred(outline: Outline, later: Vec<Option<Later>>) -> Payload {
    let replies = later.into_iter().map(said);
    let replies = join_all(replies).await;
    if replies.iter().all(Payload::is_empty) {
        return Payload::default();
    }
    Payload::from(outline.reply(&replies))
}

async fn said(later: Option<Later>) -> Payload {
    match later {
        Some(later) => later.into_future().await,
        None => Payload::default(),
    }
}

impl Replies {
    fn told(self, outline: Outline) -> Answer {
        let now = Payload::from(outline.reply(&self.now));
        let is_deferred = self.later.iter().any(Option::is_some);
        let later = is_deferred.then(|| Later::new(deferred(outline, self.later)));
        let reply = Reply { now, later };
        match (self.is_accepted, self.is_failed) {
            (true, _) => Answer::Accepted(reply),
            (false, true) => Answer::Failed(reply),
            (false, false) => Answer::Refused(reply),
        }
    }

    fn of(answers: Vec<Answer>) -> Option<Self> {
        let mut replies = Self {
            is_accepted: answers.is_empty(),
            ..Self::default()
        };
        for answer in answers {
            let reply = match answer {
                Answer::Accepted(reply) => {
                    replies.is_accepted = true;
                    reply
                }
                Answer::Failed(reply) => {
                    replies.is_failed = true;
                    reply
                }
                Answer::Refused(reply) => reply,
                Answer::Stored(_) | Answer::Unanswered => return None,
            };
            replies.now.push(reply.now);
            replies.later.push(reply.later);
        }
        Some(replies)
    }
}

impl Batch {
    /// None where the frame has more parts than are taken.
    fn of(content: &Payload) -> Option<Self> {
        let (mut batch, mut structure, mut told) = (Self::default(), Structure::default(), 0);
        for part in parts(content.bytes().clone()) {
            structure.take(&part);
            batch.outline.flaws(structure.flaws().get(told..).unwrap_or_default());
            told = structure.flaws().len();
            batch.push(part);
            if batch.outline.0.len() > PARTS_MAX {
                return None;
            }
        }
        batch.outline.flaws(structure.finish().get(told..).unwrap_or_default());
        Some(batch)
    }

    fn push(&mut self, part: batch::Part) {
        if let Some(header) = Header::of(&part) {
            self.outline.0.push(Part::Header(header));
        } else if let Some(trailer) = Trailer::of(&part) {
            self.outline.0.push(Part::Trailer(trailer.level()));
        } else if part.kind == PartKind::Message {
            self.outline.0.push(Part::Message);
            self.messages.push(Payload::from(part.bytes));
        }
    }
}

impl Outline {
    fn flaws(&mut self, flaws: &[Flaw]) {
        self.0.extend(flaws.iter().copied().map(Part::Flaw));
    }

    /// Says what is wrong with the batch. Its messages are taken all the same: each of them is whole, and the sender reads
    /// in the answer what is missing.
    fn report(&self, interface: &str, source: &str) {
        let flaws = self.0.iter().filter_map(|part| match part {
            Part::Flaw(flaw) => Some(flaw.to_string()),
            _ => None,
        });
        let flaws: Vec<_> = flaws.collect();
        if !flaws.is_empty() {
            let named = flaws
                .get(..flaws.len().min(FLAWS_NAMED_MAX))
                .unwrap_or_default()
                .join("; ");
            tracing::warn!(
                interface,
                source,
                flaws = flaws.len(),
                "the batch is not what it says: {named}"
            );
        }
    }

    /// The answer with these replies to the messages.
    #[expect(
        clippy::disallowed_methods,
        reason = "every message is answered by now, and each of these answers had its proof"
    )]
    fn reply(&self, replies: &[Payload]) -> Vec<u8> {
        let at = ZonedDateTime::now();
        let control_id = at
            .with_time_zone(jiff::tz::TimeZone::UTC)
            .strftime("%Y%m%d%H%M%S%6f")
            .to_string();
        let mut reply = batch::Reply::new(AcknowledgementContext {
            control_id: &control_id,
            at: &at,
            asks: None,
        });
        let mut replies = replies.iter();
        for part in &self.0 {
            match part {
                Part::Header(header) => reply.header(header),
                Part::Message => reply.answer(replies.next().map(Payload::as_slice).unwrap_or_default()),
                Part::Flaw(flaw) => reply.flaw(*flaw),
                Part::Trailer(level) => reply.end(*level),
            }
        }
        reply.finish()
    }
}
