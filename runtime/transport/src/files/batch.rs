//! A file of many messages: read piece by piece, handed over in order, and taken up where it was after a stop.

mod progress;
pub(super) mod reader;
mod settle;

use std::io;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{FuturesOrdered, StreamExt};
use tokio_util::sync::CancellationToken;
use transfuse_message::Payload;

use self::progress::{Progress, Refused};
use self::reader::{Message, Reader};
use super::folder::{self, blocking};
use super::places::Settlement;
use super::scan::Found;
use super::source::{Flow, FolderSource, cannot_read, source_of, stopped_after};
use crate::answer::{Answer, Handler};
use crate::frame::Frame;

pub(super) use progress::remove_orphans;

/// How many messages of a file are handed over at a time: enough to fill the batches of one disk sync, and few enough that
/// what a crash brings again can be looked through. Their bytes together are bounded, too, by those of the largest message.
const MESSAGES_IN_FLIGHT_MAX: usize = 64;

/// How many of a file's flaws a log line names.
const FLAWS_NAMED_MAX: usize = 5;

/// A file that is being read.
#[derive(Debug)]
struct Batch {
    reader: Reader,
    progress: Progress,
    window_bytes_max: u64,
}

/// A message that was handed over, and what came of it.
struct Offered {
    message: Message,
    settlement: Option<Settlement>,
}

impl FolderSource {
    /// Brings a file of many messages to its end. Where it cannot be read any further it stays, and goes on from there
    /// when it is looked at again.
    pub(super) async fn process_batch(&self, found: &Found, handler: &Handler, shutdown: &CancellationToken) -> Flow {
        match self.take_batch(found, handler, shutdown).await {
            Ok(flow) => flow,
            Err(error) => {
                cannot_read(found, &error);
                Flow::Continue(())
            }
        }
    }

    async fn take_batch(&self, found: &Found, handler: &Handler, shutdown: &CancellationToken) -> io::Result<Flow> {
        let (file, places, limits) = (found.clone(), Arc::clone(&self.places), self.limits());
        let opened = blocking(move || Batch::open(&file, &folder::open(&places.inbox)?, limits.message_bytes_max));
        let Some(mut batch) = opened.await? else {
            return Ok(Flow::Continue(()));
        };
        loop {
            let (read, window) = blocking(move || batch.read_window()).await?;
            batch = read;
            if window.is_empty() {
                break;
            }
            let (offered, flow) = self.offer(window, found, handler, shutdown).await;
            let (recorded, recording) = self.record(batch, offered, found, shutdown).await?;
            batch = recorded;
            if flow.is_break() || recording.is_break() || shutdown.is_cancelled() {
                return Ok(Flow::Break(()));
            }
        }
        batch.report(found);
        let (file, places, suffix) = (found.clone(), Arc::clone(&self.places), self.filter.marker.clone());
        let taken = batch.progress.taken();
        let settle = move || settle::settle(&places, &file, taken, suffix.as_deref());
        Ok(self.until_settled(&source_of(found), settle, shutdown).await)
    }

    /// Hands the messages over in their order, and waits until all of them are answered. Those that were not are offered
    /// again, alone: what was answered must not come twice.
    async fn offer(
        &self,
        window: Vec<Message>,
        found: &Found,
        handler: &Handler,
        shutdown: &CancellationToken,
    ) -> (Vec<Offered>, Flow) {
        let mut retry = self.settings.retry_min;
        let mut window: Vec<Offered> = window.into_iter().map(Offered::new).collect();
        for one in &mut window {
            let frame = self.frame(found, &one.message);
            if let Some(answer) = self.recalled(found, &frame, shutdown).await {
                one.settlement = Settlement::of(&answer, one.message.defect);
            }
        }
        if shutdown.is_cancelled() {
            return (window, Flow::Break(()));
        }
        loop {
            let undecided = window.iter().enumerate().filter(|(_, one)| one.settlement.is_none());
            let mut answers: FuturesOrdered<_> = undecided
                .map(|(index, one)| {
                    let answer = handler(self.frame(found, &one.message));
                    answer.then(Answer::decided).map(move |answer| (index, answer))
                })
                .collect();
            let answered = async {
                while let Some((index, answer)) = answers.next().await {
                    if let Some(one) = window.get_mut(index) {
                        one.settlement = Settlement::of(&answer, one.message.defect);
                    }
                }
            };
            if self.answer(answered, shutdown).await.is_none() {
                return (window, Flow::Break(()));
            }
            let Some(unanswered) = window.iter().find(|one| one.settlement.is_none()) else {
                return (window, Flow::Continue(()));
            };
            let source = source_of(found);
            tracing::warn!(
                source,
                message = unanswered.message.number,
                retry_s = retry.as_secs(),
                "not answered, the file stays"
            );
            if stopped_after(retry, shutdown).await {
                return (window, Flow::Break(()));
            }
            retry = (retry * 2).min(self.settings.retry_max);
        }
    }

