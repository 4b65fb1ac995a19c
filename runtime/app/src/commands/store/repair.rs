//! `transfuse store repair`: what can be saved of a damaged segment.

use serde::Serialize;
use transfuse_store::{SegmentRepair, Store};

use super::{Files, alone};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};

#[derive(Serialize)]
struct Repair {
    file: String,
    /// Where the damaged file is now; none where nothing could be saved.
    kept_as: Option<String>,
    saved: u64,
    lost: u64,
}

pub(crate) fn run(files: &Files, console: Console) -> Outcome {
    let settings = files.settings()?;
    let progress = console.working("reading the journal");
    let repaired = Store::repair(&settings);
    drop(progress);
    let repaired = alone(&settings, repaired)?;
    if files.json {
        console.json(&repaired.iter().map(Repair::from).collect::<Vec<_>>())?;
    } else if repaired.is_empty() {
        console.result("every segment can be read: nothing was changed")?;
    } else {
        for one in &repaired {
            console.result(told(one, console))?;
        }
    }
    let is_lost = |one: &SegmentRepair| one.kept_as.is_none() || one.lost > 0;
    Ok(if repaired.iter().any(is_lost) {
        Exit::Failure
    } else {
        Exit::Success
    })
}

fn told(repair: &SegmentRepair, console: Console) -> String {
    let file = repair.file.display().to_string();
    let file = console.palette().paint(Tone::Strong, &file).to_string();
    match &repair.kept_as {
        Some(kept_as) => format!(
            "{file}  {} entries saved, {} lost; the damaged file is {}",
            repair.saved,
            repair.lost,
            kept_as.display()
        ),
        None => format!("{file}  nothing can be read of it; it was left as it is"),
    }
}

impl From<&SegmentRepair> for Repair {
    fn from(repair: &SegmentRepair) -> Self {
        Self {
            file: repair.file.display().to_string(),
            kept_as: repair.kept_as.as_ref().map(|path| path.display().to_string()),
            saved: repair.saved,
            lost: repair.lost,
        }
    }
}
