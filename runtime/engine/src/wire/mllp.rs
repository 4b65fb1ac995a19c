//! Sending over MLLP, and hearing what the receiver says about it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use transfuse_message::acknowledgement::{self, AcknowledgementCode};
use transfuse_message::{Message, ParseOptions, Payload, Wanted};
use transfuse_transport::mllp::{Exchange, SendError, Sender};

use super::{Attempt, Heard, Refusal, parsed, with_causes};
use crate::awaited::Expectation;
use crate::settings::{Acknowledged, MllpSettings};

/// One connection to a receiver, and what it takes for an answer.
#[derive(Debug)]
pub struct MllpWire {
    sender: Sender,
    reply_timeout: Duration,
    acknowledged: Acknowledged,
}

/// Why there is no answer.
enum Unheard {
    /// The framing cannot carry the message.
    Unsendable(Refusal),
    /// Whatever it was, another attempt may succeed.
    Failed(String),
}

/// What one message asks of its receiver.
struct Asked {
    control_id: String,
    wanted: Wanted,
}

/// How many unasked-for frames are taken out of a connection before the next message. A receiver that sends more than
/// this between two messages sends something else than acknowledgements.
const UNASKED_MAX: usize = 256;

impl MllpWire {
    pub(crate) fn new(settings: &MllpSettings) -> Self {
        Self {
            sender: Sender::new(settings.sender.clone()),
            reply_timeout: settings.sender.reply_timeout,
            acknowledged: settings.acknowledged.clone(),
        }
    }

    pub(super) fn acknowledged_at(&self) -> Option<&Arc<str>> {
        match &self.acknowledged {
            Acknowledged::Application { at, .. } => at.as_ref(),
            _ => None,
        }
    }

    pub(super) async fn send(&mut self, content: &Payload, expected: Option<&mut Expectation>) -> Attempt {
        let asked = Asked::of(content);
        let attempt = match &self.acknowledged {
            Acknowledged::Answer => self.ask(content, &asked).await,
            Acknowledged::Word { accepted } => {
                let accepted = accepted.clone();
                self.hear_word(content, &accepted).await
            }
            Acknowledged::Accept => self.hear_accept(content, &asked).await,
            Acknowledged::Application { timeout, .. } => {
                let timeout = *timeout;
                self.hear_application(content, &asked, timeout, expected).await
            }
            Acknowledged::Transport => self.hand_over(content).await,
        };
        attempt.unwrap_or_else(|unheard| match unheard {
            Unheard::Unsendable(refusal) => Attempt::Unsendable(refusal),
            Unheard::Failed(fault) => Attempt::Failed {
                fault: asked.explain(fault),
            },
        })
    }

    /// What the receiver's application says to a question. An accept acknowledgement in front of it only says that it is coming.
    pub(crate) async fn ask_for_reply(&mut self, content: &Payload) -> Result<Payload, String> {
        self.hear_reply(content, &Asked::of(content))
            .await
            .map_err(|unheard| match unheard {
                Unheard::Unsendable(refusal) => refusal.summary,
                Unheard::Failed(fault) => fault,
            })
    }

    async fn hear_reply(&mut self, content: &Payload, asked: &Asked) -> Result<Payload, Unheard> {
        let deadline = Instant::now() + self.reply_timeout;
        let mut exchange = self.sender.begin(content).await?;
        loop {
            let answer = next(&mut exchange, deadline).await?;
            let heard = asked.hear(&answer)?;
            if heard.is_some_and(|heard| heard.code != AcknowledgementCode::CA) {
                exchange.finish();
                return Ok(answer);
            }
        }
    }

    /// One answer, which settles the delivery whatever its mode.
    async fn ask(&mut self, content: &Payload, asked: &Asked) -> Result<Attempt, Unheard> {
        let answer = self.sender.send(content).await?;
        let heard = read(&answer, &asked.control_id);
        if heard.is_err() {
            // Whatever else this connection says is not to be trusted either.
            self.sender.close().await;
        }
        Ok(Attempt::Answered(heard?))
    }

    /// A word, of which the connection lets only two through.
    async fn hear_word(&mut self, content: &Payload, accepted: &[u8]) -> Result<Attempt, Unheard> {
        let answer = self.sender.send(content).await?;
        if answer.as_slice() == accepted {
            return Ok(Attempt::HandedOver { answer });
        }
        Ok(Attempt::Answered(Heard {
            code: AcknowledgementCode::AR,
            errors: Vec::new(),
            text: answer.clone(),
            answer,
        }))
    }

    /// The first acknowledgement of this message. Application acknowledgements of those before it come in between.
    async fn hear_accept(&mut self, content: &Payload, asked: &Asked) -> Result<Attempt, Unheard> {
        let mut exchange = self.sender.begin(content).await?;
        let deadline = Instant::now() + self.reply_timeout;
        loop {
            let answer = next(&mut exchange, deadline).await?;
            if let Some(heard) = asked.hear(&answer)? {
                exchange.finish();
                return Ok(Attempt::Answered(heard));
            }
        }
    }

