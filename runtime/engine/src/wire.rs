//! One attempt to hand an output to its receiver.

use transfuse_message::acknowledgement::{self, AcknowledgementCode};
use transfuse_message::{Message, ParseOptions, Payload};
use transfuse_store::Lease;
use transfuse_transport::{files, mllp};

use crate::settings::{FileName, FileNameValues};

/// What carries outputs: one connection, or one folder.
#[derive(Debug)]
pub enum Wire {
    /// An MLLP connection.
    Mllp(mllp::Sender),
    /// A folder that receives files.
    Files {
        /// The folder, opened once.
        folder: files::FolderDestination,
        /// How a file is named.
        name: FileName,
    },
}

/// What one attempt came to.
pub(crate) enum Attempt {
    /// The receiver owns the message.
    Delivered { answer: Payload },
    /// The receiver does not want this message: sending it again would not help (AE, CE).
    Refused(Refusal),
    /// The receiver cannot take it now (AR, CR: "unrelated to the content, may succeed later").
    NotNow(Refusal),
    /// Nobody answered for this message: the fault is the connection's, and another attempt may succeed.
    Failed { fault: String },
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
    /// Sends the content of a delivery, in the form that the destination wants.
    pub(crate) async fn send(&mut self, lease: &Lease, content: &Payload) -> Attempt {
        match self {
            Self::Mllp(sender) => send_mllp(sender, content).await,
            Self::Files { folder, name } => write_file(folder, name, lease, content).await,
        }
    }
}

async fn send_mllp(sender: &mut mllp::Sender, content: &Payload) -> Attempt {
    let answer = match sender.send(content).await {
        Ok(answer) => answer,
        Err(fault) => {
            return Attempt::Failed {
                fault: fault.to_string(),
            };
        }
    };
    match read_answer(&answer, &control_id(content)) {
        Ok(attempt) => attempt,
        Err(fault) => {
            // Whatever else this connection says is not to be trusted either.
            sender.close().await;
            Attempt::Failed { fault }
        }
    }
}

/// Reads MSA. An answer for another message settles nothing: it is what a receiver says that has lost its place.
fn read_answer(answer: &Payload, control_id: &str) -> std::result::Result<Attempt, String> {
    let message = Message::parse(answer.bytes().clone(), &ParseOptions::default())
        .map_err(|fault| format!("the receiver's answer is not an HL7 message: {fault}"))?;
    let read =
        acknowledgement::read(&message).map_err(|fault| format!("the receiver's answer says nothing: {fault}"))?;
    if read.control_id != control_id {
        return Err("the receiver answered for another control id".to_owned());
    }
    let refusal = |text| Refusal {
        kind: "refused-by-destination",
        hint: "correct the cause at the receiver or in the mapping, then replay the delivery",
        summary: format!("the receiver answered {}", read.code),
        text,
    };
    Ok(match read.code {
        AcknowledgementCode::AA | AcknowledgementCode::CA => Attempt::Delivered { answer: answer.clone() },
        AcknowledgementCode::AE | AcknowledgementCode::CE => Attempt::Refused(refusal(read.text)),
        AcknowledgementCode::AR | AcknowledgementCode::CR => Attempt::NotNow(refusal(read.text)),
    })
}

async fn write_file(folder: &files::FolderDestination, name: &FileName, lease: &Lease, content: &Payload) -> Attempt {
    let (control_id, message_type) = labels(content);
    let name = name.fill(FileNameValues {
        control_id: &control_id,
        delivery: &lease.id().to_string(),
        message: &lease.message().to_string(),
        message_type: &message_type,
    });
    match folder.write(&name, content).await {
        Ok(name) => Attempt::Delivered {
            answer: Payload::from(name),
        },
        Err(fault) => Attempt::Failed {
            fault: fault.to_string(),
        },
    }
}

fn control_id(content: &Payload) -> String {
    labels(content).0
}

/// The control id and type of an output, empty where it is not HL7.
fn labels(content: &Payload) -> (String, String) {
    match Message::parse(content.bytes().clone(), &ParseOptions::default()) {
        Ok(message) => {
            let header = message.header();
            (header.control_id().to_owned(), header.message_type())
        }
        Err(_) => (String::new(), String::new()),
    }
}
