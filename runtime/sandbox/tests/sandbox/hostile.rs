//! Every hostile plugin of `tests/guests`: stopped at its limit, the next message served, another chain served
//! meanwhile.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;

use futures_util::future::join;
use tokio::runtime::{Builder, Runtime};
use transfuse_sandbox::{Blame, Chain, Fault, FaultKind, FieldPatterns, Instances, LinkError, Report, Step};

use crate::support::{
    CANARY, MESSAGE, MISBEHAVE, chain, fault, forwarded, guest, input, input_of, resident_bytes, sandbox, step,
};

/// Fails to compile for a guest that has no test here.
macro_rules! has_a_test {
    ($($guest:ident)*) => {
        const _: &[fn()] = &[$($guest),*];
    };
}

transfuse_guests::for_each_guest!(has_a_test);

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// Runs a guest that misbehaves beside one that does not, then again when it behaves.
fn misbehave(guest: Step) -> Report {
    let hostile = chain(guest);
    let peaceful = chain(step(crate::support::guest("traps")));
    let report = runtime().block_on(async {
        let (report, beside) = join(hostile.run(input(MISBEHAVE)), peaceful.run(input(1))).await;
        assert_eq!(forwarded(beside), [MESSAGE], "another chain is served meanwhile");
        report
    });
    assert_eq!(
        forwarded(hostile.run_blocking(input(1))),
        [MESSAGE],
        "the next message is served"
    );
    report
}

/// The fault of a guest, which names its plugin and step and tells nothing of the message.
fn stopped(name: &str) -> Fault {
    let fault = fault(misbehave(step(guest(name))));
    assert_eq!(
        (fault.step, &*fault.plugin.name, &*fault.plugin.version),
        (0, "test/guest", "1.2.3")
    );
    assert_eq!(fault.kind.blame(), Blame::Plugin);
    let shown = format!("{fault} {fault:?}");
    assert!(!shown.contains(CANARY), "{shown}");
    fault
}

fn hint(fault: &Fault) -> &str {
    fault.hint.as_deref().unwrap_or_default()
}

