//! A projection that grew, through crashes and failures, equals one that is built anew.

use std::path::Path;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::support::{Site, anew, arrival, delivered, fault, keeping, processed, quarantined, refused};
use crate::faults::{FaultPoint, Verdict};
use crate::{Decision, Digest, Lanes, OnFault, Operator, Query, Sealed, Settlement, Stage, StateChange, Store};

/// One thing that happens to a store.
#[derive(Clone, Debug)]
enum Step {
    Pass {
        interface: u8,
        destinations: u8,
        lane: u8,
    },
    Quarantine {
        interface: u8,
        lane: u8,
    },
    ReleaseLanes {
        all: bool,
    },
    /// With a sender, or accepted after that.
    Repeat {
        refused: bool,
    },
    Filter,
    Keep {
        interface: u8,
        plugin: u8,
        key: u8,
        value: Option<u8>,
    },
    Receive,
    DecideTaken,
    Attempt,
    Deliver {
        settle: bool,
    },
    FailDelivery,
    Question,
    Hold {
        revision: u32,
    },
    Release {
        revision: u32,
    },
    Discard {
        revision: u32,
    },
    Recompute,
    Replay,
    Edit,
    GiveUp {
        message: bool,
    },
    /// So much time passes.
    Wait {
        hours: u8,
    },
    Restart {
        clean: bool,
    },
    /// The commit after so many fails or crashes, before or after it was made.
    Trouble {
        after: u8,
        point: bool,
        crash: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_u8, 0..4_u8, 0..3_u8)
            .prop_map(|(interface, destinations, lane)| Step::Pass { interface, destinations, lane }),
        2 => (0..3_u8, 0..3_u8).prop_map(|(interface, lane)| Step::Quarantine { interface, lane }),
        1 => any::<bool>().prop_map(|all| Step::ReleaseLanes { all }),
        3 => any::<bool>().prop_map(|refused| Step::Repeat { refused }),
        1 => Just(Step::Filter),
        4 => (0..3_u8, 0..2_u8, 0..3_u8, prop::option::of(any::<u8>()))
            .prop_map(|(interface, plugin, key, value)| Step::Keep { interface, plugin, key, value }),
        2 => Just(Step::Receive),
        2 => Just(Step::DecideTaken),
        1 => Just(Step::Attempt),
        6 => any::<bool>().prop_map(|settle| Step::Deliver { settle }),
        2 => Just(Step::FailDelivery),
        1 => Just(Step::Question),
        2 => (3..5_u32).prop_map(|revision| Step::Hold { revision }),
        2 => (3..5_u32).prop_map(|revision| Step::Release { revision }),
        1 => (3..5_u32).prop_map(|revision| Step::Discard { revision }),
        2 => Just(Step::Recompute),
        2 => Just(Step::Replay),
        1 => Just(Step::Edit),
        2 => any::<bool>().prop_map(|message| Step::GiveUp { message }),
        1 => (0..30_u8).prop_map(|hours| Step::Wait { hours }),
        1 => any::<bool>().prop_map(|clean| Step::Restart { clean }),
        1 => (0..4_u8, any::<bool>(), any::<bool>())
            .prop_map(|(after, point, crash)| Step::Trouble { after, point, crash }),
    ]
}

/// Runs the steps; results are of no interest here.
struct Run<'a> {
    site: &'a Site,
    open: Option<Store>,
    taken: Vec<crate::Received>,
    trouble: Option<(u8, bool, bool)>,
}

