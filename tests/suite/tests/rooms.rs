//! Who may know whom (runtime/ARCHITECTURE.md): held over what cargo itself says of the dependencies.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Every room, and all that it may know of this project.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("transfuse-message", &[]),
    ("transfuse-package", &[]),
    ("transfuse-store", &[]),
    ("transfuse-sandbox", &["transfuse-message"]),
    ("transfuse-transport", &["transfuse-message"]),
    (
        "transfuse-engine",
        &[
            "transfuse-message",
            "transfuse-package",
            "transfuse-sandbox",
            "transfuse-store",
            "transfuse-transport",
        ],
    ),
    (
        "transfuse",
        &[
            "transfuse-engine",
            "transfuse-message",
            "transfuse-package",
            "transfuse-sandbox",
            "transfuse-store",
            "transfuse-transport",
        ],
    ),
    ("transfuse-plugin-macros", &[]),
    // The one edge from the SDK into the runtime: native unit tests of plugins read messages with the very code that
    // the host reads them with. It does not exist in a component; the test below holds that.
    ("transfuse-plugin", &["transfuse-message", "transfuse-plugin-macros"]),
    ("lab-normalize", &["transfuse-plugin"]),
    ("map-language", &["transfuse-plugin"]),
    ("map", &["map-language", "transfuse-plugin"]),
    ("map-tables", &["map-language", "transfuse-plugin"]),
    ("redact", &["transfuse-plugin"]),
];

/// The one room that may name each of these.
const ONE_ROOM: &[(&str, &[&str])] = &[
    ("wasmtime", &["transfuse-sandbox"]),
    ("wasmtime-wizer", &["transfuse-sandbox"]),
    ("rusqlite", &["transfuse-store"]),
    ("wit-component", &["transfuse-package", "transfuse-guests"]),
    ("wit-bindgen", &["transfuse-plugin"]),
    ("clap", &["transfuse", "transfuse-bench"]),
    ("axum", &["transfuse"]),
    ("hyper", &["transfuse", "transfuse-transport"]),
    ("rustls", &["transfuse-transport"]),
    ("toml", &["transfuse", "transfuse-package", "map-language"]),
    ("minijinja", &["map-language"]),
    ("anyhow", &["transfuse", "transfuse-bench", "transfuse-harness"]),
];

fn workspace() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .no_deps()
        .exec()
        .expect("cargo describes the workspace");
    metadata.packages
}

/// What a package is built from; what only its tests use does not count.
fn dependencies(package: &Package) -> BTreeSet<String> {
    let built_from = package
        .dependencies
        .iter()
        .filter(|one| one.kind != DependencyKind::Development);
    built_from.map(|one| one.name.clone()).collect()
}

#[test]
fn each_room_knows_only_whom_it_may() {
    let packages = workspace();
    let rooms: BTreeMap<_, _> = MAY_KNOW.iter().copied().collect();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.to_string()).collect();
    let mut trespasses = Vec::new();
    for package in &packages {
        let Some(may_know) = rooms.get(package.name.as_str()) else {
            assert!(
                package.manifest_path.as_str().contains("/tests/"),
                "`{}` is a room without an entry here: say in MAY_KNOW whom it may know",
                package.name
            );
            continue;
        };
        for known in dependencies(package).intersection(&ours) {
            if !may_know.contains(&known.as_str()) {
                trespasses.push(format!("`{}` must not know `{known}`", package.name));
            }
        }
    }
    assert!(trespasses.is_empty(), "{trespasses:#?}");
    assert!(
        rooms.keys().all(|room| ours.contains(*room)),
        "MAY_KNOW names a room that no longer exists"
    );
}

#[test]
fn each_heavy_dependency_has_one_room() {
    let mut trespasses = Vec::new();
    for package in workspace() {
        for (dependency, rooms) in ONE_ROOM {
            if dependencies(&package).contains(*dependency) && !rooms.contains(&package.name.as_str()) {
                trespasses.push(format!(
                    "`{}` must not name `{dependency}`: that is {}'s",
                    package.name,
                    rooms.join(", ")
                ));
            }
        }
    }
    assert!(trespasses.is_empty(), "{trespasses:#?}");
}

#[test]
fn no_component_carries_code_of_the_runtime() {
    let packages = workspace();
    let sdk = packages
        .iter()
        .find(|package| *package.name == "transfuse-plugin")
        .expect("the SDK is in the workspace");
    let edges = sdk.dependencies.iter().filter(|one| one.name == "transfuse-message");
    let targets: Vec<_> = edges.map(|one| one.target.as_ref().map(ToString::to_string)).collect();
    assert_eq!(targets, [Some(r#"cfg(not(target_family = "wasm"))"#.to_owned())]);
}
