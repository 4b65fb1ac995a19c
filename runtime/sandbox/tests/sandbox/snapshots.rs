//! Snapshots of `init`: that they are made where they can be, and that nobody can tell by anything but the time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use transfuse_sandbox::{Chain, FaultKind, LinkError, Report, Sandbox, SandboxSettings, Step, Table};

use crate::support::{MISBEHAVE, fault, forwarded, identity, input, settings, step};

/// Some thousand rounds of nothing, in `init`.
const ROUNDS: &str = "(local.set $left (i32.const 10000))
    (loop $more
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $more (local.get $left)))";

/// Opens the table, and takes the name of its first column for the configuration.
const COLUMN: &str = "(call $open (i32.const 1072) (i32.const 5) (i32.const 64))
    (call $columns (i32.load (i32.const 68)) (i32.const 80))
    (global.set $config (i32.load (i32.load (i32.const 80))))
    (global.set $length (i32.load offset=4 (i32.load (i32.const 80))))";

const CLOSE: &str = "(call $drop_table (i32.load (i32.const 68)))";

/// Between what [`ROUNDS`] take, and what an `init` that does nothing takes.
const FUEL_MIN: u64 = 1_000;

/// Remembers its configuration, grows, and counts messages from one, each in a field of what it forwards.
fn keeper(in_init: &str, more: &str) -> Vec<u8> {
    let fields = format!(
        r#"(data (i32.const 1024) "ZPI-3")
        (data (i32.const 1040) "ZPI-4")
        (data (i32.const 1056) "0")
        (data (i32.const 1072) "codes")
        (global $config (mut i32) (i32.const 0))
        (global $length (mut i32) (i32.const 0))
        (func $init (param $given i32) (param $bytes i32) (result i32)
            (local $left i32)
            (global.set $config (local.get $given))
            (global.set $length (local.get $bytes))
            (drop (memory.grow (i32.const 3)))
            (i32.store8 (i32.const 300000) (i32.const 1))
            {in_init}
            (call $ok))
        (func $misbehave (param $exchange i32) (result i32)
            (local $message i32)
            (i32.store8 (i32.const 1056) (i32.add (i32.load8_u (i32.const 1056)) (i32.load8_u (i32.const 300000))))
            (local.set $message (call $message (local.get $exchange)))
            (call $set (local.get $message) (i32.const 1024) (i32.const 5) (global.get $config) (global.get $length)
                (i32.const 64))
            (call $set (local.get $message) (i32.const 1040) (i32.const 5) (i32.const 1056) (i32.const 1) (i32.const 64))
            (call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))
            (call $drop_message (local.get $message))
            (call $drop_exchange (local.get $exchange))
            (call $ok))
        {more}"#
    );
    transfuse_guests::component(&fields).unwrap()
}

/// A sandbox whose compiled code can be counted.
fn sandbox(folder: &Path, snapshot_fuel_min: Option<u64>) -> Sandbox {
    Sandbox::start(SandboxSettings {
        cache_folder: Some(folder.to_owned()),
        snapshot_fuel_min,
        threads: 1,
        threads_max: 1,
        ..settings()
    })
    .unwrap()
}

fn codes(column: &str, code: &str) -> Arc<Table> {
    let rows = vec![vec![code.to_owned()]];
    Arc::new(Table::new("codes", &format!("digest of {code}"), vec![column.to_owned()], rows).unwrap())
}

fn configured(sandbox: &Sandbox, component: &[u8], config: &str) -> Step {
    let mut step = step(sandbox.load(identity(component), component).unwrap());
    step.config = config.as_bytes().to_vec();
    step.grants.tables = vec!["codes".to_owned()];
    step.tables = vec![codes("local", "GLU")];
    step
}

fn chain(sandbox: &Sandbox, component: &[u8], config: &str) -> Chain {
    sandbox.chain(vec![configured(sandbox, component, config)]).unwrap()
}

/// Pieces of compiled code in a cache: the component, and each of its snapshots.
fn compiled(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|end| end == "cwasm"))
        .count()
}

/// Everything of a report but the time that it took.
fn told(report: Report) -> String {
    let used: Vec<_> = report
        .steps
        .iter()
        .map(|step| {
            format!(
                "{} {} {} {:?}",
                step.fuel, step.memory_bytes, step.fresh_instances, step.access
            )
        })
        .collect();
    let log: Vec<_> = report.log.iter().map(|line| format!("{line:?}")).collect();
    format!("{used:?} {log:?} {:?} {:?}", report.tables.clone(), forwarded(report))
}

/// What three messages give with snapshots and without, and what was compiled with them.
fn with_and_without(component: &[u8]) -> ([Vec<String>; 2], usize) {
    let folders: [TempDir; 2] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let run = |folder: &TempDir, fuel_min| {
        let chain = chain(&sandbox(folder.path(), fuel_min), component, "seven");
        let attempts = [1, MISBEHAVE, MISBEHAVE];
        attempts
            .map(|attempt| told(chain.run_blocking(input(attempt))))
            .to_vec()
    };
    let [with, without] = &folders;
    let ran = [run(with, Some(FUEL_MIN)), run(without, None)];
    assert_eq!(compiled(without.path()), 1);
    (ran, compiled(with.path()))
}

