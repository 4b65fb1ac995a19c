//! The catalog as the engine and the administrators use it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use tempfile::TempDir;

use super::{Catalog, Expected, NewEvidence, NewRevision, PackageEntry, TableEntry, schema};
use crate::clock::Clock;
use crate::keys::{JournalSeal, Keys};
use crate::{CatalogError, MasterKeyFile, Sealed};

fn catalog() -> (TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(&folder);
    (folder, catalog)
}

fn open(folder: &TempDir) -> Catalog {
    let nothing_sealed = || {
        Ok(JournalSeal {
            end: 0,
            is_sealed: false,
        })
    };
    let data = folder.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let opened = Keys::open(&data, &MasterKeyFile::Beside, Clock::default(), nothing_sealed).unwrap();
    Catalog::open(&folder.path().join("catalog.sqlite"), Clock::default(), opened.keys).unwrap()
}

#[test]
fn another_process_may_look_into_a_catalog_and_change_nothing() {
    let (folder, catalog) = catalog();
    catalog.add_revision(&revision("lab", "{}")).unwrap();
    let looking = Catalog::look_into(folder.path()).unwrap().unwrap();
    assert_eq!(
        looking.revisions("lab", 9).unwrap(),
        catalog.revisions("lab", 9).unwrap()
    );
    assert!(looking.add_revision(&revision("lab", "[]")).is_err());
    let empty = tempfile::tempdir().unwrap();
    assert!(Catalog::look_into(empty.path()).unwrap().is_none());
    assert!(!empty.path().join("catalog.sqlite").exists());
}

fn revision(interface: &str, content: &str) -> NewRevision {
    NewRevision {
        interface: interface.to_owned(),
        content: content.to_owned(),
        author: String::from("anna"),
        reason: String::from("new analyser"),
        note: String::from("reads potassium"),
    }
}

fn table(digest: &str, content: &[u8]) -> TableEntry {
    TableEntry {
        digest: digest.to_owned(),
        name: String::from("lab-codes"),
        content: content.to_vec(),
    }
}

#[test]
fn revisions_are_numbered_per_interface_and_kept_over_a_restart() {
    let (folder, catalog) = catalog();
    for (interface, content) in [("lab", "{1}"), ("adt", "{1}"), ("lab", "{2}")] {
        catalog.add_revision(&revision(interface, content)).unwrap();
    }
    drop(catalog);
    let catalog = open(&folder);
    assert_eq!(catalog.interfaces().unwrap(), ["adt", "lab"]);
    let numbers: Vec<_> = catalog
        .revisions("lab", 9)
        .unwrap()
        .into_iter()
        .map(|revision| revision.number)
        .collect();
    assert_eq!(numbers, [2, 1]);
    let second = catalog.revision("lab", 2).unwrap().unwrap();
    assert_eq!((second.content.as_str(), second.author.as_str()), ("{2}", "anna"));
    // `printf '{2}' | sha256sum`
    assert_eq!(
        second.digest,
        "sha256:f5e1420e13fd6cca6b2b875d53d06576439e4afec75fcc4a98d7b3b69b10b17e"
    );
}

#[test]
fn the_same_content_again_is_the_same_revision() {
    let (_folder, catalog) = catalog();
    let first = catalog.add_revision(&revision("lab", "{1}")).unwrap();
    assert_eq!(catalog.add_revision(&revision("lab", "{1}")).unwrap(), first);
    catalog.add_revision(&revision("lab", "{2}")).unwrap();
    assert_eq!(
        catalog.add_revision(&revision("lab", "{1}")).unwrap().number,
        3,
        "going back is a new revision"
    );
}

