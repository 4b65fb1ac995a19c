//! Every entry reads back as it was written.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;

use super::decode;
use super::{INSERT, RecordError, SealedColumns, SealingKeys, insert};
use crate::clock::Clock;
use crate::journal::segment::FORMAT;
use crate::journal::{Address, Entry, Event, MessageEvent, Payloads, Ruling};
use crate::keys::{JournalSeal, Keys};
use crate::lanes::Holding;
use crate::operation::{Action, AfterStep, Closing, Operation, Operator, Redecision};
use crate::{
    Arrival, Decision, DeliveryId, Digest, Lanes, MasterKeyFile, MessageId, NewOutput, Sealed, Settlement, StateChange,
    StoredFault,
};

fn segment() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for step in FORMAT.steps {
        connection.execute_batch(step).unwrap();
    }
    connection
}

/// As an earlier program wrote them.
fn write(connection: &Connection, entries: &[Entry]) {
    insert_all(connection, entries, |entry| SealedColumns::plain(&entry.event));
}

fn insert_all(connection: &Connection, entries: &[Entry], columns: impl Fn(&Entry) -> SealedColumns) {
    let mut statement = connection.prepare(INSERT).unwrap();
    let mut head = Vec::new();
    for (position, entry) in (1..).zip(entries) {
        insert(&mut statement, position, entry, &columns(entry), &mut head).unwrap();
    }
}

/// Keys of a folder that holds nothing else.
fn keys() -> Arc<Keys> {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let nothing_before = || {
        Ok(JournalSeal {
            end: 0,
            is_sealed: false,
        })
    };
    Keys::open(&data, &MasterKeyFile::Beside, Clock::default(), nothing_before)
        .unwrap()
        .keys
}

fn read(connection: &Connection, payloads: Payloads) -> Result<Vec<Entry>, RecordError> {
    read_with(&Keys::none(), connection, payloads)
}

fn read_with(keys: &Keys, connection: &Connection, payloads: Payloads) -> Result<Vec<Entry>, RecordError> {
    let mut statement = connection.prepare(decode::select(payloads))?;
    let mut rows = statement.query((1, i64::MAX, 100))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let (position, entry) = decode::entry(row, keys)?;
        entries.push(entry);
        assert_eq!(usize::try_from(position).unwrap(), entries.len());
    }
    Ok(entries)
}

fn sealed() -> impl Strategy<Value = Sealed> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Sealed::from)
}

fn name() -> impl Strategy<Value = Arc<str>> {
    "[a-ző ]{0,12}".prop_map(Arc::from)
}

fn fault() -> impl Strategy<Value = StoredFault> {
    (".{0,9}", ".{0,20}", prop::option::of(".{0,9}"), sealed()).prop_map(|(kind, summary, hint, text)| StoredFault {
        kind,
        summary,
        hint,
        text,
    })
}

fn outputs() -> impl Strategy<Value = Vec<NewOutput>> {
    let output = (sealed(), prop::collection::vec(name(), 0..3)).prop_map(|(content, destinations)| NewOutput {
        content,
        content_type: None,
        destinations,
        stopped: None,
    });
    prop::collection::vec(output, 0..4)
}

/// Outputs of which some are documents, and some were stopped.
fn documents() -> impl Strategy<Value = Vec<NewOutput>> {
    let content_types = prop::collection::vec(prop::option::of(name()), 4);
    let stops = prop_oneof![Just(vec![None; 4]), prop::collection::vec(prop::option::of(fault()), 4)];
    (outputs(), content_types, stops).prop_map(|(mut outputs, content_types, stops)| {
        for ((output, content_type), stopped) in outputs.iter_mut().zip(content_types).zip(stops) {
            output.content_type = content_type;
            output.stopped = stopped;
        }
        outputs
    })
}

fn state() -> impl Strategy<Value = Vec<StateChange>> {
    let values = prop::collection::vec((".{0,9}", prop::option::of(sealed())), 0..3);
    let change = (name(), any::<u32>(), values).prop_map(|(plugin, schema_version, values)| StateChange {
        plugin,
        schema_version,
        values,
    });
    prop::collection::vec(change, 0..3)
}

