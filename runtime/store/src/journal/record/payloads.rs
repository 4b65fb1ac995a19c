//! What of an entry may hold patient data: five columns, sealed before they are queued and opened when they are read.
//!
//! Four of them are sealed with the key of their day, whose number is a column of its own. `state` is sealed with the one key of what
//! the interface's plugins keep, whose number stands in front of it: it is wanted as long as a plugin keeps it.
//!
//! The associated data of each says what it belongs to: its column, its message and delivery, what kind of entry that is, and
//! when a decision was made. The interface and the day are those of the key. A position is no part of it, because an entry has
//! none before the writer has it, and is written again at the same one, into another file, after a failed sync.

use std::sync::Arc;

use rusqlite::Row;

use super::head::StateWritten;
use super::{RecordError, encode, joined, kind, words_of_stops};
use crate::journal::entry::Event;
use crate::keys::{Belonging, DataKey, Held, Keys, SealError, StateKey};
use crate::{Decision, MessageId, Sealed, Settlement, StateChange};

/// `raw`, `outputs`, `detail`, `note`, `state`, in the order of the columns.
pub(super) const PAYLOADS: usize = 5;

/// The first of them in the rows that are read.
const FIRST_COLUMN: usize = 6;

/// The column of the key's number in the rows that are read.
const KEY_COLUMN: usize = FIRST_COLUMN + PAYLOADS;

/// The number of the column of what plugins keep.
const STATE_COLUMN: u8 = 5;

/// What a decision is sealed with.
pub(crate) struct SealingKeys {
    pub(crate) day: Arc<DataKey>,
    /// Of what plugins keep, where the decision changes that.
    pub(crate) state: Option<Arc<StateKey>>,
}

#[cfg(test)]
impl SealingKeys {
    fn of(&self, decision: &Decision) -> Self {
        Self {
            day: self.day.clone(),
            state: self.state.clone().filter(|_| !decision.state().is_empty()),
        }
    }
}

/// The columns that may hold patient data, as the file gets them.
#[derive(Debug, Default)]
pub(crate) struct SealedColumns {
    /// The number of the key of the day; none where there is nothing in them.
    key: Option<i64>,
    payloads: [Vec<u8>; PAYLOADS],
}

impl SealedColumns {
    /// Of a message as it came in.
    pub(crate) fn of_arrival(key: &DataKey, id: MessageId, raw: &Sealed) -> Result<Self, SealError> {
        let raw = raw.as_slice();
        Self::seal(key, &of_arrival(id.as_i64()), [raw, &[], &[], &[], &[]])
    }

    /// Of what was decided about a message that came in.
    pub(crate) fn of_decision(
        keys: &SealingKeys,
        id: MessageId,
        at_ms: i64,
        decision: &Decision,
    ) -> Result<Self, SealError> {
        Self::of_decided(keys, kind::of_stage(decision.stage()), id, at_ms, decision)
    }

    /// Of what was decided about a message anew.
    pub(crate) fn of_redecision(
        keys: &SealingKeys,
        id: MessageId,
        at_ms: i64,
        decision: &Decision,
    ) -> Result<Self, SealError> {
        Self::of_decided(keys, REDECIDED, id, at_ms, decision)
    }

    fn of_decided(
        keys: &SealingKeys,
        kind: i64,
        id: MessageId,
        at_ms: i64,
        decision: &Decision,
    ) -> Result<Self, SealError> {
        let mut buffers = Buffers::default();
        let belonging = Belonging {
            kind,
            message: id.as_i64(),
            delivery: 0,
            at_ms,
        };
        let [raw, outputs, detail, note, state] = of_decision(decision, &mut buffers);
        let mut sealed = Self::seal(&keys.day, &belonging, [raw, outputs, detail, note, &[]])?;
        if let (Some(key), [.., place]) = (&keys.state, &mut sealed.payloads) {
            sealed.key = Some(keys.day.id);
            place.extend_from_slice(&key.id.to_be_bytes());
            place.extend_from_slice(&key.seal(state, &belonging.encoded(STATE_COLUMN))?);
        }
        Ok(sealed)
    }

    /// Of what a message was given, or of how a delivery ended; nothing of what else is recorded about something older.
    pub(crate) fn of_event(key: &DataKey, at_ms: i64, event: &Event) -> Result<Self, SealError> {
        if let Event::Operated(operation) = event {
            let Some((message, content)) = operation.message().zip(operation.edited()) else {
                return Ok(Self::default());
            };
            let belonging = Belonging {
                kind: kind::EDITED,
                message: message.as_i64(),
                delivery: 0,
                at_ms,
            };
            return Self::seal(key, &belonging, [content.as_slice(), &[], &[], &[], &[]]);
        }
        let Event::DeliverySettled {
            delivery, settlement, ..
        } = event
        else {
            return Ok(Self::default());
        };
        let (kind, note) = match settlement {
            Settlement::Delivered { answer } => (kind::DELIVERED, answer),
            Settlement::Quarantined { fault } => (kind::DELIVERY_QUARANTINED, &fault.text),
        };
        let belonging = Belonging {
            kind,
            message: delivery.message.as_i64(),
            delivery: delivery.delivery.as_i64(),
            at_ms,
        };
        Self::seal(key, &belonging, [&[], &[], &[], note.as_slice(), &[]])
    }