#[test]
fn what_is_live_has_a_history() {
    let (_folder, catalog) = catalog();
    assert!(catalog.live("lab").unwrap().is_none());
    for content in ["{1}", "{2}"] {
        catalog.add_revision(&revision("lab", content)).unwrap();
    }
    for (number, reason) in [(1, "first"), (2, "faster"), (2, "again"), (1, "rollback")] {
        catalog
            .set_live("lab", number, Expected::Anything, "anna", reason)
            .unwrap();
    }
    assert_eq!(catalog.live("lab").unwrap().unwrap().number, 1);
    let history: Vec<_> = catalog
        .live_history("lab", 9)
        .unwrap()
        .into_iter()
        .map(|c| (c.number, c.reason))
        .collect();
    let expected = [(1, "rollback"), (2, "faster"), (1, "first")].map(|(n, reason)| (n, reason.to_owned()));
    assert_eq!(history, expected);
    let last = catalog.live_history("lab", 1).unwrap();
    assert_eq!(
        last.into_iter().map(|change| change.reason).collect::<Vec<_>>(),
        ["rollback"]
    );
    assert_eq!(catalog.live_before("lab", 1).unwrap(), Some(2));
    assert_eq!(catalog.live_before("lab", 2).unwrap(), Some(1));
    assert!(catalog.was_live("lab", 2).unwrap() && !catalog.was_live("lab", 3).unwrap());
    assert!(!catalog.was_live("other", 1).unwrap());
}

#[test]
fn a_revision_that_does_not_exist_cannot_go_live() {
    let (_folder, catalog) = catalog();
    catalog.add_revision(&revision("lab", "{1}")).unwrap();
    let error = catalog
        .set_live("lab", 7, Expected::Anything, "anna", "typo")
        .unwrap_err();
    assert_eq!(error.to_string(), "interface `lab` has no revision 7");
    assert!(catalog.live("lab").unwrap().is_none());
}

#[test]
fn a_revision_cannot_be_changed_even_by_hand() {
    let (_folder, catalog) = catalog();
    catalog.add_revision(&revision("lab", "{1}")).unwrap();
    let error = catalog
        .read(|connection| connection.execute("UPDATE revisions SET content = 'x'", []))
        .unwrap_err();
    assert!(error.to_string().contains("a revision is never changed"), "{error}");
}

#[test]
fn a_package_is_stored_once_under_its_digest() {
    let (_folder, catalog) = catalog();
    let package = PackageEntry {
        digest: String::from("sha256:aa"),
        name: String::from("transfuse/redact"),
        version: String::from("1.0.0"),
        content: vec![0, 97, 115, 109],
    };
    catalog.put_package(&package).unwrap();
    catalog.put_package(&package).unwrap();
    assert_eq!(catalog.package("sha256:aa").unwrap().unwrap(), package);
    assert_eq!(catalog.packages().unwrap().len(), 1);
    let signed = PackageEntry {
        content: vec![1],
        ..package
    };
    catalog.put_package(&signed).unwrap();
    assert_eq!(catalog.package("sha256:aa").unwrap().unwrap(), signed);
    let error = catalog
        .read(|connection| connection.execute("UPDATE packages SET version = '2.0.0'", []))
        .unwrap_err();
    assert!(error.to_string().contains("a package is never changed"), "{error}");
    assert!(catalog.package("sha256:bb").unwrap().is_none());
}

#[test]
fn a_package_of_an_earlier_format_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch(schema::FORMAT.steps[0]).unwrap();
    connection
        .execute_batch(
            "PRAGMA user_version = 1; INSERT INTO packages VALUES ('sha256:aa', 'transfuse/redact', '1.0.0', 'name = ..', 7, x'0061')",
        )
        .unwrap();
    drop(connection);
    let stored = open(&folder).package("sha256:aa").unwrap().unwrap();
    assert_eq!(
        (stored.version.as_str(), stored.content.as_slice()),
        ("1.0.0", &[0, 97][..])
    );
}

