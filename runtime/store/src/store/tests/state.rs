//! What plugins keep is durable with the decision that changed it, and with no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use super::support::{Site, arrival, keeping, text};
use crate::faults::{FaultPoint, Verdict};
use crate::{Decision, Lanes, NewOutput, Sealed, StateChange, Store, WriteError};

fn change(plugin: &str, schema_version: u32, values: &[(&str, Option<&str>)]) -> StateChange {
    let values = values.iter();
    StateChange {
        plugin: plugin.into(),
        schema_version,
        values: values
            .map(|(key, value)| ((*key).to_owned(), value.map(|value| value.to_owned().into())))
            .collect(),
    }
}

async fn keep(store: &Store, changes: Vec<StateChange>) -> Result<(), WriteError> {
    let received = store.receive(arrival("x"));
    store.decide(received, keeping(changes)).await.map(drop)
}

/// The counter of the workload below; 0 where there is none.
fn counted(store: &Store) -> u32 {
    let kept = store.state("lab").unwrap();
    let values = kept.first().map(|change| change.values.clone()).unwrap_or_default();
    values
        .first()
        .and_then(|(_, value)| value.as_ref())
        .map_or(0, |value| text(value).parse().unwrap())
}

#[tokio::test]
async fn what_is_kept_is_the_sum_of_all_changes_for_each_interface_and_plugin() {
    let site = Site::new();
    let store = site.store();
    let first = vec![
        change("test/a", 1, &[("k", Some("1")), ("gone", Some("x"))]),
        change("test/b", 1, &[("k", Some("other"))]),
    ];
    keep(&store, first).await.unwrap();
    keep(&store, vec![change("test/a", 2, &[("k", Some("2")), ("gone", None)])])
        .await
        .unwrap();
    let expected = [
        change("test/a", 2, &[("k", Some("2"))]),
        change("test/b", 1, &[("k", Some("other"))]),
    ];
    assert_eq!(store.state("lab").unwrap(), expected);
    assert_eq!(store.state("another").unwrap(), []);
    store.shutdown().await;
    assert_eq!(site.store().state("lab").unwrap(), expected);
    std::fs::remove_file(site.file("live.sqlite")).unwrap();
    assert_eq!(
        site.store().state("lab").unwrap(),
        expected,
        "the journal holds all of it"
    );
}

#[tokio::test]
async fn a_filtered_message_keeps_as_well() {
    let site = Site::new();
    let store = site.store();
    let filtered = Decision::Filtered {
        reason: Sealed::default(),
        outputs: Vec::new(),
        state: vec![change("test/a", 1, &[("k", Some("1"))])],
        detail: Sealed::default(),
    };
    store.decide(store.receive(arrival("x")), filtered).await.unwrap();
    assert_eq!(counted(&store), 1);
}

/// One message after the other, each counting on from what the one before is known to have left.
async fn count(store: &Store) -> u32 {
    let mut counted = 0;
    for _ in 0..6 {
        let next = (counted + 1).to_string();
        match keep(store, vec![change("test/counter", 1, &[("n", Some(&next))])]).await {
            Ok(()) => counted += 1,
            Err(WriteError::ShutDown) => break,
            Err(_) => {}
        }
    }
    counted
}

#[tokio::test]
async fn a_crash_or_failure_at_any_commit_leaves_what_was_told_or_one_change_that_nobody_was_told_of() {
    for (point, verdict) in [
        (FaultPoint::BeforeCommit, Verdict::Crash),
        (FaultPoint::AfterCommit, Verdict::Crash),
        (FaultPoint::BeforeCommit, Verdict::Fail),
        (FaultPoint::AfterCommit, Verdict::Fail),
    ] {
        for commit in 2..7 {
            let site = Site::new();
            let commits = Arc::new(AtomicU32::new(0));
            let store = site.failing(move |at| {
                let is_hit = at == point && commits.fetch_add(1, SeqCst) + 1 == commit;
                if is_hit { verdict } else { Verdict::Proceed }
            });
            let told = count(&store).await;
            drop(store);
            let found = counted(&site.store());
            let is_unknown = matches!((point, verdict), (FaultPoint::AfterCommit, Verdict::Crash));
            let case = format!("{point:?} {verdict:?} at commit {commit}: told {told}, found {found}");
            assert!(found == told || (is_unknown && found == told + 1), "{case}");
        }
    }
}

#[tokio::test]
async fn a_document_is_delivered_with_its_media_type_also_after_a_restart() {
    let site = Site::new();
    let store = site.store();
    let output = |content: &str, content_type: Option<&str>| NewOutput {
        content: content.to_owned().into(),
        content_type: content_type.map(Arc::from),
        destinations: vec!["ehr".into()],
        stopped: None,
    };
    let decision = Decision::Processed {
        outputs: vec![output("a;b", Some("text/csv")), output("MSH|", None)],
        state: Vec::new(),
        detail: Sealed::default(),
    };
    store
        .decide(store.receive_of("x", Lanes::None), decision)
        .await
        .unwrap();
    let media_type = |lease: &crate::Lease| lease.content_type().map(ToString::to_string);
    assert_eq!(media_type(&store.next().await).as_deref(), Some("text/csv"));
    store.shutdown().await;
    let store = site.store();
    let (first, second) = (store.next().await, store.next().await);
    assert_eq!(
        (media_type(&first).as_deref(), media_type(&second)),
        (Some("text/csv"), None)
    );
}

#[tokio::test]
async fn a_journal_from_before_there_was_state_is_gone_on_with() {
    let site = Site::new();
    let store = site.store();
    store.pass("A").await.unwrap();
    store.shutdown().await;
    for (file, undo) in [
        (
            "journal/000001.sqlite",
            "UPDATE entries SET raw = CAST('raw A' AS BLOB), outputs = CAST('out A' AS BLOB), \
             detail = CAST('detail A' AS BLOB) WHERE key IS NOT NULL; DROP VIEW readable; \
             CREATE VIEW readable AS SELECT 1; ALTER TABLE entries DROP COLUMN key; \
             ALTER TABLE entries DROP COLUMN state; PRAGMA user_version = 1",
        ),
        (
            "live.sqlite",
            "DROP TABLE state_values; DROP TABLE state_schemas; PRAGMA user_version = 1",
        ),
    ] {
        rusqlite::Connection::open(site.file(file))
            .unwrap()
            .execute_batch(undo)
            .unwrap();
    }
    std::fs::remove_file(site.file("keys.sqlite")).unwrap();
    let store = site.store();
    assert_eq!(store.deliver(1).await, ["out A"]);
    keep(&store, vec![change("test/counter", 1, &[("n", Some("7"))])])
        .await
        .unwrap();
    assert_eq!(counted(&store), 7);
}
