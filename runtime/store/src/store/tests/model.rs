//! The store against a plain model: whatever happens, it holds what was promised, and nothing else.
//!
//! A step is done to the store, waited for, and done to the model. Where the store went down in the middle of it, nobody knows
//! whether it counts: then there is a world in which it does and one in which it does not, and what the store says after its
//! restart has to be one of them. Days pass and segments change on the way; in the end the projection is built anew, and has to
//! say the same.

mod told;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::support::{Site, arrival, delivered, fault};
use crate::faults::{FaultPoint, Faults, Verdict};
use crate::{
    Arrival, Decision, DeliveryStage, Lanes, MessageId, NewDecision, NewOutput, OnFault, Opened, OperateError,
    Operator, Received, Sealed, Settlement, Stage, StateChange, Store, StoredFault, WriteError,
};
use told::{DESTINATIONS, INTERFACES};
use world::{Asked, Decided, OPERATED, World};

/// The revision of every arrival, and the one after it.
const ARRIVED: u32 = 3;
const NEXT: u32 = 4;

/// A queue that holds something gives it at once, on however busy a machine.
const LEASE_WAIT_MAX: Duration = Duration::from_secs(20);

/// One thing that happens to a store.
#[derive(Clone, Debug)]
enum Step {
    Receive {
        interface: usize,
    },
    DecideTaken {
        next: bool,
        chosen: Chosen,
    },
    Pass {
        interface: usize,
        chosen: Chosen,
    },
    Attempt,
    Settle {
        interface: usize,
        destination: usize,
        delivered: bool,
    },
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
    Replay {
        which: usize,
        destinations: usize,
    },
    Edit {
        which: usize,
    },
    GiveUp {
        which: usize,
        to: Option<usize>,
    },
    Wait {
        hours: u8,
    },
    Restart {
        clean: bool,
    },
    /// The commit after so many fails, or the machine goes down there, before or after it was made.
    Trouble {
        after: u8,
        point: bool,
        crash: bool,
    },
}

#[derive(Clone, Debug)]
enum Chosen {
    Forward { destinations: usize },
    Filter,
    Refuse,
    Quarantine,
    Keep { plugin: u8, key: u8, value: Option<u8> },
}