fn decision() -> impl Strategy<Value = Decision> {
    prop_oneof![
        (documents(), state(), sealed()).prop_map(|(outputs, state, detail)| Decision::Processed {
            outputs,
            state,
            detail
        }),
        (sealed(), outputs(), state(), sealed()).prop_map(|(reason, outputs, state, detail)| Decision::Filtered {
            reason,
            outputs,
            state,
            detail
        }),
        (".{0,3}", fault(), outputs(), sealed()).prop_map(|(code, fault, outputs, detail)| Decision::Refused {
            code,
            fault,
            outputs,
            detail
        }),
        (fault(), outputs(), sealed()).prop_map(|(fault, outputs, detail)| Decision::Quarantined {
            fault,
            outputs,
            detail
        }),
    ]
}

fn arrival() -> impl Strategy<Value = Arrival> {
    (
        name(),
        any::<u32>(),
        any::<i64>(),
        ".{0,20}",
        ".{0,20}",
        ".{0,9}",
        sealed(),
        prop::option::of(any::<[u8; 16]>()),
    )
        .prop_map(
            |(interface, revision, received_at_ms, source, control_id, message_type, raw, digest)| Arrival {
                interface,
                revision,
                received_at_ms,
                source,
                control_id,
                message_type,
                raw,
                digest: digest.and_then(|digest| Digest::of_bytes(&digest)),
            },
        )
}

fn lanes() -> impl Strategy<Value = Lanes> {
    prop_oneof![
        Just(Lanes::All),
        Just(Lanes::None),
        prop::collection::vec(any::<u32>(), 1..4).prop_map(|numbers| Lanes::of(7, numbers)),
    ]
}

fn holding() -> impl Strategy<Value = Option<Holding>> {
    let holding = (lanes(), any::<bool>()).prop_map(|(lanes, is_everywhere)| Holding { lanes, is_everywhere });
    prop::option::of(holding)
}

fn ruling() -> impl Strategy<Value = Ruling> {
    let kept = (
        lanes(),
        holding(),
        prop::option::of(name()),
        prop::option::of(message_id()),
    );
    (name(), any::<u32>(), 0..i64::MAX / 2, decision(), kept).prop_map(
        |(interface, revision, first, decision, (lanes, holds, sender, repeats))| Ruling {
            interface,
            revision,
            first_delivery: DeliveryId::from_i64(first),
            decision,
            lanes,
            holds,
            sender,
            repeats,
        },
    )
}

fn message_id() -> impl Strategy<Value = MessageId> {
    (1..i64::MAX).prop_map(MessageId::from_i64)
}

