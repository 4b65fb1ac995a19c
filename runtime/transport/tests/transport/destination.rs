use std::fs;
use std::path::Path;

use transfuse_transport::files::{FolderDestination, FolderDestinationSettings, WriteError};

use crate::support::payload;

async fn open(folder: &Path) -> FolderDestination {
    FolderDestination::open(FolderDestinationSettings {
        folder: folder.to_owned(),
    })
    .await
    .unwrap()
}

/// Every name in the folder, hidden ones included.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_message_becomes_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let destination = open(folder.path()).await;
    assert_eq!(
        destination.write("MSG1.hl7", &payload("MSH|1\r")).await.unwrap(),
        "MSG1.hl7"
    );
    assert_eq!(fs::read(folder.path().join("MSG1.hl7")).unwrap(), b"MSH|1\r");
    assert_eq!(names(folder.path()), ["MSG1.hl7"]);
}

#[tokio::test]
async fn the_same_message_again_is_the_same_file_and_another_one_gets_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let destination = open(folder.path()).await;
    for (content, name) in [
        ("one", "a.hl7"),
        ("one", "a.hl7"),
        ("two", "a.1.hl7"),
        ("six", "a.2.hl7"),
        ("two", "a.1.hl7"),
    ] {
        assert_eq!(destination.write("a.hl7", &payload(content)).await.unwrap(), name);
    }
    assert_eq!(names(folder.path()), ["a.1.hl7", "a.2.hl7", "a.hl7"]);
    assert_eq!(fs::read(folder.path().join("a.hl7")).unwrap(), b"one");
}

#[tokio::test]
async fn a_name_from_a_message_never_leads_out_of_the_folder() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("out");
    fs::create_dir(&folder).unwrap();
    let destination = open(&folder).await;
    for name in [
        "../escaped",
        "/etc/escaped",
        "..",
        "a/../../escaped",
        ".hidden",
        "\0",
        "",
    ] {
        let written = destination.write(name, &payload("content")).await.unwrap();
        assert!(folder.join(&written).is_file(), "{name:?} became {written:?}");
        assert!(!written.starts_with('.'), "{name:?} became {written:?}");
    }
    assert_eq!(names(outer.path()), ["out"]);
}

#[tokio::test]
async fn a_symbolic_link_in_the_folder_is_neither_followed_nor_replaced() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = outside.path().join("target");
    fs::write(&target, "outside").unwrap();
    std::os::unix::fs::symlink(&target, folder.path().join("a.hl7")).unwrap();
    let destination = open(folder.path()).await;
    assert_eq!(
        destination.write("a.hl7", &payload("outside")).await.unwrap(),
        "a.1.hl7"
    );
    assert_eq!(fs::read(&target).unwrap(), b"outside");
    assert!(folder.path().join("a.hl7").is_symlink());
}

#[tokio::test]
async fn a_folder_that_has_the_name_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a.hl7")).unwrap();
    let destination = open(folder.path()).await;
    assert_eq!(destination.write("a.hl7", &payload("one")).await.unwrap(), "a.1.hl7");
}

#[tokio::test]
async fn what_a_crash_left_behind_is_removed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".transfuse-17-3.tmp"), "half a mess").unwrap();
    fs::write(folder.path().join("a.hl7"), "whole").unwrap();
    open(folder.path()).await;
    assert_eq!(names(folder.path()), ["a.hl7"]);
}

#[tokio::test]
async fn many_writers_of_one_name_each_get_their_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let destination = open(folder.path()).await;
    let writing = (0..20).map(|number| {
        let destination = destination.clone();
        tokio::spawn(async move {
            let content = format!("message {number}");
            let name = destination.write("a.hl7", &content.clone().into()).await.unwrap();
            (name, content)
        })
    });
    let written = futures_util::future::join_all(writing).await;
    for (name, content) in written.into_iter().map(Result::unwrap) {
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), content);
    }
    assert_eq!(names(folder.path()).len(), 20);
}

#[tokio::test]
async fn a_folder_that_comes_back_is_written_to_again() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("out");
    fs::create_dir(&folder).unwrap();
    let destination = open(&folder).await;
    fs::remove_dir(&folder).unwrap();
    let error = destination.write("a.hl7", &payload("one")).await.unwrap_err();
    assert!(matches!(error, WriteError::Other { .. }), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("mounted")));
    fs::create_dir(&folder).unwrap();
    assert_eq!(destination.write("a.hl7", &payload("one")).await.unwrap(), "a.hl7");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_not_created() {
    let outer = tempfile::tempdir().unwrap();
    let settings = FolderDestinationSettings {
        folder: outer.path().join("not mounted"),
    };
    let error = FolderDestination::open(settings).await.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("mounted")));
    assert_eq!(names(outer.path()), [""; 0]);
}
