//! What a traced run tells: the edit that made a value, and where the plugin stood at it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use transfuse_message::Payload;
use transfuse_sandbox::{Chain, Deed, Edit, FaultKind, Place, Question, Raised, Report, Trace};

use crate::grants::does;
use crate::support::{MISBEHAVE, chain, fault, input, plugin, step};

const SET: &str = "(call $set (local.get $message) {0} {1} (i32.const 64))";

fn editing(fields: &str) -> Chain {
    let mut step = step(plugin(fields));
    step.grants.create = true;
    chain(step)
}

fn ask(chain: &Chain, question: Question) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(chain.run_traced(input(MISBEHAVE), question))
}

fn traced(chain: &Chain, question: Question) -> Trace {
    ask(chain, question).trace.unwrap()
}

fn makers(deed: &str, texts: &[&str], path: &str) -> Vec<Option<Edit>> {
    let question = Question::MadeAt(path.parse().unwrap());
    traced(&editing(&does(deed, texts)), question).makers
}

fn edit(number: u32, deed: Deed, path: &str) -> Edit {
    let path = path.to_owned();
    Edit { number, deed, path }
}

#[test]
fn the_last_edit_that_changed_a_value_made_it() {
    let again = "(call $set (local.get $message) {0} {2} (i32.const 64))";
    let elsewhere = "(call $set (local.get $message) {3} {1} (i32.const 64))";
    let deed = format!("{SET} {again} {elsewhere} {again}");
    let texts = ["OBX[2]-3.1", "A", "B", "OBX-3.1"];
    assert_eq!(
        makers(&deed, &texts, "OBX[2]-3.1"),
        [Some(edit(1, Deed::Set, "OBX[2]-3.1"))]
    );
    assert_eq!(
        makers(&deed, &texts, "OBX[2]-3"),
        [Some(edit(1, Deed::Set, "OBX[2]-3.1"))]
    );
    assert_eq!(makers(&deed, &texts, "OBX-3.1"), [Some(edit(2, Deed::Set, "OBX-3.1"))]);
    assert_eq!(makers(&deed, &texts, "PID-3.1"), [None]);
    let refused = "(call $set (local.get $message) {0} {1} (i32.const 64))";
    assert_eq!(makers(refused, &["OBX[9]-3.1", "A"], "OBX[9]-3.1"), [None]);
}

#[test]
fn what_is_inserted_removed_cleared_or_copied_there_made_it_too() {
    let insert = "(call $insert (local.get $message) {0} {1} (i32.const 64))";
    let moved = makers(insert, &["OBX", "OBR"], "OBX[2]-3.1");
    assert_eq!(moved, [Some(edit(0, Deed::Insert, "OBX"))]);
    let remove = "(call $remove (local.get $message) {0} (i32.const 64))";
    let moved = makers(remove, &["OBX[1]"], "OBX-3.1");
    assert_eq!(moved, [Some(edit(0, Deed::Remove, "OBX[1]"))]);
    let clear = "(call $clear (local.get $message) {0} (i32.const 64))";
    let cleared = makers(clear, &["PID-3"], "PID-3.1");
    assert_eq!(cleared, [Some(edit(0, Deed::Clear, "PID-3"))]);
    let copy = "(call $copy_from (local.get $message) (local.get $message) {0} {1} (i32.const 64))";
    let copied = makers(copy, &["OBX[2]-3", "OBX[1]-3"], "OBX-3.1");
    assert_eq!(copied, [Some(edit(0, Deed::Copy, "OBX[1]-3"))]);
}

#[test]
fn each_output_has_the_history_of_its_own_copy() {
    let deed = format!(
        "{SET}
        (local.set $other (call $copy (local.get $message)))
        (call $set (local.get $other) {{0}} {{2}} (i32.const 64))
        (call $forward (local.get $exchange) (local.get $other) (i32.const 0) (i32.const 0))
        (call $drop_message (local.get $other))
        (local.set $other (call $copy (local.get $message)))
        (call $forward (local.get $exchange) (local.get $other) (i32.const 0) (i32.const 0))"
    );
    let path = "OBX-3.1";
    let own = [
        Some(edit(1, Deed::Set, path)),
        Some(edit(0, Deed::Set, path)),
        Some(edit(0, Deed::Set, path)),
    ];
    assert_eq!(makers(&deed, &[path, "A", "B"], path), own);
}