fn address() -> impl Strategy<Value = Address> {
    (any::<i64>(), message_id(), name(), name()).prop_map(|(delivery, message, interface, destination)| Address {
        delivery: DeliveryId::from_i64(delivery),
        message,
        interface,
        destination,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let message = prop_oneof![
        arrival().prop_map(|arrival| (Some(arrival), None)),
        ruling().prop_map(|ruling| (None, Some(ruling))),
        (arrival(), ruling()).prop_map(|(arrival, ruling)| (Some(arrival), Some(ruling))),
    ];
    let settlement = prop_oneof![
        sealed().prop_map(|answer| Settlement::Delivered { answer }),
        fault().prop_map(|fault| Settlement::Quarantined { fault }),
    ];
    prop_oneof![
        4 => (message_id(), message)
            .prop_map(|(id, (arrival, ruling))| Event::Message(MessageEvent { id, arrival, ruling })),
        1 => (message_id(), any::<u32>())
            .prop_map(|(message, attempt)| Event::ChainAttempted { message, attempt }),
        1 => (address(), ".{0,20}").prop_map(|(delivery, fault)| Event::DeliveryAttempted { delivery, fault }),
        2 => (address(), settlement, holding())
            .prop_map(|(delivery, settlement, holds)| Event::DeliverySettled { delivery, settlement, holds }),
        1 => any::<u32>().prop_map(|process| Event::EngineStarted { process }),
        1 => Just(Event::EngineStopped),
        2 => operation().prop_map(|operation| Event::Operated(Box::new(operation))),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let delivery = || (1..i64::MAX).prop_map(DeliveryId::from_i64);
    let redecision = (
        message_id(),
        ruling().prop_map(|ruling| Ruling {
            lanes: Lanes::None,
            holds: None,
            sender: None,
            repeats: None,
            ..ruling
        }),
        prop::collection::vec(prop::option::of(delivery()), 0..4),
        prop::collection::vec(delivery(), 0..4),
        prop::collection::vec(delivery(), 0..3),
        prop::option::of((any::<u32>(), any::<u32>()).prop_map(|(steps, revision)| AfterStep { steps, revision })),
    );
    let redecision = redecision.prop_map(|(message, ruling, places, dropped, replaced, after)| Redecision {
        message,
        ruling,
        places,
        dropped,
        replaced,
        after,
    });
    let closing = (message_id(), any::<bool>(), prop::collection::vec(delivery(), 0..4));
    let closing = closing.prop_map(|(message, is_message, deliveries)| Closing {
        message,
        is_message,
        deliveries,
    });
    let action = prop_oneof![
        any::<u32>().prop_map(|revision| Action::Held { revision }),
        any::<u32>().prop_map(|revision| Action::Released { revision }),
        any::<u32>().prop_map(|revision| Action::Discarded { revision }),
        prop::option::of(message_id()).prop_map(|message| Action::LanesReleased { message }),
        (redecision, any::<bool>()).prop_map(|(made, is_replay)| if is_replay {
            Action::Replayed(made)
        } else {
            Action::Recomputed(made)
        }),
        closing.prop_map(Action::GivenUp),
        (message_id(), sealed()).prop_map(|(message, content)| Action::Edited { message, content }),
    ];
    (name(), ".{0,9}", ".{0,20}", action).prop_map(|(interface, author, reason, action)| Operation {
        interface,
        operator: Operator { author, reason },
        action,
    })
}

proptest! {
    #[test]
    fn every_entry_reads_back_as_it_was_written(
        events in prop::collection::vec((any::<i64>(), event()), 1..6)
    ) {
        let entries: Vec<_> = events.into_iter().map(|(at_ms, event)| Entry { at_ms, event }).collect();
        let segment = segment();
        write(&segment, &entries);
        prop_assert_eq!(read(&segment, Payloads::All).unwrap(), entries);
        prop_assert!(read(&segment, Payloads::Outputs).is_ok());
        prop_assert!(read(&segment, Payloads::State).is_ok());
        prop_assert!(read(&segment, Payloads::Detail).is_ok());
    }

    #[test]
    fn every_sealed_entry_reads_back_and_opens_nowhere_else(
        events in prop::collection::vec((any::<i64>(), event()), 1..6)
    ) {
        let keys = keys();
        let lab = Arc::from("lab");
        let sealing = SealingKeys { day: keys.current(&lab, 0).unwrap(), state: Some(keys.state(&lab).unwrap()) };
        let entries: Vec<_> = events.into_iter().map(|(at_ms, event)| Entry { at_ms, event }).collect();
        let segment = segment();
        insert_all(&segment, &entries, |entry| SealedColumns::of_any(&sealing, entry.at_ms, &entry.event));
        prop_assert_eq!(read_with(&keys, &segment, Payloads::All).unwrap(), entries.clone());
        prop_assert!(read_with(&keys, &segment, Payloads::Outputs).is_ok());
        prop_assert!(read_with(&keys, &segment, Payloads::State).is_ok());
        prop_assert!(read_with(&keys, &segment, Payloads::Detail).is_ok());
        let sealed: i64 = segment.query_row("SELECT count(key) FROM entries", [], |row| row.get(0)).unwrap();
        for change in ["message = message + 1", "raw = outputs, outputs = detail, detail = note, note = state, state = raw", "key = key + 1"] {
            segment.execute_batch("SAVEPOINT before").unwrap();
            segment.execute(&format!("UPDATE entries SET {change} WHERE key IS NOT NULL AND message IS NOT NULL"), []).unwrap();
            prop_assert_eq!(read_with(&keys, &segment, Payloads::All).is_ok(), sealed == 0, "{}", change);
            segment.execute_batch("ROLLBACK TO before").unwrap();
        }
    }

    #[test]
    fn a_head_of_any_bytes_is_an_error_or_an_entry_and_never_a_panic(
        format in 1..9_i64, kind in 0..60_i64, head in prop::collection::vec(any::<u8>(), 0..60), payload in prop::collection::vec(any::<u8>(), 0..9)
    ) {
        let segment = segment();
        let sql = "INSERT INTO entries VALUES (1, ?4, ?1, 0, 1, ?2, ?3, ?3, ?3, ?3, ?3, NULL)";
        segment.execute(sql, (kind, head, payload, format)).unwrap();
        let _ = read(&segment, Payloads::All);
        let _ = read(&segment, Payloads::State);
    }
}

#[test]
fn an_entry_of_a_newer_format_is_refused() {
    let segment = segment();
    write(
        &segment,
        &[Entry {
            at_ms: 1,
            event: Event::EngineStopped,
        }],
    );
    segment.execute("UPDATE entries SET format = 9", []).unwrap();
    assert!(matches!(
        read(&segment, Payloads::All),
        Err(RecordError::NewerFormat(9))
    ));
}

#[test]
fn an_entry_has_the_oldest_format_that_can_hold_it() {
    let acknowledgement = NewOutput {
        content: Sealed::from(b"MSA".to_vec()),
        content_type: None,
        destinations: vec!["ehr".into()],
        stopped: None,
    };
    for (outputs, expected) in [(Vec::new(), 1), (vec![acknowledgement], 2)] {
        let segment = segment();
        let decision = Decision::Quarantined {
            fault: StoredFault::default(),
            outputs,
            detail: Sealed::default(),
        };
        let ruling = Ruling {
            interface: "lab".into(),
            revision: 1,
            first_delivery: DeliveryId::from_i64(1),
            decision,
            lanes: Lanes::All,
            holds: None,
            sender: None,
            repeats: None,
        };
        let event = Event::Message(MessageEvent {
            id: MessageId::from_i64(1),
            arrival: None,
            ruling: Some(ruling),
        });
        write(&segment, &[Entry { at_ms: 1, event }]);
        let format: i64 = segment
            .query_row("SELECT format FROM entries", [], |row| row.get(0))
            .unwrap();
        assert_eq!(format, expected);
    }
}

/// The bytes of the first format, held fast: an entry that an older program wrote must read the same for ever.
#[test]
fn the_first_format_reads_as_it_was_defined() {
    let segment = segment();
    let head: [u8; 38] = [
        1, 3, b'l', b'a', b'b', 7, 4, 1, b's', 1, b'c', 1, b't', // arrival
        1, 3, b'l', b'a', b'b', 8, 18, 0, // ruling: interface, revision, first delivery, processed
        2, 2, 1, 3, b'e', b'h', b'r', // two outputs: two bytes for "ehr"
        1, 2, 3, b'e', b'h', b'r', 3, b'l', b'a', b'b', // one byte for "ehr" and "lab"
    ];
    let sql = "INSERT INTO entries VALUES (1, 1, 12, 5, 202611230000000001, ?1, 'in', 'abc', 'd', NULL, NULL, NULL)";
    segment.execute(sql, [head]).unwrap();
    segment.execute("UPDATE entries SET raw = CAST(raw AS BLOB), outputs = CAST(outputs AS BLOB), detail = CAST(detail AS BLOB)", []).unwrap();
    let entry = read(&segment, Payloads::All).unwrap().remove(0);
    let Event::Message(MessageEvent {
        id,
        arrival: Some(arrival),
        ruling: Some(ruling),
    }) = entry.event
    else {
        panic!("{entry:?}")
    };
    assert_eq!(id.to_string(), "20261123-000001");
    assert_eq!(
        (arrival.revision, arrival.received_at_ms, arrival.source.as_str()),
        (7, 2, "s")
    );
    assert_eq!((ruling.revision, ruling.first_delivery.as_i64()), (8, 9));
    let Decision::Processed { outputs, detail, .. } = ruling.decision else {
        panic!("not processed")
    };
    let contents: Vec<_> = outputs
        .iter()
        .map(|output| output.content.as_slice().to_vec())
        .collect();
    assert_eq!(
        (contents, detail.as_slice()),
        (vec![b"ab".to_vec(), b"c".to_vec()], b"d".as_slice())
    );
}
