//! The way of a message through an undisturbed store.

use std::sync::atomic::Ordering;

use super::support::{DAY_MS, Site, arrival, delivered, fault, processed, quarantined, text};
use crate::{Decision, DeliveryStage, NewOutput, Query, Sealed, Settlement, Stage};

#[tokio::test]
async fn a_decision_that_meets_its_message_becomes_one_entry() {
    let site = Site::new();
    let store = site.store();
    let committed = store.pass("A").await.unwrap();
    assert_eq!((committed.stage(), committed.deliveries()), (Stage::Processed, 1));
    assert_eq!(committed.id().to_string(), "20261123-000001");
    store.shutdown().await;
    assert_eq!(site.kinds(1), ["received, processed"]);
}

#[tokio::test]
async fn a_decision_about_a_durable_message_is_an_entry_of_its_own() {
    let site = Site::new();
    let store = site.store();
    let (received, receipt) = store.take("A").await;
    assert_eq!(receipt.id(), received.id());
    store.decide(received, quarantined("no LOINC code")).await.unwrap();
    store.shutdown().await;
    assert_eq!(site.kinds(1), ["received", "quarantined"]);
}

#[tokio::test]
async fn a_message_that_nobody_waits_for_becomes_durable_soon() {
    let site = Site::new();
    let store = site.store();
    let received = store.receive(arrival("A"));
    let id = received.id();
    while store.message(id).unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        store
            .messages(&Query {
                limit: 9,
                ..Query::default()
            })
            .unwrap()[0]
            .stage,
        Stage::Received
    );
}

#[tokio::test]
async fn a_delivery_goes_from_its_decision_to_its_settlement() {
    let site = Site::new();
    let store = site.store();
    let id = store.pass("A").await.unwrap().id();
    let queue = store.queue("lab", "ehr");
    let mut lease = queue.lease().await.unwrap();
    assert_eq!((lease.message(), lease.output(), lease.attempts()), (id, 0, 0));
    assert_eq!(
        (text(lease.content()).as_str(), &**lease.destination()),
        ("out A", "ehr")
    );
    queue.attempted(&mut lease, "connection refused");
    assert_eq!(lease.attempts(), 1);
    queue.settle(lease, delivered()).await.unwrap();

    let record = store.message(id).unwrap().unwrap();
    assert_eq!(text(&record.raw), "raw A");
    let delivery = &record.deliveries[0];
    assert_eq!((delivery.stage, delivery.attempts), (DeliveryStage::Delivered, 1));
    assert_eq!(delivery.last_fault.as_deref(), Some("connection refused"));
    assert_eq!(text(delivery.answer.as_ref().unwrap()), "AA");
}

#[tokio::test]
async fn a_record_shows_everything_about_a_message() {
    let site = Site::new();
    let store = site.store();
    let mut received = store.receive(arrival("A"));
    received.bind(4);
    assert_eq!(store.attempt(&received).await.unwrap(), 1);
    assert_eq!(store.attempt(&received).await.unwrap(), 2);
    let id = received.id();
    let output = |content: &str, to: &[&str]| NewOutput {
        content: content.to_owned().into(),
        content_type: None,
        destinations: to.iter().map(|name| (*name).into()).collect(),
        stopped: None,
    };
    let outputs = vec![output("first", &["ehr", "research"]), output("second", &["ehr"])];
    store
        .decide(
            received,
            Decision::Processed {
                outputs,
                state: Vec::new(),
                detail: String::from("log").into(),
            },
        )
        .await
        .unwrap();
    let queue = store.queue("lab", "research");
    let settlement = Settlement::Quarantined {
        fault: fault("folder is gone"),
    };
    queue.settle(queue.lease().await.unwrap(), settlement).await.unwrap();

    let record = store.message(id).unwrap().unwrap();
    let summary = &record.summary;
    assert_eq!((summary.revision, summary.attempts, summary.deliveries), (4, 2, 3));
    assert_eq!(
        (summary.control_id.as_str(), summary.message_type.as_str()),
        ("A", "ORU^R01")
    );
    let decision = record.decision.unwrap();
    assert_eq!(text(&decision.detail), "log");
    let contents: Vec<_> = decision.outputs.iter().map(|output| text(&output.content)).collect();
    assert_eq!(contents, ["first", "second"]);
    let shown: Vec<_> = record
        .deliveries
        .iter()
        .map(|d| (d.output, &*d.destination, d.stage))
        .collect();
    let expected = [
        (0, "ehr", DeliveryStage::Queued),
        (0, "research", DeliveryStage::Quarantined),
        (1, "ehr", DeliveryStage::Queued),
    ];
    assert_eq!(shown, expected);
    assert_eq!(record.deliveries[1].fault.as_ref().unwrap(), &fault("folder is gone"));
}