#[test]
fn the_newest_table_is_the_one_that_was_put_last() {
    let (_folder, catalog) = catalog();
    put(&catalog, "sha256:aa", b"1", "anna", "first").unwrap();
    put(&catalog, "sha256:bb", b"2", "bela", "new analyser").unwrap();
    assert_eq!(catalog.newest_table("lab-codes").unwrap().unwrap().content, b"2");
    put(&catalog, "sha256:aa", b"1", "anna", "back").unwrap();
    put(&catalog, "sha256:aa", b"1", "bela", "it is already").unwrap();
    assert_eq!(catalog.newest_table("lab-codes").unwrap().unwrap().content, b"1");
    assert_eq!(catalog.tables().unwrap().len(), 2);
    assert_eq!(catalog.table("sha256:bb").unwrap().unwrap(), table("sha256:bb", b"2"));
    assert!(put(&catalog, "sha256:bb", b"3", "anna", "another").is_err());
    assert_eq!(
        told_history(&catalog),
        [
            ["sha256:aa", "anna", "back"],
            ["sha256:bb", "bela", "new analyser"],
            ["sha256:aa", "anna", "first"]
        ]
    );
}

#[test]
fn a_table_of_an_earlier_engine_was_made_live_by_nobody_known() {
    let (folder, catalog) = catalog();
    put(&catalog, "sha256:aa", b"1", "anna", "first").unwrap();
    drop(catalog);
    let connection = rusqlite::Connection::open(folder.path().join("catalog.sqlite")).unwrap();
    connection
        .execute_batch("DROP TABLE downtimes; DROP TABLE evidence; DROP TABLE table_changes; PRAGMA user_version = 3")
        .unwrap();
    drop(connection);
    assert_eq!(told_history(&open(&folder)), [["sha256:aa", "", ""]]);
}

fn put(catalog: &Catalog, digest: &str, content: &[u8], author: &str, reason: &str) -> Result<(), CatalogError> {
    catalog.put_table(&table(digest, content), author, reason)
}

fn told_history(catalog: &Catalog) -> Vec<[String; 3]> {
    let changes = catalog.table_history("lab-codes").unwrap().into_iter();
    changes
        .map(|change| [change.digest, change.author, change.reason])
        .collect()
}

#[test]
fn who_changes_what_somebody_else_has_changed_hears_of_it() {
    let (_folder, catalog) = catalog();
    for content in ["{1}", "{2}"] {
        catalog.add_revision(&revision("lab", content)).unwrap();
    }
    let go_live = |number, expected| catalog.set_live("lab", number, expected, "anna", "why");
    go_live(1, Expected::Nothing).unwrap();
    let error = go_live(2, Expected::Nothing).unwrap_err();
    let told = "`lab` was changed in the meantime: revision 1 is live, and not nothing";
    assert_eq!(error.to_string(), told);
    go_live(2, Expected::Revision(1)).unwrap();
    assert!(go_live(1, Expected::Revision(1)).is_err());
    assert_eq!(catalog.live("lab").unwrap().unwrap().number, 2);
}

#[test]
fn an_interface_that_is_out_of_use_has_a_past_and_may_come_back() {
    let (_folder, catalog) = catalog();
    catalog.add_revision(&revision("lab", "{1}")).unwrap();
    catalog.set_live("lab", 1, Expected::Nothing, "anna", "first").unwrap();
    assert!(catalog.retire("lab", Expected::Revision(2), "anna", "moved").is_err());
    catalog.retire("lab", Expected::Revision(1), "anna", "moved").unwrap();
    assert!(catalog.live("lab").unwrap().is_none());
    let last = catalog.live_history("lab", 9).unwrap().remove(0);
    assert_eq!((last.number, last.is_retired, last.reason.as_str()), (1, true, "moved"));
    assert_eq!(
        catalog.live_before("lab", 2).unwrap(),
        Some(1),
        "being taken out of use is no life"
    );
    catalog.set_live("lab", 1, Expected::Nothing, "anna", "back").unwrap();
    assert_eq!(catalog.live_before("lab", 1).unwrap(), None);
    assert_eq!(catalog.live("lab").unwrap().unwrap().note, "reads potassium");
}

