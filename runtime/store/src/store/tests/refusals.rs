//! Messages that their senders were told no about, once or more often, and what was accepted after that.

use std::sync::atomic::Ordering;

use super::support::{DAY_MS, Site, arrival, processed, refused};
use crate::{Decision, MessageId, MessageSummary, Query, Stage, Store};

impl Store {
    async fn from(&self, sender: Option<&str>, control_id: &str, decision: Decision) -> MessageId {
        let mut received = self.receive(arrival(control_id));
        if let Some(sender) = sender {
            received.name_sender(sender.into());
        }
        self.decide(received, decision).await.unwrap().id()
    }

    fn listed(&self, repeats_as_one: bool) -> Vec<MessageId> {
        let query = Query {
            repeats_as_one,
            oldest_first: true,
            limit: 99,
            ..Query::default()
        };
        self.messages(&query).unwrap().iter().map(|one| one.id).collect()
    }

    fn summary(&self, id: MessageId) -> MessageSummary {
        self.message(id).unwrap().unwrap().summary
    }
}

#[tokio::test]
async fn refused_repeats_are_one_and_the_accepted_copy_is_told_beside_them_both_ways() {
    let site = Site::new();
    let store = site.store();
    let first = store.from(Some("LAB|A"), "1", refused("no")).await;
    let of_another = store.from(Some("LAB|B"), "1", refused("no")).await;
    site.clock_ms.fetch_add(60_000, Ordering::Relaxed);
    let second = store.from(Some("LAB|A"), "1", refused("no")).await;
    let other = store.from(Some("LAB|A"), "2", refused("no")).await;
    assert_eq!(store.listed(true), [of_another, second, other]);
    assert_eq!(store.listed(false), [first, of_another, second, other]);
    assert_eq!(store.refused("lab", 9).unwrap().len(), 3);
    let accepted = store.from(Some("LAB|A"), "1", processed("1", &["ehr"])).await;
    // One of no known sender is told beside nothing.
    let plain = store.from(None, "2", processed("2", &["ehr"])).await;
    store.shutdown().await;

    for rebuilt in [false, true] {
        if rebuilt {
            std::fs::remove_file(site.file("live.sqlite")).unwrap();
        }
        let store = site.store();
        for id in [first, second, accepted] {
            let told = store.summary(id).refusals.unwrap();
            assert_eq!((told.messages, told.last, told.accepted), (2, second, Some(accepted)));
        }
        assert_eq!(store.summary(of_another).refusals.unwrap().accepted, None);
        assert_eq!(store.summary(plain).refusals, None);
        assert_eq!(store.summary(accepted).stage, Stage::Processed);
        let open = store.refused("lab", 9).unwrap();
        assert_eq!(
            open,
            [("LAB|A".into(), String::from("2")), ("LAB|B".into(), String::from("1"))]
        );
        store.shutdown().await;
    }
}

#[tokio::test]
async fn a_control_id_that_comes_again_after_many_days_is_another_message() {
    let site = Site::new();
    let store = site.store();
    let received_at = |store: &Store| {
        let at_ms = site.clock_ms.load(Ordering::Relaxed);
        let mut received = store.receive(crate::Arrival {
            received_at_ms: at_ms,
            ..arrival("1")
        });
        received.name_sender("LAB|A".into());
        received
    };
    let old = received_at(&store);
    let old = store.decide(old, refused("no")).await.unwrap().id();
    site.clock_ms.fetch_add(8 * DAY_MS, Ordering::Relaxed);
    let new = received_at(&store);
    let new = store.decide(new, refused("no")).await.unwrap().id();
    assert_eq!(store.listed(true), [old, new]);
    assert_eq!(store.summary(new).refusals.unwrap().messages, 1);
    assert_eq!(store.summary(old).refusals, None);
}
