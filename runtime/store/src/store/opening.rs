//! How a store comes up: lock, catalog, journal, projection, and what was left undecided.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::mpsc::channel;

use super::{Inner, Opened, Running, Store};
use crate::clock::Clock;
use crate::delivery::{Feeder, Limits, Queues};
use crate::faults::Faults;
use crate::folder::{DataFolder, journal_in, live_in};
use crate::format::unusable;
use crate::journal::{
    Horizon, Intake, JournalReader, Keeper, LEFT_OUT, Numbers, Payloads, Scan, Segments, Writer, WriterParts, Written,
    is_sealed, scan,
};
use crate::keys::{JournalSeal, Keys, KeysOpened, keys_in};
use crate::projection::{self, JournalEnd, ProjectionStart, Undecided, open_projection, rebuild_projection};
use crate::reading::Readings;
use crate::usage::Usage;
use crate::{
    Catalog, DamagedSegment, Decision, MasterKeyFile, OpenError, ReadError, Rebuilt, Received, Sealed, SegmentRepair,
    SegmentReport, StoreSettings, StoredFault, Unfinished,
};

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
    /// The last position that counts as taken.
    end: i64,
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
    let scan = scan(&folder.journal())?;
    let KeysOpened { keys, made } = open_keys(&folder, &settings.master_key, &scan, surroundings)?;
    let catalog = Catalog::open(&folder.catalog(), surroundings.clock.clone(), keys.clone())?;
    let segments = segments(&folder, &scan, &keys);
    let projection = open_projection(&folder.live(), &segments, end_of(&scan), surroundings.faults.clone())?;
    let end = end(&scan, &projection);
    let usage = Usage::open(&folder.usage(), end)?;
    prepare_keys(&folder, &keys)?;
    let Undone { unfinished, lost } = undone(&folder, &segments)?;
    let unclean = scan.unclean;
    let found = Found {
        folder,
        catalog,
        usage,
        scan,
        end,
        segments,
        projection,
    };
    let store = start(found, &bounds, surroundings)?;
    for received in lost {
        // Written with the next batch; a stop before that means that the next start does it.
        drop(store.decide(received, lost_message()));
    }
    Ok(Opened {
        store,
        unclean,
        unfinished,
        master_key_made: made,
    })
}

fn open_keys(
    folder: &DataFolder,
    place: &MasterKeyFile,
    scan: &Scan,
    surroundings: &Surroundings,
) -> Result<KeysOpened, OpenError> {
    Keys::open(folder.path(), place, surroundings.clock.clone(), || {
        Ok(JournalSeal {
            end: scan.end,
            is_sealed: is_sealed(&folder.journal())?,
        })
    })
}

/// Today's keys of all interfaces that there are: no message waits for one, and no decision about one that is durable fails
/// because a disk does.
fn prepare_keys(folder: &DataFolder, keys: &Keys) -> Result<(), OpenError> {
    let names = projection::interfaces(&folder.live()).map_err(|error| unusable(&folder.live(), &error))?;
    let prepared = keys.prepare(&names);
    prepared.map_err(|error| error.on_opening(&keys_in(folder.path())))
}

pub(super) fn rebuild(settings: &StoreSettings) -> Result<Rebuilt, OpenError> {
    let folder = DataFolder::hold(settings.folder.clone())?;
    let scan = scan(&folder.journal())?;
    if let Some(DamagedSegment { file, reason }) = scan.damaged.first().cloned() {
        // The projection that there is knows of messages that one built now would not.
        return Err(OpenError::Damaged { file, reason });
    }
    let keys = Keys::open(folder.path(), &settings.master_key, Clock::default(), || {
        Ok(JournalSeal {
            end: scan.end,
            is_sealed: is_sealed(&folder.journal())?,
        })
    })?;
    rebuild_projection(&folder.live(), &segments(&folder, &scan, &keys.keys), end_of(&scan))
}

pub(super) fn check(
    settings: &StoreSettings,
    each: impl FnMut(&SegmentReport),
) -> Result<Vec<SegmentReport>, OpenError> {
    let known = projection::known(&live_in(&settings.folder));
    let keys = Keys::look(&settings.folder, &settings.master_key)?;
    crate::journal::check(&journal_in(&settings.folder), &keys, known, each)
}

pub(super) fn repair(settings: &StoreSettings) -> Result<Vec<SegmentRepair>, OpenError> {
    let folder = DataFolder::hold(settings.folder.clone())?;
    let known = projection::known(&folder.live());
    let keys = Keys::look(folder.path(), &settings.master_key)?;
    let reports = crate::journal::check(&folder.journal(), &keys, known, |_| {})?;
    crate::journal::repair(&folder.journal(), &keys, &reports, known)
}