    /// The application acknowledgement, on this connection or another one. Until the receiver has said that it holds the
    /// message it has the time of a reply; from then on, `patience`.
    async fn hear_application(
        &mut self,
        content: &Payload,
        asked: &Asked,
        patience: Duration,
        mut expected: Option<&mut Expectation>,
    ) -> Result<Attempt, Unheard> {
        let mut exchange = self.sender.begin(content).await?;
        let mut is_held = !asked.is_answered_at_once();
        let mut deadline = Instant::now() + if is_held { patience } else { self.reply_timeout };
        loop {
            let (answer, is_ours) = tokio::select! {
                answer = next(&mut exchange, deadline) => (answer?, true),
                answer = elsewhere(&mut expected) => (answer, false),
            };
            let Some(heard) = asked.hear(&answer)? else { continue };
            if heard.code == AcknowledgementCode::CA && asked.wanted.application.on_success() {
                is_held = true;
                deadline = Instant::now() + patience;
                continue;
            }
            // An acknowledgement that overtook the accept acknowledgement leaves a connection that still owes it.
            if is_ours || is_held {
                exchange.finish();
            }
            return Ok(Attempt::Answered(heard));
        }
    }

    /// No acknowledgement at all. What the receiver says nevertheless is taken out of its way.
    async fn hand_over(&mut self, content: &Payload) -> Result<Attempt, Unheard> {
        let mut exchange = self.sender.begin(content).await?;
        for _ in 0..UNASKED_MAX {
            if exchange.next(Duration::ZERO).await.is_err() {
                break;
            }
        }
        exchange.finish();
        let answer = Payload::default();
        Ok(Attempt::HandedOver { answer })
    }
}

impl Asked {
    fn of(content: &Payload) -> Self {
        let Some(message) = parsed(content) else {
            return Self {
                control_id: String::new(),
                wanted: Wanted::ORIGINAL,
            };
        };
        let header = message.header();
        Self {
            wanted: Wanted::of(&message, &header),
            control_id: header.control_id().to_owned(),
        }
    }

    /// Whether the receiver has something to say before its application has looked at the message; in the original mode
    /// the application is asked while the sender waits.
    fn is_answered_at_once(&self) -> bool {
        self.wanted == Wanted::ORIGINAL || self.wanted.accept.on_success()
    }

    /// What an answer says of this message; none where it is the application acknowledgement of another one.
    fn hear(&self, answer: &Payload) -> Result<Option<Heard>, String> {
        let read = acknowledgement_in(answer)?;
        if read.control_id == self.control_id {
            return Ok(Some(Heard::of(answer, read)));
        }
        if read.code.is_commit() {
            return Err("the receiver answered for another control id".to_owned());
        }
        tracing::warn!(code = %read.code, "an application acknowledgement came for a message that is not waited for");
        Ok(None)
    }

    /// Nobody has to answer a message that asks for nothing.
    fn explain(&self, fault: String) -> String {
        let Wanted { accept, application } = self.wanted;
        if accept.on_success() || application.on_success() {
            return fault;
        }
        format!("{fault}; the message asks for no acknowledgement of success (MSH-15, MSH-16), so that none may come")
    }
}

impl Heard {
    pub(super) fn of(answer: &Payload, read: transfuse_message::Answer) -> Self {
        Self {
            code: read.code,
            errors: read.errors,
            text: read.text,
            answer: answer.clone(),
        }
    }
}

impl From<String> for Unheard {
    fn from(fault: String) -> Self {
        Self::Failed(fault)
    }
}

impl From<SendError> for Unheard {
    fn from(error: SendError) -> Self {
        if !error.is_messages_fault() {
            return Self::Failed(with_causes(&error));
        }
        Self::Unsendable(Refusal {
            kind: "unsendable",
            summary: error.to_string(),
            hint: error.hint().unwrap_or_default(),
            text: Payload::default(),
        })
    }
}

/// Reads MSA. An answer for another message settles nothing: it is what a receiver says that has lost its place.
pub(super) fn read(answer: &Payload, control_id: &str) -> Result<Heard, String> {
    let read = acknowledgement_in(answer)?;
    if read.control_id != control_id {
        return Err("the receiver answered for another control id".to_owned());
    }
    Ok(Heard::of(answer, read))
}

pub(super) fn acknowledgement_in(answer: &Payload) -> Result<transfuse_message::Answer, String> {
    let message = Message::parse(answer.bytes().clone(), &ParseOptions::default())
        .map_err(|fault| format!("the receiver's answer is not an HL7 message: {fault}"))?;
    acknowledgement::read(&message).map_err(|fault| format!("the receiver's answer says nothing: {fault}"))
}

async fn next(exchange: &mut Exchange<'_>, deadline: Instant) -> Result<Payload, String> {
    let patience = deadline.saturating_duration_since(Instant::now());
    exchange.next(patience).await.map_err(|fault| fault.to_string())
}

async fn elsewhere(expected: &mut Option<&mut Expectation>) -> Payload {
    match expected {
        Some(expected) => expected.answer().await,
        None => std::future::pending().await,
    }
}
