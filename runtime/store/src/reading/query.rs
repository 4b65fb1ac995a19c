//! What a search asks for, as SQL.

use rusqlite::types::Value;

use super::messages::COLUMNS;
use super::{Query, refusals};
use crate::clock::Day;
use crate::{MessageId, Stage};

/// The most messages in one list: a page that a person can look through, and memory that nobody notices.
const LIMIT_MAX: usize = 10_000;

/// The most messages that are counted: beyond it nobody wants the figure, and each one is a row that is read.
const COUNTED_MAX: usize = 1_000_000;

/// A delivery of the message that a revision has made is done: one of its first decision, or of one that was made anew.
const DELIVERED: &str = "EXISTS (SELECT 1 FROM deliveries WHERE deliveries.id BETWEEN messages.first_delivery \
    AND messages.first_delivery + messages.deliveries - 1 AND deliveries.stage = 1 AND deliveries.revision = ? \
    UNION ALL SELECT 1 FROM operations JOIN deliveries ON deliveries.id BETWEEN operations.first_delivery \
    AND operations.first_delivery + operations.deliveries - 1 \
    WHERE operations.message = messages.id AND deliveries.stage = 1 AND deliveries.revision = ?)";

/// A delivery of the message to a destination is in quarantine.
const QUARANTINED_AT: &str = "EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_quarantined \
    WHERE deliveries.message = messages.id AND deliveries.stage = 2 \
    AND (SELECT destination FROM queues WHERE queues.id = queue) = ?)";

/// The messages that a query asks for.
pub(super) fn select(query: &Query) -> (String, Vec<Value>) {
    let (conditions, mut values) = conditions(query);
    let order = if query.oldest_first { "ASC" } else { "DESC" };
    values.push(limit(query.limit.min(LIMIT_MAX)));
    (
        format!("SELECT {COLUMNS} FROM messages {conditions} ORDER BY id {order} LIMIT ?"),
        values,
    )
}

fn limit(rows: usize) -> Value {
    Value::from(i64::try_from(rows).unwrap_or_default())
}

/// Each shape of the question names its index: the planner knows nothing of how rare a stage is. The partial one holds
/// every stage but `processed`, and is only allowed where the question says so.
fn conditions(query: &Query) -> (String, Vec<Value>) {
    let by_stage = query.stage.is_some_and(|stage| stage != Stage::Processed);
    let index = match &query.interface {
        _ if by_stage => "INDEXED BY messages_by_stage WHERE stage <> 1",
        Some(_) => "INDEXED BY messages_by_interface WHERE true",
        None => "NOT INDEXED WHERE true",
    };
    let mut asked = Conditions {
        sql: vec![index.to_owned()],
        values: Vec::new(),
    };
    let interface = query.interface.clone();
    asked.and(
        "interface = (SELECT interfaces.id FROM interfaces WHERE name = ?)",
        interface,
    );
    asked.and("stage = ?", query.stage.map(Stage::code));
    if !query.ids.is_empty() {
        let places = vec!["?"; query.ids.len()].join(", ");
        asked.sql.push(format!("id IN ({places})"));
        asked.values.extend(query.ids.iter().map(|id| Value::from(id.as_i64())));
    }
    asked.and("id < ?", query.before.map(MessageId::as_i64));
    // An id's day is never before that of the arrival: what came on earlier days is not looked at.
    let first = query
        .since_ms
        .map(|since_ms| MessageId::new(Day::of(since_ms).number, 0));
    asked.and("id > ?", first.max(query.after).map(MessageId::as_i64));
    asked.and("received_at_ms >= ?", query.since_ms);
    asked.and("received_at_ms < ?", query.until_ms);
    if let Some(text) = &query.message_type {
        let part = "(message_type = ? OR substr(message_type, 1, length(?) + 1) = ? || '^')";
        asked.sql.push(part.to_owned());
        asked.values.extend([text; 3].map(|text| Value::from(text.clone())));
    }
    asked.and("control_id = ?", query.control_id.clone());
    asked.and("revision = ?", query.decided_by);
    asked.and(QUARANTINED_AT, query.quarantined_at.clone());
    if query.repeats_as_one {
        asked.sql.push(format!("NOT {}", refusals::IS_REPEATED));
    }
    if let Some(revision) = query.delivered_by {
        let processed = Stage::Processed.code();
        let delivered = format!("revision = ? AND stage = {processed} AND {DELIVERED}");
        asked.sql.push(delivered);
        asked.values.extend([revision; 3].map(Value::from));
    }
    (asked.sql.join(" AND "), asked.values)
}