#[test]
fn a_snapshot_gives_what_init_gives_for_the_same_fuel_and_memory() {
    let ([with, without], compiled) = with_and_without(&keeper(ROUNDS, ""));
    assert_eq!(with, without);
    assert_eq!(compiled, 2, "a snapshot was made");
    let last = with.last().unwrap();
    assert!(
        last.contains("ZPI|1|SECRET|seven|1"),
        "{last}: each message is the first of its instance"
    );
}

#[test]
fn a_snapshot_may_ask_for_columns_and_every_message_tells_of_the_table() {
    let ([with, without], compiled) = with_and_without(&keeper(&format!("{COLUMN} {CLOSE} {ROUNDS}"), ""));
    assert_eq!((&with, compiled), (&without, 2));
    assert!(with.last().unwrap().contains("ZPI|1|SECRET|local|1"), "{with:?}");
    assert!(with.iter().all(|told| told.contains("digest of GLU")), "{with:?}");
}

#[test]
fn an_init_that_does_more_with_the_host_has_no_snapshot() {
    let looks_up = "(call $find (i32.load (i32.const 68)) (i32.load (i32.load (i32.const 80))) (i32.const 5)
        (i32.const 1024) (i32.const 5) (i32.const 96))";
    let logs = "(call $log (i32.const 1) (i32.const 1024) (i32.const 5))";
    let deeds = [
        format!("{COLUMN} {looks_up} {CLOSE}"),
        COLUMN.to_owned(),
        logs.to_owned(),
    ];
    for deed in deeds {
        let ([with, without], compiled) = with_and_without(&keeper(&format!("{deed} {ROUNDS}"), ""));
        assert_eq!((&with, compiled), (&without, 1), "{deed}");
    }
}

#[test]
fn a_snapshot_is_of_the_columns_of_a_table_and_not_of_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let component = keeper(&format!("{COLUMN} {CLOSE} {ROUNDS}"), "");
    let serve = |column: &str, code: &str| {
        let sandbox = sandbox(folder.path(), Some(FUEL_MIN));
        let mut step = configured(&sandbox, &component, "");
        step.tables = vec![codes(column, code)];
        let report = sandbox.chain(vec![step]).unwrap().run_blocking(input(MISBEHAVE));
        let told = told(report);
        assert!(told.contains(&format!("ZPI|1|SECRET|{column}|1")), "{told}");
        assert!(told.contains(&format!("digest of {code}")), "{told}");
        compiled(folder.path())
    };
    assert_eq!(
        [serve("local", "GLU"), serve("local", "K"), serve("loinc", "K")],
        [2, 2, 3]
    );
}

#[test]
fn an_init_that_costs_little_has_no_snapshot() {
    let ([with, without], compiled) = with_and_without(&keeper("", ""));
    assert_eq!((with, compiled), (without, 1));
}

#[test]
fn a_component_that_no_snapshot_can_be_made_of_runs_its_init() {
    let tables = "(table 1 funcref) (func $grows (drop (table.grow (ref.null func) (i32.const 1))))";
    let ([with, without], compiled) = with_and_without(&keeper(ROUNDS, tables));
    assert_eq!((with, compiled), (without, 1));
}

#[test]
fn that_no_snapshot_can_be_made_is_remembered_by_those_who_share_the_folder() {
    let tables = "(table 1 funcref) (func $grows (drop (table.grow (ref.null func) (i32.const 1))))";
    let component = keeper(ROUNDS, tables);
    let folder = tempfile::tempdir().unwrap();
    let attempt = |fuel| {
        let sandbox = sandbox(folder.path(), Some(FUEL_MIN));
        let mut step = configured(&sandbox, &component, "seven");
        step.limits.fuel = fuel;
        forwarded(sandbox.chain(vec![step]).unwrap().run_blocking(input(MISBEHAVE)));
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
        let refused = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "refused"));
        // Whoever tries again writes another file in its place.
        refused
            .map(|entry| entry.metadata().unwrap().ino())
            .collect::<BTreeSet<_>>()
    };
    let first = attempt(10_000_000);
    assert_eq!(first.len(), 1);
    assert_eq!(attempt(10_000_000), first);
    assert_eq!(attempt(20_000_000).len(), 2, "with other limits it is tried");
}

#[test]
fn compiled_code_that_is_in_use_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let component = keeper(ROUNDS, "");
    let may_be_removed = || {
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let code = entries.filter(|path| path.extension().is_some_and(|end| end == "cwasm"));
        code.map(|path| fs::File::open(path).unwrap().try_lock().is_ok())
            .collect::<Vec<_>>()
    };
    // Made, and then found.
    for _ in 0..2 {
        let chain = chain(&sandbox(folder.path(), Some(FUEL_MIN)), &component, "seven");
        assert_eq!(may_be_removed(), [false, false]);
        drop(chain);
        assert_eq!(may_be_removed(), [true, true]);
    }
}