impl Run<'_> {
    fn reopen(&mut self) {
        self.taken.clear();
        let (after, point, crash) = self.trouble.take().unwrap_or((u8::MAX, false, false));
        let point = if point {
            FaultPoint::BeforeCommit
        } else {
            FaultPoint::AfterCommit
        };
        let left = std::sync::atomic::AtomicU8::new(after);
        self.open = Some(self.site.failing(move |at| {
            // The first commit is that of the start itself.
            if at == point && left.fetch_sub(1, Ordering::SeqCst) == 0 && after != u8::MAX && after > 0 {
                return if crash { Verdict::Crash } else { Verdict::Fail };
            }
            Verdict::Proceed
        }));
    }

    async fn step(&mut self, step: Step) {
        let Some(store) = self.open.clone() else { return };
        match step {
            Step::Receive => self.taken.push(store.receive(named(1))),
            Step::DecideTaken => {
                if let Some(received) = self.taken.pop() {
                    let _ = store.decide(received, processed("y", &["ehr"])).await;
                }
            }
            Step::Attempt => {
                if let Some(received) = self.taken.last() {
                    let _ = store.attempt(received).await;
                }
            }
            Step::Deliver { settle } => self.deliver(&store, settle).await,
            Step::FailDelivery => fail_delivery(&store).await,
            Step::Question => drop(store.status()),
            Step::Wait { hours } => {
                self.site
                    .clock_ms
                    .fetch_add(i64::from(hours) * 3_600_000, Ordering::Relaxed);
            }
            Step::Restart { clean } => {
                drop(self.open.take());
                if clean {
                    store.shutdown().await;
                } else {
                    drop(store);
                }
                self.reopen();
            }
            Step::Trouble { after, point, crash } => {
                self.trouble = Some((after, point, crash));
                drop(self.open.take());
                drop(store);
                self.reopen();
            }
            Step::Hold { revision } => drop(store.hold("i0", revision, &Operator::default()).await),
            Step::Release { revision } => drop(store.release("i0", revision, &Operator::default()).await),
            Step::Discard { revision } => drop(store.discard("i0", revision, &Operator::default()).await),
            Step::ReleaseLanes { all } => release_lanes(&store, all).await,
            Step::Recompute => recompute(&store).await,
            Step::Replay => replay(&store).await,
            Step::Edit => edit(&store).await,
            Step::GiveUp { message } => give_up(&store, message).await,
            decided => decide(&store, decided).await,
        }
    }

    async fn deliver(&self, store: &Store, settle: bool) {
        let queue = store.queue("i0", "ehr");
        let lease = tokio::time::timeout(std::time::Duration::from_millis(20), queue.lease()).await;
        let quarantined = || Settlement::Quarantined {
            fault: fault("no such patient"),
        };
        if let Ok(Some(mut lease)) = lease {
            lease.hold_on_fault(OnFault::HoldLanes);
            drop(queue.settle(lease, if settle { delivered() } else { quarantined() }));
        }
    }
}

/// The lanes of what has held some for the longest time, or all.
async fn release_lanes(store: &Store, all: bool) {
    let Ok(found) = store.held_lanes(Some("i0"), 1) else {
        return;
    };
    let message = found.held.first().map(|held| held.message).filter(|_| !all);
    let _ = store.release_lanes("i0", message, &Operator::default()).await;
}

/// Two of what is held, by the revision after the one of every arrival.
async fn recompute(store: &Store) {
    let Ok(held) = store.held_messages("i0", 3, 2) else {
        return;
    };
    let records = held.into_iter().filter_map(|id| store.message(id).ok().flatten());
    let decided = records.map(|record| (record, processed("anew", &["ehr", "new"])));
    let _ = store.recompute(3, 4, decided.collect(), &Operator::default()).await;
}

/// The newest message that is decided.
async fn replay(store: &Store) {
    if let Some(record) = newest(store, Query::default()) {
        let decision = processed("again", &["ehr", "archive"]);
        let _ = store
            .replay(&record, anew(4, decision), None, &Operator::default())
            .await;
    }
}

async fn edit(store: &Store) {
    if let Some(record) = newest(store, Query::default()) {
        let content = Sealed::from(String::from("edited"));
        let _ = store.edit(&record, content, &Operator::default()).await;
    }
}

/// The newest message in quarantine, or one of which a delivery is.
async fn give_up(store: &Store, message: bool) {
    let query = Query {
        stage: message.then_some(Stage::Quarantined),
        quarantined_at: (!message).then(|| String::from("ehr")),
        ..Query::default()
    };
    if let Some(record) = newest(store, query) {
        let to = (!message).then_some("ehr");
        let _ = store.give_up(&record, to, &Operator::default()).await;
    }
}

fn newest(store: &Store, query: Query) -> Option<crate::MessageRecord> {
    let found = store.messages(&Query { limit: 5, ..query }).ok()?;
    let mut decided = found.iter().filter(|one| one.stage != Stage::Received);
    decided.find_map(|one| store.message(one.id).ok().flatten())
}

