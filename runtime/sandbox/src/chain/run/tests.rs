//! What only this crate can bring about: a host function that panics or forgets to ask, and a clock that is late.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use futures_util::future::poll_immediate;
use transfuse_message::{Message, ParseOptions};
use wasmtime::component::Component;

use super::*;
use crate::bindings::transfuse::plugin::log::Level;
use crate::outcome::Context;
use crate::plugin::Code;
use crate::state::{HeldMessage, StepState};
use crate::{Grants, Instances, Limits, Plugin, PluginIdentity, Sandbox, SandboxSettings, State, Step, host};

const MESSAGE: &str = "MSH|^~\\&|A|B|C|D|20261123||ADT^A01|1|P|2.5\rPID|1\r";

fn sandbox() -> Sandbox {
    Sandbox::start(SandboxSettings {
        threads: 1,
        threads_max: 2,
        ..SandboxSettings::default()
    })
    .unwrap()
}

fn input(attempt: u32) -> Input {
    let message = Message::parse(MESSAGE, &ParseOptions::default()).unwrap();
    Input {
        message,
        context: context(attempt),
        state: State::default(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn context(attempt: u32) -> Context {
    Context {
        id: String::new(),
        interface: "test".into(),
        received_at_ms: 0,
        time_zone: "UTC".into(),
        attempt,
        attributes: Vec::new(),
    }
}

/// A chain of one guest, linked to a host with another `log`.
fn with_a_log(sandbox: &Sandbox, log: fn(&mut StepState), fields: &str, limits: Limits) -> Chain {
    let identity = PluginIdentity {
        name: "test/guest".into(),
        version: "1.0.0".into(),
        digest: "sha256:".into(),
        component_digest: "sha256:".into(),
    };
    let engine = &sandbox.shared().engine;
    let mut linker = host::linker(engine).unwrap();
    linker.allow_shadowing(true);
    let mut interface = linker.instance("transfuse:plugin/log@1.0.0").unwrap();
    let write = move |mut store: wasmtime::StoreContextMut<'_, StepState>, (_, _): (Level, String)| {
        log(store.data_mut());
        Ok(())
    };
    interface.func_wrap("write", write).unwrap();
    let guest = transfuse_guests::component(fields).unwrap();
    let component = Component::new(engine, guest).unwrap();
    let plugin = Plugin::new(
        identity.clone(),
        Arc::new(Code::link(&identity, &component, &linker).unwrap()),
    );
    let step = Step {
        plugin,
        config: Vec::new(),
        has_secrets: false,
        grants: Grants::default(),
        limits,
        instances: Instances::Fresh,
        tables: Vec::new(),
        state_schema: 1,
    };
    sandbox.chain(vec![step]).unwrap()
}

fn guest(name: &str) -> &'static str {
    transfuse_guests::guest(name).unwrap().text
}

fn panic(_: &mut StepState) {
    panic!("a panic that is part of the test");
}

#[test]
fn a_call_whose_caller_has_gone_is_not_run() {
    static LINES: AtomicUsize = AtomicUsize::new(0);
    let sandbox = sandbox();
    let count = |_: &mut StepState| {
        LINES.fetch_add(1, Ordering::SeqCst);
    };
    let chain = with_a_log(&sandbox, count, guest("floods_the_log"), Limits::default());
    let (release, released) = channel::<()>();
    // The only thread is held while a call is queued and its caller gives up.
    sandbox
        .shared()
        .pool
        .submit(&Arc::default(), Box::new(move || released.recv().unwrap_or_default()));
    assert!(block_on(poll_immediate(chain.run(input(2)))).is_none());
    drop(release);
    assert!(matches!(block_on(chain.run(input(1))).outcome, Outcome::Forwarded(_)));
    assert_eq!(LINES.load(Ordering::SeqCst), 0);
}

#[test]
fn a_host_function_that_panics_costs_its_message_only() {
    let sandbox = sandbox();
    let chain = with_a_log(&sandbox, panic, guest("floods_the_log"), Limits::default());
    for _ in 0..10 {
        let report = chain.run_blocking(input(2));
        let Outcome::Faulted(fault) = report.outcome else {
            panic!("{report:?}")
        };
        assert_eq!(fault.kind, FaultKind::HostBroken);
        assert_eq!(fault.kind.blame(), crate::Blame::Host);
        assert!(matches!(chain.run_blocking(input(1)).outcome, Outcome::Forwarded(_)));
    }
}

#[test]
fn a_run_is_repeated_once_when_its_deadline_passed_by_a_late_clock() {
    let sandbox = sandbox();
    let limits = Limits {
        fuel: u64::MAX,
        deadline_ms: 200,
        ..Limits::default()
    };
    let chain = with_a_log(&sandbox, panic, guest("loops"), limits);
    let ticker = Arc::clone(&sandbox.shared().ticker);
    let running = thread::spawn(move || chain.run_blocking(input(2)));
    while !ticker.is_watching() {
        thread::yield_now();
    }
    ticker.pretend_to_be_late();
    let report = running.join().unwrap();
    let used: Vec<_> = report.steps.iter().map(|step| (step.runs, step.repeated)).collect();
    assert_eq!(used, [(2, 1)]);
    let Outcome::Faulted(fault) = report.outcome else {
        panic!("{report:?}")
    };
    assert_eq!(fault.kind, FaultKind::Deadline);
}

#[test]
fn a_rejection_is_cut_to_what_an_error_segment_holds() {
    let raw = |code: &str, reason: String| RawRejection {
        code: code.to_owned(),
        path: None,
        reason,
    };
    assert_eq!(
        clean(raw("12345678901234567890", String::new())).code,
        "12345678901234567890"
    );
    assert_eq!(clean(raw("123456789012345678901", String::new())).code, NO_CODE);
    let long = clean(raw("103", "ő".repeat(REASON_BYTES_MAX)));
    assert_eq!(long.reason.len(), REASON_BYTES_MAX);
    assert!(
        !long.reason.lossy_text().contains('\u{fffd}'),
        "it is cut between characters"
    );
}

/// Changes every message that the guest holds, and asks no grant.
fn forgetful(state: &mut StepState) {
    for held in state
        .handles
        .iter_mut()
        .filter_map(|entry| entry.downcast_mut::<HeldMessage>())
    {
        held.message.set(&"PID-1".parse().unwrap(), "9").unwrap();
    }
}

#[test]
fn an_edit_that_asked_no_grant_is_found_when_it_is_forwarded() {
    let edits = "(func $misbehave (param $exchange i32) (result i32)
        (local $message i32)
        (local.set $message (call $message (local.get $exchange)))
        (call $log (i32.const 1) (i32.const 1024) (i32.const 1))
        (call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))
        (call $drop_message (local.get $message)) (call $drop_exchange (local.get $exchange))
        (call $ok))";
    let sandbox = sandbox();
    let chain = with_a_log(&sandbox, forgetful, edits, Limits::default());
    let Outcome::Faulted(fault) = chain.run_blocking(input(2)).outcome else {
        panic!("it is forwarded")
    };
    assert_eq!(fault.kind, FaultKind::Denied);
    assert_eq!(fault.hint.as_deref(), Some("grants = { write = [\"PID-1\"] }"));
}