    fn seal(key: &DataKey, belonging: &Belonging, plain: [&[u8]; PAYLOADS]) -> Result<Self, SealError> {
        let mut sealed = Self::default();
        for (column, (place, plain)) in (1..).zip(sealed.payloads.iter_mut().zip(plain)) {
            if !plain.is_empty() {
                *place = key.seal(plain, belonging, column)?;
                sealed.key = Some(key.id);
            }
        }
        Ok(sealed)
    }

    /// Whether they fit into one row with others: a row has one key.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.key.is_none() || other.key.is_none() || self.key == other.key
    }

    /// Adds what others have.
    pub(crate) fn add(&mut self, other: Self) {
        self.key = self.key.or(other.key);
        for (place, payload) in self.payloads.iter_mut().zip(other.payloads) {
            if !payload.is_empty() {
                *place = payload;
            }
        }
    }

    /// How many bytes they take.
    pub(crate) fn bytes(&self) -> usize {
        self.payloads.iter().map(Vec::len).sum()
    }

    pub(super) fn key(&self) -> Option<i64> {
        self.key
    }

    /// As they are bound; nothing where there is nothing.
    pub(super) fn values(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let values = self.payloads.iter();
        values.map(|payload| (!payload.is_empty()).then_some(payload.as_slice()))
    }

    /// As an earlier program wrote them.
    #[cfg(test)]
    pub(super) fn plain(event: &Event) -> Self {
        let mut buffers = Buffers::default();
        Self {
            key: None,
            payloads: of_event(event, &mut buffers).map(<[u8]>::to_vec),
        }
    }

    /// Sealed as each part of it would have been where it was handed in.
    #[cfg(test)]
    pub(super) fn of_any(keys: &SealingKeys, at_ms: i64, event: &Event) -> Self {
        let key = &keys.day;
        match event {
            Event::Message(event) => {
                let mut sealed = event.arrival.as_ref().map_or_else(Self::default, |arrival| {
                    Self::of_arrival(key, event.id, &arrival.raw).unwrap_or_default()
                });
                if let Some(ruling) = &event.ruling {
                    sealed.add(
                        Self::of_decision(&keys.of(&ruling.decision), event.id, at_ms, &ruling.decision)
                            .unwrap_or_default(),
                    );
                }
                sealed
            }
            Event::Operated(operation) if operation.redecision().is_some() => {
                operation.redecision().map_or_else(Self::default, |made| {
                    Self::of_redecision(
                        &keys.of(&made.ruling.decision),
                        made.message,
                        at_ms,
                        &made.ruling.decision,
                    )
                    .unwrap_or_default()
                })
            }
            event => Self::of_event(key, at_ms, event).unwrap_or_default(),
        }
    }
}

/// Whether a message was recomputed or replayed says the entry; both decide anew.
const REDECIDED: i64 = kind::RECOMPUTED;

fn of_arrival(message: i64) -> Belonging {
    Belonging {
        kind: kind::RECEIVED,
        message,
        delivery: 0,
        at_ms: 0,
    }
}

/// Where payloads are put together that are of several parts.
#[derive(Default)]
struct Buffers {
    outputs: Vec<u8>,
    state: Vec<u8>,
    note: Vec<u8>,
}

/// The payloads of what was decided.
fn of_decision<'a>(decision: &'a Decision, buffers: &'a mut Buffers) -> [&'a [u8]; PAYLOADS] {
    let Buffers {
        outputs: joining,
        state: encoding,
        note: words,
    } = buffers;
    let (detail, note): (&Sealed, &[u8]) = match decision {
        Decision::Processed { outputs, detail, .. } => (detail, words_of_stops(outputs, words)),
        Decision::Filtered { reason, detail, .. } => (detail, reason.as_slice()),
        Decision::Refused { fault, detail, .. } | Decision::Quarantined { fault, detail, .. } => {
            (detail, fault.text.as_slice())
        }
    };
    let outputs = joined(decision.outputs(), joining);
    let state = encoded_state(decision.state(), encoding);
    [&[], outputs, detail.as_slice(), note, state]
}

