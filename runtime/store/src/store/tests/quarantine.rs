//! What is in quarantine: edited, delivered after all, or given up.

use super::support::{Site, anew, arrival, delivered, fault, processed, quarantined, text};
use crate::{
    AfterStep, DeliveryStage, MessageId, MessageRecord, OperationKind, Operator, Query, Settlement, Stage, Store,
};

fn operator() -> Operator {
    Operator {
        author: String::from("minta"),
        reason: String::from("looked at"),
    }
}

impl Store {
    async fn rest(&self, control_id: &str) -> MessageId {
        let received = self.receive(arrival(control_id));
        self.decide(received, quarantined("broken")).await.unwrap().id()
    }

    /// A message whose delivery to "ehr" is in quarantine, and the one to "archive" is done.
    async fn rest_at_ehr(&self, control_id: &str) -> MessageId {
        let received = self.receive(arrival(control_id));
        let decision = processed(control_id, &["ehr", "archive"]);
        let id = self.decide(received, decision).await.unwrap().id();
        let fault = fault("no such patient");
        self.settle_next("ehr", Settlement::Quarantined { fault }).await;
        self.settle_next("archive", delivered()).await;
        id
    }

    async fn settle_next(&self, destination: &str, settlement: Settlement) {
        let queue = self.queue("lab", destination);
        let lease = queue.lease().await.unwrap();
        queue.settle(lease, settlement).await.unwrap();
    }

    fn told(&self, id: MessageId) -> MessageRecord {
        self.message(id).unwrap().unwrap()
    }

    /// Messages in quarantine and discarded, and deliveries to "ehr" in quarantine.
    fn resting_figures(&self) -> (u64, u64, u64) {
        let lab = self.status().unwrap().interfaces.remove(0);
        let ehr = lab.destinations.iter().find(|one| one.destination == "ehr");
        (lab.quarantined, lab.discarded, ehr.map_or(0, |ehr| ehr.quarantined))
    }
}

fn stages(record: &MessageRecord) -> Vec<DeliveryStage> {
    record.deliveries.iter().map(|one| one.stage).collect()
}

#[tokio::test]
async fn an_edited_message_keeps_what_came_in_and_each_decision_knows_what_it_was_made_from() {
    let site = Site::new();
    let store = site.store();
    let id = store.rest("1").await;
    let record = store.told(id);
    let came = text(&record.raw);
    store
        .edit(&record, String::from("first").into(), &operator())
        .await
        .unwrap();
    let edited = store.told(id);
    assert_eq!(
        (text(&edited.raw), text(edited.content())),
        (came.clone(), "first".to_owned())
    );
    assert_eq!(edited.summary.stage, Stage::Quarantined);
    store
        .replay(&edited, anew(4, processed("1", &["ehr"])), None, &operator())
        .await
        .unwrap();
    store
        .edit(&store.told(id), String::from("second").into(), &operator())
        .await
        .unwrap();
    store.shutdown().await;

    let store = site.store();
    let record = store.told(id);
    assert_eq!(
        (text(&record.raw), text(record.content())),
        (came.clone(), "second".to_owned())
    );
    let made_from = record.earlier.iter().chain(&record.decision);
    let made_from: Vec<String> = made_from.map(|decision| text(record.content_of(decision))).collect();
    assert_eq!(made_from, [came, "first".to_owned()]);
    let kinds: Vec<_> = record.operations.iter().map(|one| one.kind).collect();
    assert_eq!(
        kinds,
        [OperationKind::Edited, OperationKind::Replayed, OperationKind::Edited]
    );
    assert!(record.edits.iter().all(|edit| edit.operator == operator()));
    // The delivery is that of the second decision, whatever else stands between the two.
    assert_eq!(
        record.deliveries.iter().map(|one| one.decision).collect::<Vec<_>>(),
        [1]
    );
}

