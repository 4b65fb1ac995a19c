//! The SDK for JavaScript, as this version has it.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// What plugins are bundled with and checked against: each file by its place in the SDK's folder.
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
    (
        "src/handles.js",
        include_str!("../../../../../plugin-sdk/js/src/handles.js"),
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

/// What Node.js and editors need beside it, and no component has.
const OUTSIDE: &[(&str, &str)] = &[
    (
        "package.json",
        include_str!("../../../../../plugin-sdk/js/package.json"),
    ),
    (
        "testing.d.ts",
        include_str!("../../../../../plugin-sdk/js/testing.d.ts"),
    ),
    (
        "src/outside.js",
        include_str!("../../../../../plugin-sdk/js/src/outside.js"),
    ),
    (
        "src/testing.js",
        include_str!("../../../../../plugin-sdk/js/src/testing.js"),
    ),
];

/// Lays the SDK into the work folder of a build, and gives its folder.
pub(super) fn write(work: &Path) -> io::Result<PathBuf> {
    let folder = work.join("sdk");
    write_files(&folder, FILES)?;
    Ok(folder)
}

/// Lays the whole SDK for JavaScript into a plugin's `node_modules`, where Node.js and editors look for it, and gives its
/// folder. What lay there is overwritten.
///
/// # Errors
///
/// Where it cannot be written, in the words of the operating system.
pub fn write_javascript_sdk(plugin: &Path) -> io::Result<PathBuf> {
    let folder = plugin.join("node_modules/transfuse");
    write_files(&folder, FILES)?;
    write_files(&folder, OUTSIDE)?;
    Ok(folder)
}

fn write_files(folder: &Path, files: &[(&str, &str)]) -> io::Result<()> {
    fs::create_dir_all(folder.join("src"))?;
    files
        .iter()
        .try_for_each(|(name, text)| fs::write(folder.join(name), text))
}
