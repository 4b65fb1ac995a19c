//! What may hold patient data is in no file as it came, and what was changed in one is found.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::support::{DAY_MS, NOON_MS, Site, arrival, text};
use crate::operation::Operator;
use crate::{Arrival, Decision, NewEvidence, NewOutput, OnFault, Sealed, Settlement, StateChange, Store, StoredFault};

/// A name that no file may hold, however it is taken in.
const CANARY: &str = "TESZTELEK^KANARI";

fn canary() -> Sealed {
    Sealed::from(format!("PID|1||{CANARY}"))
}

fn canary_fault() -> StoredFault {
    StoredFault {
        kind: String::from("trapped"),
        summary: String::from("the plugin failed"),
        hint: None,
        text: canary(),
    }
}

fn canary_output() -> NewOutput {
    NewOutput {
        content: canary(),
        content_type: None,
        destinations: vec![Arc::from("ehr")],
        stopped: None,
    }
}

fn canary_state() -> Vec<StateChange> {
    vec![StateChange {
        plugin: Arc::from("test/keeper"),
        schema_version: 1,
        values: vec![(CANARY.to_owned(), Some(canary())), (String::from("other"), None)],
    }]
}

/// Every kind of decision, each with the canary in all that a decision may hold.
fn decisions() -> Vec<Decision> {
    vec![
        Decision::Processed {
            outputs: vec![canary_output(), canary_output()],
            state: canary_state(),
            detail: canary(),
        },
        Decision::Filtered {
            reason: canary(),
            outputs: vec![canary_output()],
            state: canary_state(),
            detail: canary(),
        },
        Decision::Refused {
            code: String::from("AE"),
            fault: canary_fault(),
            outputs: vec![canary_output()],
            detail: canary(),
        },
        Decision::Quarantined {
            fault: canary_fault(),
            outputs: Vec::new(),
            detail: canary(),
        },
    ]
}

async fn take_all(store: &Store) {
    for (index, decision) in decisions().into_iter().enumerate() {
        let arrival = Arrival {
            raw: canary(),
            ..arrival(&index.to_string())
        };
        let received = store.receive(arrival);
        // Some are decided before their arrival is written, some after.
        if index % 2 == 0 {
            store.receipt(&received).await.unwrap();
        }
        store.decide(received, decision).await.unwrap();
    }
    let queue = store.queue("lab", "ehr");
    let answers = [
        Settlement::Delivered { answer: canary() },
        Settlement::Quarantined { fault: canary_fault() },
    ];
    for settlement in answers {
        let lease = queue.lease().await.unwrap();
        assert_eq!(lease.content(), &canary());
        queue.settle(lease, settlement).await.unwrap();
    }
    let evidence = NewEvidence {
        interface: String::from("lab"),
        digest: String::from("sha256:aa"),
        revision: None,
        kind: String::from("replay"),
        verdict: String::from("failed"),
        summary: String::from("one differs"),
        detail: canary(),
        author: String::from("anna"),
    };
    let kept = store.catalog().add_evidence(&evidence).unwrap();
    assert_eq!(kept.found.detail, canary());
    assert_eq!(store.catalog().evidence("lab", None, 10).unwrap(), [kept]);
}

