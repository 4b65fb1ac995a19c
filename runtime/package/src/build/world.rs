//! The world of one plugin: of the contract, what its manifest asks for.
//!
//! Compilers that make components of scripts import every interface of the world that they are given, used or not. A
//! component's imports are its true list of capabilities, so a plugin that opens no code tables must not have the world
//! that offers them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::manifest::Requests;

/// The name of the world that is made.
pub(super) const NAME: &str = "plugin";

/// The contract, as the host has it.
pub(super) const CONTRACT: &[(&str, &str)] = &[
    ("hl7v2.wit", include_str!("../../../../wit/hl7v2.wit")),
    ("log.wit", include_str!("../../../../wit/log.wit")),
    ("state.wit", include_str!("../../../../wit/state.wit")),
    ("tables.wit", include_str!("../../../../wit/tables.wit")),
    ("transform.wit", include_str!("../../../../wit/transform.wit")),
    ("world.wit", include_str!("../../../../wit/world.wit")),
];

/// What every plugin may use: nothing here opens anything that a grant would have to name.
const ALWAYS: &[&str] = &["log", "faults", "hl7v2", "exchanges"];

/// Writes the contract and the plugin's own world, [`NAME`], into a folder of the build's own, and gives that folder.
pub(super) fn write(requests: &Requests, work_folder: &Path) -> io::Result<PathBuf> {
    let folder = work_folder.join("wit");
    // Whatever an older version left would be part of the contract.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (name, text) in CONTRACT {
        fs::write(folder.join(name), text)?;
    }
    fs::write(folder.join("plugin.wit"), text(requests))?;
    Ok(folder)
}

/// The interfaces that the plugin's own world imports.
pub(super) fn imports(requests: &Requests) -> Vec<&'static str> {
    let mut imports = ALWAYS.to_vec();
    if !requests.tables.is_empty() {
        imports.push("tables");
    }
    if requests.state {
        imports.push("state");
    }
    imports
}

/// The plugin's own world, as WIT.
pub(super) fn text(requests: &Requests) -> String {
    let mut text = format!("world {NAME} {{\n");
    for interface in imports(requests) {
        text.push_str("  import ");
        text.push_str(interface);
        text.push_str(";\n");
    }
    text.push_str("  export transformer;\n}\n");
    text
}

#[cfg(test)]
mod tests;
