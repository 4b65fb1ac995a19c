//! Request and reply: a destination is asked, and its answer goes back to the sender on the connection that its message came over.
//!
//! What is asked is never queued: its sender waits for the answer, and for no longer than the time limit. It is asked before the
//! decision is durable, so that the journal holds the question, the answer and what the sender is told in one entry. Whoever runs a
//! stored message again does not ask again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use transfuse_message::{Message, ParseOptions, Payload, acknowledgement};
use transfuse_sandbox::{Outcome, State};
use transfuse_store::NewOutput;

use crate::acknowledge::Given;
use crate::destination_steps::Ran;
use crate::detail::{Ending, Exchange};
use crate::plan::Trouble;
use crate::processing::Processing;
use crate::received::Received;
use crate::recode::OutputCharset;
use crate::rerun::Decided;
use crate::revision::Revision;
use crate::settings::{DestinationSettings, InterfaceSettings, NoReply, WireSettings};
use crate::wire::{HttpWire, MllpWire};

/// The destination that is asked, over connections that carry nothing else.
#[derive(Debug)]
pub(crate) struct Inquiry {
    destination: Arc<str>,
    charset: Option<OutputCharset>,
    timeout: Duration,
    pub(crate) no_reply: NoReply,
    /// As many as there are lines.
    free: Semaphore,
    lines: Mutex<Vec<Line>>,
    /// Whether the last question was answered: the log tells where that changes, and not with each message.
    is_answering: AtomicBool,
}

/// One connection.
#[derive(Debug)]
enum Line {
    Mllp(Box<MllpWire>),
    Http(Box<HttpWire>),
}

/// What a message asks of the destination.
#[derive(Debug)]
pub(crate) struct Question(Result<Payload, Box<Trouble>>);

impl Inquiry {
    /// None where nobody is asked.
    pub(crate) fn of(settings: &InterfaceSettings) -> Option<Self> {
        let reply = settings.reply.as_ref()?;
        let asked = settings.destinations.iter().find(|one| one.name == reply.destination)?;
        let lines = Line::several(asked);
        Some(Self {
            destination: Arc::clone(&reply.destination),
            charset: asked.charset,
            timeout: reply.timeout,
            no_reply: reply.no_reply.clone(),
            free: Semaphore::new(lines.len()),
            lines: Mutex::new(lines),
            is_answering: AtomicBool::new(true),
        })
    }

    /// Takes the question out of what goes to destinations: it stays among the outputs, and goes nowhere from there.
    pub(crate) fn take(&self, outputs: &mut Vec<NewOutput>) -> Option<Question> {
        let is_asked = |output: &NewOutput| output.destinations.contains(&self.destination);
        let mut questions: Vec<usize> = Vec::new();
        for index in 0..outputs.len() {
            if outputs.get(index).is_some_and(is_asked) {
                questions.push(index);
            }
        }
        let (first, more) = questions.split_first()?;
        let output = outputs.get_mut(*first)?;
        let question = match &output.stopped {
            Some(fault) => Err(Box::new(Trouble::no_reply(
                &self.no_reply,
                &format!("it was stopped on its way to `{}`: {}", self.destination, fault.summary),
            ))),
            None if !more.is_empty() => Err(Box::new(Trouble::several_questions(&self.destination))),
            None if output.content_type.is_some() => Err(Box::new(Trouble::document_asks(&self.destination))),
            None => Ok(Payload::from(output.content.bytes().clone())),
        };
        output.destinations.retain(|one| *one != self.destination);
        if !output.destinations.is_empty() {
            let alone = NewOutput {
                destinations: Vec::new(),
                ..output.clone()
            };
            outputs.push(alone);
        }
        Some(Question(question))
    }

    /// The answer, within the time limit; else why there is none.
    async fn ask(&self, question: &Payload, key: &str) -> Result<Payload, String> {
        let deadline = Instant::now() + self.timeout;
        let question = match self.charset {
            Some(charset) => charset.apply(question.clone()).map_err(|refusal| refusal.summary)?,
            None => question.clone(),
        };
        let Ok(Ok(_permit)) = timeout_at(deadline, self.free.acquire()).await else {
            return Err(format!(
                "all connections to `{}` were busy for {} ms",
                self.destination,
                self.timeout.as_millis()
            ));
        };
        let line = self.lines().pop();
        let Some(mut line) = line else {
            return Err(format!("there is no connection to `{}`", self.destination));
        };
        // A line that is cut off here closes its connection: nothing that comes late is taken for the next answer.
        let answer = timeout_at(deadline, line.ask(&question, key)).await;
        self.lines().push(line);
        answer.unwrap_or_else(|_| {
            Err(format!(
                "`{}` did not answer within {} ms",
                self.destination,
                self.timeout.as_millis()
            ))
        })
    }