#[tokio::test]
async fn what_is_given_up_is_not_open_any_more_and_can_still_be_replayed() {
    let site = Site::new();
    let store = site.store();
    let id = store.rest("1").await;
    let other = store.rest("2").await;
    assert!(store.give_up(&store.told(id), None, &operator()).await.unwrap());
    assert!(
        !store.give_up(&store.told(id), None, &operator()).await.unwrap(),
        "twice"
    );
    let record = store.told(id);
    assert_eq!(record.summary.stage, Stage::Discarded);
    assert_eq!(
        record.summary.fault.unwrap().summary,
        "broken",
        "why it was there is still told"
    );
    assert_eq!(store.resting_figures(), (1, 1, 0));
    let resting = Query {
        stage: Some(Stage::Quarantined),
        limit: 9,
        ..Query::default()
    };
    assert_eq!(
        store
            .messages(&resting)
            .unwrap()
            .iter()
            .map(|one| one.id)
            .collect::<Vec<_>>(),
        [other]
    );
    let record = store.told(id);
    store
        .replay(&record, anew(4, processed("1", &["ehr"])), None, &operator())
        .await
        .unwrap();
    assert_eq!(store.told(id).summary.stage, Stage::Processed);
    assert_eq!(store.resting_figures(), (1, 0, 0));
}

#[tokio::test]
async fn a_replay_takes_the_place_of_what_is_in_quarantine_where_it_goes_and_nowhere_else() {
    let site = Site::new();
    let store = site.store();
    let id = store.rest_at_ehr("1").await;
    let at = |destination: &str| {
        let query = Query {
            quarantined_at: Some(destination.to_owned()),
            limit: 9,
            ..Query::default()
        };
        store.messages(&query).unwrap().len()
    };
    assert_eq!((at("ehr"), at("archive")), (1, 0));
    assert_eq!(store.resting_figures(), (0, 0, 1));
    let again = || anew(4, processed("again", &["ehr", "archive"]));
    // What goes elsewhere leaves it where it is.
    store
        .replay(&store.told(id), again(), Some("archive"), &operator())
        .await
        .unwrap();
    assert_eq!((store.resting_figures(), at("ehr")), ((0, 0, 1), 1));
    let after = Some(AfterStep { steps: 1, revision: 3 });
    store
        .replay(
            &store.told(id),
            crate::NewDecision { after, ..again() },
            Some("ehr"),
            &operator(),
        )
        .await
        .unwrap();
    assert_eq!((store.resting_figures(), at("ehr")), ((0, 0, 0), 0));
    let record = store.told(id);
    let expected = [
        DeliveryStage::Replaced,
        DeliveryStage::Delivered,
        DeliveryStage::Queued,
        DeliveryStage::Queued,
    ];
    assert_eq!(stages(&record), expected);
    assert_eq!(record.deliveries[0].fault.as_ref().unwrap().summary, "no such patient");
    let afters: Vec<_> = record.operations.iter().map(|one| one.after).collect();
    assert_eq!(afters, [None, after]);
}

#[tokio::test]
async fn deliveries_are_given_up_with_their_message_or_for_one_destination() {
    let site = Site::new();
    let store = site.store();
    let id = store.rest_at_ehr("1").await;
    assert!(
        !store
            .give_up(&store.told(id), Some("archive"), &operator())
            .await
            .unwrap()
    );
    assert!(store.give_up(&store.told(id), Some("ehr"), &operator()).await.unwrap());
    let record = store.told(id);
    assert_eq!(record.summary.stage, Stage::Processed, "the rest of it was delivered");
    assert_eq!(stages(&record), [DeliveryStage::Discarded, DeliveryStage::Delivered]);
    assert_eq!(store.resting_figures(), (0, 0, 0));
    store.shutdown().await;
    let rebuilt = Store::rebuild(&site.settings).unwrap();
    assert_eq!(rebuilt.differences, Some(Vec::new()));
    assert_eq!(site.store().resting_figures(), (0, 0, 0));
}
