//! Control ids of several outputs: a receiver that gets more than one message of a chain must be able to tell them apart.

use std::collections::HashSet;
use std::sync::Arc;

use transfuse_message::{Message, Path, Value};

use crate::stable_hash::stable_hash;

/// The most characters of MSH-10 that every receiver takes (HL7 v2.5.1 chapter 2, MSH-10; later versions allow more).
const CHARACTERS_MAX: usize = 20;

/// Characters of a digest that stands for what had to be left out of a long control id.
const DIGEST_CHARACTERS: usize = 6;

/// The control ids of a message's outputs so far, each with the destination that gets it.
#[derive(Debug, Default)]
pub(crate) struct ControlIds(HashSet<(Arc<str>, String)>);

impl ControlIds {
    /// Gives an output an id of its own where one of its destinations gets the same one already: that of the message with a
    /// number behind it. It follows from the outputs alone, so that another run gives the same. The first output, and one whose
    /// plugin has given it an id, is left as it is.
    pub(crate) fn tell_apart(&mut self, message: &mut Message, destinations: &[Arc<str>]) {
        let Some((path, id)) = control_id(message) else { return };
        let is_free = |id: &str| {
            let mut destinations = destinations.iter();
            !destinations.any(|one| self.0.contains(&(Arc::clone(one), id.to_owned())))
        };
        let mut own = id.clone();
        let mut number = 2;
        while !is_free(&own) {
            own = derived(&id, number);
            number += 1;
        }
        // A message whose MSH-2 names no escape character may not be able to hold it: then it stays as the plugin made it.
        if own != id && message.set(&path, &own).is_err() {
            return;
        }
        self.0
            .extend(destinations.iter().map(|one| (Arc::clone(one), own.clone())));
    }
}

fn control_id(message: &Message) -> Option<(Path, String)> {
    let path: Path = "MSH-10".parse().ok()?;
    let id = message.get(&path).ok().and_then(Value::into_option)?.into_owned();
    (!id.is_empty()).then_some((path, id))
}

/// `LAB0042-2`; where that is too long, as much of it as fits, with a digest of all of it.
fn derived(id: &str, number: u32) -> String {
    let suffix = format!("-{number}");
    if id.chars().count() + suffix.len() <= CHARACTERS_MAX {
        return format!("{id}{suffix}");
    }
    let left = CHARACTERS_MAX.saturating_sub(DIGEST_CHARACTERS + suffix.len());
    let beginning: String = id.chars().take(left).collect();
    format!("{beginning}{}{suffix}", digest(id))
}

/// Letters and digits alone, which every receiver takes.
fn digest(id: &str) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut left = stable_hash(&[id.as_bytes()]);
    let mut digit = || {
        let digit = DIGITS.get((left % 32) as usize).copied().unwrap_or(b'0');
        left /= 32;
        char::from(digit)
    };
    (0..DIGEST_CHARACTERS).map(|_| digit()).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use transfuse_message::ParseOptions;

    use super::*;

    fn message(control_id: &str) -> Message {
        let raw = format!("MSH|^~\\&|LAB||||20261123||ORU^R01|{control_id}|P|2.5.1\rPID|1\r");
        Message::parse(raw.into_bytes(), &ParseOptions::default()).unwrap()
    }

    /// The ids that outputs have in the end.
    fn told_apart(outputs: &[(&str, &[&str])]) -> Vec<String> {
        let mut ids = ControlIds::default();
        let own = outputs.iter().map(|(id, to)| {
            let mut message = message(id);
            let to: Vec<Arc<str>> = to.iter().map(|name| Arc::from(*name)).collect();
            ids.tell_apart(&mut message, &to);
            message.header().control_id().to_owned()
        });
        own.collect()
    }

    #[test]
    fn the_first_keeps_its_id_and_each_further_one_gets_a_number() {
        assert_eq!(
            told_apart(&[("A", &["ehr"]), ("A", &["ehr"]), ("A", &["ehr"])]),
            ["A", "A-2", "A-3"]
        );
    }

    #[test]
    fn what_goes_elsewhere_or_has_an_id_of_its_own_stays_as_it_is() {
        assert_eq!(
            told_apart(&[("A", &["ehr"]), ("A", &["archive"]), ("B", &["ehr"])]),
            ["A", "A", "B"]
        );
        assert_eq!(told_apart(&[("A", &["ehr"]), ("A", &["archive", "ehr"])]), ["A", "A-2"]);
        // The plugin has taken what would have been derived.
        assert_eq!(
            told_apart(&[("A", &["ehr"]), ("A-2", &["ehr"]), ("A", &["ehr"])]),
            ["A", "A-2", "A-3"]
        );
        assert_eq!(told_apart(&[("", &["ehr"]), ("", &["ehr"])]), ["", ""]);
    }

    #[test]
    fn a_long_id_is_shortened_to_what_every_receiver_takes_and_stays_its_own() {
        let (one, other) = ("20261123101500-LAB-0001", "20261123101500-LAB-0002");
        let ids = told_apart(&[(one, &["ehr"]), (one, &["ehr"]), (other, &["ehr"]), (other, &["ehr"])]);
        assert_eq!((ids[0].as_str(), ids[2].as_str()), (one, other));
        assert!(
            ids[1].len() == CHARACTERS_MAX && ids[1].starts_with("202611231015") && ids[1].ends_with("-2"),
            "{ids:?}"
        );
        assert_ne!(ids[1], ids[3]);
        assert_eq!(
            ids,
            told_apart(&[(one, &["ehr"]), (one, &["ehr"]), (other, &["ehr"]), (other, &["ehr"])])
        );
        assert_ne!(derived(one, 2), derived(other, 2), "of two messages");
        // One that just fits keeps all of it.
        assert_eq!(derived("123456789012345678", 2), "123456789012345678-2");
    }
}
