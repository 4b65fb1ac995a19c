//! A store in a temporary folder, and short ways to say what happens to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tempfile::TempDir;

use crate::clock::Clock;
use crate::faults::{FaultPoint, Faults, Verdict};
use crate::store::opening::{self, Surroundings};
use crate::{
    Arrival, Committed, Decision, Lanes, Lease, NewDecision, NewOutput, OnFault, OpenError, Opened, Receipt, Received,
    Sealed, Settlement, StateChange, Store, StoreSettings, StoredFault, WriteError,
};

/// Noon of 2026-11-23, UTC.
pub(super) const NOON_MS: i64 = 1_795_435_200_000;
pub(super) const DAY_MS: i64 = 86_400_000;

/// A data folder that outlives the stores opened on it.
pub(super) struct Site {
    temporary: TempDir,
    pub(super) settings: StoreSettings,
    pub(super) clock_ms: Arc<AtomicI64>,
}

impl Site {
    pub(super) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let settings = StoreSettings::new(temporary.path().join("data"));
        Self {
            temporary,
            settings,
            clock_ms: Arc::new(AtomicI64::new(NOON_MS)),
        }
    }

    pub(super) fn open(&self) -> Opened {
        self.try_open(Faults::default()).unwrap()
    }

    pub(super) fn store(&self) -> Store {
        self.open().store
    }

    /// A store whose operations fail as the script says.
    pub(super) fn failing(&self, script: impl Fn(FaultPoint) -> Verdict + Send + Sync + 'static) -> Store {
        self.try_open(Faults::scripted(script)).unwrap().store
    }

    pub(super) fn try_open(&self, faults: Faults) -> Result<Opened, OpenError> {
        opening::open(
            self.settings.clone(),
            &Surroundings {
                clock: Clock::set_by(&self.clock_ms),
                faults,
            },
        )
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.temporary.path().join("data").join(name)
    }

    /// A column of text of a file's table, as the `sqlite3` shell would show it.
    pub(super) fn select(&self, file: &str, sql: &str) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.file(file)).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    }

    /// Kinds of the entries of a segment, in order, without those about the engine itself.
    pub(super) fn kinds(&self, segment: u64) -> Vec<String> {
        let sql = "SELECT kind FROM readable WHERE message IS NOT NULL ORDER BY position";
        self.select(&format!("journal/{segment:06}.sqlite"), sql)
    }
}

pub(super) fn arrival(control_id: &str) -> Arrival {
    Arrival {
        interface: "lab".into(),
        revision: 3,
        received_at_ms: NOON_MS - 5,
        source: String::from("127.0.0.1:51234"),
        control_id: control_id.to_owned(),
        message_type: String::from("ORU^R01"),
        raw: format!("raw {control_id}").into(),
        digest: None,
    }
}

/// One output, named after the message, for each of the destinations.
pub(super) fn processed(content: &str, destinations: &[&str]) -> Decision {
    let destinations = destinations.iter().map(|name| Arc::from(*name)).collect();
    let output = NewOutput {
        content: format!("out {content}").into(),
        content_type: None,
        destinations,
        stopped: None,
    };
    Decision::Processed {
        outputs: vec![output],
        state: Vec::new(),
        detail: format!("detail {content}").into(),
    }
}

/// No output, but something that a plugin keeps.
pub(super) fn keeping(state: Vec<StateChange>) -> Decision {
    Decision::Processed {
        outputs: Vec::new(),
        state,
        detail: Sealed::default(),
    }
}

pub(super) fn refused(summary: &str) -> Decision {
    Decision::Refused {
        code: String::from("AR"),
        fault: fault(summary),
        outputs: Vec::new(),
        detail: Sealed::default(),
    }
}

/// What a revision has decided anew.
pub(super) fn anew(revision: u32, decision: Decision) -> NewDecision {
    NewDecision {
        revision,
        decision,
        after: None,
    }
}

pub(super) fn quarantined(summary: &str) -> Decision {
    Decision::Quarantined {
        fault: fault(summary),
        outputs: Vec::new(),
        detail: Sealed::default(),
    }
}

pub(super) fn fault(summary: &str) -> StoredFault {
    StoredFault {
        kind: String::from("trapped"),
        summary: summary.to_owned(),
        hint: Some(String::from("look at the plugin")),
        text: String::from("words of the plugin").into(),
    }
}

pub(super) fn delivered() -> Settlement {
    Settlement::Delivered {
        answer: String::from("AA").into(),
    }
}

impl Store {
    /// Receives and processes a message for "ehr".
    pub(super) async fn pass(&self, control_id: &str) -> Result<Committed, WriteError> {
        let received = self.receive_of(control_id, Lanes::None);
        self.decide(received, processed(control_id, &["ehr"])).await
    }

    /// Receives a message of these lanes.
    pub(super) fn receive_of(&self, control_id: &str, lanes: Lanes) -> Received {
        let mut received = self.receive(arrival(control_id));
        received.keep_order(lanes, OnFault::HoldLanes);
        received
    }

    /// Receives a message and waits until it is durable.
    pub(super) async fn take(&self, control_id: &str) -> (Received, Receipt) {
        let received = self.receive(arrival(control_id));
        let receipt = self.receipt(&received).await.unwrap();
        (received, receipt)
    }

    /// The next delivery for "ehr".
    pub(super) async fn next(&self) -> Lease {
        self.queue("lab", "ehr").lease().await.unwrap()
    }

    /// Delivers the next `count` deliveries for "ehr" and gives their contents.
    pub(super) async fn deliver(&self, count: usize) -> Vec<String> {
        let queue = self.queue("lab", "ehr");
        let mut contents = Vec::new();
        for _ in 0..count {
            let lease = queue.lease().await.unwrap();
            contents.push(text(lease.content()));
            drop(queue.settle(lease, delivered()));
        }
        contents
    }

    /// Whether nothing waits for "ehr".
    pub(super) async fn is_drained(&self) -> bool {
        // The first call loads what there may be; the second finds it.
        tokio::time::timeout(std::time::Duration::from_millis(150), self.queue("lab", "ehr").lease())
            .await
            .is_err()
    }
}

pub(super) fn text(sealed: &Sealed) -> String {
    String::from_utf8(sealed.as_slice().to_vec()).unwrap()
}
