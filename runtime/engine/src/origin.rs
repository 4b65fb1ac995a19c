//! Where a message came from that another interface of the engine has handed over.

use std::fmt;

use transfuse_store::{DeliveryId, Lease, MessageId};

/// The delivery that a message came with. It is the message's source, as text: by it the hand-over is known again after a restart, so
/// that it is not made twice, and the trace leads from one interface to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The interface that handed it over.
    pub interface: String,
    /// The message there.
    pub message: MessageId,
    /// The delivery of it.
    pub delivery: DeliveryId,
}

/// How the text begins. No other source has such a name.
const PREFIX: &str = "interface:";

impl Origin {
    pub(crate) fn of(lease: &Lease) -> Self {
        Self {
            interface: lease.interface().to_string(),
            message: lease.message(),
            delivery: lease.id(),
        }
    }

    /// Reads the source of a message; none where it came from elsewhere.
    #[must_use]
    pub fn read(source: &str) -> Option<Self> {
        let mut parts = source.strip_prefix(PREFIX)?.split('/');
        let (interface, message, delivery) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            interface: interface.to_owned(),
            message: message.parse().ok()?,
            delivery: delivery.parse().ok()?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            interface,
            message,
            delivery,
        } = self;
        write!(formatter, "{PREFIX}{interface}/{message}/{delivery}")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_origin_is_read_as_it_is_written_and_no_other_source_is_one() {
        let origin = Origin {
            interface: "lab".into(),
            message: "20261128-000012".parse().unwrap(),
            delivery: "34".parse().unwrap(),
        };
        assert_eq!(origin.to_string(), "interface:lab/20261128-000012/34");
        assert_eq!(Origin::read(&origin.to_string()), Some(origin));
        for other in [
            "127.0.0.1:51234",
            "file:interface:lab.hl7",
            "interface:lab",
            "interface:lab/x/1",
        ] {
            assert_eq!(Origin::read(other), None, "{other}");
        }
    }
}
