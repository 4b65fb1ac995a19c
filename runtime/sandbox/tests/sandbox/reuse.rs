//! Instances that see several messages: which are used again, and that nothing of the host's side stays behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;

use futures_util::future::join_all;
use transfuse_sandbox::{Chain, FaultKind, Instances, Outcome, Report, Sandbox, SandboxSettings, Step};

use crate::support::{MESSAGE, MISBEHAVE, chain, fault, forwarded, guest, identity, input, plugin, settings, step};

fn reusing(mut step: Step, messages: u32) -> Chain {
    step.instances = Instances::Reuse(NonZeroU32::new(messages).unwrap());
    chain(step)
}

fn fresh_instances(report: &Report) -> u32 {
    report.steps.iter().map(|step| step.fresh_instances).sum()
}

/// How many instances each attempt made.
fn instances_made(chain: &Chain, attempts: &[u32]) -> Vec<u32> {
    let run = |attempt: &u32| fresh_instances(&chain.run_blocking(input(*attempt)));
    attempts.iter().map(run).collect()
}

/// A step whose plugin ends like this on the second attempt, with the exchange dropped.
fn ends(deed: &str) -> Step {
    step(plugin(&format!(
        "(func $misbehave (param $exchange i32) (result i32)
            {deed}
            (call $drop_exchange (local.get $exchange))
            (call $ok))"
    )))
}

#[test]
fn every_message_has_an_instance_of_its_own_unless_the_step_says_otherwise() {
    let chain = chain(step(guest("traps")));
    assert_eq!(instances_made(&chain, &[1; 4]), [1, 1, 1, 1]);
}

#[test]
fn an_instance_is_used_for_as_many_messages_as_the_step_allows() {
    let chain = reusing(step(guest("traps")), 3);
    assert_eq!(instances_made(&chain, &[1; 7]), [1, 0, 0, 1, 0, 0, 1]);
}

#[test]
fn each_output_of_an_earlier_step_counts_as_a_message() {
    let splits = ends("(call $forward_input (local.get $exchange)) (call $forward_input (local.get $exchange))");
    let mut next = step(guest("traps"));
    next.instances = Instances::Reuse(NonZeroU32::new(3).unwrap());
    let chain = crate::support::sandbox().chain(vec![splits, next]).unwrap();
    let made = |report: Report| report.steps.iter().map(|step| step.fresh_instances).collect::<Vec<_>>();
    // The second step traps on this attempt only after its first message has shown that it ran.
    assert_eq!(made(chain.run_blocking(input(MISBEHAVE))), [1, 1]);
    assert_eq!(made(chain.run_blocking(input(1))), [1, 1]);
    assert_eq!(made(chain.run_blocking(input(1))), [1, 0]);
}

#[test]
fn a_trap_ends_its_instance() {
    let chain = reusing(step(guest("traps")), 100);
    assert_eq!(instances_made(&chain, &[1, 1, MISBEHAVE, 1, 1]), [1, 0, 0, 1, 0]);
}

#[test]
fn a_fault_that_is_no_trap_ends_its_instance_as_well() {
    for guest_name in ["does_nothing", "forwards_and_filters", "sets_attributes_forever"] {
        let chain = reusing(step(guest(guest_name)), 100);
        assert_eq!(instances_made(&chain, &[1, MISBEHAVE, 1]), [1, 0, 1], "{guest_name}");
    }
}

#[test]
fn a_deadline_ends_its_instance() {
    let mut endless = step(guest("loops"));
    endless.limits.fuel = u64::MAX;
    endless.limits.deadline_ms = 30;
    let chain = reusing(endless, 100);
    assert_eq!(instances_made(&chain, &[1, 1]), [1, 0]);
    assert_eq!(fault(chain.run_blocking(input(MISBEHAVE))).kind, FaultKind::Deadline);
    assert_eq!(instances_made(&chain, &[1, 1]), [1, 0]);
}

#[test]
fn a_message_that_is_filtered_or_rejected_leaves_its_instance_in_use() {
    let filters = ends("(call $filter (local.get $exchange) (i32.const 1024) (i32.const 0))");
    let rejects = step(plugin(
        "(func $misbehave (param $exchange i32) (result i32)
            (call $drop_exchange (local.get $exchange))
            (i32.store (i32.const 2048) (i32.const 1))
            (i32.const 2048))",
    ));
    for step in [filters, rejects] {
        let chain = reusing(step, 100);
        assert_eq!(instances_made(&chain, &[MISBEHAVE; 3]), [1, 0, 0]);
        let report = chain.run_blocking(input(MISBEHAVE));
        assert!(
            matches!(report.outcome, Outcome::Filtered { .. } | Outcome::Rejected { .. }),
            "{report:?}"
        );
    }
}

#[test]
fn an_instance_that_grows_is_given_up_before_it_meets_its_limit() {
    let chain = reusing(step(guest("grows_with_each_message")), 100);
    // Half of 64 MiB is reached with the second message.
    assert_eq!(instances_made(&chain, &[MISBEHAVE; 6]), [1, 0, 1, 0, 1, 0]);
}

#[test]
fn an_instance_that_keeps_a_handle_is_given_up() {
    let chain = reusing(step(guest("keeps_a_handle")), 100);
    assert_eq!(instances_made(&chain, &[MISBEHAVE; 3]), [1, 1, 1]);
}

