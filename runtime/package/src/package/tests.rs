//! Packages as files: what comes back, what stays the same, and what is refused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;

use super::archive::{self, Bounds, Entries};
use super::layout::{self, Descriptor, ImageManifest};
use super::{ArchiveError, Contents, ENVELOPE_BYTES_MAX, ENVELOPES_MAX, Package, PackageError, ReadError};
use crate::digest::digest_of;

const MANIFEST: &str = r#"name = "vendor/plugin"
version = "1.2.3"
description = "Does nothing"
licence = "Apache-2.0"
contract = "1.0" # with a comment
accepts = ["*"]
"#;

/// The smallest component.
const EMPTY: &[u8] = b"\0asm\x0d\x00\x01\x00";

/// Where two entries of every package lie.
const INDEX: &str = "index.json";
const MARKER: &str = "oci-layout";

fn contents() -> Contents {
    Contents {
        manifest_text: MANIFEST.to_owned(),
        component: EMPTY.to_vec(),
        config_schema: Some("{\"type\":\"object\"}".to_owned()),
        vectors: BTreeMap::from([
            ("one/input.hl7".to_owned(), b"MSH|^~\\&|TESZT".to_vec()),
            ("one/vector.toml".to_owned(), b"description = \"d\"".to_vec()),
        ]),
        sbom: "{\"bomFormat\":\"CycloneDX\"}".to_owned(),
        provenance: "{\"_type\":\"statement\"}".to_owned(),
    }
}

fn package() -> Package {
    Package::new(contents()).unwrap()
}

fn signed() -> Package {
    let mut package = package();
    package.add_envelope(b"{\"signature\":\"one\"}".to_vec()).unwrap();
    package.add_envelope(b"{\"signature\":\"two\"}".to_vec()).unwrap();
    package
}

fn entries(package: &Package) -> Entries {
    let bounds = Bounds {
        entries_max: 1000,
        bytes_max: 1 << 30,
    };
    archive::read(&package.to_bytes(), bounds).unwrap()
}

/// What is said of a package's file after its entries were changed.
fn refusal(package: &Package, change: impl FnOnce(&mut Entries)) -> PackageError {
    let mut entries = entries(package);
    change(&mut entries);
    Package::from_bytes(&archive::write(&entries).unwrap()).unwrap_err()
}

/// The same after the plugin's image manifest was changed, with everything that names it made to fit.
fn refusal_of(change: impl FnOnce(&mut ImageManifest, &mut Entries)) -> PackageError {
    refusal(&package(), |entries| {
        let digest = package().digest;
        let document = entries.remove(&blob(&digest)).unwrap();
        let mut image: ImageManifest = serde_json::from_slice(&document).unwrap();
        change(&mut image, entries);
        let document = layout::json(&image);
        let index = String::from_utf8(entries.remove(INDEX).unwrap()).unwrap();
        let sized = |bytes: &[u8]| format!("\"size\":{}", bytes.len());
        let old_size = format!("\"size\":{}", package().manifest_blob().bytes.len());
        let index = index
            .replace(&digest, &digest_of(&document))
            .replace(&old_size, &sized(&document));
        entries.insert(INDEX.to_owned(), index.into_bytes());
        entries.insert(blob(&digest_of(&document)), document);
    })
}

fn blob(digest: &str) -> String {
    format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"))
}

#[test]
fn what_is_written_is_read_back() {
    let library = tempfile::tempdir().unwrap();
    for written in [package(), signed()] {
        let file = written.write(library.path()).unwrap();
        assert_eq!(file, library.path().join("vendor/plugin/1.2.3.oci"));
        assert_eq!(Package::read(&file).unwrap(), written);
    }
    let beside: Vec<_> = fs::read_dir(library.path().join("vendor/plugin")).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
}

#[test]
fn the_format_is_what_it_was() {
    // Whoever changes this changes the identity of every plugin there is.
    assert_eq!(
        package().digest,
        "sha256:fc905420b00a903466e85f3bb44df0e83f49599bbec55574ee75d9728c149397"
    );
    // printf '\0asm\x0d\0\x01\0' | sha256sum
    assert_eq!(
        package().component_digest,
        "sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29"
    );
}

#[test]
fn every_part_is_covered_by_the_digest_and_no_signature_is() {
    let changes: [fn(&mut Contents); 6] = [
        |contents| contents.manifest_text.push('#'),
        |contents| contents.component.push(0),
        |contents| contents.config_schema = None,
        |contents| contents.vectors.clear(),
        |contents| contents.sbom.push(' '),
        |contents| contents.provenance.push(' '),
    ];
    for change in changes {
        let mut contents = contents();
        change(&mut contents);
        assert_ne!(Package::new(contents).unwrap().digest, package().digest);
    }
    assert_eq!(signed().digest, package().digest);
    assert_ne!(signed().to_bytes(), package().to_bytes());
}