fn files_with(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if std::fs::read(&path)
            .unwrap()
            .windows(needle.len())
            .any(|part| part == needle)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn no_file_of_the_folder_holds_what_came_in_whatever_became_of_it() {
    let site = Site::new();
    let store = site.store();
    take_all(&store).await;
    store.status().unwrap();
    let nowhere: [String; 0] = [];
    assert_eq!(files_with(&site.settings.folder, CANARY.as_bytes()), nowhere);
    store.shutdown().await;
    assert_eq!(files_with(&site.settings.folder, CANARY.as_bytes()), nowhere);
    // The search does find what is there: a control id is no payload.
    assert!(!files_with(&site.settings.folder, b"127.0.0.1:51234").is_empty());
}

#[tokio::test]
async fn everything_reads_as_it_was_handed_in_also_by_the_next_engine() {
    let site = Site::new();
    let store = site.store();
    take_all(&store).await;
    let ids: Vec<_> = store
        .messages(&crate::Query {
            limit: 10,
            oldest_first: true,
            ..Default::default()
        })
        .unwrap();
    store.shutdown().await;
    let store = site.store();
    for (summary, decision) in ids.iter().zip(decisions()) {
        let record = store.message(summary.id).unwrap().unwrap();
        assert_eq!(record.raw, canary());
        assert_eq!(record.damage, None);
        let decided = record.decision.unwrap();
        assert_eq!(decided.detail, canary());
        assert_eq!(decided.outputs.len(), decision.outputs().len());
        assert!(decided.outputs.iter().all(|output| output.content == canary()));
        let words = [decided.reason, decided.fault.map(|fault| fault.text)];
        assert!(words.iter().flatten().all(|word| *word == canary()));
    }
    let state = store.state("lab").unwrap();
    assert_eq!(state.len(), 1);
    assert_eq!(state.first().unwrap().values, [(CANARY.to_owned(), Some(canary()))]);
    store.shutdown().await;
}

#[tokio::test]
async fn a_bit_that_was_flipped_within_a_payload_is_found() {
    let site = Site::new();
    let store = site.store();
    store.pass("A").await.unwrap();
    store.pass("B").await.unwrap();
    store.shutdown().await;
    let unreadable = || {
        let reports = Store::check(&site.settings, |_| {}).unwrap();
        reports.iter().map(|report| report.unreadable).sum::<u64>()
    };
    assert_eq!(unreadable(), 0);
    let connection = rusqlite::Connection::open(site.file("journal/000001.sqlite")).unwrap();
    for column in ["raw", "outputs", "detail"] {
        let sql = format!("SELECT {column} FROM entries WHERE raw IS NOT NULL ORDER BY position LIMIT 1");
        let sound: Vec<u8> = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        let mut changed = sound.clone();
        changed[1] ^= 4;
        let set = format!("UPDATE entries SET {column} = ?1 WHERE {column} = ?2");
        connection.execute(&set, (&changed, &sound)).unwrap();
        assert_eq!(unreadable(), 1, "{column}");
        connection.execute(&set, (&sound, &changed)).unwrap();
    }
    // Whole, and somebody else's.
    let exchange = "UPDATE entries SET raw = (SELECT raw FROM entries WHERE raw IS NOT NULL ORDER BY position DESC LIMIT 1) \
                    WHERE raw IS NOT NULL";
    connection.execute(exchange, []).unwrap();
    assert_eq!(unreadable(), 1);
}

#[tokio::test]
async fn what_is_not_sealed_and_should_be_is_no_payload() {
    let site = Site::new();
    let store = site.store();
    let id = store.pass("A").await.unwrap().id();
    store.shutdown().await;
    let connection = rusqlite::Connection::open(site.file("journal/000001.sqlite")).unwrap();
    let forge = "UPDATE entries SET key = NULL, raw = CAST('forged' AS BLOB) WHERE raw IS NOT NULL";
    connection.execute(forge, []).unwrap();
    drop(connection);
    let store = site.store();
    let record = store.message(id).unwrap().unwrap();
    assert!(record.raw.is_empty());
    assert!(record.damage.unwrap().contains("not sealed"));
    store.shutdown().await;
}

#[tokio::test]
async fn a_message_that_is_decided_after_midnight_is_two_entries_of_two_keys() {
    let site = Site::new();
    let store = site.store();
    site.clock_ms.store(NOON_MS + DAY_MS / 2 - 1, SeqCst);
    let received = store.receive(arrival("late"));
    site.clock_ms.store(NOON_MS + DAY_MS / 2, SeqCst);
    let id = received.id();
    let decision = super::support::processed("late", &["ehr"]);
    store.decide(received, decision).await.unwrap();
    let record = store.message(id).unwrap().unwrap();
    assert_eq!(text(&record.raw), "raw late");
    assert_eq!(store.deliver(1).await, ["out late"]);
    store.shutdown().await;
    let sql = "SELECT kind FROM readable WHERE message IS NOT NULL AND kind <> 'delivered' ORDER BY position";
    let journal = std::fs::read_dir(site.file("journal")).unwrap().count();
    let kinds: Vec<String> = (1..=journal)
        .map(|number| format!("journal/{number:06}.sqlite"))
        .filter(|file| site.file(file).exists())
        .flat_map(|file| site.select(&file, sql))
        .collect();
    assert_eq!(kinds, ["received", "processed"]);
}

#[tokio::test]
async fn what_was_decided_anew_is_sealed_and_read_back() {
    let site = Site::new();
    let store = site.store();
    let mut received = store.receive(arrival("A"));
    received.keep_order(crate::Lanes::None, OnFault::Continue);
    let id = received.id();
    store
        .decide(received, super::support::processed("A", &["ehr"]))
        .await
        .unwrap();
    let operator = Operator {
        author: String::from("anna"),
        reason: String::from("a table was wrong"),
    };
    let again = Decision::Processed {
        outputs: vec![canary_output()],
        state: Vec::new(),
        detail: canary(),
    };
    let record = store.message(id).unwrap().unwrap();
    store.edit(&record, canary(), &operator).await.unwrap();
    let made = crate::NewDecision {
        revision: 3,
        decision: again,
        after: None,
    };
    store.replay(&record, made, None, &operator).await.unwrap();
    store.shutdown().await;
    let nowhere: [String; 0] = [];
    assert_eq!(files_with(&site.settings.folder, CANARY.as_bytes()), nowhere);
    let store = site.store();
    let record = store.message(id).unwrap().unwrap();
    assert_eq!(record.content(), &canary(), "what it was given is sealed too");
    let decided = record.decision.unwrap();
    assert_eq!(decided.outputs.first().unwrap().content, canary());
    store.shutdown().await;
}
