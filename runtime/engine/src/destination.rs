//! From the journal to the wire.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use transfuse_message::Payload;
use transfuse_store::{DeliveryQueue, Lease, Sealed, Settlement, Store, StoredFault};

use crate::awaited::{Awaited, Expectation};
use crate::recode::OutputCharset;
use crate::retry;
use crate::settings::{DestinationSettings, RetrySettings, WireSettings};
use crate::wire::{Attempt, Refusal, Wire};

/// One receiver of an interface's outputs, live.
#[derive(Debug)]
pub struct Destination {
    name: Arc<str>,
    interface: Arc<str>,
    charset: Option<OutputCharset>,
    retry: RetrySettings,
    pub(crate) wire: WireSettings,
    queue: DeliveryQueue,
    awaited: Awaited,
}

/// What became of a delivery.
enum Result {
    Delivered {
        answer: Payload,
    },
    Refused(Refusal),
    /// The engine stops, or the delivery is held, before the receiver has answered: it stays where it is.
    Stopped,
}

impl Destination {
    /// Carries deliveries from the journal to the wire, one after the other, until `stop`.
    ///
    /// Each connection of the destination runs this once. What is being sent when `stop` comes is finished; what waits
    /// for another attempt stays in the queue, and is first again after the next start. What waits for another attempt and
    /// is held meanwhile is not tried again.
    pub async fn deliver(&self, mut wire: Wire, stop: CancellationToken) {
        while let Some(mut lease) = self.lease(&stop).await {
            let result = self.send(&mut wire, &mut lease, &stop).await;
            self.settle(lease, result);
        }
    }

    pub(crate) fn new(interface: &Arc<str>, settings: DestinationSettings, store: &Store, awaited: &Awaited) -> Self {
        Self {
            queue: store.queue(interface, &settings.name),
            name: settings.name,
            interface: Arc::clone(interface),
            charset: settings.charset,
            retry: settings.retry,
            wire: settings.wire,
            awaited: awaited.clone(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether nothing waits for this receiver, and nothing is being sent to it.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }
}

/// The steps of a delivery.
impl Destination {
    async fn lease(&self, stop: &CancellationToken) -> Option<Lease> {
        stop.run_until_cancelled(self.queue.lease()).await.flatten()
    }

    /// Sends until the receiver has answered for good, in place: what is behind waits, so order holds.
    async fn send(&self, wire: &mut Wire, lease: &mut Lease, stop: &CancellationToken) -> Result {
        let content = match self.content(lease) {
            Ok(content) => content,
            Err(refusal) => return Result::Refused(refusal),
        };
        let mut rejects = 0;
        let mut expected = wire.expect(lease, &content, &self.awaited);
        let mut attempt = wire.send(lease, &content, expected.as_mut()).await;
        loop {
            let fault = match attempt {
                Attempt::Delivered { answer } => return Result::Delivered { answer },
                Attempt::Refused(refusal) => return Result::Refused(refusal),
                Attempt::NotNow(refusal) if rejects >= self.retry.rejects_max => return Result::Refused(refusal),
                Attempt::NotNow(refusal) => {
                    rejects += 1;
                    refusal.summary
                }
                Attempt::Failed { fault } => fault,
            };
            self.queue.attempted(lease, &fault);
            let pause = retry::pause(&self.retry, lease.attempts());
            tracing::warn!(
                interface = %self.interface, destination = %self.name, message = %lease.message(),
                attempts = lease.attempts(), again_in_ms = pause.as_millis(), "not delivered: {fault}"
            );
            let next = tokio::select! {
                biased;
                () = self.queue.held(lease) => None,
                next = stop.run_until_cancelled(pass(pause, &content, &mut expected)) => next,
            };
            attempt = match next {
                None => return Result::Stopped,
                Some(Some(late)) => late,
                Some(None) => wire.send(lease, &content, expected.as_mut()).await,
            };
        }
    }

    /// What is sent: the output as the journal has it, or in the destination's own character set. A document has no set
    /// that could be known.
    fn content(&self, lease: &Lease) -> std::result::Result<Payload, Refusal> {
        let content = Payload::from(lease.content().bytes().clone());
        match self.charset {
            Some(charset) if lease.content_type().is_none() => charset.apply(content),
            _ => Ok(content),
        }
    }

    /// Records the result. Nobody waits for the sync here: the queue holds the next lease back when too many results
    /// are not durable yet, which bounds what a crash could deliver twice.
    fn settle(&self, lease: Lease, result: Result) {
        let settlement = match result {
            Result::Delivered { answer } => Settlement::Delivered {
                answer: Sealed::from(answer.into_bytes()),
            },
            Result::Refused(refusal) => {
                tracing::warn!(
                    interface = %self.interface, destination = %self.name, message = %lease.message(),
                    "delivery quarantined: {}", refusal.summary
                );
                Settlement::Quarantined {
                    fault: refusal.stored(),
                }
            }
            Result::Stopped => return drop(lease),
        };
        drop(self.queue.settle(lease, settlement));
    }
}

/// Waits for the next attempt, unless the answer to the last one comes late.
async fn pass(pause: Duration, content: &Payload, expected: &mut Option<Expectation>) -> Option<Attempt> {
    let late = async {
        match expected {
            Some(expected) => expected.answer().await,
            None => std::future::pending().await,
        }
    };
    let answer = tokio::time::timeout(pause, late).await.ok()?;
    Wire::read(content, &answer)
}

impl Refusal {
    fn stored(self) -> StoredFault {
        StoredFault {
            kind: self.kind.to_owned(),
            summary: self.summary,
            hint: Some(self.hint.to_owned()),
            text: Sealed::from(self.text.into_bytes()),
        }
    }
}
