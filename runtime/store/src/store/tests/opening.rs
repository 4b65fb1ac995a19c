//! Ends and beginnings.

use std::sync::atomic::Ordering;

use super::support::{DAY_MS, Site, arrival, delivered, processed, text};
use crate::faults::Faults;
use crate::{OpenError, Stage, Store, WriteError};

#[tokio::test]
async fn a_new_folder_is_clean_and_an_orderly_end_stays_clean() {
    let site = Site::new();
    let opened = site.open();
    assert!(!opened.unclean && opened.unfinished.is_empty());
    opened.store.pass("A").await.unwrap();
    opened.store.shutdown().await;
    let opened = site.open();
    assert!(!opened.unclean);
    drop(opened);
    assert!(
        site.open().unclean,
        "a store that was only dropped did not end in good order"
    );
}

#[tokio::test]
async fn undecided_messages_come_back_in_order_with_their_attempts() {
    let site = Site::new();
    let store = site.store();
    let (first, _) = store.take("first").await;
    let (second, _) = store.take("second").await;
    store.attempt(&second).await.unwrap();
    store.attempt(&second).await.unwrap();
    let (decided, _) = store.take("decided").await;
    store.decide(decided, processed("decided", &["ehr"])).await.unwrap();
    let ids = [first.id(), second.id()];
    store.shutdown().await;

    let opened = site.open();
    let found: Vec<_> = opened
        .unfinished
        .iter()
        .map(|unfinished| unfinished.received.id())
        .collect();
    assert_eq!(found, ids);
    assert_eq!(opened.unfinished[0].arrival, arrival("first"));
    assert_eq!(opened.unfinished[1].attempts, 2);
    let mut unfinished = opened.unfinished.into_iter();
    let second = unfinished.nth(1).unwrap().received;
    assert_eq!(opened.store.attempt(&second).await.unwrap(), 3);
    let committed = opened
        .store
        .decide(second, processed("second", &["ehr"]))
        .await
        .unwrap();
    assert_eq!(committed.id(), ids[1]);
    opened.store.shutdown().await;
    assert_eq!(site.open().unfinished.len(), 1);
}

#[tokio::test]
async fn pending_deliveries_come_back_in_order_with_their_attempts() {
    let site = Site::new();
    let store = site.store();
    for control_id in ["A", "B", "C"] {
        store.pass(control_id).await.unwrap();
    }
    let queue = store.queue("lab", "ehr");
    let delivered_lease = queue.lease().await.unwrap();
    let mut attempted = queue.lease().await.unwrap();
    queue.attempted(&mut attempted, "no route");
    queue.settle(delivered_lease, delivered()).await.unwrap();
    drop(attempted);
    store.shutdown().await;

    let store = site.store();
    let lease = store.next().await;
    assert_eq!((text(lease.content()).as_str(), lease.attempts()), ("out B", 1));
    drop(lease);
    store.pass("D").await.unwrap();
    assert_eq!(store.deliver(3).await, ["out B", "out C", "out D"]);
}

#[tokio::test]
async fn numbers_go_on_after_a_restart() {
    let site = Site::new();
    let store = site.store();
    store.pass("A").await.unwrap();
    let first = store.next().await.id();
    store.shutdown().await;
    site.clock_ms.fetch_sub(DAY_MS, Ordering::Relaxed);
    let store = site.store();
    assert_eq!(store.pass("B").await.unwrap().id().to_string(), "20261123-000002");
    let queue = store.queue("lab", "ehr");
    let _a = queue.lease().await.unwrap();
    assert!(queue.lease().await.unwrap().id() > first);
}

#[tokio::test]
async fn after_shutdown_every_handle_says_so() {
    let site = Site::new();
    let store = site.store();
    let other = store.clone();
    let queue = store.queue("lab", "ehr");
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.lease().await.is_none() }
    });
    tokio::task::yield_now().await;
    store.shutdown().await;
    assert!(waiting.await.unwrap());
    assert!(queue.lease().await.is_none());
    let received = other.receive(arrival("late"));
    assert_eq!(other.receipt(&received).await.unwrap_err(), WriteError::ShutDown);
    assert_eq!(
        other.decide(received, processed("late", &["ehr"])).await.unwrap_err(),
        WriteError::ShutDown
    );
}

#[tokio::test]
async fn shutdown_writes_what_nobody_waited_for() {
    let site = Site::new();
    let store = site.store();
    let id = store.receive(arrival("A")).id();
    store.shutdown().await;
    let opened = site.open();
    assert_eq!(opened.unfinished[0].received.id(), id);
    assert_eq!(
        opened.store.message(id).unwrap().unwrap().summary.stage,
        Stage::Received
    );
}

#[tokio::test]
async fn a_second_engine_is_refused_until_the_first_has_ended() {
    let site = Site::new();
    let store = site.store();
    let error = Store::open(site.settings.clone()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { holder: Some(_), .. }), "{error}");
    store.shutdown().await;
    site.store();
}

#[tokio::test]
async fn an_orderly_end_leaves_files_that_stand_alone() {
    let site = Site::new();
    let store = site.store();
    store.pass("A").await.unwrap();
    store.deliver(1).await;
    store.status().unwrap();
    store.shutdown().await;
    let names = |folder: &str| {
        let entries = std::fs::read_dir(site.file(folder)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("journal"), ["000001.sqlite"]);
    assert_eq!(
        names(""),
        [
            "catalog.sqlite",
            "journal",
            "keys.sqlite",
            "live.sqlite",
            "lock",
            "usage.sqlite"
        ]
    );
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    for name in ["journal/000001.sqlite", "live.sqlite", "catalog.sqlite"] {
        let site = Site::new();
        site.store().shutdown().await;
        let connection = rusqlite::Connection::open(site.file(name)).unwrap();
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
        drop(connection);
        let error = site.try_open(Faults::default()).unwrap_err();
        assert!(
            matches!(&error, OpenError::NewerFormat { found: 99, .. }),
            "{name}: {error}"
        );
    }
}

#[tokio::test]
async fn a_damaged_or_missing_projection_is_built_anew() {
    let site = Site::new();
    let store = site.store();
    store.pass("A").await.unwrap();
    store.take("B").await;
    store.shutdown().await;
    std::fs::write(
        site.file("live.sqlite"),
        b"not a database at all, but long enough to look at",
    )
    .unwrap();
    let opened = site.open();
    assert_eq!(opened.unfinished.len(), 1);
    assert_eq!(opened.store.deliver(1).await, ["out A"]);
    opened.store.shutdown().await;
    std::fs::remove_file(site.file("live.sqlite")).unwrap();
    let opened = site.open();
    assert_eq!(opened.unfinished.len(), 1);
    assert!(opened.store.is_drained().await);
}
