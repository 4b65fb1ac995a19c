//! The thread that loads what a queue does not have in memory.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use super::queue::{Item, LaneHold, Load, Queue};
use super::queues::{Planned, deliveries};
use crate::journal::{Event, Horizon, JournalReader, MessageEvent, Payloads, Written};
use crate::projection::{ProjectionHandle, connect_for_reading};
use crate::{DeliveryId, Lanes, MessageId, NewOutput, ReadError};

/// How long a queue waits after its backlog could not be read; its other reasons to wait are none of the feeder's.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the feeder needs.
pub(crate) struct Feeder {
    pub(crate) requests: Receiver<Request>,
    pub(crate) projection: ProjectionHandle,
    pub(crate) journal: JournalReader,
    pub(crate) written: Arc<Written>,
}

/// A row of the projection.
struct Waiting {
    id: DeliveryId,
    message: MessageId,
    output: u32,
    attempts: u32,
    revision: u32,
    position: i64,
    lanes: Lanes,
}

/// What is asked of the feeder.
pub(crate) enum Request {
    Load(Arc<Queue>),
    /// The store ends.
    Stop,
}

const SELECT_QUEUE: &str = "SELECT queues.id FROM queues JOIN interfaces ON interfaces.id = interface \
    WHERE name = ?1 AND destination = ?2";

const SELECT_LANE_HOLDS: &str = "SELECT from_delivery, message, lanes FROM lane_holds \
    JOIN interfaces ON interfaces.id = lane_holds.interface LEFT JOIN queues ON queues.id = queue \
    WHERE name = ?1 AND (queue IS NULL OR destination = ?2)";

const SELECT_WAITING: &str = "SELECT id, message, output, attempts, queued_position, revision, lanes FROM deliveries \
    WHERE stage = 0 AND queue = ?1 AND id > ?2 AND id <= ?3 ORDER BY id LIMIT ?4";

impl Feeder {
    /// Starts the thread. It ends when it is asked to.
    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name(String::from("delivery-feeder"))
            .spawn(move || self.run())
    }

    fn run(mut self) {
        let mut live = None;
        let mut failed: Vec<(Instant, Arc<Queue>)> = Vec::new();
        loop {
            let wait = failed
                .iter()
                .map(|(retry_at, _)| retry_at.saturating_duration_since(Instant::now()))
                .min();
            let request = match wait {
                Some(wait) => self.requests.recv_timeout(wait),
                None => self.requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match request {
                Ok(Request::Load(queue)) => {
                    if let Err(error) = self.load(&queue, &mut live) {
                        tracing::error!(%error, ?queue, "a backlog could not be read; it will be tried again");
                        live = None;
                        failed.push((Instant::now() + RETRY_AFTER, queue));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    for (_, queue) in failed.extract_if(.., |(retry_at, _)| *retry_at <= now) {
                        queue.not_loaded();
                    }
                }
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Loads the next deliveries of a queue. It has begun to put new ones aside before the horizon is read here, so
    /// whatever it missed is below the horizon, and whatever is above it was put aside.
    fn load(&mut self, queue: &Queue, live: &mut Option<Connection>) -> Result<(), ReadError> {
        let Some(load) = queue.wanted() else { return Ok(()) };
        let Horizon { position, delivery } = self.written.horizon();
        self.projection.catch_up(position)?;
        let (waiting, holds) = self.waiting(queue, load, delivery, live)?;
        queue.learn(load, &holds);
        let (selected, mut passed) = (waiting.len(), 0);
        let (mut items, mut bytes) = (Vec::with_capacity(selected), 0);
        for row in waiting {
            if bytes >= load.bytes_max && !items.is_empty() {
                break;
            }
            if queue.passes_over(load, row.id, &row.lanes) {
                passed += 1;
                continue;
            }
            let found = match self.output(&row) {
                Err(error @ ReadError::Damaged { .. }) => {
                    tracing::error!(%error, delivery = %row.id, "what was to be delivered cannot be read");
                    None
                }
                read => Some(read?),
            };
            let is_lost = found.is_none();
            let (content, content_type) = found.map_or_else(Default::default, |one| (one.content, one.content_type));
            bytes += content.len();
            let Waiting {
                id,
                message,
                output,
                attempts,
                revision,
                lanes,
                ..
            } = row;
            items.push(Item {
                id,
                message,
                output,
                attempts,
                revision,
                lanes,
                content,
                content_type,
                is_lost,
            });
        }
        let complete = selected < load.deliveries_max && items.len() + passed == selected;
        queue.loaded(load, items, complete, DeliveryId::from_i64(delivery));
        Ok(())
    }

    fn waiting(
        &self,
        queue: &Queue,
        load: Load,
        up_to: i64,
        live: &mut Option<Connection>,
    ) -> Result<(Vec<Waiting>, Vec<LaneHold>), ReadError> {
        let file = self.projection.file();
        let read = |connection: &Connection| {
            let names = (&queue.interface, &queue.destination);
            let mut find = connection.prepare_cached(SELECT_QUEUE)?;
            let mut select = connection.prepare_cached(SELECT_LANE_HOLDS)?;
            let holds = select.query_map(names, |row| {
                Ok(LaneHold {
                    from: DeliveryId::from_i64(row.get(0)?),
                    message: MessageId::from_i64(row.get(1)?),
                    lanes: Lanes::of_column(row.get(2)?),
                })
            })?;
            let holds = holds.collect::<Result<_, _>>()?;
            let Some(number) = find.query_row(names, |row| row.get::<_, i64>(0)).optional()? else {
                return Ok((Vec::new(), holds));
            };
            let limit = i64::try_from(load.deliveries_max).unwrap_or(i64::MAX);
            let mut select = connection.prepare_cached(SELECT_WAITING)?;
            let rows = select.query_map((number, load.after.as_i64(), up_to, limit), |row| {
                Ok(Waiting {
                    id: DeliveryId::from_i64(row.get(0)?),
                    message: MessageId::from_i64(row.get(1)?),
                    output: row.get(2)?,
                    attempts: row.get(3)?,
                    position: row.get(4)?,
                    revision: row.get(5)?,
                    lanes: Lanes::of_column(row.get(6)?),
                })
            })?;
            Ok((rows.collect::<Result<_, _>>()?, holds))
        };
        let connection = match live.take() {
            Some(connection) => Ok(connection),
            None => connect_for_reading(file),
        };
        let result = connection.and_then(|connection| read(live.insert(connection)));
        result.map_err(|error| ReadError::File {
            file: PathBuf::from(file),
            reason: error.to_string(),
        })
    }

    fn output(&mut self, row: &Waiting) -> Result<NewOutput, ReadError> {
        let found = self
            .journal
            .entry(row.position, Payloads::Outputs)?
            .map(|entry| entry.event);
        let output = match &found {
            Some(Event::Message(MessageEvent {
                ruling: Some(ruling), ..
            })) => content(row.id, deliveries(ruling.first_delivery, ruling.decision.outputs())),
            Some(Event::Operated(operation)) => {
                let redecision = operation.redecision();
                redecision.and_then(|made| content(row.id, made.deliveries()))
            }
            _ => None,
        };
        output.ok_or_else(|| ReadError::Damaged {
            file: self.journal.file(row.position),
            reason: format!("position {} does not hold delivery {}", row.position, row.id),
        })
    }
}

/// What one of these deliveries takes to its destination.
fn content<'a>(delivery: DeliveryId, mut planned: impl Iterator<Item = Planned<'a>>) -> Option<NewOutput> {
    planned.find(|one| one.id == delivery).map(|one| one.output.clone())
}
