//! What details add up to: followed behind the journal, and kept with the position in one.

use std::sync::Arc;

use super::support::{Site, arrival, processed, text};
use crate::{Details, Mark, MarkQuery, Store, Tally};

async fn pass(store: &Store, content: &str) {
    let received = store.receive(arrival(content));
    store.decide(received, processed(content, &["ehr"])).await.unwrap();
}

/// The details behind a position, in batches of `limit`.
fn follow(store: &Store, mut position: i64, limit: usize) -> (Vec<String>, i64) {
    let mut found = Vec::new();
    loop {
        let Details { records, through, left } = store.details(position, limit).unwrap();
        found.extend(records.iter().map(|record| text(&record.detail)));
        position = through;
        if left == 0 {
            return (found, position);
        }
    }
}

fn tally(content: &str) -> Tally {
    Tally {
        key: String::from("k"),
        content: content.into(),
    }
}

fn mark(position: i64, interface: &str) -> Mark {
    Mark {
        position,
        at_ms: position * 10,
        interface: Arc::from(interface),
    }
}

#[tokio::test]
async fn details_are_given_in_order_each_once_and_with_where_the_outputs_go() {
    let site = Site::new();
    let store = site.store();
    for content in ["A", "B", "C", "D", "E"] {
        pass(&store, content).await;
    }
    let expected = ["detail A", "detail B", "detail C", "detail D", "detail E"];
    let (found, position) = follow(&store, 0, 2);
    assert_eq!(found, expected);
    assert_eq!(follow(&store, 0, 100), (found, position));
    assert_eq!(follow(&store, position, 2), (Vec::new(), position));
    let first = store.details(0, 100).unwrap().records.remove(0);
    assert_eq!((&*first.interface, first.revision), ("lab", 3));
    assert_eq!(first.destinations, [Arc::from("ehr")]);
    assert_eq!(store.detail(first.position).unwrap(), Some(first));
    assert_eq!(store.detail(position + 1).unwrap(), None);
}

#[tokio::test]
async fn sums_position_and_marks_survive_together() {
    let site = Site::new();
    let store = site.store();
    pass(&store, "A").await;
    let (_, position) = follow(&store, 0, 10);
    let usage = store.usage();
    assert_eq!((usage.position().unwrap(), usage.tallies().unwrap()), (0, Vec::new()));
    usage
        .advance(position, &[tally("1")], &[mark(1, "lab"), mark(2, "other")])
        .unwrap();
    usage.advance(position, &[tally("2")], &[mark(2, "other")]).unwrap();
    store.shutdown().await;

    let store = site.store();
    let usage = store.usage();
    assert_eq!(usage.position().unwrap(), position);
    assert_eq!(usage.tallies().unwrap(), [tally("2")]);
    let ask = |interface: Option<&str>, since_ms, limit| {
        let query = MarkQuery {
            interface: interface.map(str::to_owned),
            since_ms,
            limit,
        };
        let marks = usage.marks(&query).unwrap();
        marks.into_iter().map(|mark| mark.position).collect::<Vec<_>>()
    };
    assert_eq!(ask(None, None, 9), [2, 1]);
    assert_eq!(ask(None, None, 1), [2]);
    assert_eq!(ask(None, Some(15), 9), [2]);
    assert_eq!(ask(Some("lab"), None, 9), [1]);
    assert_eq!(ask(Some("lab"), Some(15), 9), [0_i64; 0]);
}

#[tokio::test]
async fn sums_of_another_journal_and_damaged_ones_are_begun_anew() {
    let site = Site::new();
    let store = site.store();
    pass(&store, "A").await;
    let (_, end) = follow(&store, 0, 10);
    store.usage().advance(end + 1_000, &[tally("1")], &[]).unwrap();
    store.shutdown().await;
    let store = site.store();
    assert_eq!(store.usage().position().unwrap(), 0);
    assert_eq!(store.usage().tallies().unwrap(), []);
    store.shutdown().await;
    std::fs::write(
        site.file("usage.sqlite"),
        "no database at all, and long enough to be none",
    )
    .unwrap();
    assert_eq!(site.store().usage().position().unwrap(), 0);
}
