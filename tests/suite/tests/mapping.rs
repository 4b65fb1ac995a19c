//! A mapping without programming is a plugin like any other: the laboratory mapping passes the very vectors of the
//! programmed one, byte for byte.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use transfuse_harness::{binary, target_folder};

fn transfuse(arguments: &[&str]) -> Output {
    Command::new(binary().expect("a binary"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", target_folder().expect("a target folder"))
        .env("NO_COLOR", "1")
        .output()
        .expect("the command runs")
}

#[test]
fn the_laboratory_mapping_passes_the_shared_vectors() {
    let library = target_folder().expect("a target folder").join("language-plugins");
    let package = library.join("transfuse/lab-mapping/1.0.0.oci");
    let package = package.to_str().expect("a path in UTF-8");
    let test = transfuse(&["plugin", "test", package, "--vectors", "plugins/lab-normalize/vectors"]);
    let printed = String::from_utf8_lossy(&test.stdout);
    let said = String::from_utf8_lossy(&test.stderr);
    assert!(test.status.success(), "{printed}\n{said}");
}

#[test]
fn a_mapping_without_the_plugin_that_runs_it_is_told_what_to_build_first() {
    let library = tempfile::tempdir().expect("an empty library");
    let library = library.path().to_str().expect("a path in UTF-8");
    let build = transfuse(&["plugin", "build", "plugins/lab-mapping", "--out", library]);
    let said = String::from_utf8_lossy(&build.stderr);
    assert!(!build.status.success());
    assert!(
        said.contains("build transfuse/map-tables into the same library first"),
        "{said}"
    );
}
