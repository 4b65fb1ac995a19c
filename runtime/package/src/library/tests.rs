#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use semver::VersionReq;

use super::{FindError, Library};
use crate::package::{Contents, Package};

/// Puts a package that says what it is to where it is said to be.
fn put(library: &Path, file: &str, name: &str, version: &str) {
    let manifest_text = format!(
        "name = \"{name}\"\nversion = \"{version}\"\ndescription = \"d\"\nlicence = \"MIT\"\ncontract = \"1.0\"\naccepts = [\"*\"]\n"
    );
    let contents = Contents {
        manifest_text,
        component: b"\0asm\x0d\x00\x01\x00".to_vec(),
        ..Contents::default()
    };
    Package::new(contents).unwrap().write_to(&library.join(file)).unwrap();
}

fn library(versions: &[&str]) -> (tempfile::TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    for version in versions {
        put(
            folder.path(),
            &format!("transfuse/redact/{version}.oci"),
            "transfuse/redact",
            version,
        );
    }
    let library = Library::open(folder.path()).unwrap();
    (folder, library)
}

fn wanted(text: &str) -> VersionReq {
    text.parse().unwrap()
}

#[test]
fn the_newest_version_that_fits_is_found() {
    let (_folder, library) = library(&["1.0.0", "1.2.0", "1.10.0", "2.0.0", "1.11.0-beta.1"]);
    let found = |text: &str| {
        library
            .find("transfuse/redact", &wanted(text))
            .unwrap()
            .manifest
            .version
            .to_string()
    };
    assert_eq!(found("^1"), "1.10.0");
    assert_eq!(found("*"), "2.0.0");
    assert_eq!(found("=1.2.0"), "1.2.0");
    assert_eq!(found("=1.11.0-beta.1"), "1.11.0-beta.1");
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let (folder, library) = library(&["1.0.0", "2.0.0"]);
    put(folder.path(), "acme/lab/0.1.0.oci", "acme/lab", "0.1.0");
    let error = library.find("transfuse/redactor", &wanted("*")).unwrap_err();
    assert!(
        error.to_string().ends_with("which has acme/lab, transfuse/redact"),
        "{error}"
    );
    let error = library.find("transfuse/redact", &wanted("^3")).unwrap_err();
    assert!(error.to_string().ends_with("fits ^3: there is 1.0.0, 2.0.0"), "{error}");
    let error = library.find("../redact", &wanted("*")).unwrap_err();
    assert!(matches!(error, FindError::NotAName(_)), "{error}");
    assert_eq!(library.list().len(), 3);
}

#[test]
fn a_package_that_says_it_is_another_is_refused() {
    let (folder, library) = library(&["1.0.0"]);
    put(folder.path(), "transfuse/redact/1.0.1.oci", "transfuse/redact", "1.0.0");
    let error = library.find("transfuse/redact", &wanted("*")).unwrap_err();
    assert!(matches!(error, FindError::Misplaced { .. }), "{error}");
}

#[test]
fn a_half_written_package_is_not_seen() {
    let (folder, library) = library(&["1.0.0"]);
    put(
        folder.path(),
        "transfuse/redact/.1.1.0.oci.4711",
        "transfuse/redact",
        "1.1.0",
    );
    assert_eq!(
        library
            .find("transfuse/redact", &wanted("*"))
            .unwrap()
            .manifest
            .version
            .to_string(),
        "1.0.0"
    );
}

#[test]
fn a_library_that_is_not_there_is_an_error() {
    assert!(
        Library::open("/nowhere/at/all")
            .unwrap_err()
            .to_string()
            .contains("/nowhere/at/all")
    );
}