#[test]
fn the_order_of_signing_does_not_show_and_twice_is_once() {
    let mut other = package();
    for envelope in [
        &b"{\"signature\":\"two\"}"[..],
        b"{\"signature\":\"one\"}",
        b"{\"signature\":\"two\"}",
    ] {
        other.add_envelope(envelope.to_vec()).unwrap();
    }
    assert_eq!(other.to_bytes(), signed().to_bytes());
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let bytes = signed().to_bytes();
    for position in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[position] ^= 1 << (position % 8);
        assert!(
            Package::from_bytes(&flipped).is_err(),
            "byte {position} of {}",
            bytes.len()
        );
    }
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_refused() {
    let bytes = signed().to_bytes();
    for length in (0..bytes.len()).step_by(97) {
        assert!(
            Package::from_bytes(&bytes[..length]).is_err(),
            "{length} of {}",
            bytes.len()
        );
    }
    let mut longer = bytes;
    longer.extend([0; 512]);
    assert!(matches!(
        Package::from_bytes(&longer).unwrap_err(),
        PackageError::NotCanonical("file")
    ));
}

#[test]
fn a_damaged_part_is_named() {
    for (bytes, what) in [
        (EMPTY, "component.wasm"),
        (MANIFEST.as_bytes(), "plugin.toml"),
        (b"{\"bomFormat\":\"CycloneDX\"}", "sbom.cdx.json"),
        (b"{\"signature\":\"one\"}", "signature"),
    ] {
        let error = refusal(&signed(), |entries| {
            let content = entries.get_mut(&blob(&digest_of(bytes))).unwrap();
            *content.last_mut().unwrap() ^= 1;
        });
        assert!(
            matches!(&error, PackageError::DigestMismatch { what: found, .. } if found.starts_with(what)),
            "{error}"
        );
        let error = refusal(&signed(), |entries| {
            entries.get_mut(&blob(&digest_of(bytes))).unwrap().push(0);
        });
        assert!(
            matches!(&error, PackageError::SizeMismatch { what: found, .. } if found.starts_with(what)),
            "{error}"
        );
        let error = refusal(&signed(), |entries| {
            entries.remove(&blob(&digest_of(bytes)));
        });
        assert!(
            matches!(&error, PackageError::MissingBlob { what: found, .. } if found.starts_with(what)),
            "{error}"
        );
    }
}

#[test]
fn what_has_no_place_in_a_package_is_refused_by_name() {
    let error = refusal(&package(), |entries| {
        entries.insert("readme.txt".to_owned(), Vec::new());
    });
    assert!(
        matches!(&error, PackageError::ForeignFile(path) if path == "readme.txt"),
        "{error}"
    );
    let digest = digest_of(b"stowaway");
    let error = refusal(&package(), |entries| {
        entries.insert(blob(&digest), b"stowaway".to_vec());
    });
    assert!(
        matches!(&error, PackageError::Unreferenced(found) if *found == digest),
        "{error}"
    );
    for name in ["blobs/sha256/aa", "blobs/sha512/aa"] {
        let error = refusal(&package(), |entries| {
            entries.insert(name.to_owned(), Vec::new());
        });
        assert!(
            matches!(&error, PackageError::ForeignFile(path) if path == name),
            "{error}"
        );
    }
    for missing in [INDEX, MARKER] {
        let error = refusal(&package(), |entries| {
            entries.remove(missing);
        });
        assert!(
            matches!(&error, PackageError::MissingFile(name) if *name == missing),
            "{error}"
        );
    }
    assert!(matches!(
        Package::from_bytes(b"\0asm\x0d\x00\x01\x00").unwrap_err(),
        PackageError::Archive(ArchiveError::Damaged(_)) | PackageError::MissingFile(_)
    ));
}

#[test]
fn another_version_of_the_layout_is_refused_and_not_guessed_at() {
    let error = refusal(&package(), |entries| {
        entries.insert(MARKER.to_owned(), b"{\"imageLayoutVersion\":\"2.0.0\"}".to_vec());
    });
    assert!(
        matches!(&error, PackageError::UnknownVersion { what, .. } if *what == MARKER),
        "{error}"
    );
    let error = refusal(&package(), |entries| {
        let index = String::from_utf8(entries[INDEX].clone()).unwrap();
        let later = index.replace("\"schemaVersion\":2", "\"schemaVersion\":3");
        entries.insert(INDEX.to_owned(), later.into_bytes());
    });
    assert!(
        matches!(&error, PackageError::UnknownVersion { what, .. } if *what == INDEX),
        "{error}"
    );
    let error = refusal_of(|image, _| image.artifact_type = "application/vnd.transfuse.plugin.v2+json".to_owned());
    assert!(matches!(error, PackageError::NotAPlugin(_)), "{error}");
    let error = refusal_of(|image, _| image.schema_version = 3);
    assert!(matches!(error, PackageError::UnknownVersion { .. }), "{error}");
}

