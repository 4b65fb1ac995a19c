#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use super::{Package, ReadError, read_limited};
use crate::manifest::Manifest;

const MANIFEST: &str = r#"name = "vendor/plugin"
version = "1.2.3"
description = "Does nothing"
licence = "Apache-2.0"
contract = "1.0" # with a comment
accepts = ["*"]
"#;

/// The smallest component.
const EMPTY: &[u8] = b"\0asm\x0d\x00\x01\x00";

fn package(component: &[u8]) -> Package {
    Package::new(
        Manifest::parse(MANIFEST).unwrap(),
        MANIFEST.to_owned(),
        component.to_vec(),
    )
}

#[test]
fn what_is_written_is_read_back_and_known_by_its_digest() {
    let library = tempfile::tempdir().unwrap();
    let written = package(EMPTY);
    let folder = written.write(library.path()).unwrap();
    assert_eq!(folder, library.path().join("vendor/plugin/1.2.3"));
    assert_eq!(Package::read(&folder).unwrap(), written);
    // printf '\0asm\x0d\0\x01\0' | sha256sum
    assert_eq!(
        written.digest,
        "sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29"
    );
}

#[test]
fn a_package_takes_the_place_of_an_earlier_build_and_leaves_nothing_beside_it() {
    let library = tempfile::tempdir().unwrap();
    package(EMPTY).write(library.path()).unwrap();
    let later = package(b"\0asm\x0d\x00\x01\x00\x00\x02\x01x");
    let folder = later.write(library.path()).unwrap();
    assert_eq!(Package::read(&folder).unwrap(), later);
    let beside: Vec<_> = fs::read_dir(library.path().join("vendor/plugin")).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
}

#[test]
fn what_is_no_package_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let read = || Package::read(folder.path()).unwrap_err();
    assert!(matches!(read(), ReadError::File { path, .. } if path.ends_with("plugin.toml")));

    fs::write(
        folder.path().join("plugin.toml"),
        MANIFEST.replace("licence", "license"),
    )
    .unwrap();
    assert!(
        read()
            .to_string()
            .contains("plugin.toml: line 4: `license`: unknown field"),
        "{}",
        read()
    );

    fs::write(folder.path().join("plugin.toml"), MANIFEST).unwrap();
    assert!(matches!(read(), ReadError::File { path, .. } if path.ends_with("component.wasm")));

    fs::write(folder.path().join("component.wasm"), b"\0asm\x01\x00\x00\x00").unwrap();
    assert!(
        matches!(read(), ReadError::NotAComponent { .. }),
        "a core module is not a component"
    );
}

#[test]
fn a_file_of_the_largest_size_is_read_and_a_larger_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"12345678").unwrap();
    assert_eq!(read_limited(&path, 8).unwrap(), b"12345678");
    assert!(matches!(
        read_limited(&path, 7).unwrap_err(),
        ReadError::TooLarge { bytes_max: 7, .. }
    ));
}