#[tokio::test]
async fn deliveries_follow_the_order_of_decisions_not_of_arrivals() {
    let site = Site::new();
    let store = site.store();
    let first = store.receive(arrival("first"));
    let second = store.receive(arrival("second"));
    let (durable, _) = store.take("durable").await;
    let pending = [
        store.decide(second, processed("second", &["ehr"])),
        store.decide(durable, processed("durable", &["ehr"])),
        store.decide(first, processed("first", &["ehr"])),
    ];
    for commit in pending {
        commit.await.unwrap();
    }
    assert_eq!(store.deliver(3).await, ["out second", "out durable", "out first"]);
}

#[tokio::test]
async fn a_merged_entry_does_not_overtake_an_earlier_decision() {
    let site = Site::new();
    let store = site.store();
    assert!(
        store.is_drained().await,
        "deliveries go straight to memory from here on"
    );
    for _ in 0..20 {
        let (durable, _) = store.take("durable").await;
        // In line: the arrival, then the decision about the durable message; the arrival's own decision joins it in
        // front.
        let merged = store.receive(arrival("merged"));
        let earlier = store.decide(durable, processed("durable", &["ehr"]));
        let later = store.decide(merged, processed("merged", &["ehr"]));
        earlier.await.unwrap();
        later.await.unwrap();
        assert_eq!(store.deliver(2).await, ["out durable", "out merged"]);
    }
    store.shutdown().await;
    let merged = ["received, processed", "processed"];
    assert!(site.kinds(1).windows(2).any(|pair| pair == merged), "it never happened");
}

#[tokio::test]
async fn a_dropped_lease_goes_back_to_the_front() {
    let site = Site::new();
    let store = site.store();
    for control_id in ["A", "B", "C"] {
        store.pass(control_id).await.unwrap();
    }
    let (first, second) = (store.next().await, store.next().await);
    drop(second);
    drop(first);
    assert_eq!(store.deliver(3).await, ["out A", "out B", "out C"]);
    assert!(store.is_drained().await);
}

#[tokio::test]
async fn a_cancelled_lease_takes_nothing() {
    let site = Site::new();
    let store = site.store();
    let queue = store.queue("lab", "ehr");
    for _ in 0..50 {
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.lease().await }
        });
        tokio::task::yield_now().await;
        waiting.abort();
    }
    store.pass("A").await.unwrap();
    assert_eq!(store.deliver(1).await, ["out A"]);
}

#[tokio::test]
async fn a_message_that_is_quarantined_may_still_have_something_delivered_about_it() {
    let site = Site::new();
    let store = site.store();
    let told = Decision::Quarantined {
        fault: fault("broken"),
        outputs: vec![NewOutput {
            content: String::from("out A").into(),
            content_type: None,
            destinations: vec!["ehr".into()],
            stopped: None,
        }],
        detail: Sealed::default(),
    };
    let committed = store.decide(store.receive(arrival("A")), told).await.unwrap();
    assert_eq!((committed.stage(), committed.deliveries()), (Stage::Quarantined, 1));
    assert_eq!(store.deliver(1).await, ["out A"]);
}

#[tokio::test]
async fn refused_and_filtered_messages_are_kept_and_delivered_nowhere() {
    let site = Site::new();
    let store = site.store();
    let received = store.receive(arrival("A"));
    let refused = Decision::Refused {
        code: String::from("AE"),
        fault: fault("PID-3 is missing"),
        outputs: Vec::new(),
        detail: Sealed::default(),
    };
    let refused = store.decide(received, refused).await.unwrap();
    let received = store.receive(arrival("B"));
    let reason = String::from("a test patient").into();
    let filtered = store
        .decide(
            received,
            Decision::Filtered {
                reason,
                outputs: Vec::new(),
                state: Vec::new(),
                detail: Sealed::default(),
            },
        )
        .await
        .unwrap();
    assert_eq!((refused.deliveries(), filtered.deliveries()), (0, 0));

    let decision = store.message(refused.id()).unwrap().unwrap().decision.unwrap();
    assert_eq!(
        (decision.code.as_deref(), decision.fault.unwrap()),
        (Some("AE"), fault("PID-3 is missing"))
    );
    let decision = store.message(filtered.id()).unwrap().unwrap().decision.unwrap();
    assert_eq!(text(&decision.reason.unwrap()), "a test patient");
}