    fn note(&self, interface: &str, answer: &Result<Payload, String>) {
        let was_answering = self.is_answering.swap(answer.is_ok(), Ordering::Relaxed);
        let destination = &self.destination;
        match answer {
            Err(reason) if was_answering => {
                tracing::warn!(interface, %destination, reason, "it does not answer; senders are told so");
            }
            Ok(_) if !was_answering => tracing::info!(interface, %destination, "it answers again"),
            _ => {}
        }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        // Only whole lines are put in and taken out.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn several(asked: &DestinationSettings) -> Vec<Self> {
        match &asked.wire {
            WireSettings::Mllp(mllp) => {
                let wires = (0..mllp.connections).map(|_| Self::Mllp(Box::new(MllpWire::new(mllp))));
                wires.collect()
            }
            WireSettings::Http(http) => {
                let wires = HttpWire::several(http).into_iter();
                wires.map(|wire| Self::Http(Box::new(wire))).collect()
            }
            WireSettings::Files { .. } | WireSettings::Interface(_) => Vec::new(),
        }
    }

    async fn ask(&mut self, question: &Payload, key: &str) -> Result<Payload, String> {
        match self {
            Self::Mllp(mllp) => mllp.ask_for_reply(question).await,
            Self::Http(http) => http.ask_for_reply(question, key).await,
        }
    }
}

impl Revision {
    /// Asks what a message has to be asked of a destination, and makes the answer the sender's reply. Where there is none, the
    /// message has failed.
    pub(crate) async fn answer(&self, processing: &Processing, received: &Received, ran: Ran, state: State) -> Ran {
        let (Some(inquiry), Some(message)) = (&self.inquiry, received.content.message()) else {
            return ran;
        };
        let mut ran = ran;
        let Some(Question(question)) = ran.question.take() else {
            return ran;
        };
        let asked = match question {
            Ok(question) if received.attempt == 1 => question,
            Ok(_) => {
                let why = "a stop cut it short, and its sender does not wait for it any more";
                return failed(ran, Box::new(Trouble::no_reply(&inquiry.no_reply, why)));
            }
            Err(trouble) => return failed(ran, trouble),
        };
        let began = Instant::now();
        let answer = inquiry.ask(&asked, &received.entry.id().to_string()).await;
        inquiry.note(&self.interface, &answer);
        ran.detail.exchanged(&Exchange {
            destination: &inquiry.destination,
            question: &asked,
            answer: answer.as_ref().ok(),
            elapsed: began.elapsed(),
        });
        let reply = match answer {
            Ok(answer) => {
                self.prepare_reply(processing, inquiry, (received, &mut ran), answer, state)
                    .await
            }
            Err(why) => Err(Box::new(Trouble::no_reply(&inquiry.no_reply, &why))),
        };
        match reply.and_then(|reply| given(&reply, message, inquiry)) {
            Ok(given) if given.code.is_accept() => Ran {
                given: Some(given),
                ..ran
            },
            // Its sender hears no, and keeps the message.
            Ok(given) => Ran {
                outcome: Err(Box::new(Trouble::refused_by(&inquiry.destination, given.code))),
                given: Some(given),
                ..ran
            },
            Err(trouble) => failed(ran, trouble),
        }
    }

    /// The answer through the steps of the reply, where there are any.
    async fn prepare_reply(
        &self,
        processing: &Processing,
        inquiry: &Inquiry,
        (received, ran): (&Received, &mut Ran),
        answer: Payload,
        state: State,
    ) -> Result<Message, Box<Trouble>> {
        let no_reply = |why: &str| Box::new(Trouble::no_reply(&inquiry.no_reply, why));
        let answer = Message::parse(answer.into_bytes(), &ParseOptions::default())
            .map_err(|fault| no_reply(&format!("the answer is no HL7 v2 message: {fault}")))?;
        let Some(chain) = processing.reply_steps() else {
            return Ok(answer);
        };
        let mut state = state;
        state.apply(&ran.state);
        let report = chain.run(self.input(received.run(), answer, state)).await;
        let (made, ending) = match report.outcome.clone() {
            Outcome::Forwarded(mut outputs) => {
                let only = outputs.pop().filter(|_| outputs.is_empty());
                match only.map(|output| output.content) {
                    Some(transfuse_sandbox::Content::Message(message)) => (Ok(message), Ending::Forwarded),
                    _ => (
                        Err(no_reply("its steps made something else of the answer than one message")),
                        Ending::Stopped,
                    ),
                }
            }
            Outcome::Filtered { reason, .. } => (
                Err(no_reply("its steps ended the answer on purpose")),
                Ending::Filtered(reason),
            ),
            Outcome::Rejected { rejection, step } => {
                (Err(Box::new(Trouble::rejected(rejection, step))), Ending::Stopped)
            }
            Outcome::Faulted(fault) => (Err(Box::new(Trouble::faulted(fault))), Ending::Stopped),
        };
        if made.is_ok() {
            ran.state.extend(report.state.iter().cloned());
        }
        ran.detail
            .add(&format!("reply of {}", inquiry.destination), &report, &ending);
        made
    }
}