fn chosen() -> impl Strategy<Value = Chosen> {
    prop_oneof![
        6 => (0..4_usize).prop_map(|destinations| Chosen::Forward { destinations }),
        1 => Just(Chosen::Filter),
        1 => Just(Chosen::Refuse),
        1 => Just(Chosen::Quarantine),
        2 => (0..2_u8, 0..3_u8, prop::option::of(any::<u8>()))
            .prop_map(|(plugin, key, value)| Chosen::Keep { plugin, key, value }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let revision = || ARRIVED..=NEXT;
    prop_oneof![
        10 => (0..3_usize, chosen()).prop_map(|(interface, chosen)| Step::Pass { interface, chosen }),
        3 => (0..3_usize).prop_map(|interface| Step::Receive { interface }),
        3 => (any::<bool>(), chosen()).prop_map(|(next, chosen)| Step::DecideTaken { next, chosen }),
        1 => Just(Step::Attempt),
        8 => (0..3_usize, 0..3_usize, any::<bool>())
            .prop_map(|(interface, destination, delivered)| Step::Settle { interface, destination, delivered }),
        2 => revision().prop_map(|revision| Step::Hold { revision }),
        2 => revision().prop_map(|revision| Step::Release { revision }),
        1 => revision().prop_map(|revision| Step::Discard { revision }),
        2 => Just(Step::Recompute),
        2 => (any::<usize>(), 0..4_usize).prop_map(|(which, destinations)| Step::Replay { which, destinations }),
        2 => any::<usize>().prop_map(|which| Step::Edit { which }),
        3 => (any::<usize>(), prop::option::of(0..4_usize)).prop_map(|(which, to)| Step::GiveUp { which, to }),
        1 => (0..30_u8).prop_map(|hours| Step::Wait { hours }),
        1 => any::<bool>().prop_map(|clean| Step::Restart { clean }),
        2 => (0..6_u8, any::<bool>(), any::<bool>())
            .prop_map(|(after, point, crash)| Step::Trouble { after, point, crash }),
    ]
}

/// A store, and every world that it may be.
struct Run<'a> {
    site: &'a Site,
    store: Option<Store>,
    worlds: Vec<World>,
    taken: BTreeMap<MessageId, Received>,
    /// Messages so far, for names.
    messages: usize,
}

impl<'a> Run<'a> {
    async fn new(site: &'a Site) -> Self {
        let mut run = Self {
            site,
            store: None,
            worlds: vec![World::default()],
            taken: BTreeMap::new(),
            messages: 0,
        };
        run.open(None).await;
        run
    }

    /// Opens the store: it is one of the worlds, and the others are forgotten.
    async fn open(&mut self, trouble: Option<(u8, bool, bool)>) {
        let Opened { store, unfinished, .. } = self.site.try_open(faults(trouble)).unwrap();
        let told = told::world(&store);
        assert!(self.worlds.contains(&told), "{told:#?}\nis none of\n{:#?}", self.worlds);
        let found: Vec<MessageId> = unfinished.iter().map(|one| one.received.id()).collect();
        assert_eq!(found, told.undecided());
        told::hold_status(&store, &told);
        told::hold_queues(&store, &told).await;
        self.worlds = vec![told];
        self.taken = unfinished
            .into_iter()
            .map(|one| (one.received.id(), one.received))
            .collect();
        self.store = Some(store);
    }

    async fn close(&mut self, clean: bool) {
        self.taken.clear();
        let Some(store) = self.store.take() else { return };
        if clean {
            store.shutdown().await;
        }
    }

    fn world(&self) -> &World {
        &self.worlds[0]
    }

    fn store(&self) -> Store {
        self.store.clone().unwrap()
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Receive { interface } => self.receive(interface).await,
            Step::Pass { interface, chosen } => self.pass(interface, &chosen).await,
            Step::DecideTaken { next, chosen } => self.decide_taken(next, &chosen).await,
            Step::Attempt => self.attempt().await,
            Step::Settle {
                interface,
                destination,
                delivered,
            } => {
                self.settle(INTERFACES[interface], DESTINATIONS[destination], delivered)
                    .await;
            }
            Step::Hold { revision } => {
                let held = self.store().hold(OPERATED, revision, &Operator::default()).await;
                self.came_to(&[Asked::Hold(revision)], held.map(drop)).await;
            }
            Step::Release { revision } => {
                let released = self.store().release(OPERATED, revision, &Operator::default()).await;
                self.came_to(&[Asked::Release(revision)], released).await;
            }
            Step::Discard { revision } => {
                let discarded = self.store().discard(OPERATED, revision, &Operator::default()).await;
                self.came_to(&[Asked::Discard(revision)], discarded.map_err(written))
                    .await;
            }
            Step::Recompute => self.recompute().await,
            Step::Replay { which, destinations } => self.replay(which, destinations).await,
            Step::Edit { which } => self.edit(which).await,
            Step::GiveUp { which, to } => self.give_up(which, to.map(|to| DESTINATIONS[to])).await,
            Step::Wait { hours } => {
                let passed_ms = i64::from(hours) * 3_600_000;
                self.site.clock_ms.fetch_add(passed_ms, Ordering::Relaxed);
            }
            Step::Restart { clean } => {
                self.close(clean).await;
                self.open(None).await;
            }
            Step::Trouble { after, point, crash } => {
                self.close(false).await;
                self.open(Some((after, point, crash))).await;
            }
        }
    }

    /// Does to the model what was done to the store. Each of what was asked is an entry of its own: where the store went down,
    /// any number of the first ones may count.
    async fn came_to(&mut self, asked: &[Asked], outcome: Result<(), WriteError>) {
        match outcome {
            Ok(()) => asked.iter().for_each(|one| self.worlds[0].apply(one)),
            Err(WriteError::ShutDown) => {
                for one in asked {
                    let mut next = self.worlds[self.worlds.len() - 1].clone();
                    next.apply(one);
                    self.worlds.push(next);
                }
                self.close(false).await;
                self.open(None).await;
            }
            Err(_) => {}
        }
    }

    fn arrive(&mut self, interface: usize) -> (Received, Asked) {
        self.messages += 1;
        let control_id = format!("M{}", self.messages);
        let interface = INTERFACES[interface];
        let mut received = self.store().receive(Arrival {
            interface: interface.into(),
            raw: raw(&control_id).into(),
            ..arrival(&control_id)
        });
        // All that waits can be looked at together.
        received.keep_order(Lanes::None, OnFault::Continue);
        let asked = Asked::Receive {
            id: received.id(),
            interface: interface.to_owned(),
            control_id,
        };
        (received, asked)
    }

    async fn receive(&mut self, interface: usize) {
        let (received, asked) = self.arrive(interface);
        let receipt = self.store().receipt(&received).await;
        if receipt.is_ok() {
            self.taken.insert(received.id(), received);
        }
        self.came_to(&[asked], receipt.map(drop)).await;
    }

    async fn pass(&mut self, interface: usize, chosen: &Chosen) {
        let (received, asked) = self.arrive(interface);
        let decided = self.decided(chosen);
        let decide = Asked::Decide {
            id: received.id(),
            revision: ARRIVED,
            decided: decided.clone(),
        };
        let committed = self.store().decide(received, decision(&decided)).await;
        self.came_to(&[asked, decide], committed.map(drop)).await;
    }

    async fn decide_taken(&mut self, next: bool, chosen: &Chosen) {
        let Some((id, mut received)) = self.taken.pop_last() else {
            return;
        };
        let revision = if next { NEXT } else { ARRIVED };
        received.bind(revision);
        received.keep_order(Lanes::None, OnFault::Continue);
        let decided = self.decided(chosen);
        let committed = self.store().decide(received, decision(&decided)).await;
        let asked = Asked::Decide { id, revision, decided };
        self.came_to(&[asked], committed.map(drop)).await;
    }

    async fn attempt(&mut self) {
        let Some((id, received)) = self.taken.first_key_value() else {
            return;
        };
        let id = *id;
        let attempted = self.store().attempt(received).await;
        // What was not written is counted in memory all the same, so that this one is not counted any more.
        if attempted.is_err() {
            self.taken.remove(&id);
        }
        self.came_to(&[Asked::Attempt { id }], attempted.map(drop)).await;
    }

    async fn settle(&mut self, interface: &'static str, destination: &'static str, is_delivered: bool) {
        let Some(&delivery) = self.world().queue(interface, destination).first() else {
            return;
        };
        let queue = self.store().queue(interface, destination);
        let lease = tokio::time::timeout(LEASE_WAIT_MAX, queue.lease())
            .await
            .unwrap()
            .unwrap();
        let expected = &self.world().deliveries[delivery];
        assert_eq!(super::support::text(lease.content()), expected.content);
        let (settlement, stage) = if is_delivered {
            (delivered(), DeliveryStage::Delivered)
        } else {
            let fault = fault("no such patient");
            (Settlement::Quarantined { fault }, DeliveryStage::Quarantined)
        };
        let settled = queue.settle(lease, settlement).await;
        self.came_to(&[Asked::Settle { delivery, stage }], settled).await;
    }

    /// Two of what is held, by the revision after the one of every arrival.
    async fn recompute(&mut self) {
        let ids: Vec<MessageId> = self.world().held_messages(ARRIVED).into_iter().take(2).collect();
        let store = self.store();
        assert_eq!(store.held_messages(OPERATED, ARRIVED, 2).unwrap(), ids);
        let decided = self.forwarded("anew", vec!["ehr", "new"]);
        let records = ids
            .iter()
            .map(|id| (store.message(*id).unwrap().unwrap(), decision(&decided)));
        let made = store
            .recompute(ARRIVED, NEXT, records.collect(), &Operator::default())
            .await;
        let asked = |id: &MessageId| Asked::Recompute {
            ids: vec![*id],
            held: ARRIVED,
            revision: NEXT,
            decided: decided.clone(),
        };
        let asked: Vec<Asked> = ids.iter().map(asked).collect();
        drop(store);
        self.came_to(&asked, made.map_err(written)).await;
    }

    async fn replay(&mut self, which: usize, destinations: usize) {
        let Some(id) = self.one_decided(which) else { return };
        let store = self.store();
        let record = store.message(id).unwrap().unwrap();
        let decided = self.forwarded("again", DESTINATIONS[..destinations].to_vec());
        let operator = Operator::default();
        let anew = NewDecision {
            revision: NEXT,
            decision: decision(&decided),
            after: None,
        };
        let replayed = store.replay(&record, anew, None, &operator).await;
        drop(store);
        let revision = NEXT;
        self.came_to(&[Asked::Replay { id, revision, decided }], replayed.map(drop))
            .await;
    }

    fn one_decided(&self, which: usize) -> Option<MessageId> {
        let messages = self.world().messages.iter();
        let decided = messages.filter(|(_, one)| one.stage != Stage::Received);
        let ids: Vec<MessageId> = decided.map(|(id, _)| *id).collect();
        ids.get(which % ids.len().max(1)).copied()
    }

    async fn edit(&mut self, which: usize) {
        let Some(id) = self.one_decided(which) else { return };
        self.messages += 1;
        let content = format!("edited {}", self.messages);
        let store = self.store();
        let record = store.message(id).unwrap().unwrap();
        let edited = store.edit(&record, content.clone().into(), &Operator::default()).await;
        drop(store);
        self.came_to(&[Asked::Edit { id, content }], edited).await;
    }

    /// What is in quarantine, most of the time.
    async fn give_up(&mut self, which: usize, to: Option<&'static str>) {
        let resting = self.world().resting();
        let chosen = resting.get(which % resting.len().max(1)).copied();
        let Some(id) = chosen.or_else(|| self.one_decided(which)) else {
            return;
        };
        let store = self.store();
        let record = store.message(id).unwrap().unwrap();
        let given_up = store.give_up(&record, to, &Operator::default()).await;
        drop(store);
        self.came_to(&[Asked::GiveUp { id, to }], given_up.map(drop)).await;
    }

    fn forwarded(&mut self, how: &str, destinations: Vec<&'static str>) -> Decided {
        self.messages += 1;
        Decided {
            stage: Stage::Processed,
            content: format!("{how} {}", self.messages),
            destinations,
            kept: None,
        }
    }

    fn decided(&mut self, chosen: &Chosen) -> Decided {
        let made = self.forwarded("out", Vec::new());
        match chosen {
            Chosen::Forward { destinations } => Decided {
                destinations: DESTINATIONS[..*destinations].to_vec(),
                ..made
            },
            Chosen::Filter => Decided {
                stage: Stage::Filtered,
                ..made
            },
            Chosen::Refuse => Decided {
                stage: Stage::Refused,
                ..made
            },
            Chosen::Quarantine => Decided {
                stage: Stage::Quarantined,
                ..made
            },
            Chosen::Keep { plugin, key, value } => Decided {
                kept: Some((format!("test/{plugin}"), format!("key {key}"), *value)),
                ..made
            },
        }
    }
}

