//! Messages that are decided again, behind all others.

use std::sync::Arc;

use super::super::support::{Site, anew, arrival, processed, quarantined};
use super::{BAD, GOOD, operator};
use crate::Stage;

#[tokio::test]
async fn a_quarantined_message_that_is_replayed_is_processed_and_delivered_behind_all_others() {
    let site = Site::new();
    let store = site.store();
    let received = store.receive(arrival("1"));
    let id = store.decide(received, quarantined("broken")).await.unwrap().id();
    store.pass_by(GOOD, "2").await;
    let record = store.record(id);
    let made = store
        .replay(&record, anew(GOOD, processed("1", &["ehr"])), None, &operator())
        .await
        .unwrap();
    assert_eq!(made, 1);
    // Again, which is allowed.
    let record = store.record(id);
    assert_eq!(record.summary.stage, Stage::Processed);
    store
        .replay(
            &record,
            anew(GOOD, processed("again", &["ehr", "archive"])),
            Some("ehr"),
            &operator(),
        )
        .await
        .unwrap();
    assert_eq!(store.drain().await, ["out 2", "out 1", "out again"]);
    store.shutdown().await;

    let store = site.store();
    let record = store.record(id);
    assert_eq!(record.summary.deliveries, 2);
    assert!(record.summary.fault.is_none());
    assert_eq!(record.earlier.len(), 2);
    assert_eq!(
        record.earlier.first().unwrap().fault.as_ref().unwrap().summary,
        "broken"
    );
    assert_eq!(
        record
            .deliveries
            .iter()
            .map(|one| (one.decision, one.is_out_of_order))
            .collect::<Vec<_>>(),
        [(1, true), (2, true)]
    );
    let lab = store.status().unwrap().interfaces;
    assert_eq!(lab.first().map(|lab| (lab.processed, lab.quarantined)), Some((2, 0)));
}

#[tokio::test]
async fn newer_messages_that_were_delivered_are_found_and_no_others() {
    let site = Site::new();
    let store = site.store();
    let old = store.pass_by(BAD, "1").await;
    store.hold("lab", BAD, &operator()).await.unwrap();
    let newer = [store.pass_by(GOOD, "2").await, store.pass_by(GOOD, "3").await];
    assert_eq!(store.deliver(2).await.len(), 2);
    store.pass_by(GOOD, "4").await;
    let found = |destination: &str, limit| {
        let found = store.newer_delivered(old, &[Arc::from(destination)], limit).unwrap();
        (
            found.messages.iter().map(|one| one.id).collect::<Vec<_>>(),
            found.has_more,
        )
    };
    assert_eq!(found("ehr", 9), (newer.to_vec(), false));
    assert_eq!(found("ehr", 1), (vec![newer[0]], true));
    assert_eq!(found("archive", 9), (Vec::new(), false));
}
