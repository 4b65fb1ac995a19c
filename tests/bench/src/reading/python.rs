//! The same with Python's libraries, in a process of its own that measures itself.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use transfuse_harness::python;

use super::WANTED;

pub(super) fn measure(text: &str) -> Result<Vec<(&'static str, Duration)>> {
    let folder = tempfile::tempdir()?;
    let (message, wanted) = (folder.path().join("message.hl7"), folder.path().join("wanted.tsv"));
    std::fs::write(&message, text)?;
    let lines = WANTED.iter().map(|wanted| {
        let (segment, value) = (wanted.segment, wanted.value);
        format!(
            "{segment}\t{}\t{}\t{}\t{value}\n",
            wanted.occurrence, wanted.field, wanted.component
        )
    });
    std::fs::write(&wanted, lines.collect::<String>())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/read_thirty.py");
    let output = Command::new(python()?)
        .arg(script)
        .arg(&message)
        .arg(&wanted)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let nanoseconds: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let of = |index: usize| {
        nanoseconds
            .get(index)
            .copied()
            .map(Duration::from_nanos)
            .context("two figures")
    };
    Ok(vec![("hl7 (Python)", of(0)?), ("hl7apy (Python)", of(1)?)])
}