#[test]
fn a_pause_is_kept_with_the_first_reason_until_it_ends() {
    let (folder, catalog) = catalog();
    catalog.pause("lab", "anna", "the EHR moves").unwrap();
    catalog.pause("lab", "bela", "me too").unwrap();
    drop(catalog);
    let catalog = open(&folder);
    let pause = catalog.paused("lab").unwrap().unwrap();
    assert_eq!(
        (pause.author.as_str(), pause.reason.as_str()),
        ("anna", "the EHR moves")
    );
    assert!(catalog.end_pause("lab").unwrap());
    assert!(!catalog.end_pause("lab").unwrap());
    assert!(catalog.paused("lab").unwrap().is_none());
}

fn evidence(revision: Option<u32>, digest: &str, kind: &str, verdict: &str) -> NewEvidence {
    NewEvidence {
        interface: String::from("lab"),
        digest: digest.to_owned(),
        revision,
        kind: kind.to_owned(),
        verdict: verdict.to_owned(),
        summary: String::from("12 of 12 messages differ"),
        detail: Sealed::from(b"GLU -> 2345-7".to_vec()),
        author: String::from("anna"),
    }
}

#[test]
fn evidence_is_kept_by_interface_and_revision_newest_first() {
    let (folder, catalog) = catalog();
    let made = catalog.add_revision(&revision("lab", "{1}")).unwrap();
    let before = evidence(None, &made.digest, "vectors", "failed");
    catalog.add_evidence(&before).unwrap();
    catalog
        .add_evidence(&evidence(None, "sha256:other", "vectors", "failed"))
        .unwrap();
    catalog
        .add_evidence(&evidence(Some(1), &made.digest, "replay", "passed"))
        .unwrap();
    drop(catalog);
    let catalog = open(&folder);
    let kinds = |revision, limit| -> Vec<_> {
        let found = catalog.evidence("lab", revision, limit).unwrap().into_iter();
        found.map(|one| (one.found.kind, one.found.digest)).collect()
    };
    assert_eq!(kinds(None, 100).len(), 3);
    assert_eq!(kinds(None, 1), [(String::from("replay"), made.digest.clone())]);
    let of_first =
        [("replay", &made.digest), ("vectors", &made.digest)].map(|(kind, digest)| (kind.to_owned(), digest.clone()));
    assert_eq!(kinds(Some(1), 100), of_first);
    assert!(catalog.evidence("adt", None, 100).unwrap().is_empty());
    assert_eq!(catalog.evidence("lab", None, 100).unwrap()[2].found, before);
    assert_eq!(
        catalog
            .last_evidence("lab", Some(1), "replay")
            .unwrap()
            .unwrap()
            .found
            .verdict,
        "passed"
    );
    assert!(catalog.last_evidence("lab", Some(1), "vectors").unwrap().is_none());
}

#[test]
fn evidence_cannot_be_changed_even_by_hand() {
    let (_folder, catalog) = catalog();
    catalog
        .add_evidence(&evidence(None, "sha256:aa", "replay", "failed"))
        .unwrap();
    let error = catalog
        .read(|connection| connection.execute("UPDATE evidence SET verdict = 'passed'", []))
        .unwrap_err();
    assert!(error.to_string().contains("evidence is never changed"), "{error}");
}

#[test]
fn a_catalog_of_an_earlier_engine_learns_to_keep_evidence() {
    let (folder, catalog) = catalog();
    catalog.add_revision(&revision("lab", "{1}")).unwrap();
    drop(catalog);
    let connection = rusqlite::Connection::open(folder.path().join("catalog.sqlite")).unwrap();
    connection
        .execute_batch("DROP TABLE downtimes; DROP TABLE evidence; PRAGMA user_version = 4")
        .unwrap();
    drop(connection);
    let catalog = open(&folder);
    catalog
        .add_evidence(&evidence(Some(1), "sha256:aa", "replay", "passed"))
        .unwrap();
    assert_eq!(catalog.revisions("lab", 9).unwrap().len(), 1);
}