#[tokio::test]
async fn lists_are_by_interface_and_stage_newest_first_in_pages() {
    let site = Site::new();
    let store = site.store();
    for number in 0..6 {
        let mut arrival = arrival(&number.to_string());
        arrival.interface = if number % 2 == 0 { "lab".into() } else { "adt".into() };
        let received = store.receive(arrival);
        let decision = if number < 4 {
            processed("x", &["ehr"])
        } else {
            quarantined("broken")
        };
        store.decide(received, decision).await.unwrap();
    }
    let list = |query: Query| -> Vec<String> {
        store
            .messages(&query)
            .unwrap()
            .into_iter()
            .map(|message| message.control_id)
            .collect()
    };
    let all = Query {
        limit: 4,
        ..Query::default()
    };
    assert_eq!(list(all.clone()), ["5", "4", "3", "2"]);
    let before = store.messages(&all).unwrap().last().map(|message| message.id);
    assert_eq!(list(Query { before, ..all.clone() }), ["1", "0"]);
    assert_eq!(
        list(Query {
            interface: Some(String::from("adt")),
            ..all.clone()
        }),
        ["5", "3", "1"]
    );
    assert_eq!(
        list(Query {
            stage: Some(Stage::Quarantined),
            ..all.clone()
        }),
        ["5", "4"]
    );
    let both = Query {
        stage: Some(Stage::Processed),
        interface: Some(String::from("adt")),
        ..all
    };
    assert_eq!(list(both), ["3", "1"]);
}

#[tokio::test]
async fn the_status_counts_stages_and_shows_what_a_destination_waits_for() {
    let site = Site::new();
    let store = site.store();
    store.pass("A").await.unwrap();
    site.clock_ms.fetch_add(1000, Ordering::Relaxed);
    store.pass("B").await.unwrap();
    store.take("C").await;
    let queue = store.queue("lab", "ehr");
    let mut lease = queue.lease().await.unwrap();
    queue.attempted(&mut lease, "connection refused");
    drop(lease);
    store.take("D").await;

    let status = store.status().unwrap();
    assert_eq!(status.behind, 0);
    let lab = &status.interfaces[0];
    assert_eq!((lab.interface.as_str(), lab.received, lab.processed), ("lab", 2, 2));
    let ehr = &lab.destinations[0];
    assert_eq!(
        (ehr.pending, ehr.delivered, ehr.last_fault.as_deref()),
        (2, 0, Some("connection refused"))
    );
    assert_eq!(ehr.oldest_queued_at_ms, Some(super::support::NOON_MS));

    queue.settle(queue.lease().await.unwrap(), delivered()).await.unwrap();
    let ehr = &store.status().unwrap().interfaces[0].destinations[0];
    assert_eq!((ehr.pending, ehr.delivered, ehr.last_fault.as_deref()), (1, 1, None));
    assert_eq!(ehr.oldest_queued_at_ms, Some(super::support::NOON_MS + 1000));
}

#[tokio::test]
async fn midnight_begins_a_new_segment_and_new_numbers() {
    let site = Site::new();
    let store = site.store();
    store.pass("A").await.unwrap();
    site.clock_ms.fetch_add(DAY_MS, Ordering::Relaxed);
    let next_day = store.pass("B").await.unwrap().id();
    assert_eq!(next_day.to_string(), "20261124-000001");
    // The clock is set back: the day stays.
    site.clock_ms.fetch_sub(DAY_MS, Ordering::Relaxed);
    assert_eq!(store.pass("C").await.unwrap().id().to_string(), "20261124-000002");
    assert_eq!(store.deliver(3).await, ["out A", "out B", "out C"]);
    assert_eq!(text(&store.message(next_day).unwrap().unwrap().raw), "raw B");
    store.shutdown().await;
    assert_eq!(site.kinds(1), ["received, processed"]);
    assert_eq!(site.kinds(2)[..2], ["received, processed", "received, processed"]);
}

#[tokio::test]
async fn a_full_segment_is_followed_by_the_next() {
    let mut site = Site::new();
    site.settings.segment_bytes_max = 100 * 1024;
    let store = site.store();
    for number in 0..200 {
        let mut arrival = arrival(&number.to_string());
        arrival.raw = vec![b'x'; 4096].into();
        let received = store.receive(arrival);
        store
            .decide(received, processed(&number.to_string(), &["ehr"]))
            .await
            .unwrap();
    }
    let listed = store
        .messages(&Query {
            limit: 1000,
            ..Query::default()
        })
        .unwrap();
    for message in listed {
        assert_eq!(store.message(message.id).unwrap().unwrap().raw.len(), 4096);
    }
    store.shutdown().await;
    assert!(site.file("journal/000008.sqlite").exists());
}
