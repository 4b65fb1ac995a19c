//! Handing an output over to another interface of the same engine.

use std::sync::Arc;

use transfuse_message::{AcknowledgementCode, Payload};
use transfuse_store::{Lease, Stage, Store};
use transfuse_transport::{Answer, Frame};

use super::{Attempt, Heard, Refusal, labels, mllp};
use crate::door::NotOffered;
use crate::doors::Doors;
use crate::origin::Origin;

/// One way into another interface. What it answers is taken as that of any receiver: it has the message, or refuses it.
#[derive(Debug)]
pub struct HandoverWire {
    to: Arc<str>,
    doors: Doors,
    store: Store,
    connection: u64,
}

/// What is known of a delivery that may have been handed over before.
enum Before {
    Nothing,
    /// The other interface has it, as this message.
    Taken(Payload),
    /// It has come, and is not decided.
    UnderWay,
}

impl HandoverWire {
    pub(crate) fn new(to: &Arc<str>, doors: &Doors, store: &Store) -> Self {
        Self {
            to: Arc::clone(to),
            doors: doors.clone(),
            store: store.clone(),
            connection: transfuse_transport::next_connection(),
        }
    }

    pub(super) async fn send(&mut self, lease: &Lease, content: &Payload) -> Attempt {
        if lease.content_type().is_some() {
            return Attempt::Unsendable(Refusal {
                kind: "document-for-interface",
                summary: "it is a document, and interfaces take messages".to_owned(),
                hint: "route documents to another destination",
                text: Payload::default(),
            });
        }
        let origin = Origin::of(lease).to_string();
        if self.is_in_doubt(lease) {
            match self.before(&origin).await {
                Ok(Before::Nothing) => {}
                Ok(Before::Taken(answer)) => return Attempt::HandedOver { answer },
                Ok(Before::UnderWay) => {
                    return self.failed("has been handed it before, and has not decided about it yet");
                }
                Err(fault) => return Attempt::Failed { fault },
            }
        }
        let Some(door) = self.doors.of(&self.to) else {
            return Attempt::Failed {
                fault: format!("there is no interface `{}` that runs", self.to),
            };
        };
        let frame = Frame {
            content: content.clone(),
            defect: None,
            source: origin,
            connection: self.connection,
        };
        match door.offer(frame) {
            Ok(answer) => self.answered(content, answer.await.decided().await),
            Err(why) => self.failed(match why {
                NotOffered::Paused => "is paused, and takes nothing until it is resumed",
                NotOffered::Stopped => "has stopped receiving",
                NotOffered::Shut => "takes nothing any more, because the engine stops",
            }),
        }
    }

    /// Whether an attempt of an earlier engine, or one that nobody answered, may have got through.
    fn is_in_doubt(&self, lease: &Lease) -> bool {
        lease.attempts() > 0 || self.store.is_from_before(lease.id())
    }

    /// What has become of an earlier attempt, as the journal knows it.
    async fn before(&self, origin: &str) -> Result<Before, String> {
        let (store, to, source) = (self.store.clone(), Arc::clone(&self.to), origin.to_owned());
        let asked = tokio::task::spawn_blocking(move || store.handed_over(&to, &source)).await;
        let found = asked.map_err(|error| error.to_string());
        let found = found.and_then(|found| found.map_err(|error| error.to_string()))?;
        Ok(match found {
            None | Some((_, Stage::Refused)) => Before::Nothing,
            Some((_, Stage::Received)) => Before::UnderWay,
            Some((id, _)) => Before::Taken(Payload::from(id.to_string())),
        })
    }

    fn answered(&self, content: &Payload, answer: Answer) -> Attempt {
        let (code, reply) = match answer {
            Answer::Accepted(reply) => return Attempt::HandedOver { answer: reply.now },
            Answer::Refused(reply) => (AcknowledgementCode::AE, reply.now),
            Answer::Failed(reply) => (AcknowledgementCode::AR, reply.now),
            Answer::Stored(_) | Answer::Unanswered => return self.failed("has not said what became of it"),
        };
        // A message may ask for no answer: then what it would say is with the message there.
        let heard = mllp::read(&reply, &labels(content).0);
        Attempt::Answered(heard.unwrap_or(Heard {
            code,
            errors: Vec::new(),
            text: Payload::default(),
            answer: reply,
        }))
    }

    fn failed(&self, why: &str) -> Attempt {
        Attempt::Failed {
            fault: format!("the interface `{}` {why}", self.to),
        }
    }
}
