//! Documents: the input as bytes, and bytes as outputs.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use transfuse_message::Payload;
use transfuse_sandbox::{Content, Document, FaultKind, Grants, Outcome, Report, Step};

use crate::grants::{does, patterns};
use crate::support::{MESSAGE, MISBEHAVE, chain, fault, input, plugin, sandbox, step};

/// Logs 16 bytes from the fourth on.
const READ: &str = "(call $document (local.get $exchange) (i32.const 64))
    (local.set $other (i32.load (i32.const 68)))
    (if (i64.gt_u (call $length (local.get $other)) (i64.const 20))
        (then
            (call $read (local.get $other) (i64.const 4) (i32.const 16) (i32.const 64))
            (call $log (i32.const 1) (i32.load (i32.const 64)) (i32.load (i32.const 68)))
            (call $read (local.get $other) (i64.const -1) (i32.const -1) (i32.const 64))
            (call $log (i32.const 1) (i32.load (i32.const 64)) (i32.load (i32.const 68)))))
    (call $drop_document (local.get $other))";

/// Forwards the second text as a document of the type that the first one names.
const FORWARD: &str = "(call $forward_document (local.get $exchange) {0} {1} (i32.const 2048) (i32.const 0))";

fn acting(deed: &str, texts: &[&str], grants: Grants) -> Step {
    Step {
        grants,
        ..step(plugin(&does(deed, texts)))
    }
}

fn creating() -> Grants {
    Grants {
        create: true,
        ..Grants::default()
    }
}

fn run(step: Step) -> Report {
    chain(step).run_blocking(input(MISBEHAVE))
}

fn documents(report: Report) -> Vec<Document> {
    let Outcome::Forwarded(outputs) = report.outcome else {
        unreachable!("{report:?}")
    };
    let contents = outputs.into_iter().map(|output| output.content);
    contents
        .filter_map(|content| match content {
            Content::Document(document) => Some(document),
            Content::Message(_) => None,
        })
        .collect()
}

#[test]
fn the_input_is_read_as_bytes_by_whoever_may_read_everything() {
    let fields = Grants {
        read: patterns(&["MSH-*", "PID-*", "OBR-*", "OBX-*", "ZPI-*"]),
        ..Grants::default()
    };
    let fault = fault(run(acting(READ, &[], fields)));
    assert_eq!(fault.hint.as_deref(), Some("grants = { read = [\"*\"] }"));
    let everything = Grants {
        read: patterns(&["*"]),
        ..Grants::default()
    };
    let report = run(acting(READ, &[], everything));
    let read: Vec<_> = report.log.iter().map(|line| line.text.clone()).collect();
    assert_eq!(read, [Payload::from(MESSAGE[4..20].to_owned()), Payload::default()]);
    assert!(report.steps[0].access.everything);
}

#[test]
fn a_document_is_forwarded_beside_messages_with_the_grant_to_create() {
    let report = run(acting(FORWARD, &["text/csv", "a;b"], creating()));
    assert!(report.steps[0].access.create);
    let expected = Document {
        content_type: "text/csv".to_owned(),
        body: Payload::from("a;b"),
    };
    assert_eq!(documents(report), [expected]);
    let fault = fault(run(acting(FORWARD, &["text/csv", "a;b"], Grants::default())));
    assert_eq!(fault.hint.as_deref(), Some("grants = { create = true }"));
}

#[test]
fn a_media_type_that_is_none_is_replaced() {
    for (given, kept) in [
        ("application/fhir+json", "application/fhir+json"),
        ("PROBABETEG JANOS", "application/octet-stream"),
        ("text/", "application/octet-stream"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("text/plain; PROBABETEG", "application/octet-stream"),
    ] {
        let documents = documents(run(acting(FORWARD, &[given, ""], creating())));
        assert_eq!(documents[0].content_type, kept, "{given}");
    }
}

#[test]
fn a_document_names_destinations_as_a_message_does() {
    let to = "(i32.store (i32.const 2048) (i32.const 1024)) (i32.store (i32.const 2052) (i32.const 3))
        (call $forward_document (local.get $exchange) {0} {0} (i32.const 2048) (i32.const 1))";
    let fault = fault(run(acting(to, &["log"], creating())));
    assert_eq!(fault.hint.as_deref(), Some("grants = { to = [\"log\"] }"));
    let granted = Grants {
        to: Some(vec!["log".to_owned()]),
        ..creating()
    };
    assert_eq!(run(acting(to, &["log"], granted)).steps[0].access.to, ["log"]);
}

#[test]
fn only_the_last_step_forwards_documents() {
    let steps = vec![
        acting(FORWARD, &["text/csv", "a"], creating()),
        acting("", &[], creating()),
    ];
    let report = sandbox().chain(steps).map(|chain| chain.run_blocking(input(MISBEHAVE)));
    let Ok(report) = report else { unreachable!("it links") };
    let fault = fault(report);
    assert_eq!((fault.kind, fault.step), (FaultKind::MisplacedDocument, 0));
    assert_eq!(fault.hint.as_deref(), Some("make it the last of the `[[steps]]`"));
}

#[test]
fn documents_count_towards_the_limits_of_outputs() {
    let mut step = acting(FORWARD, &["text/csv", "abc"], creating());
    step.limits.output_bytes_max = 2;
    assert_eq!(fault(run(step)).kind, FaultKind::OutputTooLarge);
}
