//! One attempt to hand an output to its receiver.

mod handover;
mod http;
mod mllp;

use std::time::Duration;

use transfuse_message::{AcknowledgementCode, Message, ParseOptions, Payload};
use transfuse_store::Lease;
use transfuse_transport::files;

pub(crate) use handover::HandoverWire;
pub(crate) use http::HttpWire;
pub(crate) use mllp::MllpWire;

use crate::awaited::{Awaited, Expectation};
use crate::settings::{FileName, FileNameValues};

/// What carries outputs: one connection, or one folder.
#[derive(Debug)]
pub enum Wire {
    /// An MLLP connection.
    Mllp(Box<MllpWire>),
    /// An HTTP connection.
    Http(Box<HttpWire>),
    /// A folder that receives files.
    Files {
        /// The folder, opened once.
        folder: files::FolderDestination,
        /// How a file is named.
        name: FileName,
    },
    /// Another interface.
    Interface(HandoverWire),
}

/// What one attempt came to.
pub(crate) enum Attempt {
    /// The receiver owns the message, and has nothing to say about it.
    HandedOver { answer: Payload },
    /// The receiver has answered for this message.
    Answered(Heard),
    /// The receiver has responded to the request that carried it.
    Responded(Response),
    /// It can never be sent like this.
    Unsendable(Refusal),
    /// Nobody answered for this message: the fault is the connection's, and another attempt may succeed.
    Failed { fault: String },
}

/// What a receiver said about a message.
pub(crate) struct Heard {
    pub(crate) code: AcknowledgementCode,
    /// The codes of its errors.
    pub(crate) errors: Vec<String>,
    /// Its words.
    pub(crate) text: Payload,
    pub(crate) answer: Payload,
}

/// What a receiver said over HTTP.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The acknowledgement that the response holds; none where it holds something else, or nothing.
    pub(crate) heard: Option<Heard>,
    /// For how long it does not want to be asked again.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) answer: Payload,
}

/// Why a receiver does not take a message, or why it is not sent.
pub(crate) struct Refusal {
    /// The kind of fault that is recorded.
    pub(crate) kind: &'static str,
    /// For operators: without a value of the message.
    pub(crate) summary: String,
    /// What to do.
    pub(crate) hint: &'static str,
    /// The receiver's own words.
    pub(crate) text: Payload,
}

impl Wire {
    /// One attempt with the content of a delivery, in the form that the destination wants. An answer that comes another
    /// way than over the wire comes through `expected`.
    pub(crate) async fn send(
        &mut self,
        lease: &Lease,
        content: &Payload,
        expected: Option<&mut Expectation>,
    ) -> Attempt {
        match self {
            Self::Mllp(mllp) => mllp.send(content, expected).await,
            Self::Http(http) => http.send(lease, content).await,
            Self::Files { folder, name } => write_file(folder, name, lease, content).await,
            Self::Interface(handover) => handover.send(lease, content).await,
        }
    }

    /// Begins to wait for what comes another way, where the destination's answers may.
    pub(crate) fn expect(&self, lease: &Lease, content: &Payload, awaited: &Awaited) -> Option<Expectation> {
        let Self::Mllp(mllp) = self else { return None };
        let interface = mllp.acknowledged_at()?;
        let message = parsed(content).filter(|_| lease.content_type().is_none())?;
        Some(awaited.expect(interface, lease.destination(), &message.header()))
    }

    /// What an answer that came another way, between two attempts, says about what was sent.
    pub(crate) fn read(content: &Payload, answer: &Payload) -> Option<Attempt> {
        let control_id = labels(content).0;
        mllp::read(answer, &control_id).ok().map(Attempt::Answered)
    }
}

async fn write_file(folder: &files::FolderDestination, name: &FileName, lease: &Lease, content: &Payload) -> Attempt {
    let delivery = lease.id().to_string();
    // A document has no control id: its delivery's number stands for it.
    let (control_id, message_type) = match lease.content_type() {
        Some(_) => (delivery.clone(), "document".to_owned()),
        None => labels(content),
    };
    let name = name.fill(FileNameValues {
        control_id: &control_id,
        delivery: &delivery,
        message: &lease.message().to_string(),
        message_type: &message_type,
        extension: lease
            .content_type()
            .map_or("hl7", |content_type| extension(content_type)),
    });
    match folder.write(&name, content).await {
        Ok(name) => Attempt::HandedOver {
            answer: Payload::from(name),
        },
        Err(fault) => Attempt::Failed {
            fault: fault.to_string(),
        },
    }
}

/// What files of a media type end in.
fn extension(content_type: &str) -> &'static str {
    match content_type.split(';').next().unwrap_or_default() {
        "text/csv" => "csv",
        "text/plain" => "txt",
        "text/html" => "html",
        "application/json" => "json",
        "application/xml" | "text/xml" => "xml",
        "application/pdf" => "pdf",
        "x-application/hl7-v2+er7" => "hl7",
        _ => "bin",
    }
}

/// An error and what caused it: where an admin reads it, nothing follows the chain.
fn with_causes(error: &dyn std::error::Error) -> String {
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

fn parsed(content: &Payload) -> Option<Message> {
    Message::parse(content.bytes().clone(), &ParseOptions::default()).ok()
}

/// The control id and type of an output, empty where it is not HL7.
fn labels(content: &Payload) -> (String, String) {
    let header = parsed(content).map(|message| message.header());
    header.map_or_else(Default::default, |header| {
        (header.control_id().to_owned(), header.message_type())
    })
}