fn named(interface: u8) -> crate::Arrival {
    crate::Arrival {
        interface: format!("i{interface}").into(),
        digest: (interface == 1).then(|| Digest::of_bytes(&[7; 16])).flatten(),
        ..arrival("x")
    }
}

/// The steps that take one message from its arrival to a decision.
async fn decide(store: &Store, step: Step) {
    let (interface, lane, decision) = match step.clone() {
        Step::Pass {
            interface,
            destinations,
            lane,
        } => {
            let all = ["ehr", "research", "archive"];
            let chosen = all.get(..usize::from(destinations)).unwrap();
            (interface, lane, processed("x", chosen))
        }
        Step::Quarantine { interface, lane } => (interface, lane, quarantined("broken")),
        Step::Filter => (0, 0, filtered()),
        Step::Repeat { refused: true } => (0, 0, refused("not yet")),
        Step::Repeat { refused: false } => (0, 0, processed("x", &[])),
        Step::Keep {
            interface,
            plugin,
            key,
            value,
        } => (interface, 0, keeping(vec![change(plugin, key, value)])),
        _ => return,
    };
    let mut received = store.receive(named(interface));
    let lanes = match lane {
        0 => Lanes::All,
        lane => Lanes::of(1, vec![lane.into()]),
    };
    received.keep_order(lanes, OnFault::HoldLanes);
    if let Step::Repeat { refused } = step {
        received.name_sender("LAB|A".into());
        if !refused {
            received.repeat(received.id());
        }
    }
    let _ = store.decide(received, decision).await;
}

fn filtered() -> Decision {
    Decision::Filtered {
        reason: Sealed::default(),
        outputs: Vec::new(),
        state: Vec::new(),
        detail: Sealed::default(),
    }
}

fn change(plugin: u8, key: u8, value: Option<u8>) -> StateChange {
    StateChange {
        plugin: format!("test/{plugin}").into(),
        schema_version: u32::from(value.unwrap_or_default()),
        values: vec![(format!("key {key}"), value.map(|value| vec![value].into()))],
    }
}

async fn fail_delivery(store: &Store) {
    let queue = store.queue("i0", "ehr");
    if let Ok(Some(mut lease)) = tokio::time::timeout(std::time::Duration::from_millis(20), queue.lease()).await {
        queue.attempted(&mut lease, "connection refused");
    }
}

/// Every row of every table, as text.
fn rows(file: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut rows = Vec::new();
    for table in [
        "interfaces",
        "queues",
        "messages",
        "deliveries",
        "progress",
        "state_schemas",
        "state_values",
        "holds",
        "lane_holds",
        "operations",
        "refusals",
    ] {
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table} ORDER BY 1"))
            .unwrap();
        let columns = statement.column_count();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<_> = (0..columns)
                .map(|column| format!("{:?}", row.get_ref(column).unwrap()))
                .collect();
            rows.push(format!("{table}: {}", values.join(", ")));
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_projection_built_anew_equals_the_one_that_grew(steps in prop::collection::vec(step(), 20..90)) {
        let mut site = Site::new();
        site.settings.segment_bytes_max = 20_000;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut run = Run { site: &site, open: None, taken: Vec::new(), trouble: None };
            run.reopen();
            for step in steps {
                run.step(step).await;
            }
            run.taken.clear();
            drop(run.open.take());
            site.store().shutdown().await;
        });
        let grown = rows(&site.file("live.sqlite"));
        let rebuilt = Store::rebuild(&site.settings).unwrap();
        prop_assert_eq!(rebuilt.differences, Some(Vec::new()));
        prop_assert_eq!(grown, rows(&site.file("live.sqlite")));
    }
}

#[tokio::test]
async fn a_rebuild_says_how_far_it_came_and_a_store_goes_on_with_it() {
    let site = Site::new();
    let store = site.store();
    for number in 0..10 {
        store.pass(&number.to_string()).await.unwrap();
    }
    assert_eq!(store.deliver(3).await.len(), 3);
    store.shutdown().await;
    std::fs::remove_file(site.file("live.sqlite")).unwrap();
    // Engine started, ten messages, three settlements, engine stopped.
    let rebuilt = Store::rebuild(&site.settings).unwrap();
    assert_eq!((rebuilt.position, rebuilt.differences), (15, None));
    assert_eq!(site.store().deliver(7).await.first().unwrap(), "out 3");
}