/// What a message with this control id is: long enough for many segments in a run.
fn raw(control_id: &str) -> String {
    format!("raw {control_id} {}", ".".repeat(900))
}

fn decision(decided: &Decided) -> Decision {
    let outputs = || {
        let output = NewOutput {
            content: decided.content.clone().into(),
            content_type: None,
            destinations: decided.destinations.iter().map(|name| (*name).into()).collect(),
            stopped: None,
        };
        if decided.destinations.is_empty() {
            Vec::new()
        } else {
            vec![output]
        }
    };
    let fault: StoredFault = fault("no such patient");
    let detail = Sealed::default();
    match decided.stage {
        Stage::Filtered => Decision::Filtered {
            reason: Sealed::default(),
            outputs: outputs(),
            state: Vec::new(),
            detail,
        },
        Stage::Refused => Decision::Refused {
            code: String::from("AE"),
            fault,
            outputs: outputs(),
            detail,
        },
        Stage::Quarantined => Decision::Quarantined {
            fault,
            outputs: outputs(),
            detail,
        },
        Stage::Received | Stage::Processed | Stage::Discarded => Decision::Processed {
            outputs: outputs(),
            state: decided.kept.iter().map(state_change).collect(),
            detail,
        },
    }
}

fn state_change((plugin, key, value): &(String, String, Option<u8>)) -> StateChange {
    StateChange {
        plugin: plugin.as_str().into(),
        schema_version: 1,
        values: vec![(key.clone(), value.map(|value| vec![value].into()))],
    }
}

