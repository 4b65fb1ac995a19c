//! Parsing a result of a kilobyte and reading thirty of its fields, next to what others offer; and what a byte costs as
//! messages grow.
//!
//! Everybody does the same work: the bytes are parsed anew each time, each value is looked up by segment, occurrence,
//! field and component, decoded where it has escapes, and compared with what it must be.

mod growth;
mod instructions;
mod others;
mod python;

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use bytes::Bytes;
use transfuse_harness::observation;
use transfuse_message::{Message, ParseOptions, Path};

pub(crate) use growth::{NAME as GROWTH, Row, growth};
pub(crate) use instructions::{count as instructions, repeat};

/// What `--only` finds the comparison by.
pub(crate) const NAME: &str = "parse a 1 KB result and read thirty fields";

/// The fastest of so many batches counts: what else the machine did slows the others down.
const BATCHES: u32 = 15;

/// How long a batch takes, about.
const BATCH: Duration = Duration::from_millis(20);

/// Where a value stands, and the value.
pub(crate) struct Wanted {
    segment: &'static str,
    occurrence: usize,
    field: usize,
    component: usize,
    value: &'static str,
}

const fn wanted(
    segment: &'static str,
    occurrence: usize,
    field: usize,
    component: usize,
    value: &'static str,
) -> Wanted {
    Wanted {
        segment,
        occurrence,
        field,
        component,
        value,
    }
}

/// What a mapping of laboratory results reads: the header, the patient, the order, and every observation.
const WANTED: [Wanted; 30] = [
    wanted("MSH", 1, 3, 1, "ANALYSER"),
    wanted("MSH", 1, 4, 1, "LAB"),
    wanted("MSH", 1, 7, 1, "20261123101500+0100"),
    wanted("MSH", 1, 9, 1, "ORU"),
    wanted("MSH", 1, 9, 2, "R01"),
    wanted("MSH", 1, 10, 1, "BENCH"),
    wanted("MSH", 1, 12, 1, "2.5.1"),
    wanted("PID", 1, 3, 1, "90000001"),
    wanted("PID", 1, 3, 4, "PROBA"),
    wanted("PID", 1, 5, 1, "PRÓBABETEG"),
    wanted("PID", 1, 5, 2, "GŐZŐ"),
    wanted("PID", 1, 7, 1, "19700101"),
    wanted("PID", 1, 8, 1, "M"),
    wanted("PID", 1, 11, 3, "Budapest"),
    wanted("PV1", 1, 3, 1, "4EAST"),
    wanted("ORC", 1, 2, 1, "ORD-1"),
    wanted("OBR", 1, 4, 1, "PANEL"),
    wanted("OBR", 1, 22, 1, "20261123101400+0100"),
    wanted("OBX", 1, 3, 1, "GLU"),
    wanted("OBX", 1, 5, 1, "5.4"),
    wanted("OBX", 1, 6, 1, "mmol/l"),
    wanted("OBX", 2, 3, 1, "K"),
    wanted("OBX", 2, 5, 1, "5.9"),
    wanted("OBX", 2, 8, 1, "h"),
    wanted("OBX", 3, 3, 1, "HGB"),
    wanted("OBX", 3, 5, 1, "141"),
    wanted("OBX", 3, 14, 1, "20261123101200+0100"),
    wanted("OBX", 4, 5, 1, "A minta & a kísérőlap egyezik"),
    wanted("NTE", 1, 3, 1, "Próbaüzenet, nem valódi beteg adata"),
    wanted("ZLB", 1, 2, 1, "SZENT_IMRE"),
];

impl Wanted {
    fn path(&self) -> Result<Path> {
        let Self {
            segment,
            occurrence,
            field,
            component,
            ..
        } = self;
        Ok(format!("{segment}[{occurrence}]-{field}.{component}").parse()?)
    }
}

/// The shortest mean of a round, over some batches.
pub(crate) fn best(mut round: impl FnMut() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    round()?;
    let once = started.elapsed().max(Duration::from_nanos(100));
    let rounds = u32::try_from(BATCH.as_nanos() / once.as_nanos())
        .unwrap_or(u32::MAX)
        .max(1);
    let mut shortest = Duration::MAX;
    for _ in 0..BATCHES {
        let started = Instant::now();
        for _ in 0..rounds {
            round()?;
        }
        shortest = shortest.min(started.elapsed() / rounds);
    }
    Ok(shortest)
}

/// One round of somebody's work on a message. It fails where a value is not what it must be.
pub(crate) type Round<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// How the work of somebody on a message is prepared.
type Work = for<'a> fn(&'a str) -> Round<'a>;

/// Who works in this process: looking for the ends of segments alone, ourselves, and others.
const WORKERS: [(&str, Work); 4] = [
    ("memchr over the same bytes", scan),
    ("transfuse", ours),
    ("hl7-parser (Rust)", others::hl7_parser),
    ("rust-hl7 (Rust)", others::rust_hl7),
];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    WORKERS.iter().map(|(name, _)| *name)
}

/// The time of each, by name.
pub(crate) fn compare() -> Result<Vec<(&'static str, Duration)>> {
    let text = observation("BENCH");
    let mut found = Vec::new();
    for (name, work) in WORKERS {
        found.push((name, best(work(&text))?));
    }
    found.extend(python::measure(&text)?);
    let ours = found.get(1).map_or(Duration::MAX, |(_, time)| *time);
    let is_ahead = found.iter().skip(2).all(|(_, time)| ours < *time);
    ensure!(is_ahead, "somebody is faster: {found:.1?}");
    Ok(found)
}

fn scan(text: &str) -> Round<'_> {
    Box::new(move || {
        let ends = memchr::memchr_iter(b'\r', black_box(text).as_bytes()).count();
        ensure!(ends == 11, "{ends} segments");
        Ok(())
    })
}

fn ours(text: &str) -> Round<'_> {
    let raw = Bytes::from(text.to_owned());
    let paths: Result<Vec<Path>> = WANTED.iter().map(Wanted::path).collect();
    Box::new(move || {
        let paths = paths.as_ref().map_err(|error| anyhow!("{error}"))?;
        let message = Message::parse(black_box(raw.clone()), &ParseOptions::default())?;
        for (path, wanted) in paths.iter().zip(&WANTED) {
            ensure!(
                message.get(path)?.as_option() == Some(wanted.value),
                "{path} is something else"
            );
        }
        Ok(())
    })
}
