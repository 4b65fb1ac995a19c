//! How a store comes up: lock, catalog, journal, projection, and what was left undecided.

use std::sync::Arc;
use std::sync::mpsc::channel;

use super::{Inner, Opened, Running, Store};
use crate::clock::Clock;
use crate::delivery::{Feeder, Limits, Queues};
use crate::faults::Faults;
use crate::folder::DataFolder;
use crate::format::unusable;
use crate::journal::{
    Horizon, Intake, JournalReader, Keeper, Numbers, Payloads, Scan, Segments, Writer, WriterParts, Written, scan,
};
use crate::projection::{self, ProjectionStart, Undecided, open_projection, rebuild_projection};
use crate::reading::Readings;
use crate::usage::Usage;
use crate::{Catalog, OpenError, Received, StoreSettings, Unfinished};

/// What a test may replace.
#[derive(Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
}

/// What was found on the disk.
struct Found {
    folder: DataFolder,
    catalog: Catalog,
    usage: Usage,
    scan: Scan,
    segments: Arc<Segments>,
    projection: ProjectionStart,
}

/// The limits among the settings.
struct Bounds {
    queues: Limits,
    waiting_bytes: usize,
    segment_bytes: u64,
}

pub(super) fn open(settings: StoreSettings, surroundings: &Surroundings) -> Result<Opened, OpenError> {
    let bounds = Bounds {
        queues: Limits::of(&settings),
        waiting_bytes: settings.waiting_bytes_max,
        segment_bytes: settings.segment_bytes_max,
    };
    let folder = DataFolder::hold(settings.folder)?;
    let catalog = Catalog::open(&folder.catalog(), surroundings.clock.clone())?;
    let scan = scan(&folder.journal())?;
    let segments = Arc::new(Segments::new(folder.journal(), scan.places.clone()));
    let projection = open_projection(&folder.live(), &segments, scan.end, surroundings.faults.clone())?;
    let usage = Usage::open(&folder.usage(), scan.end)?;
    let unfinished = unfinished(&folder, &segments)?;
    let unclean = scan.unclean;
    let found = Found {
        folder,
        catalog,
        usage,
        scan,
        segments,
        projection,
    };
    Ok(Opened {
        store: start(found, &bounds, surroundings)?,
        unclean,
        unfinished,
    })
}

pub(super) fn rebuild(settings: &StoreSettings) -> Result<i64, OpenError> {
    let folder = DataFolder::hold(settings.folder.clone())?;
    let scan = scan(&folder.journal())?;
    let segments = Arc::new(Segments::new(folder.journal(), scan.places));
    rebuild_projection(&folder.live(), &segments, scan.end)
}

fn start(found: Found, bounds: &Bounds, surroundings: &Surroundings) -> Result<Store, OpenError> {
    let Found {
        folder,
        catalog,
        usage,
        scan,
        segments,
        projection,
    } = found;
    let Surroundings { clock, faults } = surroundings;
    let mut numbers = numbers(&scan, &projection, clock);
    let stamp = numbers.stamp(clock.now_ms());
    let intake = Arc::new(Intake::new(numbers, clock.clone(), bounds.waiting_bytes));
    let written = Arc::new(Written::default());
    written.set(Horizon {
        position: scan.end,
        delivery: stamp.last_delivery.as_i64(),
    });

    let file = folder.path().to_owned();
    let no_thread = |error| unusable(&file, &error);
    let (feed, projection, projection_thread) = projection::start(projection, written.clone()).map_err(no_thread)?;
    let (loads, requests) = channel();
    let holds = projection::holds(&folder.live()).map_err(|error| unusable(&folder.live(), &error))?;
    let queues = Arc::new(Queues::new(bounds.queues, loads, holds));
    let journal = JournalReader::new(segments.clone());
    let feeder = Feeder {
        requests,
        projection: projection.clone(),
        journal,
        written: written.clone(),
    };
    let feeder = feeder.start().map_err(no_thread)?;
    let readings = Readings::new(projection.clone(), segments.clone(), written.clone());
    let (keeper, keeper_thread) = Keeper::start(&segments).map_err(no_thread)?;
    let mut writer = Writer::new(WriterParts {
        intake: intake.clone(),
        segments,
        keeper,
        current: scan.current,
        end: scan.end,
        segment_bytes_max: bounds.segment_bytes,
        faults: faults.clone(),
        written,
        queues: queues.clone(),
        feed,
    });
    let marked = writer.mark_start(&stamp);
    let writer = writer.start().map_err(no_thread)?;
    let running = Running {
        writer,
        keeper: keeper_thread,
        projection: projection_thread,
        feeder,
        folder,
    };
    let inner = Inner {
        intake,
        queues,
        operating: tokio::sync::Mutex::default(),
        projection,
        readings,
        catalog,
        usage,
        running: Some(running).into(),
    };
    // Only now: dropping `inner` ends the threads.
    marked.map_err(|failure| unusable(&file, &failure))?;
    Ok(Store { inner: Arc::new(inner) })
}

/// The sequences go on after whatever is known: the projection has seen every entry, and the journal's last segment
/// says where they stood when it began.
fn numbers(scan: &Scan, projection: &ProjectionStart, clock: &Clock) -> Numbers {
    let last_message = scan.last_message.max(projection.last_message);
    let last_delivery = scan.last_delivery.max(projection.last_delivery);
    Numbers::after(last_message, last_delivery, clock.now_ms())
}

/// The messages that an earlier engine left undecided. The projection knows them, the journal has them.
fn unfinished(folder: &DataFolder, segments: &Arc<Segments>) -> Result<Vec<Unfinished>, OpenError> {
    let file = folder.live();
    let undecided = projection::undecided(&file).map_err(|error| unusable(&file, &error))?;
    let mut journal = JournalReader::new(segments.clone());
    let mut unfinished = Vec::with_capacity(undecided.len());
    for Undecided { id, attempts, position } in undecided {
        let entry = journal.entry(position, Payloads::All).map_err(OpenError::from)?;
        let arrival = entry.and_then(|entry| entry.event.into_arrival());
        let arrival = arrival.ok_or_else(|| OpenError::Damaged {
            file: journal.file(position),
            reason: format!("position {position} does not hold the arrival of message {id}"),
        })?;
        unfinished.push(Unfinished {
            received: Received::unfinished(id, &arrival, attempts),
            arrival,
            attempts,
        });
    }
    Ok(unfinished)
}
