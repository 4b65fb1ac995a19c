//! Questions that are not answered in time: an order without its result.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use transfuse_message::{Message, ParseOptions, Path, Value};
use transfuse_package::digest_of;
use transfuse_store::{MessageId, Query, Stage, Store};

use super::LookError;
use crate::configuration::resolved::{Awaited, Expectation, Interface};
use crate::layout::{counted, lasting};

/// Messages that are read in one look; what is left is read in the next.
const READ_MAX: usize = 10_000;

/// Messages that are asked for at once.
const PAGE: usize = 500;

/// Questions that wait for their answers: some hundred bytes each. Beyond, the oldest are forgotten, and that is told.
const WAITING_MAX: usize = 100_000;

/// How long it is told that a question was not answered, in times of what it had: then nobody waits for it any more.
const TOLD_TIMES: i64 = 10;

/// How old a message is when it is read: what came before it is durable by then, and has been read.
const SETTLED_MS: i64 = 2_000;

/// Questions that are named.
const NAMED_MAX: usize = 3;

/// The digest of a question's key, which is nobody's to read.
type Key = String;

/// Questions and answers, as far as they have been read.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// The last that was read of each type.
    questions_read: HashMap<String, MessageId>,
    answers_read: HashMap<String, MessageId>,
    /// When each was asked, by its key.
    keys: HashMap<Key, MessageId>,
    waiting: BTreeMap<MessageId, Question>,
    /// Whether it has been told that questions were forgotten.
    has_forgotten: bool,
}

#[derive(Debug)]
struct Question {
    key: Key,
    asked_at_ms: i64,
}

/// Which messages, and where their key stands.
struct Read<'a> {
    interface: &'a str,
    types: &'a [String],
    path: &'a str,
    from_ms: i64,
    /// Both are read up to the same moment: an answer is never read before its question.
    until_ms: i64,
}

impl Following {
    /// Which questions have waited too long.
    pub(super) fn found(
        &mut self,
        store: &Store,
        interface: &Interface,
        expectation: &Expectation,
    ) -> Result<Option<String>, LookError> {
        let Awaited::Answer {
            answered_by,
            within_ms,
            key,
            answer_key,
            answers_at,
        } = &expectation.awaited
        else {
            return Ok(None);
        };
        let within_ms = i64::try_from(*within_ms).unwrap_or(i64::MAX);
        let now_ms = Timestamp::now().as_millisecond();
        let questions = Read {
            interface: &interface.name,
            types: &expectation.types,
            path: key,
            from_ms: now_ms.saturating_sub(within_ms.saturating_mul(2)),
            until_ms: now_ms.saturating_sub(SETTLED_MS),
        };
        let mut read = std::mem::take(&mut self.questions_read);
        let asked = each(store, &questions, &mut read, |id, asked_at_ms, key| {
            self.ask(id, asked_at_ms, key);
        });
        self.questions_read = read;
        asked?;
        let answers = Read {
            interface: answers_at.as_deref().unwrap_or(&interface.name),
            types: answered_by,
            path: answer_key,
            ..questions
        };
        let mut read = std::mem::take(&mut self.answers_read);
        let answered = each(store, &answers, &mut read, |_, _, key| self.answer(&key));
        self.answers_read = read;
        answered?;
        self.forget(now_ms, within_ms, &interface.name, &expectation.name);
        Ok(self.overdue(now_ms, within_ms, answered_by))
    }

    fn ask(&mut self, id: MessageId, asked_at_ms: i64, key: Key) {
        // Asked again, it waits from then on.
        if let Some(before) = self.keys.insert(key.clone(), id) {
            self.waiting.remove(&before);
        }
        self.waiting.insert(id, Question { key, asked_at_ms });
    }

    fn answer(&mut self, key: &Key) {
        if let Some(id) = self.keys.remove(key) {
            self.waiting.remove(&id);
        }
    }

    fn forget(&mut self, now_ms: i64, within_ms: i64, interface: &str, expectation: &str) {
        let too_many = self.waiting.len() > WAITING_MAX;
        if too_many && !self.has_forgotten {
            self.has_forgotten = true;
            tracing::warn!(
                interface,
                expectation,
                WAITING_MAX,
                "too many questions wait for an answer: the oldest are forgotten"
            );
        }
        while let Some(first) = self.waiting.first_entry() {
            let waited_ms = now_ms.saturating_sub(first.get().asked_at_ms);
            let is_old = waited_ms > within_ms.saturating_mul(TOLD_TIMES);
            if !is_old && self.keys.len() <= WAITING_MAX {
                break;
            }
            let question = first.remove();
            self.keys.remove(&question.key);
        }
    }