#[test]
fn layers_that_are_foreign_double_or_absent_are_refused() {
    let error = refusal_of(|image, entries| {
        image.layers.push(Descriptor::of("application/x-sh", b"#!/bin/sh"));
        entries.insert(blob(&digest_of(b"#!/bin/sh")), b"#!/bin/sh".to_vec());
    });
    assert!(
        matches!(&error, PackageError::UnknownLayer(kind) if kind == "application/x-sh"),
        "{error}"
    );
    let error = refusal_of(|image, _| image.layers.push(image.layers[0].clone()));
    assert!(
        matches!(error, PackageError::DuplicateLayer("component.wasm")),
        "{error}"
    );
    let error = refusal_of(|image, entries| {
        entries.remove(&blob(&image.layers.remove(0).digest));
    });
    assert!(matches!(error, PackageError::MissingLayer("component.wasm")), "{error}");
    let error = refusal_of(|image, _| image.layers[0].digest = "sha256:../../etc/passwd".to_owned());
    assert!(matches!(error, PackageError::MissingBlob { .. }), "{error}");
    let error = refusal_of(|image, entries| {
        let core = b"\0asm\x01\x00\x00\x00";
        entries.remove(&blob(&image.layers[0].digest));
        entries.insert(blob(&digest_of(core)), core.to_vec());
        image.layers[0] = Descriptor::of("application/wasm", core);
    });
    assert!(
        matches!(error, PackageError::NotAComponent),
        "a core module is not a component: {error}"
    );
}

#[test]
fn sizes_are_refused_before_anything_is_read() {
    let error = refusal_of(|image, _| image.layers[0].size = u64::MAX);
    assert!(
        matches!(&error, PackageError::TooLarge { what, .. } if what == "component.wasm"),
        "{error}"
    );
    let mut package = package();
    let large = usize::try_from(ENVELOPE_BYTES_MAX).unwrap() + 1;
    assert!(matches!(
        package.add_envelope(vec![b' '; large]).unwrap_err(),
        PackageError::TooLarge { .. }
    ));
    for number in 0..ENVELOPES_MAX {
        package.add_envelope(number.to_string().into_bytes()).unwrap();
    }
    assert!(matches!(
        package.add_envelope(b"one more".to_vec()).unwrap_err(),
        PackageError::TooManySignatures { .. }
    ));
    assert_eq!(Package::from_bytes(&package.to_bytes()).unwrap(), package);
}

#[test]
fn a_signature_of_another_package_is_refused() {
    let other = Package::new(Contents {
        config_schema: None,
        ..contents()
    })
    .unwrap();
    let mut stranger = other.clone();
    stranger.add_envelope(b"{}of another".to_vec()).unwrap();
    let (envelope, manifest) = stranger.signatures().remove(0);
    let error = refusal(&package(), |entries| {
        let index = String::from_utf8(entries[INDEX].clone()).unwrap();
        let mut index: super::Index = serde_json::from_str(&index).unwrap();
        index.manifests.push(manifest.descriptor.clone());
        entries.insert(INDEX.to_owned(), layout::json(&index));
        entries.insert(blob(&manifest.descriptor.digest), manifest.bytes);
        entries.insert(blob(&envelope.descriptor.digest), envelope.bytes);
    });
    assert!(
        matches!(&error, PackageError::ForeignSignature(subject) if *subject == other.digest),
        "{error}"
    );
}

#[test]
fn a_manifest_with_a_fault_is_refused_with_its_line() {
    let contents = Contents {
        manifest_text: MANIFEST.replace("licence", "license"),
        ..contents()
    };
    let error = Package::new(contents).unwrap_err().to_string();
    assert!(
        error.contains("plugin.toml: line 4: `license`: unknown field"),
        "{error}"
    );
}

#[test]
fn vectors_that_would_leave_their_folder_are_refused() {
    let contents = Contents {
        vectors: BTreeMap::from([("../../home".to_owned(), Vec::new())]),
        ..contents()
    };
    let error = Package::new(contents).unwrap_err();
    assert!(matches!(error, PackageError::Vectors(ArchiveError::Path(_))), "{error}");
}

#[test]
fn a_file_of_the_largest_size_is_read_and_a_larger_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"12345678").unwrap();
    assert_eq!(super::read_limited(&path, 8).unwrap(), b"12345678");
    assert!(matches!(
        super::read_limited(&path, 7).unwrap_err(),
        ReadError::TooLarge { bytes_max: 7, .. }
    ));
}
