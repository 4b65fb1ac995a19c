//! Threads: slow plugins hold none that others need, and no chain takes more than its share.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};
use transfuse_sandbox::{FaultKind, Sandbox, SandboxSettings, Step};

use crate::support::{MESSAGE, MISBEHAVE, fault, forwarded, identity, input, settings, step};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// A sandbox of its own, so that other tests do not use its threads.
fn small(threads: usize, threads_max: usize, calls_per_chain_max: usize) -> Sandbox {
    Sandbox::start(SandboxSettings {
        threads,
        threads_max,
        calls_per_chain_max,
        ..settings()
    })
    .unwrap()
}

fn own(sandbox: &Sandbox, name: &str) -> Step {
    let component = transfuse_guests::component(transfuse_guests::guest(name).unwrap().text).unwrap();
    step(sandbox.load(identity(&component), &component).unwrap())
}

/// A plugin that only its deadline stops.
fn endless(sandbox: &Sandbox, deadline_ms: u64) -> Step {
    let mut step = own(sandbox, "loops");
    step.limits.fuel = u64::MAX;
    step.limits.deadline_ms = deadline_ms;
    step
}

#[test]
fn two_plugins_that_loop_do_not_keep_others_waiting() {
    let sandbox = small(2, 8, 2);
    let loopers = [endless(&sandbox, 2_000), endless(&sandbox, 2_000)].map(|step| sandbox.chain(vec![step]).unwrap());
    let peaceful = sandbox.chain(vec![own(&sandbox, "traps")]).unwrap();
    runtime().block_on(async {
        // Each chain of loops uses both of its calls, so that all threads of the pool and two more are held.
        let looping: Vec<_> = loopers
            .iter()
            .flat_map(|chain| [chain.clone(), chain.clone()])
            .map(|chain| tokio::spawn(async move { chain.run(input(MISBEHAVE)).await }))
            .collect();
        tokio::task::yield_now().await;
        for _ in 0..20 {
            assert_eq!(forwarded(peaceful.run(input(1)).await), [MESSAGE]);
        }
        assert!(
            looping.iter().all(|call| !call.is_finished()),
            "twenty messages passed beside the loops"
        );
    });
}

#[test]
fn a_chain_runs_no_more_calls_at_once_than_its_cap() {
    let sandbox = small(4, 8, 1);
    let chain = sandbox.chain(vec![endless(&sandbox, 60)]).unwrap();
    let started = Instant::now();
    runtime().block_on(async {
        let calls = (0..3).map(|_| chain.run(input(MISBEHAVE)));
        for report in join_all(calls).await {
            assert_eq!(fault(report).kind, FaultKind::Deadline);
        }
    });
    assert!(
        started.elapsed() >= Duration::from_millis(180),
        "one after the other: {:?}",
        started.elapsed()
    );
}

#[test]
fn many_messages_at_once_are_each_answered_with_their_own() {
    let sandbox = small(2, 4, 2);
    let chain = sandbox
        .chain(vec![own(&sandbox, "remembers"), own(&sandbox, "remembers")])
        .unwrap();
    runtime().block_on(async {
        let calls = (0..500).map(|number| {
            let chain = chain.clone();
            tokio::spawn(async move {
                let mut input = input(MISBEHAVE);
                input.context.attributes.push(("number".to_owned(), number.to_string()));
                chain.run(input).await
            })
        });
        for (number, report) in join_all(calls).await.into_iter().enumerate() {
            let report = report.unwrap();
            assert_eq!(report.attributes, [("number".to_owned(), number.to_string())]);
            assert_eq!(forwarded(report), [MESSAGE]);
        }
    });
}

#[test]
fn a_chain_keeps_what_it_needs_of_its_sandbox() {
    let sandbox = small(2, 4, 2);
    let chain = sandbox.chain(vec![own(&sandbox, "traps")]).unwrap();
    drop(sandbox);
    assert_eq!(forwarded(runtime().block_on(chain.run(input(1)))), [MESSAGE]);
}