fn segments(folder: &DataFolder, scan: &Scan, keys: &Arc<Keys>) -> Arc<Segments> {
    Arc::new(Segments::new(
        folder.journal(),
        scan.places.clone(),
        scan.damaged.clone(),
        keys.clone(),
    ))
}

fn end_of(scan: &Scan) -> JournalEnd {
    JournalEnd {
        known: scan.end,
        is_damaged: scan.is_end_damaged,
    }
}

/// The last position that counts as taken.
fn end(scan: &Scan, projection: &ProjectionStart) -> i64 {
    if scan.is_end_damaged {
        projection.position().max(scan.end) + LEFT_OUT
    } else {
        scan.end
    }
}

fn start(found: Found, bounds: &Bounds, surroundings: &Surroundings) -> Result<Store, OpenError> {
    let Found {
        folder,
        catalog,
        usage,
        scan,
        end,
        segments,
        projection,
    } = found;
    let Surroundings { clock, faults } = surroundings;
    let mut numbers = numbers(&scan, &projection, clock);
    let stamp = numbers.stamp(clock.now_ms());
    let intake = Arc::new(Intake::new(
        numbers,
        clock.clone(),
        bounds.waiting_bytes,
        segments.keys().clone(),
    ));
    let written = Arc::new(Written::default());
    written.set(Horizon {
        position: end,
        delivery: stamp.last_delivery.as_i64(),
    });

    let file = folder.path().to_owned();
    let no_thread = |error| unusable(&file, &error);
    let (feed, projection, projection_thread) = projection::start(projection, written.clone()).map_err(no_thread)?;
    let (loads, requests) = channel();
    let queues = Arc::new(Queues::new(bounds.queues, loads, holds(&folder)?));
    let feeder = Feeder {
        requests,
        projection: projection.clone(),
        journal: JournalReader::new(segments.clone()),
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
        end,
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
        last_before: stamp.last_delivery,
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

/// Revisions whose deliveries are held, by interface.
fn holds(folder: &DataFolder) -> Result<HashMap<Arc<str>, BTreeSet<u32>>, OpenError> {
    projection::holds(&folder.live()).map_err(|error| unusable(&folder.live(), &error))
}

/// The sequences go on after whatever is known: the projection has seen every entry, and the journal's last segment
/// says where they stood when it began.
fn numbers(scan: &Scan, projection: &ProjectionStart, clock: &Clock) -> Numbers {
    let last_message = scan.last_message.max(projection.last_message);
    let last_delivery = scan.last_delivery.max(projection.last_delivery);
    let numbers = Numbers::after(last_message, last_delivery, clock.now_ms());
    if scan.is_end_damaged {
        numbers.leaving_out(LEFT_OUT)
    } else {
        numbers
    }
}

/// What an earlier engine left undecided.
struct Undone {
    unfinished: Vec<Unfinished>,
    /// Messages whose bytes are in a segment that is damaged.
    lost: Vec<Received>,
}

/// The messages that an earlier engine left undecided. The projection knows them, the journal has them.
fn undone(folder: &DataFolder, segments: &Arc<Segments>) -> Result<Undone, OpenError> {
    let file = folder.live();
    let undecided = projection::undecided(&file).map_err(|error| unusable(&file, &error))?;
    let mut journal = JournalReader::new(segments.clone());
    let mut undone = Undone {
        unfinished: Vec::with_capacity(undecided.len()),
        lost: Vec::new(),
    };
    for Undecided {
        id,
        attempts,
        position,
        interface,
        revision,
    } in undecided
    {
        let entry = match journal.entry(position, Payloads::All) {
            Err(ReadError::Damaged { .. }) => None,
            read => read.map_err(OpenError::from)?,
        };
        let received = Received::unfinished(id, interface, revision, attempts);
        if let Some(arrival) = entry.and_then(|entry| entry.event.into_arrival()) {
            undone.unfinished.push(Unfinished {
                received,
                arrival,
                attempts,
            });
        } else {
            tracing::error!(message = %id, file = %journal.file(position).display(),
                "an undecided message cannot be read: its entry in the journal is damaged");
            undone.lost.push(received);
        }
    }
    Ok(undone)
}

/// Its sender may have been told that it is safe: a person has to know.
fn lost_message() -> Decision {
    Decision::Quarantined {
        fault: StoredFault::damaged("the message cannot be read"),
        outputs: Vec::new(),
        detail: Sealed::default(),
    }
}
