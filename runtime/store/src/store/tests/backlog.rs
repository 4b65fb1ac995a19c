//! Deliveries that do not fit into memory.

use super::support::{Site, delivered, text};

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("out {number}")).collect()
}

#[tokio::test]
async fn a_backlog_beyond_the_memory_limit_is_read_back_in_order() {
    let mut site = Site::new();
    site.settings.queue_deliveries_max = 8;
    let store = site.store();
    assert!(store.is_drained().await);
    for number in 0..100 {
        store.pass(&number.to_string()).await.unwrap();
    }
    assert_eq!(store.deliver(100).await, names(0..100));
    assert!(store.is_drained().await);
}

#[tokio::test]
async fn a_backlog_beyond_the_byte_limit_is_read_back_in_order() {
    let mut site = Site::new();
    site.settings.queue_bytes_max = 600;
    let store = site.store();
    for number in 0..50 {
        store.pass(&number.to_string()).await.unwrap();
    }
    assert_eq!(store.deliver(50).await, names(0..50));
}

#[tokio::test]
async fn a_queue_that_drains_while_messages_arrive_loses_and_doubles_nothing() {
    let mut site = Site::new();
    site.settings.queue_deliveries_max = 6;
    let store = site.store();
    let sender = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..600 {
                store.pass(&number.to_string()).await.unwrap();
            }
        }
    });
    let mut contents = Vec::new();
    for round in 0..60 {
        contents.extend(store.deliver(10).await);
        if round % 7 == 0 {
            // Lets the queue fall behind again.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    sender.await.unwrap();
    assert_eq!(contents, names(0..600));
    assert!(store.is_drained().await);
}

#[tokio::test]
async fn leases_that_are_dropped_beyond_the_limit_keep_their_place() {
    let mut site = Site::new();
    site.settings.queue_deliveries_max = 4;
    let store = site.store();
    for number in 0..20 {
        store.pass(&number.to_string()).await.unwrap();
    }
    let mut leases = Vec::new();
    for _ in 0..10 {
        leases.push(store.next().await);
    }
    drop(leases);
    assert_eq!(store.deliver(20).await, names(0..20));
}

#[tokio::test]
async fn what_is_delivered_unsynced_is_bounded_by_the_window() {
    let mut site = Site::new();
    site.settings.unsynced_settlements_max = 3;
    // Every commit from the 12th on fails: ten messages are in, no settlement gets to the disk.
    let commits = std::sync::atomic::AtomicU32::new(0);
    let store = site.failing(move |point| {
        use crate::faults::{FaultPoint, Verdict};
        let failing =
            point == FaultPoint::BeforeCommit && commits.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 11;
        if failing { Verdict::Fail } else { Verdict::Proceed }
    });
    for number in 0..10 {
        store.pass(&number.to_string()).await.unwrap();
    }
    assert_eq!(store.deliver(3).await, names(0..3));
    assert!(store.is_drained().await, "the window is full");
}

#[tokio::test]
async fn a_settled_delivery_is_never_leased_again_by_this_process() {
    let mut site = Site::new();
    site.settings.queue_deliveries_max = 4;
    let store = site.store();
    for number in 0..30 {
        store.pass(&number.to_string()).await.unwrap();
    }
    let queue = store.queue("lab", "ehr");
    let mut seen = Vec::new();
    while seen.len() < 30 {
        // Each delivery is given back once before it is settled, around loads from the files.
        let returned = queue.lease().await.unwrap();
        let id = returned.id();
        drop(returned);
        let lease = queue.lease().await.unwrap();
        assert_eq!(lease.id(), id);
        seen.push(text(lease.content()));
        drop(queue.settle(lease, delivered()));
    }
    assert_eq!(seen, names(0..30));
    assert!(store.is_drained().await);
}

#[tokio::test]
async fn a_destination_that_comes_late_gets_everything() {
    let site = Site::new();
    let store = site.store();
    for number in 0..10 {
        store.pass(&number.to_string()).await.unwrap();
    }
    let other = store.queue("lab", "research");
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(100), other.lease())
            .await
            .is_err()
    );
    assert_eq!(store.deliver(10).await, names(0..10));
}