/// The payloads of any entry.
#[cfg(test)]
fn of_event<'a>(event: &'a Event, buffers: &'a mut Buffers) -> [&'a [u8]; PAYLOADS] {
    match event {
        Event::Message(event) => {
            let mut plain: [&[u8]; PAYLOADS] = match &event.ruling {
                Some(ruling) => of_decision(&ruling.decision, buffers),
                None => [&[]; PAYLOADS],
            };
            if let (Some(arrival), Some(raw)) = (&event.arrival, plain.first_mut()) {
                *raw = arrival.raw.as_slice();
            }
            plain
        }
        Event::Operated(operation) => match operation.redecision() {
            Some(made) => of_decision(&made.ruling.decision, buffers),
            None => [operation.edited().map_or(&[], Sealed::as_slice), &[], &[], &[], &[]],
        },
        Event::DeliverySettled { settlement, .. } => match settlement {
            Settlement::Delivered { answer } => [&[], &[], &[], answer.as_slice(), &[]],
            Settlement::Quarantined { fault } => [&[], &[], &[], fault.text.as_slice(), &[]],
        },
        _ => [&[]; PAYLOADS],
    }
}

/// Plugin by plugin: its name, the version of its schema, keys and values.
fn encoded_state<'a>(changes: &[StateChange], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if !changes.is_empty() {
        encode(buffer, &StateWritten(changes));
    }
    buffer
}

/// The payloads of a row: what was selected, opened. Each is none where it was not selected, was erased, or is nothing.
pub(super) fn open(
    row: &Row<'_>,
    (position, kind, message): (i64, i64, i64),
    head: &[u8],
    keys: &Keys,
) -> Result<[Option<Vec<u8>>; PAYLOADS], RecordError> {
    let mut payloads: [Option<Vec<u8>>; PAYLOADS] = Default::default();
    for (column, place) in (FIRST_COLUMN..).zip(&mut payloads) {
        *place = row
            .get::<_, Option<Vec<u8>>>(column)?
            .filter(|payload| !payload.is_empty());
    }
    if payloads.iter().all(Option::is_none) {
        return Ok(payloads);
    }
    let Some(key) = row.get::<_, Option<i64>>(KEY_COLUMN)? else {
        if keys.must_be_sealed(position) {
            return Err(RecordError::NotSealed);
        }
        return Ok(payloads);
    };
    let decided = Belonging {
        kind: decided_kind(kind),
        message,
        delivery: delivery_of(kind, head)?,
        at_ms: row.get(3)?,
    };
    let [of_day @ .., state] = &mut payloads;
    if of_day.iter().any(Option::is_some) {
        open_with(keys, key, of_day, &decided)?;
    }
    if let Some(sealed) = state.take() {
        *state = Some(open_state(keys, &sealed, &decided)?);
    }
    Ok(payloads)
}

/// Opens what is sealed with the key of a day. Where that was destroyed, nothing is left.
fn open_with(keys: &Keys, key: i64, payloads: &mut [Option<Vec<u8>>], decided: &Belonging) -> Result<(), RecordError> {
    let key = match keys.held(key)? {
        Held::Here(key) => key,
        Held::Destroyed => {
            payloads.fill(None);
            return Ok(());
        }
        Held::Unknown => return Err(RecordError::NoKey(key)),
    };
    for (number, place) in (1..).zip(payloads) {
        let arrived = of_arrival(decided.message);
        // What came in is sealed before anything is decided; what it was given later is an entry of its own.
        let came_in = number == 1 && decided.kind != kind::EDITED;
        let belonging = if came_in { &arrived } else { decided };
        if let Some(sealed) = place.take() {
            let opened = key.open(sealed, belonging, number);
            *place = Some(opened.ok_or(RecordError::Changed)?);
        }
    }
    Ok(())
}

fn open_state(keys: &Keys, sealed: &[u8], decided: &Belonging) -> Result<Vec<u8>, RecordError> {
    let (id, sealed) = sealed.split_first_chunk().ok_or(RecordError::Changed)?;
    let id = i64::from_be_bytes(*id);
    let key = keys.state_of(id)?.ok_or(RecordError::NoKey(id))?;
    let opened = key.open(sealed.to_vec(), &decided.encoded(STATE_COLUMN));
    opened.ok_or(RecordError::Changed)
}

/// The kind of what was decided, whatever else the entry is about.
fn decided_kind(kind: i64) -> i64 {
    match kind {
        kind::MERGED..kind::CHAIN_ATTEMPTED => kind - kind::MERGED,
        kind::REPLAYED => REDECIDED,
        kind => kind,
    }
}

/// The delivery that an entry is about, which is the first that its head says.
fn delivery_of(kind: i64, head: &[u8]) -> Result<i64, RecordError> {
    match kind {
        kind::DELIVERED | kind::DELIVERY_QUARANTINED => Ok(postcard::take_from_bytes(head)?.0),
        _ => Ok(0),
    }
}