fn failed(ran: Ran, trouble: Box<Trouble>) -> Ran {
    Ran {
        outcome: match ran.outcome {
            Ok(Decided::Processed(_)) => Err(trouble),
            decided => decided,
        },
        ..ran
    }
}

/// What the sender is told: the reply, about the message that it has sent.
fn given(reply: &Message, request: &Message, inquiry: &Inquiry) -> Result<Given, Box<Trouble>> {
    let no_reply = |why: String| Box::new(Trouble::no_reply(&inquiry.no_reply, &why));
    let answer = acknowledgement::read(reply).map_err(|fault| no_reply(format!("the answer says nothing: {fault}")))?;
    let header = request.header();
    let control_id = header.control_id();
    let mut reply = reply.clone();
    if answer.control_id != control_id {
        let path = MSA_2.parse().map_err(|_| no_reply(format!("`{MSA_2}` is no path")))?;
        reply
            .set(&path, control_id)
            .map_err(|fault| no_reply(format!("the answer cannot name the message that was sent: {fault}")))?;
    }
    Ok(Given {
        code: answer.code,
        content: Payload::from(reply.encode()),
    })
}

/// Which message an answer is about.
const MSA_2: &str = "MSA-2";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use transfuse_message::AcknowledgementCode;

    use super::*;

    fn inquiry() -> Inquiry {
        Inquiry {
            destination: "registry".into(),
            charset: None,
            timeout: Duration::from_secs(1),
            no_reply: NoReply {
                code: AcknowledgementCode::AR,
                text: "nobody is there".to_owned(),
            },
            free: Semaphore::new(0),
            lines: Mutex::default(),
            is_answering: AtomicBool::new(true),
        }
    }

    fn message(text: &'static str) -> Message {
        Message::parse(bytes::Bytes::from_static(text.as_bytes()), &ParseOptions::default()).unwrap()
    }

    fn output(destinations: &[&str]) -> NewOutput {
        NewOutput {
            content: b"MSH|^~\\&|\r".as_slice().into(),
            content_type: None,
            destinations: destinations.iter().map(|name| Arc::from(*name)).collect(),
            stopped: None,
        }
    }

    #[test]
    fn a_reply_is_about_the_message_that_its_sender_has_sent() {
        let request = message("MSH|^~\\&|A||||||QBP^Q22|ORIGINAL|P|2.5\rQPD|1\r");
        let reply = message("MSH|^~\\&|B||||||RSP^K22|R1|P|2.5\rMSA|AA|DERIVED\rQAK|1\r");
        let given = given(&reply, &request, &inquiry()).unwrap();
        assert_eq!(given.code, AcknowledgementCode::AA);
        let expected = "MSH|^~\\&|B||||||RSP^K22|R1|P|2.5\rMSA|AA|ORIGINAL\rQAK|1\r";
        assert_eq!(given.content.lossy_text(), expected);
    }

    #[test]
    fn a_question_stays_among_the_outputs_and_is_queued_for_nobody_who_is_asked() {
        let question =
            |outputs: &mut Vec<NewOutput>| inquiry().take(outputs).map(|Question(question)| question.is_ok());
        let mut outputs = vec![output(&["archive"]), output(&["registry", "archive"])];
        assert_eq!(question(&mut outputs), Some(true));
        let expected = vec![output(&["archive"]), output(&["archive"]), output(&[])];
        assert_eq!(outputs, expected);

        let mut outputs = vec![output(&["registry"])];
        assert_eq!(question(&mut outputs), Some(true));
        assert_eq!(outputs, vec![output(&[])]);

        assert_eq!(question(&mut vec![output(&["archive"])]), None);
        let mut two = vec![output(&["registry"]), output(&["registry"])];
        assert_eq!(question(&mut two), Some(false), "there is one reply");
    }
}
