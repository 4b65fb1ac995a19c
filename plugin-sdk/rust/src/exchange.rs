//! One message on its way through a chain, as a plugin sees it.

use std::borrow::Borrow;

use thiserror::Error;

use crate::document::Document;
use crate::host;
use crate::message::Message;
use crate::outcome::{Done, Outcome};

/// The message at hand: its context, its input, and where its outcome goes.
///
/// A plugin must end with at least one [`forward`](Self::forward), with [`filter`](Self::filter), or with an error.
/// [`Done`] can only be had from the first two, so a plugin that forgets does not compile.
#[derive(Debug)]
pub struct Exchange<'host> {
    host: &'host host::exchanges::Exchange,
}

/// The input is not an HL7 v2 message.
///
/// `?` turns it into a rejection with code 200 (unsupported message type).
#[derive(Debug, Error)]
#[error("the input is not an HL7 v2 message")]
#[non_exhaustive]
pub struct NotHl7;

impl Exchange<'_> {
    /// The message that came in, as a copy of the plugin's own.
    pub fn message(&self) -> Result<Message, NotHl7> {
        self.host.message().map(Message::from_host).ok_or(NotHl7)
    }

    /// What came in as bytes, whatever it is; none where there is nothing. The interface grants it with `read = ["*"]`.
    #[must_use]
    pub fn document(&self) -> Option<Document> {
        self.host.document().map(Document::from_host)
    }

    /// Sends the message, as it is now, to the next step or, from the last one, to every destination whose routing
    /// rules fit.
    ///
    /// May be called several times, with `&message` where the message is needed again; outputs keep their order.
    pub fn forward(&self, message: impl Borrow<Message>) -> Outcome {
        self.host.forward(message.borrow().host(), &[]);
        Ok(Done::new())
    }

    /// As [`forward`](Self::forward), to the destinations named and no others. The interface grants each name.
    pub fn forward_to(&self, message: impl Borrow<Message>, destinations: &[&str]) -> Outcome {
        self.host.forward(message.borrow().host(), destinations);
        Ok(Done::new())
    }

    /// Sends bytes of the plugin's own making, such as a CSV line or a report, to the destinations named, or to every
    /// destination that routes by no message type where none is. `content_type` is a media type, such as `text/csv`.
    ///
    /// The interface grants it with `create`, and each name with `to`. Only the last step of a chain may do it.
    pub fn forward_document(
        &self,
        content_type: impl AsRef<str>,
        body: impl AsRef<[u8]>,
        destinations: &[&str],
    ) -> Outcome {
        self.host
            .forward_document(content_type.as_ref(), body.as_ref(), destinations);
        Ok(Done::new())
    }

    /// Ends this message here on purpose: it is recorded as filtered, and acknowledged as accepted.
    pub fn filter(&self, reason: impl AsRef<str>) -> Outcome {
        self.host.filter(reason.as_ref());
        Ok(Done::new())
    }

    /// The message's id in the engine: the same for every step and every attempt.
    #[must_use]
    pub fn id(&self) -> String {
        self.host.id()
    }

    /// The name of the interface.
    #[must_use]
    pub fn interface(&self) -> String {
        self.host.interface_name()
    }

    /// When the message arrived, in milliseconds since 1970-01-01 UTC: the only clock a plugin has, so that running
    /// the same message again gives the same result.
    #[must_use]
    pub fn received_at_ms(&self) -> i64 {
        self.host.received_at_ms()
    }

    /// The time zone of the source, as an IANA name such as `Europe/Budapest`.
    #[must_use]
    pub fn time_zone(&self) -> String {
        self.host.time_zone()
    }

    /// 1 for the first run of this message, more where it is run again.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.host.attempt()
    }

    /// A value that an earlier step or the source left; none where nobody did.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.host.attribute(name)
    }

    /// Leaves a value for later steps and for routing.
    pub fn set_attribute(&self, name: &str, value: impl AsRef<str>) {
        self.host.set_attribute(name, value.as_ref());
    }
}

impl<'host> Exchange<'host> {
    pub(crate) fn from_host(host: &'host host::exchanges::Exchange) -> Self {
        Self { host }
    }
}