#[test]
fn a_snapshot_is_of_one_configuration_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let component = keeper(ROUNDS, "");
    let serve = |config: &str| {
        let chain = chain(&sandbox(folder.path(), Some(FUEL_MIN)), &component, config);
        let forwarded = forwarded(chain.run_blocking(input(MISBEHAVE)));
        assert!(
            forwarded.concat().contains(&format!("ZPI|1|SECRET|{config}|1")),
            "{forwarded:?}"
        );
        compiled(folder.path())
    };
    assert_eq!([serve("one"), serve("two"), serve("one")], [2, 3, 3]);
}

#[test]
fn the_fuel_of_init_counts_with_a_snapshot_as_well() {
    let component = keeper(ROUNDS, "");
    for fuel_min in [Some(FUEL_MIN), None] {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = sandbox(folder.path(), fuel_min);
        let run = |fuel| {
            let mut step = configured(&sandbox, &component, "seven");
            step.limits.fuel = fuel;
            sandbox.chain(vec![step]).unwrap().run_blocking(input(MISBEHAVE))
        };
        let fuel: u64 = run(10_000_000).steps.iter().map(|step| step.fuel).sum();
        forwarded(run(fuel));
        assert_eq!(fault(run(fuel - 1)).kind, FaultKind::OutOfFuel);
    }
}

#[test]
fn a_fault_behind_a_snapshot_names_the_same_place() {
    let fields = format!(
        "(func $init (param i32 i32) (result i32) (local $left i32) {ROUNDS} (call $ok))
        (func $innermost unreachable)
        (func $misbehave (param $exchange i32) (result i32) (call $innermost) (call $ok))"
    );
    let component = transfuse_guests::component(&fields).unwrap();
    let faults = [Some(FUEL_MIN), None].map(|fuel_min| {
        let folder = tempfile::tempdir().unwrap();
        let chain = chain(&sandbox(folder.path(), fuel_min), &component, "{}");
        let fault = fault(chain.run_blocking(input(MISBEHAVE)));
        (fault.kind, fault.location, fault.detail, compiled(folder.path()))
    });
    let [with, without] = faults;
    assert_eq!(with.1.as_deref(), Some("innermost"));
    assert_eq!((&with.1, &with.2, with.3, without.3), (&without.1, &without.2, 2, 1));
}

#[test]
fn an_init_that_fails_is_told_as_before() {
    let refuses = "(i32.store8 (i32.const 16) (i32.const 1))
        (i32.store (i32.const 20) (i32.const 1024))
        (i32.store (i32.const 24) (i32.const 5))";
    for (deed, words) in [("unreachable", "unreachable"), (refuses, "ZPI-3")] {
        let component = keeper(&format!("{ROUNDS} {deed}"), "");
        let told = [Some(FUEL_MIN), None].map(|fuel_min| {
            let folder = tempfile::tempdir().unwrap();
            let sandbox = sandbox(folder.path(), fuel_min);
            let error: LinkError = sandbox.chain(vec![configured(&sandbox, &component, "{}")]).unwrap_err();
            assert_eq!(compiled(folder.path()), 1);
            error.to_string()
        });
        let [with, without] = told;
        assert_eq!(with, without);
        assert!(with.contains(words), "{with}");
    }
}

#[test]
fn a_configuration_with_secrets_leaves_nothing_on_disk() {
    let component = keeper(ROUNDS, "");
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path(), Some(FUEL_MIN));
    let mut step = configured(&sandbox, &component, "CANARY");
    step.has_secrets = true;
    assert!(!format!("{step:?}").contains("CANARY"));
    let chain = sandbox.chain(vec![step]).unwrap();
    let forwarded = forwarded(chain.run_blocking(input(MISBEHAVE)));
    assert!(forwarded.concat().contains("ZPI|1|SECRET|CANARY|1"), "{forwarded:?}");
    assert_eq!(compiled(folder.path()), 1, "there is the component alone");
    for entry in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(6).any(|window| window == b"CANARY"));
    }
}

#[test]
fn what_a_plugin_says_of_a_configuration_with_secrets_is_not_shown() {
    // It answers with its configuration, which is how long it says it is.
    let quotes = "(i32.store8 (i32.const 16) (i32.const 1))
        (i32.store (i32.const 20) (local.get $given))
        (i32.store (i32.const 24) (local.get $bytes))";
    let component = keeper(quotes, "");
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path(), None);
    let told = [false, true].map(|has_secrets| {
        let mut step = configured(&sandbox, &component, "CANARY");
        step.has_secrets = has_secrets;
        sandbox.chain(vec![step]).unwrap_err().to_string()
    });
    let [shown, unshown] = told;
    assert!(shown.contains("CANARY"), "{shown}");
    assert!(
        !unshown.contains("CANARY") && unshown.contains("not shown"),
        "{unshown}"
    );
}
