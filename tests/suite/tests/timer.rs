//! Interfaces whose messages are made by the clock: one for each tick, none twice, and one for all that were missed.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use transfuse_harness::{Clock, Engine, InterfaceFile, Sink, Site, binary};

const LIMIT: Duration = Duration::from_secs(30);

fn timer(sink: &Sink, lines: &str) -> InterfaceFile {
    InterfaceFile::ticking("nightly")
        .source(lines)
        .to("ehr", sink.address())
}

/// The ticks of what has arrived: each has another second in its control id.
fn ticks(sink: &Sink) -> Vec<String> {
    sink.control_ids()
}

fn is_in_order_and_once(ticks: &[String]) {
    let once: BTreeSet<&String> = ticks.iter().collect();
    assert_eq!(once.len(), ticks.len(), "no tick twice: {ticks:?}");
    assert!(ticks.is_sorted(), "{ticks:?}");
}

#[test]
fn each_tick_is_a_message_and_none_comes_twice_over_hot_swaps_a_stop_and_a_kill() {
    let sink = Sink::accepting().expect("a receiver");
    let message = "every = \"1s\"\nmessage = \"\"\"\nMSH|^~\\\\&|TRANSFUSE||EHR||{time}||QBP^Z01|{control_id}|P|2.5.1\nQPD|{date}\n\"\"\"";
    let site = Site::with(&timer(&sink, message)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    assert!(engine.said().contains("ticking every 1s"), "{}", engine.said());
    let first = &sink.wait_for(2, LIMIT).expect("two ticks")[0];
    let text = String::from_utf8_lossy(&first.content).into_owned();
    let segments: Vec<&str> = text.split('\r').collect();
    assert!(
        segments[0].contains("|QBP^Z01|T2") && segments[1].starts_with("QPD|2"),
        "{text}"
    );
    for owner in ["one", "two", "three"] {
        let changed = timer(&sink, message)
            .head(&format!("owner = \"{owner}\""))
            .source(&format!("missed = \"{}\"", if owner == "two" { "none" } else { "one" }));
        site.add(&changed).expect("the file is changed");
        let applied = engine.command(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
        assert!(applied.expect("a command runs").status.success(), "{}", engine.said());
    }
    let swapped = sink.count();
    sink.wait_for(swapped + 1, LIMIT).expect("it goes on");
    assert_eq!(engine.stop().expect("a clean stop").code, Some(0));
    let engine = Engine::start(&site.path()).expect("it starts again");
    let stopped = sink.count();
    sink.wait_for(stopped + 1, LIMIT).expect("it goes on");
    engine.kill().expect("it is killed");
    let _engine = Engine::start(&site.path()).expect("it starts again");
    let killed = sink.count();
    sink.wait_for(killed + 2, LIMIT).expect("it goes on");
    // What was delivered and not settled when the engine was killed is delivered again: that is no second tick.
    let mut all = ticks(&sink);
    all.dedup();
    is_in_order_and_once(&all);
}

/// Before an hour is full: long enough for an engine to start.
const AHEAD_SECONDS: i64 = 6;

const HOUR_SECONDS: i64 = 3_600;

/// The ticks of three starts, in hours after the first tick: before a full hour, in the middle of the third one after it, and before the
/// fourth.
fn hours_ticked(missed: &str) -> Vec<i64> {
    let (clock, sink) = (Clock::new().expect("a clock"), Sink::accepting().expect("a receiver"));
    let lines = format!("every = \"1h\"\nmissed = \"{missed}\"");
    let site = Site::with(&timer(&sink, &lines)).expect("a site");
    let first_second = (jiff::Timestamp::now().as_second() / HOUR_SECONDS + 1) * HOUR_SECONDS;
    let start = |seconds: i64| {
        let shown = first_second + seconds - jiff::Timestamp::now().as_second();
        clock.jump_to(shown).expect("the clock is set");
        Engine::start_by(&clock, &site.path()).expect("the engine starts")
    };
    let engine = start(-AHEAD_SECONDS);
    sink.wait_for(1, LIMIT).expect("a tick");
    engine.stop().expect("a clean stop");
    let engine = start(3 * HOUR_SECONDS + HOUR_SECONDS / 2);
    if missed == "one" {
        sink.wait_for(2, LIMIT).expect("it comes late");
    }
    engine.stop().expect("a clean stop");
    let before = sink.count();
    let engine = start(4 * HOUR_SECONDS - AHEAD_SECONDS);
    sink.wait_for(before + 1, LIMIT).expect("it goes on");
    engine.stop().expect("a clean stop");
    let ticks = ticks(&sink);
    let first = moment(&ticks[0]);
    let hours = ticks.iter().map(|tick| (moment(tick) - first).get_hours());
    hours.map(i64::from).collect()
}

#[test]
fn of_the_ticks_that_were_missed_the_last_one_comes_late() {
    assert_eq!(hours_ticked("one"), [0, 3, 4]);
}

#[test]
fn where_the_site_says_so_what_was_missed_does_not_come() {
    assert_eq!(hours_ticked("none"), [0, 4]);
}

/// When a tick was due, by its control id.
fn moment(control_id: &str) -> jiff::civil::DateTime {
    jiff::civil::DateTime::strptime("T%Y%m%d%H%M%S", control_id).expect("a control id of a tick")
}

#[test]
fn what_cannot_be_a_timer_is_told_with_its_line() {
    let sink = Sink::accepting().expect("a receiver");
    for (lines, told) in [
        ("", "a timer has either distances or times of day"),
        (
            "every = \"1min\"\nat = [\"02:00\"]",
            "a timer has either distances or times of day",
        ),
        ("at = [\"25:00\"]", "`25:00` is no time of day"),
        (
            "at = [\"02:00\"]\ndays = [\"someday\"]",
            "`someday` is no day of the week",
        ),
        (
            "every = \"1min\"\nmessage = \"PID|1\"",
            "`message` is no HL7 v2 message",
        ),
        (
            "every = \"1min\"\nmessage = \"MSH|^~\\\\&|{patient}\"",
            "`{patient}` is not a placeholder",
        ),
    ] {
        let site = Site::with(&timer(&sink, lines)).expect("a site");
        let mut check = Command::new(binary().expect("the binary"));
        let check = check.arg("check").arg(site.path()).output().expect("it runs");
        let said = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
        assert!(!check.status.success() && said.contains(told), "{lines}: {said}");
    }
}
