#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;

fn detail() -> Detail {
    let step = StepNote {
        plugin: "transfuse/redact".into(),
        version: "1.0.0".into(),
        digest: "sha256:00".into(),
        fuel: 12_000,
        elapsed_us: 30,
        log_lines_dropped: 0,
        access: AccessNote {
            written: vec!["PID-11".into()],
            ..AccessNote::default()
        },
    };
    let log = LogNote {
        step: 0,
        level: "warn".into(),
        text: "PRÓBA^BETEG has no address".into(),
    };
    Detail {
        steps: vec![step],
        log: vec![log],
        tables: Vec::new(),
        findings: vec![FindingNote {
            path: "PID-3".into(),
            code: "101".into(),
            severity: "error".into(),
            text: "the patient PRÓBA^BETEG has no number".into(),
        }],
        findings_unlisted: 7,
        table_misses: vec![MissNote {
            step: 0,
            table: "lab-codes".into(),
            column: "local".into(),
            value: "PRÓBA^BETEG".into(),
        }],
        table_misses_unlisted: 1,
        engine: Detail::ENGINE.into(),
        destinations: Vec::new(),
        exchange: None,
    }
}

/// The steps as formats before the present one have them.
fn old_steps() -> Vec<StepWithoutAccess> {
    let steps = detail().steps.into_iter();
    steps
        .map(|step| StepWithoutAccess {
            plugin: step.plugin,
            version: step.version,
            digest: step.digest,
            fuel: step.fuel,
            elapsed_us: step.elapsed_us,
            log_lines_dropped: step.log_lines_dropped,
        })
        .collect()
}

#[test]
fn a_detail_comes_back_as_it_was_stored() {
    let stored = detail().seal();
    assert_eq!(Detail::open(stored.bytes()).expect("a stored detail"), detail());
    assert_eq!(
        Detail::open(Detail::default().seal().bytes()).expect("an empty detail"),
        Detail::default()
    );
}

#[test]
fn a_detail_from_before_validation_is_read_without_findings() {
    let Detail { log, tables, .. } = detail();
    let steps = old_steps();
    let old = DetailWithoutFindings { steps, log, tables };
    let stored = postcard::to_extend(&old, vec![1]).expect("an old detail");
    let read = Detail::open(&stored).expect("an old detail");
    assert_eq!((read.steps.len(), &read.log), (1, &detail().log));
    assert_eq!((read.findings.len(), read.findings_unlisted), (0, 0));
}

#[test]
fn a_detail_from_before_access_was_recorded_is_read_without_it() {
    let Detail {
        log, tables, findings, ..
    } = detail();
    let old = DetailWithoutAccess {
        steps: old_steps(),
        log,
        tables,
        findings,
        findings_unlisted: 7,
    };
    let stored = postcard::to_extend(&old, vec![2]).expect("an old detail");
    let read = Detail::open(&stored).expect("an old detail");
    let mut expected = detail();
    expected
        .steps
        .iter_mut()
        .for_each(|step| step.access = AccessNote::default());
    (expected.table_misses, expected.table_misses_unlisted) = (Vec::new(), 0);
    expected.engine.clear();
    assert_eq!(read, expected);
}

#[test]
fn a_detail_from_before_the_engine_was_recorded_is_read_without_it() {
    let now = detail();
    let old = DetailWithoutEngine {
        steps: now.steps,
        log: now.log,
        tables: now.tables,
        findings: now.findings,
        findings_unlisted: now.findings_unlisted,
        table_misses: now.table_misses,
        table_misses_unlisted: now.table_misses_unlisted,
    };
    let stored = postcard::to_extend(&old, vec![3]).expect("an old detail");
    let read = Detail::open(&stored).expect("an old detail");
    assert_eq!(read.engine, "");
    let engine = Detail::ENGINE.to_owned();
    assert_eq!(Detail { engine, ..read }, detail());
}

#[test]
fn a_detail_from_before_destinations_had_steps_is_read_without_them() {
    let now = detail();
    let old = DetailWithoutDestinations {
        steps: now.steps,
        log: now.log,
        tables: now.tables,
        findings: now.findings,
        findings_unlisted: now.findings_unlisted,
        table_misses: now.table_misses,
        table_misses_unlisted: now.table_misses_unlisted,
        engine: now.engine,
    };
    let stored = postcard::to_extend(&old, vec![4]).expect("an old detail");
    assert_eq!(Detail::open(&stored).expect("an old detail"), detail());
}

#[test]
fn a_step_is_found_with_the_destination_that_it_belongs_to() {
    let mut detail = detail();
    detail.destinations = vec![DestinationNote {
        destination: "register".into(),
        first_step: 1,
        steps: 2,
        ending: "filtered".into(),
        reason: "PRÓBA^BETEG is not for the register".into(),
    }];
    let found: Vec<_> = (0..4).map(|step| detail.destination_at(step).is_some()).collect();
    assert_eq!(found, [false, true, true, false]);
    assert!(!format!("{detail:?}").contains("BETEG"));
    let stored = detail.seal();
    assert_eq!(Detail::open(stored.bytes()).expect("a stored detail"), detail);
}

/// As the format before wrote it, byte for byte: a log line of step 0.
#[test]
fn the_bytes_of_the_format_before_validation_mean_what_they_meant() {
    let stored = b"\x01\x00\x01\x00\x04info\x02ok\x00";
    let read = Detail::open(stored).expect("an old detail");
    assert_eq!(read.log.first().map(|line| line.text.as_str()), Some("ok"));
}

#[test]
fn a_newer_or_damaged_detail_is_an_error_and_never_a_guess() {
    assert!(matches!(Detail::open(&[9, 1, 2]), Err(DetailError::NewerFormat(9))));
    assert!(matches!(Detail::open(&[FORMAT, 255]), Err(DetailError::Damaged(_))));
}

#[test]
fn log_lines_and_findings_print_their_sizes_only() {
    assert!(!format!("{:?}", detail()).contains("BETEG"));
}
