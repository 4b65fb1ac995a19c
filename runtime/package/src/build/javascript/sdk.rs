//! The SDK for JavaScript, as this version has it.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Each file by its place in the SDK's folder.
pub(super) const FILES: &[(&str, &str)] = &[
    (
        "globals.d.ts",
        include_str!("../../../../../plugin-sdk/js/globals.d.ts"),
    ),
    (
        "transfuse.d.ts",
        include_str!("../../../../../plugin-sdk/js/transfuse.d.ts"),
    ),
    (
        "src/errors.js",
        include_str!("../../../../../plugin-sdk/js/src/errors.js"),
    ),
    (
        "src/exchange.js",
        include_str!("../../../../../plugin-sdk/js/src/exchange.js"),
    ),
    ("src/log.js", include_str!("../../../../../plugin-sdk/js/src/log.js")),
    (
        "src/message.js",
        include_str!("../../../../../plugin-sdk/js/src/message.js"),
    ),
    (
        "src/places.js",
        include_str!("../../../../../plugin-sdk/js/src/places.js"),
    ),
    (
        "src/sandbox.js",
        include_str!("../../../../../plugin-sdk/js/src/sandbox.js"),
    ),
    (
        "src/state.js",
        include_str!("../../../../../plugin-sdk/js/src/state.js"),
    ),
    (
        "src/tables.js",
        include_str!("../../../../../plugin-sdk/js/src/tables.js"),
    ),
    (
        "src/transform.js",
        include_str!("../../../../../plugin-sdk/js/src/transform.js"),
    ),
    (
        "src/transfuse.js",
        include_str!("../../../../../plugin-sdk/js/src/transfuse.js"),
    ),
];

/// Lays the SDK into the work folder of a build, and gives its folder.
pub(super) fn write(work: &Path) -> io::Result<PathBuf> {
    let folder = work.join("sdk");
    fs::create_dir_all(folder.join("src"))?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    Ok(folder)
}
