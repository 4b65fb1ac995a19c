//! How many instructions a round takes, as callgrind counts them: a figure that a busy machine does not change.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use transfuse_harness::observation;

use super::WORKERS;
use crate::checks;

/// Rounds that are counted; what the process does beside them is counted by a run without any, and taken off.
const ROUNDS: u32 = 200;

/// The instructions of a round of each of these workers, or nothing where valgrind is not installed.
pub(crate) fn count(names: impl Iterator<Item = &'static str>) -> Result<Option<Vec<(&'static str, u64)>>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(None);
    }
    let of_round = |name: &'static str| {
        let (with, without) = (collected(name, ROUNDS)?, collected(name, 0)?);
        Ok((name, with.saturating_sub(without) / u64::from(ROUNDS)))
    };
    names.map(of_round).collect::<Result<_>>().map(Some)
}

/// What a process of our own collects that only repeats the work of one.
fn collected(name: &str, rounds: u32) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--repeat", name, "--rounds", &rounds.to_string()])
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{told}");
    let line = told.lines().find_map(|line| line.split_once("Collected : "));
    Ok(line.context("callgrind tells what it collected")?.1.trim().parse()?)
}

/// Nothing but the work of one, so many times.
pub(crate) fn repeat(name: &str, rounds: u32) -> Result<()> {
    let text = observation("BENCH");
    let of_reading = WORKERS.iter().find(|(worker, _)| *worker == name);
    let mut round = match of_reading {
        Some((_, work)) => work(&text),
        None => checks::work(name).with_context(|| format!("nobody is called {name}"))??,
    };
    (0..rounds).try_for_each(|_| round())
}