#[test]
fn a_message_of_bytes_was_made_as_a_whole() {
    let parse = "(call $parse {0} (i32.const 64))
        (call $forward (local.get $exchange) (i32.load (i32.const 72)) (i32.const 0) (i32.const 0))";
    // The end of a segment is written as an escape in the text of the component.
    let fields = does(parse, &["MSH|^~\\&|A|B`PID|1"]).replace('`', "\\r");
    let chain = editing(&fields);
    let makers = |path: &str| traced(&chain, Question::MadeAt(path.parse().unwrap())).makers;
    assert_eq!(makers("MSH-4"), [Some(edit(0, Deed::Parse, "")), None]);
    assert_eq!(makers("PID-5"), [None, None]);
}

#[test]
fn a_plugin_is_halted_where_it_asks_for_an_edit() {
    let deed = format!("{SET} (call $correct (local.get $message))");
    let fields = does(&deed, &["OBX-3.1", "A"]);
    let correct = "(func $correct (param $message i32)
        (call $set (local.get $message) (i32.const 1024) (i32.const 7) (i32.const 1025) (i32.const 1) (i32.const 64)))";
    let chain = editing(&format!("{fields} {correct}"));
    let place = |number| {
        let report = ask(&chain, Question::PlaceOf(number));
        let place = report.trace.clone().unwrap().place;
        assert_eq!(fault(report).kind, FaultKind::Halted);
        place
    };
    let function = |name: &str| {
        Some(Place {
            function: Some(name.to_owned()),
            line: None,
        })
    };
    assert_eq!(place(0), function("misbehave"));
    assert_eq!(place(1), function("correct"));
    let beyond = ask(&chain, Question::PlaceOf(2));
    assert_eq!(
        beyond.trace,
        Some(Trace {
            makers: vec![None],
            ..Trace::default()
        })
    );
}

#[test]
fn what_a_plugin_raises_when_an_edit_is_refused_is_heard() {
    // It raises the words of the error, as the SDKs do, with its own in front: 64 holds the result, a path at 76 and a text at 84.
    let deed = format!(
        "{SET} (if (i32.load8_u (i32.const 64)) (then
            (memory.copy (i32.const 4096) {{2}})
            (memory.copy (i32.const 4118) (i32.load (i32.const 84)) (i32.load (i32.const 88)))
            (call $raise {{3}} {{4}} (i32.const 4096) (i32.add (i32.const 22) (i32.load (i32.const 88))))))"
    );
    let said = "rule 7 of it: OBX-3.1:";
    assert_eq!(said.len(), 22);
    let texts = ["OBX-3.1", "A", said, "path-error", "src/plugin.x:3"];
    let chain = editing(&does(&deed, &texts));
    let raised = Raised {
        location: "src/plugin.x:3".to_owned(),
        context: Payload::from("rule 7 of it"),
    };
    assert_eq!(traced(&chain, Question::WordsOf(0)).words, Some(raised));
    assert_eq!(traced(&chain, Question::WordsOf(1)).words, None);
    let goes_on = editing(&does(SET, &["OBX-3.1", "A"]));
    assert_eq!(traced(&goes_on, Question::WordsOf(0)).words, None, "it pays no heed");
}

#[test]
fn a_traced_run_takes_the_fuel_and_gives_the_results_of_any_other() {
    let chain = editing(&does(SET, &["OBX-3.1", "A"]));
    let ordinary = chain.run_blocking(input(MISBEHAVE));
    let traced = ask(&chain, Question::MadeAt("OBX-3.1".parse().unwrap()));
    assert_eq!(ordinary.steps[0].fuel, traced.steps[0].fuel);
    assert_eq!(ordinary.trace, None);
    assert_eq!(crate::support::forwarded(ordinary), crate::support::forwarded(traced));
}
