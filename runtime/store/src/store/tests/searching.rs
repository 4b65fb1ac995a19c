//! Searches for messages.

use std::sync::atomic::Ordering;

use super::support::{DAY_MS, NOON_MS, Site, anew, arrival, delivered, processed};
use crate::{Arrival, MessageId, Operator, Query, Store};

/// The control ids of what is asked for, in the order in which they are found.
fn found(store: &Store, ask: impl FnOnce(&mut Query)) -> Vec<String> {
    let mut query = Query {
        limit: 10,
        ..Query::default()
    };
    ask(&mut query);
    let found = store.messages(&query).unwrap();
    assert_eq!(store.count(&query).unwrap(), found.len() as u64);
    found.into_iter().map(|message| message.control_id).collect()
}

/// One message of each of two days and three types, decided by revision 3.
async fn some(site: &Site, store: &Store) -> Vec<MessageId> {
    let mut ids = Vec::new();
    for (number, message_type) in ["ORU^R01", "ORU^R03", "ADT^A01", "ORUX^R01"].into_iter().enumerate() {
        let days = i64::try_from(number / 2).unwrap() * DAY_MS;
        site.clock_ms.store(NOON_MS + days, Ordering::Relaxed);
        let received = store.receive(Arrival {
            message_type: message_type.to_owned(),
            received_at_ms: NOON_MS + days - 5,
            ..arrival(&number.to_string())
        });
        let decided = store.decide(received, processed("out", &["ehr"])).await.unwrap();
        ids.push(decided.id());
    }
    ids
}

#[tokio::test]
async fn everything_that_a_query_says_has_to_hold() {
    let site = Site::new();
    let store = site.store();
    some(&site, &store).await;
    let of_type = |text: &str| found(&store, |query| query.message_type = Some(text.to_owned()));
    assert_eq!(of_type("ORU^R01"), ["0"]);
    assert_eq!(of_type("ORU"), ["1", "0"], "and no type that begins like it");
    let moment = Some(NOON_MS + DAY_MS - 5);
    let since = found(&store, |query| query.since_ms = moment);
    assert_eq!(since, ["3", "2"], "the moment is included");
    let until = found(&store, |query| query.until_ms = moment);
    assert_eq!(until, ["1", "0"], "and here it is not");
    let called = found(&store, |query| query.control_id = Some("2".to_owned()));
    assert_eq!(called, ["2"]);
    let all_of_it = found(&store, |query| {
        query.decided_by = Some(3);
        query.message_type = Some("ORU".to_owned());
        query.since_ms = moment;
    });
    assert!(all_of_it.is_empty(), "{all_of_it:?}");
}

#[tokio::test]
async fn messages_are_named_paged_both_ways_and_counted() {
    let site = Site::new();
    let store = site.store();
    let ids = some(&site, &store).await;
    let named = found(&store, |query| query.ids = vec![ids[3], ids[0]]);
    assert_eq!(named, ["3", "0"]);
    let oldest = found(&store, |query| {
        query.oldest_first = true;
        query.after = Some(ids[0]);
    });
    assert_eq!(oldest, ["1", "2", "3"]);
    let two = Query {
        limit: 2,
        ..Query::default()
    };
    assert_eq!(store.count(&two).unwrap(), 2, "no more is counted than that");
}

/// Deliveries that a replay has made count as well, and a message is the revision's that decided it last.
#[tokio::test]
async fn what_a_revision_has_delivered_is_what_arrived_of_its_making() {
    let site = Site::new();
    let store = site.store();
    let ids = some(&site, &store).await;
    let by = |revision| found(&store, |query| query.delivered_by = Some(revision));
    assert!(by(3).is_empty(), "nothing was delivered yet");
    store.deliver(2).await;
    let queue = store.queue("lab", "ehr");
    let third = queue.lease().await.unwrap();
    queue.settle(third, delivered()).await.unwrap();
    assert_eq!(by(3), ["2", "1", "0"]);
    let operator = Operator {
        author: "anna".to_owned(),
        reason: "a test".to_owned(),
    };
    let record = store.message(ids[0]).unwrap().unwrap();
    let again = processed("again", &["ehr"]);
    store.replay(&record, anew(4, again), None, &operator).await.unwrap();
    assert_eq!(by(3), ["2", "1"]);
    assert!(by(4).is_empty(), "what it made waits");
    assert_eq!(found(&store, |query| query.decided_by = Some(4)), ["0"]);
    store.deliver(1).await;
    let last = queue.lease().await.unwrap();
    queue.settle(last, delivered()).await.unwrap();
    assert_eq!(by(4), ["0"]);
}