fn written(error: OperateError) -> WriteError {
    match error {
        OperateError::Write(error) => error,
        // Nothing was done: the settlement before it is durable, and its queue has not heard of it yet.
        OperateError::Sending { .. } => WriteError::Unavailable { waiting_bytes: 0 },
    }
}

/// The commit after so many comes to grief, once; never the one that marks the start.
fn faults(trouble: Option<(u8, bool, bool)>) -> Faults {
    let Some((after, point, crash)) = trouble else {
        return Faults::default();
    };
    let point = if point {
        FaultPoint::BeforeCommit
    } else {
        FaultPoint::AfterCommit
    };
    let left = AtomicU8::new(after + 2);
    Faults::scripted(move |at| {
        let counted = at == point && left.load(Ordering::SeqCst) > 0;
        if counted && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            return if crash { Verdict::Crash } else { Verdict::Fail };
        }
        Verdict::Proceed
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_one_of_the_worlds_that_it_promised(steps in prop::collection::vec(step(), 20..120)) {
        let mut site = Site::new();
        site.settings.segment_bytes_max = 60_000;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new(&site).await;
            let midnight = Step::Wait { hours: 24 };
            let half = steps.len() / 2;
            for (number, step) in steps.into_iter().enumerate() {
                if number == half {
                    run.step(midnight.clone()).await;
                }
                run.step(step).await;
            }
            run.close(true).await;
            run.open(None).await;
            run.close(true).await;
            let rebuilt = Store::rebuild(&site.settings).unwrap();
            assert_eq!(rebuilt.differences, Some(Vec::new()));
            run.open(None).await;
            run.close(true).await;
        });
        // At least that of the second day, which begins with the start there.
        let segments = std::fs::read_dir(site.file("journal")).unwrap().count();
        prop_assert!(segments > 1);
    }
}
