//! Sending over HTTP: the response is the acknowledgement.

use sha2::{Digest as _, Sha256};
use transfuse_message::Payload;
use transfuse_store::Lease;
use transfuse_transport::http::{Request, Sender};

use super::{Attempt, Heard, Response, labels, mllp, with_causes};
use crate::settings::HttpSettings;

/// One connection to a receiver.
#[derive(Debug)]
pub struct HttpWire {
    sender: Sender,
    content_type: String,
}

impl HttpWire {
    /// The connections of a destination.
    pub(crate) fn several(settings: &HttpSettings) -> Vec<Self> {
        let senders = Sender::several(&settings.sender, settings.connections).into_iter();
        let wired = senders.map(|sender| Self {
            sender,
            content_type: settings.content_type.clone(),
        });
        wired.collect()
    }

    pub(super) async fn send(&mut self, lease: &Lease, content: &Payload) -> Attempt {
        let delivery = lease.id().to_string();
        let key = idempotency_key(&[
            lease.interface().as_bytes(),
            lease.destination().as_bytes(),
            lease.message().to_string().as_bytes(),
            delivery.as_bytes(),
            lease.content().bytes(),
        ]);
        let request = Request {
            content,
            content_type: lease.content_type().map_or(&self.content_type, |own| own),
            idempotency_key: Some(&key),
        };
        let response = match self.sender.send(&request).await {
            Ok(response) => response,
            Err(error) => {
                return Attempt::Failed {
                    fault: with_causes(&error),
                };
            }
        };
        if response.is_too_long {
            tracing::warn!(
                interface = %lease.interface(), destination = %lease.destination(), status = response.status,
                "the response is longer than is read: its status counts alone"
            );
        }
        // A document has no control id, and an acknowledgement in the response to it is about something else.
        let control_id = match lease.content_type() {
            None => labels(content).0,
            Some(_) => String::new(),
        };
        match heard(&response.content, &control_id) {
            Ok(heard) => Attempt::Responded(Response {
                status: response.status,
                heard,
                retry_after: response.retry_after,
                answer: response.content,
            }),
            Err(fault) => Attempt::Failed { fault },
        }
    }
}

impl HttpWire {
    /// What the receiver responds to a question: a message that answers this one.
    pub(crate) async fn ask_for_reply(&mut self, content: &Payload, key: &str) -> Result<Payload, String> {
        let key = idempotency_key(&[key.as_bytes(), content.bytes()]);
        let request = Request {
            content,
            content_type: &self.content_type,
            idempotency_key: Some(&key),
        };
        let response = self.sender.send(&request).await.map_err(|error| with_causes(&error))?;
        if response.is_too_long {
            return Err("the response is longer than is read".to_owned());
        }
        match heard(&response.content, &labels(content).0)? {
            Some(_) => Ok(response.content),
            None => Err(format!(
                "the response, with status {}, holds no answer",
                response.status
            )),
        }
    }
}

/// The acknowledgement that a response holds, if it is one; what else receivers say is their own business. One of another
/// message says that the receiver has lost its place.
fn heard(answer: &Payload, control_id: &str) -> Result<Option<Heard>, String> {
    let Ok(read) = mllp::acknowledgement_in(answer) else {
        return Ok(None);
    };
    if control_id.is_empty() {
        return Ok(None);
    }
    if read.control_id != control_id {
        return Err("the receiver answered for another control id".to_owned());
    }
    Ok(Some(Heard::of(answer, read)))
}

/// A UUID of version 8 (RFC 9562), because some receivers take nothing else: the same for every attempt at one delivery, over
/// restarts too, and another one for a delivery that is made again on purpose.
fn idempotency_key(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut bytes = [0_u8; 16];
    bytes
        .iter_mut()
        .zip(digest.finalize())
        .for_each(|(to, from)| *to = from);
    let number = u128::from_be_bytes(bytes) & !VERSION_AND_VARIANT_BITS | VERSION_AND_VARIANT;
    let digits = format!("{number:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| digits.get(group).unwrap_or_default());
    groups.join("-")
}

const VERSION_AND_VARIANT_BITS: u128 = (0xf << 76) | (0b11 << 62);
const VERSION_AND_VARIANT: u128 = (8 << 76) | (0b10 << 62);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_uuid_that_only_the_same_delivery_has() {
        let key = idempotency_key(&[b"lab", b"ehr", b"1"]);
        assert_eq!(key, idempotency_key(&[b"lab", b"ehr", b"1"]));
        assert_eq!(key.len(), 36);
        assert_eq!(key.get(14..15), Some("8"), "{key}");
        assert!(key.get(19..20).is_some_and(|digit| "89ab".contains(digit)), "{key}");
        for other in [
            &[&b"lab"[..], b"ehr", b"2"][..],
            &[b"labe", b"hr", b"1"],
            &[b"lab", b"ehr"],
        ] {
            assert_ne!(key, idempotency_key(other));
        }
    }

    #[test]
    fn a_response_holds_an_acknowledgement_of_this_message_or_something_else() {
        let read =
            |answer: &str| heard(&Payload::from(answer.to_owned()), "M1").map(|heard| heard.map(|one| one.errors));
        assert_eq!(read("{\"ok\":true}"), Ok(None));
        assert_eq!(read(""), Ok(None));
        assert_eq!(
            read("MSH|^~\\&|EHR|||||||X|P|2.5\rQAK|1|OK\r"),
            Ok(None),
            "it says nothing of a message"
        );
        let refusal = "MSH|^~\\&|EHR|||||||X|P|2.5\rMSA|AE|M1\rERR|||207\r";
        assert_eq!(read(refusal), Ok(Some(vec!["207".to_owned()])));
        assert!(read(&refusal.replace("M1", "M2")).is_err());
    }
}