    fn frame(&self, found: &Found, message: &Message) -> Frame {
        Frame {
            content: Payload::from(message.content.clone()),
            defect: message.defect,
            source: format!("{}#{}", source_of(found), message.number),
            connection: self.connection,
        }
    }

    /// Makes durable how far the file is done with: up to the first message without an answer. While that fails nothing
    /// more is handed over, because all of it would come again.
    async fn record(
        &self,
        mut batch: Batch,
        offered: Vec<Offered>,
        found: &Found,
        shutdown: &CancellationToken,
    ) -> io::Result<(Batch, Flow)> {
        let decided: Vec<_> = offered
            .into_iter()
            .map_while(|one| Some((one.message.place(), one.settlement?)))
            .collect();
        let Some((last, _)) = decided.last() else {
            return Ok((batch, Flow::Continue(())));
        };
        let done = last.number;
        let refused: Arc<[Refused]> = decided
            .iter()
            .filter_map(|(place, to)| Refused::of(place, to))
            .collect();
        let mut retry = self.settings.retry_min;
        loop {
            let lines = Arc::clone(&refused);
            let (back, written) = blocking(move || {
                let written = batch.progress.record(done, &lines);
                Ok((batch, written))
            })
            .await?;
            batch = back;
            let Err(error) = written else {
                return Ok((batch, Flow::Continue(())));
            };
            tracing::error!(source = source_of(found), %error, "cannot note how far the file is read, trying again");
            if stopped_after(retry, shutdown).await {
                return Ok((batch, Flow::Break(())));
            }
            retry = (retry * 2).min(self.settings.retry_max);
        }
    }
}

impl Batch {
    /// Nothing where the file is gone, or is no longer the one that was listed.
    fn open(found: &Found, inbox: &cap_std::fs::Dir, message_bytes_max: u64) -> io::Result<Option<Batch>> {
        let Some(mut file) = found.open(inbox)? else {
            return Ok(None);
        };
        if !found.is_same(&file)? {
            return Ok(None);
        }
        let progress = Progress::open(inbox, found, &mut file)?;
        if progress.done() > 0 {
            tracing::info!(
                source = source_of(found),
                messages = progress.done(),
                "going on after the messages that are done with"
            );
        }
        Ok(Some(Batch {
            reader: Reader::new(file, message_bytes_max),
            progress,
            window_bytes_max: message_bytes_max,
        }))
    }

    /// The next messages that are not done with; none at the end of the file.
    fn read_window(mut self) -> io::Result<(Batch, Vec<Message>)> {
        let (mut window, mut bytes) = (Vec::new(), 0);
        while window.len() < MESSAGES_IN_FLIGHT_MAX && bytes < self.window_bytes_max {
            let Some(message) = self.reader.next_message()? else {
                break;
            };
            if message.number > self.progress.done() {
                bytes += message.content.len() as u64;
                window.push(message);
            }
        }
        Ok((self, window))
    }

    /// Says what is wrong with the file. Its messages were taken all the same: each of them is whole, and what is missing
    /// can only come from the sender.
    fn report(&mut self, found: &Found) {
        let flaws = self.reader.flaws();
        if flaws.is_empty() {
            return;
        }
        let named: Vec<_> = flaws.iter().take(FLAWS_NAMED_MAX).map(ToString::to_string).collect();
        tracing::warn!(
            source = source_of(found),
            messages = self.progress.done(),
            flaws = flaws.len(),
            "the batch is not what it says: {}",
            named.join("; ")
        );
    }
}

impl Offered {
    fn new(message: Message) -> Offered {
        Offered {
            message,
            settlement: None,
        }
    }
}
