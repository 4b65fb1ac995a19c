//! `transfuse:plugin/exchanges`.

use std::rc::Rc;

use super::hl7v2::Message;
use super::run::{Forwarded, Run};

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) run: Rc<Run>,
    pub(crate) input: transfuse_message::Message,
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

    /// Always a message in a unit test: input of other kinds comes with a later version of the contract.
    #[expect(clippy::unnecessary_wraps, reason = "the contract says that there may be none")]
    pub(crate) fn message(&self) -> Option<Message> {
        Some(Message::new(self.input.clone()))
    }

    pub(crate) fn forward(&self, message: &Message, to: &[&str]) {
        let to = to.iter().map(|&name| name.to_owned()).collect();
        self.run.forwarded.borrow_mut().push(Forwarded {
            message: message.content(),
            to,
        });
    }

    pub(crate) fn filter(&self, reason: &str) {
        *self.run.filtered.borrow_mut() = Some(reason.to_owned());
    }
}
