//! One message, and all that its receiver has to say about it.

use std::time::Duration;

use transfuse_message::{AcknowledgementCode, Answer, Message, ParseOptions, Payload, Wanted, acknowledgement};
use transfuse_transport::http;
use transfuse_transport::mllp::{Sender, SenderSettings, Unknown};

use crate::samples::Sample;

/// What a sender knows of its message in the end.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// CA, where more was to follow.
    pub(super) commit: Option<AcknowledgementCode>,
    /// The last code that came.
    pub(super) code: Option<AcknowledgementCode>,
    /// What the receiver says, or why there is no answer.
    pub(super) text: String,
    pub(super) is_accepted: bool,
}

/// The one answer of the original mode.
pub(super) async fn ask(sender: &mut Sender, sample: &Sample) -> Told {
    let answer = match sender.send(&sample.content).await {
        Ok(answer) => read(&answer),
        Err(error) => Err(chain_of(&error)),
    };
    match answer {
        Ok(answer) if answer.control_id != sample.control_id => {
            Told::because(format!("the answer is for message `{}`", answer.control_id))
        }
        Ok(answer) => answer.into(),
        Err(text) => Told::because(text),
    }
}

/// Whatever answers the message asks for: in the enhanced mode, for the accept acknowledgement as long as for any answer,
/// and from then on for `patience`.
pub(super) async fn hold(sender: &mut Sender, sample: &Sample, settings: &SenderSettings, patience: Duration) -> Told {
    let message = Message::parse(sample.content.bytes().clone(), &ParseOptions::default());
    let wanted = message
        .as_ref()
        .map_or(Wanted::ORIGINAL, |message| Wanted::of(message, &message.header()));
    if wanted == Wanted::ORIGINAL {
        return ask(sender, sample).await;
    }
    let mut exchange = match sender.begin(&sample.content).await {
        Ok(exchange) => exchange,
        Err(error) => return Told::because(chain_of(&error)),
    };
    let mut commit = None;
    loop {
        let is_due = commit.is_none() && wanted.accept.on_success();
        let wait = if is_due { settings.reply_timeout } else { patience };
        let answer = match exchange.next(wait).await {
            Ok(answer) => read(&answer),
            Err(Unknown::ReplyTimeout { .. }) if !is_due => {
                exchange.finish();
                return Told::silence(commit, wanted, patience);
            }
            Err(error) => Err(chain_of(&error)),
        };
        match answer {
            Err(text) => return Told::because(text),
            // An acknowledgement of an earlier message, which took its time.
            Ok(answer) if answer.control_id != sample.control_id => {}
            Ok(answer) if answer.code == AcknowledgementCode::CA && wanted.application.on_success() => {
                commit = Some(answer.code);
            }
            Ok(answer) => {
                exchange.finish();
                return Told {
                    commit,
                    ..answer.into()
                };
            }
        }
    }
}

/// The response to a request. Its status says whether the message was taken; what it holds may say why not.
pub(super) async fn post(sender: &mut http::Sender, sample: &Sample) -> Told {
    let request = http::Request {
        content: &sample.content,
        content_type: http::MEDIA_TYPE,
        // Whoever sends a file twice means it.
        idempotency_key: None,
    };
    let response = match sender.send(&request).await {
        Ok(response) => response,
        Err(error) => return Told::because(chain_of(&error)),
    };
    let is_success = (200..=299).contains(&response.status);
    match read(&response.content) {
        Ok(answer) if answer.control_id != sample.control_id => {
            Told::because(format!("the answer is for message `{}`", answer.control_id))
        }
        Ok(answer) => {
            let told = Told::from(answer);
            Told {
                is_accepted: told.is_accepted && is_success,
                text: if is_success {
                    told.text
                } else {
                    format!("HTTP {}\n{}", response.status, told.text)
                },
                ..told
            }
        }
        Err(_) => Told {
            is_accepted: is_success,
            text: format!("HTTP {}\n{}", response.status, response.content.lossy_text()),
            ..Told::default()
        },
    }
}

fn read(answer: &Payload) -> Result<Answer, String> {
    let message = Message::parse(answer.bytes().clone(), &ParseOptions::default());
    let message = message.map_err(|error| format!("the answer is no acknowledgement: {error}"))?;
    acknowledgement::read(&message).map_err(|error| format!("the answer is no acknowledgement: {error}"))
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        Self {
            commit: None,
            code: Some(answer.code),
            text: answer.text.lossy_text().into_owned(),
            is_accepted: answer.code.is_accept(),
        }
    }
}

impl Told {
    fn because(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }

    /// Nothing more came. Who asks to hear of errors only takes that for success.
    fn silence(commit: Option<AcknowledgementCode>, wanted: Wanted, patience: Duration) -> Self {
        let is_accepted = commit.is_some() || !wanted.application.on_success();
        let text = if wanted.application.on_success() {
            format!("no application acknowledgement on this connection within {patience:?}")
        } else {
            "silence, which is all that the message asks for where nothing is wrong".to_owned()
        };
        Self {
            commit,
            code: commit,
            text,
            is_accepted,
        }
    }
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