#[test]
fn limits_are_for_each_message_and_not_for_each_instance() {
    let mut flood = step(guest("floods_the_log"));
    let used = |report: Report| report.steps.iter().map(|step| step.fuel).sum::<u64>();
    let once = used(chain(flood.clone()).run_blocking(input(MISBEHAVE)));
    flood.limits.fuel = once;
    flood.limits.host_calls_max = 5_010;
    let chain = reusing(flood, 100);
    for _ in 0..10 {
        let report = chain.run_blocking(input(MISBEHAVE));
        assert_eq!(report.log.len(), 100);
        assert_eq!(forwarded(report), [MESSAGE]);
    }
}

#[test]
fn init_runs_once_for_each_instance() {
    let logs_in_init = step(plugin(
        r#"(data (i32.const 1024) "hello")
        (func $init (param i32 i32) (result i32)
            (call $log (i32.const 1) (i32.const 1024) (i32.const 5))
            (call $ok))
        (func $misbehave (param $exchange i32) (result i32) unreachable)"#,
    ));
    let chain = reusing(logs_in_init, 3);
    let lines: Vec<usize> = (0..6).map(|_| chain.run_blocking(input(1)).log.len()).collect();
    assert_eq!(lines, [1, 0, 0, 1, 0, 0]);
}

#[test]
fn outputs_attributes_and_filters_of_a_message_are_gone_with_it() {
    let chain = reusing(step(guest("traps")), 100);
    for _ in 0..5 {
        let report = chain.run_blocking(input(1));
        assert!(report.attributes.is_empty() && report.log.is_empty());
        assert_eq!(forwarded(report), [MESSAGE]);
    }
}

#[test]
fn what_a_plugin_keeps_is_there_when_it_is_used_again() {
    let chain = reusing(step(guest("remembers")), 2);
    assert_eq!(forwarded(chain.run_blocking(input(MISBEHAVE))), [MESSAGE]);
    assert_eq!(fault(chain.run_blocking(input(MISBEHAVE))).kind, FaultKind::Trapped);
    assert_eq!(forwarded(chain.run_blocking(input(MISBEHAVE))), [MESSAGE]);
}

/// A sandbox of its own.
fn own(idle_instances_max: usize) -> Sandbox {
    Sandbox::start(SandboxSettings {
        threads: 2,
        threads_max: 4,
        calls_per_chain_max: 4,
        idle_instances_max,
        ..settings()
    })
    .unwrap()
}

fn own_chain(sandbox: &Sandbox, name: &str, instances: Instances) -> Chain {
    let component = transfuse_guests::component(transfuse_guests::guest(name).unwrap().text).unwrap();
    let mut step = step(sandbox.load(identity(&component), &component).unwrap());
    step.instances = instances;
    sandbox.chain(vec![step]).unwrap()
}

const REUSE: Instances = Instances::Reuse(NonZeroU32::MAX);

#[test]
fn the_instance_that_waits_longest_makes_room() {
    let sandbox = own(1);
    let (one, two) = (own_chain(&sandbox, "traps", REUSE), own_chain(&sandbox, "traps", REUSE));
    assert_eq!(instances_made(&one, &[1, 1]), [1, 0]);
    assert_eq!(instances_made(&two, &[1, 1]), [1, 0]);
    assert_eq!(instances_made(&one, &[1, 1]), [1, 0]);
}

#[test]
fn many_messages_at_once_share_instances_one_after_the_other() {
    let sandbox = own(4);
    let chain = own_chain(&sandbox, "traps", REUSE);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let reports = runtime.block_on(join_all((0..500).map(|_| chain.run(input(1)))));
    let made: u32 = reports.iter().map(fresh_instances).sum();
    assert!((1..=4).contains(&made), "{made} instances for no more calls at once");
    for report in reports {
        assert_eq!(forwarded(report), [MESSAGE]);
    }
}

/// What can be compared of two runs.
fn traces(chain: &Chain) -> Vec<String> {
    let trace = |attempt: u32| {
        let report = chain.run_blocking(input(attempt));
        let fuel: Vec<_> = report
            .steps
            .iter()
            .map(|step| (step.fuel, step.runs, step.fresh_instances))
            .collect();
        let log: Vec<_> = report
            .log
            .iter()
            .map(|line| line.text.lossy_text().into_owned())
            .collect();
        let outcome = match report.outcome {
            Outcome::Forwarded(outputs) => outputs
                .iter()
                .map(|output| crate::support::text(output.message().unwrap()))
                .collect(),
            Outcome::Faulted(fault) => format!("{fault} {}", fault.text.lossy_text()),
            other => format!("{other:?}"),
        };
        format!("{fuel:?} {log:?} {outcome}")
    };
    [1, 1, MISBEHAVE, 1, MISBEHAVE].map(trace).to_vec()
}

#[test]
fn two_sandboxes_give_the_same_outputs_and_the_same_fuel() {
    let sandboxes = [own(4), own(4)];
    for name in [
        "traps",
        "floods_the_log",
        "remembers",
        "forwards_forever",
        "recurses",
        "panics",
        "allocates_without_end",
    ] {
        for instances in [Instances::Fresh, REUSE] {
            let [one, other] = sandboxes
                .each_ref()
                .map(|sandbox| traces(&own_chain(sandbox, name, instances)));
            assert_eq!(one, other, "{name} {instances:?}");
        }
    }
}