/// The fault that keeps a chain from being made.
fn refused(name: &str) -> Fault {
    match sandbox().chain(vec![step(guest(name))]) {
        Err(LinkError::Init(fault)) => *fault,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn loops() {
    let fault = stopped("loops");
    assert_eq!(fault.kind, FaultKind::OutOfFuel);
    assert_eq!(hint(&fault), "limits = { fuel = 200000000 }");
}

#[test]
fn loops_in_init() {
    assert_eq!(refused("loops_in_init").kind, FaultKind::OutOfFuel);
}

#[test]
fn loops_in_start() {
    assert_eq!(refused("loops_in_start").kind, FaultKind::OutOfFuel);
}

#[test]
fn traps_in_init() {
    assert_eq!(refused("traps_in_init").kind, FaultKind::Trapped);
}

#[test]
fn traps() {
    let fault = stopped("traps");
    assert_eq!(fault.kind, FaultKind::Trapped);
    assert_eq!(fault.location.as_deref(), Some("innermost"));
    assert_eq!(fault.detail, "wasm trap: wasm `unreachable` instruction executed");
}

#[test]
fn panics() {
    let fault = stopped("panics");
    assert_eq!(fault.kind, FaultKind::Trapped);
    assert_eq!(fault.location.as_deref(), Some("src/lib.rs:12:5?"));
    assert_eq!(fault.detail, "it raised a fault of the kind `panic`");
    assert_eq!(fault.text.as_slice(), CANARY.as_bytes());
}

#[test]
fn recurses() {
    assert_eq!(stopped("recurses").kind, FaultKind::OutOfStack);
}

#[test]
fn reaches_out_of_bounds() {
    let fault = stopped("reaches_out_of_bounds");
    assert_eq!(fault.kind, FaultKind::Trapped);
    assert_eq!(fault.detail, "wasm trap: out of bounds memory access");
}

#[test]
fn allocates_without_end() {
    let fault = stopped("allocates_without_end");
    assert_eq!(fault.kind, FaultKind::OutOfMemory);
    assert_eq!(hint(&fault), "limits = { memory = \"128MiB\" }");
}

#[test]
fn grows_a_table_without_end() {
    let fault = stopped("grows_a_table_without_end");
    assert_eq!(fault.kind, FaultKind::OutOfMemory);
    assert_eq!(hint(&fault), "limits = { table_elements = 40000 }");
}

/// Fuel counts the bytes of bulk instructions, so that it is what stops a loop of them, before any deadline.
fn stopped_among_bulk_instructions(name: &str) {
    let fault = stopped(name);
    assert_eq!(fault.kind, FaultKind::OutOfFuel, "{fault}");
    assert_eq!(hint(&fault), "limits = { fuel = 200000000 }");
}

#[test]
fn fills_memory_forever() {
    stopped_among_bulk_instructions("fills_memory_forever");
}

#[test]
fn copies_memory_forever() {
    stopped_among_bulk_instructions("copies_memory_forever");
}

#[test]
fn calls_the_host_forever() {
    let fault = stopped("calls_the_host_forever");
    assert_eq!(fault.kind, FaultKind::TooManyCalls);
    assert_eq!(hint(&fault), "limits = { host_calls = 200000 }");
}

#[test]
fn floods_the_log() {
    let report = misbehave(step(guest("floods_the_log")));
    assert_eq!(report.log.len(), 100);
    assert_eq!(
        report.steps.iter().map(|step| step.log_lines_dropped).sum::<u64>(),
        4_900
    );
    assert_eq!(forwarded(report), [MESSAGE]);
}

#[test]
fn forwards_forever() {
    let fault = stopped("forwards_forever");
    assert_eq!(fault.kind, FaultKind::OutputTooLarge);
    assert_eq!(hint(&fault), "limits = { outputs = 200 }");
}

#[test]
fn forwards_a_huge_output() {
    let fault = stopped("forwards_a_huge_output");
    assert_eq!(fault.kind, FaultKind::OutputTooLarge);
    assert_eq!(hint(&fault), "limits = { output = \"128MiB\" }");
}

#[test]
fn sets_attributes_forever() {
    let fault = stopped("sets_attributes_forever");
    assert_eq!(fault.kind, FaultKind::OutputTooLarge);
    assert_eq!(hint(&fault), "limits = { attributes = \"32KiB\" }");
}

#[test]
fn hands_over_too_much() {
    let fault = stopped("hands_over_too_much");
    assert_eq!(fault.kind, FaultKind::OutputTooLarge);
    assert_eq!(hint(&fault), "limits = { transfer = \"16MiB\" }");
}

#[test]
fn leaks_handles() {
    let fault = stopped("leaks_handles");
    assert_eq!(fault.kind, FaultKind::TooManyHandles);
    assert_eq!(hint(&fault), "limits = { handles = 2000 }");
}

#[test]
fn holds_a_borrow() {
    let fault = stopped("holds_a_borrow");
    assert_eq!(fault.kind, FaultKind::Trapped);
    assert!(
        fault.text.lossy_text().contains("borrow handles still remain"),
        "{}",
        fault.text.lossy_text()
    );
}

#[test]
fn returns_an_unknown_case() {
    assert_eq!(stopped("returns_an_unknown_case").kind, FaultKind::Trapped);
}

#[test]
fn returns_a_bad_pointer() {
    assert_eq!(stopped("returns_a_bad_pointer").kind, FaultKind::Trapped);
}

#[test]
fn breaks_utf8() {
    assert_eq!(stopped("breaks_utf8").kind, FaultKind::Trapped);
}

#[test]
fn claims_a_list_beyond_its_memory() {
    assert_eq!(stopped("claims_a_list_beyond_its_memory").kind, FaultKind::Trapped);
}

#[test]
fn does_nothing() {
    assert_eq!(stopped("does_nothing").kind, FaultKind::NoOutcome);
}

#[test]
fn forwards_and_filters() {
    assert_eq!(stopped("forwards_and_filters").kind, FaultKind::ConflictingOutcome);
}

#[test]
fn remembers() {
    let chain = chain(step(guest("remembers")));
    for _ in 0..20 {
        assert_eq!(
            forwarded(chain.run_blocking(input(MISBEHAVE))),
            [MESSAGE],
            "nothing is left of an earlier message"
        );
    }
}

#[test]
fn a_loop_without_a_limit_of_fuel_is_stopped_by_its_deadline() {
    let mut endless = step(guest("loops"));
    endless.limits.fuel = u64::MAX;
    endless.limits.deadline_ms = 30;
    let report = misbehave(endless);
    let elapsed_ms = report.steps.iter().map(|step| step.elapsed_us / 1_000).max().unwrap();
    assert!((30..20_000).contains(&elapsed_ms), "{elapsed_ms} ms");
    let fault = fault(report);
    assert_eq!(fault.kind, FaultKind::Deadline);
    assert_eq!(hint(&fault), "limits = { deadline = \"60ms\" }");
}

#[test]
fn the_same_message_costs_the_same_fuel() {
    let chain = chain(step(guest("floods_the_log")));
    let fuel = |attempt| {
        chain
            .run_blocking(input(attempt))
            .steps
            .iter()
            .map(|step| step.fuel)
            .sum::<u64>()
    };
    let (first, flood) = (fuel(1), fuel(MISBEHAVE));
    assert_eq!((fuel(1), fuel(MISBEHAVE)), (first, flood));
    assert!(first < flood, "{first} {flood}");
}

/// Ten megabytes in OBX-5.
fn large_message() -> String {
    MESSAGE.replace("||5.4|", &format!("||{}|", "5".repeat(10 << 20)))
}

#[test]
fn copies_ten_thousand_times() {
    let mut copier = step(guest("copies_ten_thousand_times"));
    copier.limits.handles_max = 20_000;
    let chain = chain(copier);
    let message = large_message();
    let before = resident_bytes();
    let fault = fault(chain.run_blocking(input_of(&message, MISBEHAVE)));
    assert_eq!(fault.kind, FaultKind::OutOfFuel, "{fault}");
    assert_eq!(hint(&fault), "limits = { fuel = 200000000 }");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 512 << 20, "{grown} bytes of a hundred gigabytes");
    assert_eq!(forwarded(chain.run_blocking(input_of(&message, 1))), [message]);
}

/// A step that may read and write the message's header and nothing of the patient.
fn without_the_patient(name: &str) -> Step {
    let mut step = step(guest(name));
    let header = FieldPatterns::parse(&["MSH-*"]).unwrap();
    step.grants.read = header.clone();
    step.grants.write = header;
    step
}

/// What a guest without a grant for the patient is denied.
fn denied(name: &str) -> Fault {
    let fault = fault(misbehave(without_the_patient(name)));
    assert_eq!(fault.kind, FaultKind::Denied, "{fault}");
    assert!(!format!("{fault} {fault:?}").contains(CANARY), "{fault:?}");
    fault
}

#[test]
fn reads_a_denied_field() {
    assert_eq!(hint(&denied("reads_a_denied_field")), "grants = { read = [\"PID-5\"] }");
}

#[test]
fn reads_a_denied_field_by_an_alias() {
    let fault = denied("reads_a_denied_field_by_an_alias");
    assert_eq!(hint(&fault), "grants = { read = [\"PID-5\"] }");
}

#[test]
fn reads_a_denied_field_as_bytes() {
    let fault = denied("reads_a_denied_field_as_bytes");
    assert_eq!(hint(&fault), "grants = { read = [\"PID-*\"] }");
}

#[test]
fn reads_a_denied_field_by_encoding() {
    let fault = denied("reads_a_denied_field_by_encoding");
    assert_eq!(hint(&fault), "grants = { read = [\"*\"] }");
}

#[test]
fn writes_a_denied_field_by_parsing() {
    let fault = denied("writes_a_denied_field_by_parsing");
    assert_eq!(hint(&fault), "grants = { create = true }");
}

#[test]
fn names_a_destination() {
    let fault = denied("names_a_destination");
    assert_eq!(hint(&fault), "grants = { to = [\"ehr\"] }");
}

/// The same message of another patient.
fn of_another_patient() -> String {
    MESSAGE.replace(CANARY, "MINTABETEG")
}

#[test]
fn carries_over() {
    let chain = chain(step(guest("carries_over")));
    for message in [MESSAGE.to_owned(), of_another_patient()] {
        assert_eq!(forwarded(chain.run_blocking(input_of(&message, MISBEHAVE))), [message]);
    }
}

/// What README states as the risk of reuse.
#[test]
fn a_reused_instance_can_carry_one_patient_over_to_the_next() {
    let mut reusing = step(guest("carries_over"));
    reusing.instances = Instances::Reuse(NonZeroU32::new(2).unwrap());
    let chain = chain(reusing);
    chain.run_blocking(input(MISBEHAVE));
    let next = forwarded(chain.run_blocking(input_of(&of_another_patient(), MISBEHAVE)));
    assert!(
        next.iter().all(|next| next.contains("ZPI|1|SECRET|PROBABETEG")),
        "{next:?}"
    );
}

#[test]
fn grows_with_each_message() {
    let chain = chain(step(guest("grows_with_each_message")));
    for _ in 0..20 {
        assert_eq!(forwarded(chain.run_blocking(input(MISBEHAVE))), [MESSAGE]);
    }
}

#[test]
fn keeps_a_handle() {
    let chain = chain(step(guest("keeps_a_handle")));
    for _ in 0..20 {
        assert_eq!(forwarded(chain.run_blocking(input(MISBEHAVE))), [MESSAGE]);
    }
}

/// Rounds of every guest before memory is looked at for the first time, and between the two looks.
const ROUNDS: usize = 5;

/// Less than what one round of all guests asks for, and more than an allocator keeps for itself.
const KEPT_BYTES_MAX: u64 = 64 << 20;

#[test]
fn memory_returns_when_hostile_guests_are_stopped() {
    let mut chains = Vec::new();
    macro_rules! chain_of {
        ($($guest:ident)*) => {
            $(chains.extend(hasty(stringify!($guest)));)*
        };
    }
    transfuse_guests::for_each_guest!(chain_of);
    let round = || {
        for chain in &chains {
            chain.run_blocking(input(MISBEHAVE));
        }
    };
    (0..ROUNDS).for_each(|_| round());
    let before = resident_bytes();
    (0..ROUNDS).for_each(|_| round());
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < KEPT_BYTES_MAX, "{grown} bytes are kept after {ROUNDS} rounds");
}

/// A chain of a guest with a deadline that makes rounds short; none of one whose `init` fails.
fn hasty(name: &str) -> Option<Chain> {
    let mut hasty = step(guest(name));
    hasty.limits.deadline_ms = 10;
    hasty.limits.fuel = 20_000_000;
    sandbox().chain(vec![hasty]).ok()
}