    fn overdue(&self, now_ms: i64, within_ms: i64, answered_by: &[String]) -> Option<String> {
        let overdue = self.waiting.iter();
        let overdue: Vec<MessageId> = overdue
            .filter(|(_, one)| now_ms.saturating_sub(one.asked_at_ms) > within_ms)
            .map(|(id, _)| *id)
            .collect();
        if overdue.is_empty() {
            return None;
        }
        let named: Vec<String> = overdue.iter().take(NAMED_MAX).map(ToString::to_string).collect();
        let more = if overdue.len() > NAMED_MAX { " and more" } else { "" };
        Some(format!(
            "{} without {} for more than {}: {}{more}",
            counted(overdue.len(), "message"),
            answered_by.join(" or "),
            lasting(within_ms / 1_000),
            named.join(", ")
        ))
    }
}

/// Hands over the key of each message behind the last one that was read of its type, in the order of arrival. One that is refused
/// is its sender's, and one without a key asks and answers nothing.
fn each(
    store: &Store,
    read: &Read<'_>,
    last: &mut HashMap<String, MessageId>,
    mut found: impl FnMut(MessageId, i64, Key),
) -> Result<(), LookError> {
    let Ok(path) = read.path.parse::<Path>() else {
        return Ok(());
    };
    for message_type in read.types {
        for _ in 0..READ_MAX / PAGE {
            let page = store.messages(&read.page(message_type, last.get(message_type).copied()))?;
            for one in &page {
                if one.stage != Stage::Refused
                    && let Some(record) = store.message(one.id)?
                    && let Some(key) = key_of(record.raw.bytes().clone(), &path)
                {
                    found(one.id, one.received_at_ms, key);
                }
                last.insert(message_type.clone(), one.id);
            }
            if page.len() < PAGE {
                break;
            }
        }
    }
    Ok(())
}

impl Read<'_> {
    /// The next messages of a type.
    fn page(&self, message_type: &str, after: Option<MessageId>) -> Query {
        Query {
            interface: Some(self.interface.to_owned()),
            message_type: Some(message_type.to_owned()),
            since_ms: Some(self.from_ms),
            until_ms: Some(self.until_ms),
            after,
            oldest_first: true,
            limit: PAGE,
            ..Query::default()
        }
    }
}

fn key_of(raw: bytes::Bytes, path: &Path) -> Option<Key> {
    let message = Message::parse(raw, &ParseOptions::default()).ok()?;
    let value = message.get(path).ok().and_then(Value::into_option)?;
    Some(digest_of(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn id(number: u32) -> MessageId {
        format!("20261128-{number:06}").parse().unwrap()
    }

    fn key(number: u8) -> Key {
        digest_of(&[number])
    }

    fn overdue(following: &Following, now_ms: i64) -> Option<String> {
        following.overdue(now_ms, 4 * HOUR_MS, &["ORU^R01".to_owned()])
    }

    #[test]
    fn a_question_is_missed_from_its_time_on_until_its_answer_comes() {
        let mut following = Following::default();
        for number in 1..=5 {
            following.ask(id(number.into()), 0, key(number));
        }
        following.answer(&key(2));
        assert_eq!(overdue(&following, 4 * HOUR_MS), None);
        assert_eq!(
            overdue(&following, 5 * HOUR_MS).unwrap(),
            "4 messages without ORU^R01 for more than 4 h 0 min: 20261128-000001, 20261128-000003, 20261128-000004 and more"
        );
        for number in [1, 3, 4, 5] {
            following.answer(&key(number));
        }
        assert_eq!(overdue(&following, 5 * HOUR_MS), None);
        assert!(following.keys.is_empty());
    }

    #[test]
    fn a_question_that_is_asked_again_waits_from_then_on_and_nobody_waits_for_ever() {
        let mut following = Following::default();
        following.ask(id(1), 0, key(1));
        following.ask(id(2), 3 * HOUR_MS, key(1));
        assert_eq!(overdue(&following, 5 * HOUR_MS), None);
        assert!(overdue(&following, 8 * HOUR_MS).is_some());
        following.forget(44 * HOUR_MS, 4 * HOUR_MS, "lab", "orders");
        assert_eq!(overdue(&following, 44 * HOUR_MS), None);
        assert!(following.keys.is_empty() && following.waiting.is_empty());
    }
}
