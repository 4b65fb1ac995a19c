//! `transfuse:plugin/exchanges`.

use std::rc::Rc;

use super::hl7v2::Message;
use super::run::{Content, Forwarded, Run};

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) run: Rc<Run>,
    /// What came in, and the message that it is.
    pub(crate) raw: Vec<u8>,
    pub(crate) input: Option<transfuse_message::Message>,
}

#[derive(Debug)]
pub(crate) struct Document {
    content_type: &'static str,
    body: Vec<u8>,
}

impl Document {
    pub(crate) fn content_type(&self) -> String {
        self.content_type.to_owned()
    }

    pub(crate) fn length(&self) -> u64 {
        self.body.len() as u64
    }

    pub(crate) fn read(&self, offset: u64, length: u32) -> Vec<u8> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.body.iter().skip(offset).take(length as usize).copied().collect()
    }
}

impl Exchange {
    pub(crate) fn id(&self) -> String {
        self.run.context.id.clone()
    }

    pub(crate) fn interface_name(&self) -> String {
        self.run.context.interface.clone()
    }

    pub(crate) fn received_at_ms(&self) -> i64 {
        self.run.context.received_at_ms
    }

    pub(crate) fn time_zone(&self) -> String {
        self.run.context.time_zone.clone()
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.run.context.attempt
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let attributes = self.run.attributes.borrow();
        attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }

    pub(crate) fn set_attribute(&self, name: &str, value: &str) {
        let mut attributes = self.run.attributes.borrow_mut();
        attributes.retain(|(known, _)| known != name);
        attributes.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn message(&self) -> Option<Message> {
        self.input.clone().map(Message::new)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the contract says that there may be none")]
    pub(crate) fn document(&self) -> Option<Document> {
        Some(Document {
            content_type: match self.input {
                Some(_) => "x-application/hl7-v2+er7",
                None => "application/octet-stream",
            },
            body: self.raw.clone(),
        })
    }

    pub(crate) fn forward(&self, message: &Message, to: &[&str]) {
        self.push(Content::Message(message.content()), to);
    }

    pub(crate) fn forward_document(&self, content_type: &str, body: &[u8], to: &[&str]) {
        let content = Content::Document {
            content_type: content_type.to_owned(),
            body: body.to_vec(),
        };
        self.push(content, to);
    }

    fn push(&self, content: Content, to: &[&str]) {
        let to = to.iter().map(|&name| name.to_owned()).collect();
        self.run.forwarded.borrow_mut().push(Forwarded { content, to });
    }

    pub(crate) fn filter(&self, reason: &str) {
        *self.run.filtered.borrow_mut() = Some(reason.to_owned());
    }
}
