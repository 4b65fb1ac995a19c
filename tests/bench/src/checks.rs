//! What it costs to hold a plugin to its grants: recording what it touches, and comparing what it forwards with its input.
//! Both as lab-normalize gives cause to on a result of a kilobyte, next to a whole run of it.

use std::hint::black_box;
use std::path::Path as FilePath;
use std::time::Duration;

use anyhow::{Result, ensure};
use transfuse_harness::observation;
use transfuse_message::{Message, ParseOptions, Path};
use transfuse_sandbox::Touched;

use crate::micro;
use crate::reading::{Round, best};

/// What `--only` finds it by.
pub(crate) const NAME: &str = "hold a plugin to its grants";

/// How the work is prepared.
type Work = fn() -> Result<Round<'static>>;

/// What is done for the grants, by name.
const WORKERS: [(&str, Work); 2] = [
    ("record what lab-normalize touches", record),
    ("compare its output with its input", compare),
];

/// What it sets in [`observation`].
const EDITS: [(&str, &str); 18] = [
    ("MSH-5", "EHR"),
    ("MSH-6", "SZENT_IMRE"),
    ("PID-5.1", "Próbabeteg"),
    ("PID-5.2", "Győző"),
    ("PID-5.3", "Űrhajós"),
    ("OBX[1]-3.1", "14749-6"),
    ("OBX[1]-3.2", "Glucose [Moles/volume] in Serum or Plasma"),
    ("OBX[1]-3.3", "LN"),
    ("OBX[1]-3.4", "GLU"),
    ("OBX[1]-6.1", "mmol/L"),
    ("OBX[2]-3.1", "2823-3"),
    ("OBX[2]-3.2", "Potassium [Moles/volume] in Serum or Plasma"),
    ("OBX[2]-3.3", "LN"),
    ("OBX[2]-8", "H"),
    ("OBX[3]-3.1", "718-7"),
    ("OBX[3]-3.2", "Hemoglobin [Mass/volume] in Blood"),
    ("OBX[3]-6.1", "g/L"),
    ("OBX[3]-8", "N"),
];

/// What it reads field by field, and what it reads of each OBX.
const READS: [&str; 6] = ["MSH-9.1.1", "MSH-9.2.1", "PID-5", "PID-5.1", "PID-5.2", "PID-5.3"];
const ROWS: [u32; 13] = [2, 3, 3, 3, 3, 3, 3, 6, 8, 8, 8, 8, 8];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    WORKERS.iter().map(|(name, _)| *name)
}

/// The work of that name.
pub(crate) fn work(name: &str) -> Option<Result<Round<'static>>> {
    let found = WORKERS.iter().find(|(worker, _)| *worker == name);
    found.map(|(_, work)| work())
}

fn paths<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Vec<Path>> {
    texts.map(|text| Ok(text.parse()?)).collect()
}

fn record() -> Result<Round<'static>> {
    let (reads, writes) = (paths(READS.into_iter())?, paths(EDITS.iter().map(|(path, _)| *path))?);
    Ok(Box::new(move || {
        let mut touched = Touched::default();
        for path in &reads {
            touched.note_read(black_box(path));
        }
        touched.note_read_fields("OBX", ROWS.into_iter());
        touched.note_table("lab-codes");
        for path in &writes {
            touched.note_written(black_box(path));
        }
        let access = black_box(&touched).access();
        ensure!(access.read.len() == 6 && access.written.len() == 6, "{access:?}");
        Ok(())
    }))
}

fn compare() -> Result<Round<'static>> {
    let input = Message::parse(observation("BENCH"), &ParseOptions::default())?;
    let mut output = input.clone();
    for (path, value) in EDITS {
        output.set(&path.parse()?, value)?;
    }
    Ok(Box::new(move || {
        let mut changes = 0;
        black_box(&output).changes_since(&input, |_| {
            changes += 1;
            Ok::<(), anyhow::Error>(())
        })?;
        ensure!(changes == 10, "{changes} fields differ");
        Ok(())
    }))
}

/// The time of each, and of a whole run of the plugin last.
pub(crate) fn measure(library: &FilePath) -> Result<Vec<(&'static str, Duration)>> {
    let mut found = Vec::new();
    for (name, work) in WORKERS {
        found.push((name, best(work()?)?));
    }
    found.push(("a whole run, fresh instance", micro::normalize(library)?));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_does_its_work() -> Result<()> {
        WORKERS.iter().try_for_each(|(_, work)| work()?())
    }
}