/// What has to hold, and the values that it is asked with, in the order in which they stand there.
struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// One more, where there is something to ask for.
    fn and(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.sql.push(condition.to_owned());
            self.values.push(value.into());
        }
    }
}

/// How many messages a query asks for, up to its limit.
pub(super) fn count(query: &Query) -> (String, Vec<Value>) {
    let (conditions, mut values) = conditions(query);
    values.push(limit(query.limit.min(COUNTED_MAX)));
    (
        format!("SELECT count(*) FROM (SELECT 1 FROM messages {conditions} LIMIT ?)"),
        values,
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use rusqlite::{Connection, params_from_iter};

    use super::*;

    /// How SQLite would answer, step by step.
    fn plan(query: &Query) -> Vec<String> {
        let connection = Connection::open_in_memory().unwrap();
        for step in crate::projection::FORMAT.steps {
            connection.execute_batch(step).unwrap();
        }
        let (sql, values) = select(query);
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap();
        steps.collect::<Result<_, _>>().unwrap()
    }

    /// Every shape of a question: what is looked for, and from where.
    fn shapes() -> Vec<Query> {
        let id = MessageId::from_i64(5);
        let narrowed = [
            Query::default(),
            Query {
                before: Some(id),
                ..Query::default()
            },
            Query {
                after: Some(id),
                oldest_first: true,
                ..Query::default()
            },
            Query {
                since_ms: Some(5),
                until_ms: Some(6),
                message_type: Some(String::from("ORU")),
                control_id: Some(String::from("A")),
                decided_by: Some(2),
                delivered_by: Some(2),
                quarantined_at: Some(String::from("ehr")),
                repeats_as_one: true,
                ..Query::default()
            },
        ];
        let mut shapes = Vec::new();
        for interface in [None, Some(String::from("lab"))] {
            for stage in [None].into_iter().chain(Stage::ALL.map(Some)) {
                shapes.extend(narrowed.clone().map(|query| Query {
                    interface: interface.clone(),
                    stage,
                    limit: 10,
                    ..query
                }));
            }
        }
        shapes
    }

    #[test]
    fn no_list_is_sorted_and_none_but_the_newest_of_all_looks_at_every_message() {
        for query in shapes() {
            let steps = plan(&query);
            assert!(
                !steps.iter().any(|step| step.contains("TEMP B-TREE")),
                "{query:?}: {steps:?}"
            );
            let narrow = query.interface.is_some()
                || query.before.is_some()
                || query.after.is_some()
                || query.since_ms.is_some()
                || query.stage.is_some_and(|stage| stage != Stage::Processed);
            let scan = steps.iter().any(|step| step.starts_with("SCAN messages"));
            assert_eq!(scan, !narrow, "{query:?}: {steps:?}");
        }
    }

    #[test]
    fn messages_that_are_named_are_looked_up_one_by_one() {
        for interface in [None, Some(String::from("lab"))] {
            let query = Query {
                interface,
                ids: [5, 7].map(MessageId::from_i64).to_vec(),
                limit: 10,
                ..Query::default()
            };
            let steps = plan(&query);
            assert!(!steps.iter().any(|step| step.starts_with("SCAN messages")), "{steps:?}");
        }
    }
}
