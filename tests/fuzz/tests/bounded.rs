//! A bounded run: every kept input, some seconds of random ones, and each kept input grown to a megabyte.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use transfuse_fuzz::{Mutator, Random, check};

/// How long random inputs are tried, where `TRANSFUSE_FUZZ_SECONDS` says nothing else.
const SECONDS: u64 = 8;

/// The first number that inputs are drawn from, where `TRANSFUSE_FUZZ_SEED` says nothing else.
const SEED: u64 = 20_261_126;

/// What each kept input is grown to. At this size, time that grows with the square would be minutes.
const GROWN_BYTES: usize = 1 << 20;

/// The longest that one input may take, on a slow and busy machine without optimisation.
const TIME_MAX: Duration = Duration::from_secs(5);

/// How much of an input is shown that breaks a rule.
const SHOWN_BYTES_MAX: usize = 2_000;

fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the kept inputs")
        .map(|entry| entry.expect("a kept input").path())
        .collect();
    files.sort();
    let read = |file: PathBuf| {
        let bytes = fs::read(&file).expect("a kept input");
        (file, bytes)
    };
    files.into_iter().map(read).collect()
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
    )
}

/// Past the capture of the test runner, so that a run can be had again.
fn report(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Checks an input, and fails with what it takes to have it again.
fn holds(input: &[u8], origin: &str) {
    let started = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| check(input)));
    let shown: String = input
        .iter()
        .take(SHOWN_BYTES_MAX)
        .copied()
        .collect::<Vec<u8>>()
        .escape_ascii()
        .to_string();
    assert!(outcome.is_ok(), "{origin} breaks a rule (above): b\"{shown}\"");
    let taken = started.elapsed();
    assert!(taken < TIME_MAX, "{origin} took {taken:?}: b\"{shown}\"");
}

#[test]
fn what_must_hold_holds_for_every_kept_input() {
    let corpus = corpus();
    assert!(corpus.len() >= 20, "only {} inputs are kept", corpus.len());
    for (file, input) in corpus {
        holds(&input, &file.display().to_string());
    }
}

#[test]
fn what_must_hold_holds_for_random_inputs() {
    let known: Vec<Vec<u8>> = corpus().into_iter().map(|(_, input)| input).collect();
    let seed = setting("TRANSFUSE_FUZZ_SEED").unwrap_or(SEED);
    let limit = Duration::from_secs(setting("TRANSFUSE_FUZZ_SECONDS").unwrap_or(SECONDS));
    let started = Instant::now();
    let mut number = 0;
    while started.elapsed() < limit {
        // Each input has a seed of its own, so that it alone can be had again.
        let own = seed.wrapping_add(number);
        let input = Mutator::new(&known, Random::new(own)).input();
        holds(&input, &format!("TRANSFUSE_FUZZ_SEED={own}"));
        number += 1;
    }
    report(&format!(
        "{number} random inputs in {:.0?}, TRANSFUSE_FUZZ_SEED={seed} TRANSFUSE_FUZZ_SECONDS={}\n",
        started.elapsed(),
        limit.as_secs()
    ));
    assert!(number > 0, "nothing was tried");
}

#[test]
fn a_kept_input_that_grows_to_a_megabyte_takes_no_more_than_its_share_of_time() {
    for (file, input) in corpus() {
        for (way, grown) in grown(&input) {
            holds(&grown, &format!("{} grown by {way}", file.display()));
        }
    }
}

/// The lines after the first, many times; and all of them in one field.
fn grown(input: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let message = input.split(|byte| *byte == 0).next().unwrap_or_default();
    let edits = input.get(message.len()..).unwrap_or_default();
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let header = message.iter().position(is_end).unwrap_or(message.len());
    let (header, body) = message.split_at(header);
    let text: Vec<u8> = body.iter().filter(|byte| !is_end(byte)).copied().collect();
    if text.is_empty() {
        return Vec::new();
    }
    let repeated = |bytes: &[u8]| bytes.repeat(GROWN_BYTES / bytes.len());
    let field = [header, b"\rOBX|1|TX|||", &repeated(&text)].concat();
    vec![
        ("segments", [header, &repeated(body), edits].concat()),
        ("one field", [&field, edits].concat()),
    ]
}
