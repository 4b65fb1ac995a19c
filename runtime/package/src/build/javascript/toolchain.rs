//! The programs that do the work: installed once, from a list of exact versions.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::node::Node;
use super::{JavaScriptError, engine, in_file};
use crate::build::dependency::{Dependency, Registry};
use crate::digest::digest_of;
use crate::manifest::Language;

/// The programs, as they are installed.
pub(super) struct Toolchain {
    /// What is run for each plugin.
    pub(super) script: PathBuf,
    /// The JavaScript engine that goes into each component.
    pub(super) engine: PathBuf,
}

const SCRIPT: &str = include_str!("toolchain/componentize.mjs");

/// What is laid out before npm fills in the rest.
const FILES: &[(&str, &str)] = &[
    ("package.json", include_str!("toolchain/package.json")),
    ("package-lock.json", include_str!("toolchain/package-lock.json")),
];

/// The versions that `package.json` pins; a test compares them.
const COMPONENTIZER: (&str, &str) = ("@bytecodealliance/componentize-js", "0.23.0");
const TYPE_CHECKER: (&str, &str) = ("typescript", "5.9.3");

/// Where the componentizer keeps its engine.
const ENGINE: &str = "node_modules/@bytecodealliance/componentize-js/lib/starlingmonkey_embedding.wasm";

/// The engine as it goes into components.
const STILL_ENGINE: &str = "engine.wasm";

impl Toolchain {
    /// Takes what is there, and installs it where it is not.
    pub(super) fn prepare(
        target_folder: &Path,
        node: &Node,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, JavaScriptError> {
        let folder = std::path::absolute(target_folder.join("node")).map_err(in_file(target_folder))?;
        fs::create_dir_all(&folder).map_err(in_file(&folder))?;
        let _lock = lock(&folder).map_err(in_file(&folder))?;
        // Another version of the list is another toolchain, beside the one that an older program may still use.
        let version = short_digest(&installed_text());
        let installed = folder.join(&version);
        if !installed.is_dir() {
            progress("installing what makes components of JavaScript, once: some 220 MB");
            install(&folder.join(format!(".{version}")), &installed, node)?;
        }
        let script = installed.join(format!("componentize.{}.mjs", short_digest(SCRIPT)));
        fs::write(&script, SCRIPT).map_err(in_file(&script))?;
        Ok(Self {
            script,
            engine: installed.join(STILL_ENGINE),
        })
    }
}

/// All that the toolchain consists of, as one text.
pub(super) fn text() -> String {
    installed_text() + SCRIPT
}

/// The part that npm installs from, and what is made of the engine.
fn installed_text() -> String {
    FILES.iter().map(|(_, text)| *text).chain([engine::VERSION]).collect()
}

/// Long enough for the name of a folder among few.
pub(super) fn short_digest(text: &str) -> String {
    let digest = digest_of(text.as_bytes());
    digest.trim_start_matches("sha256:").chars().take(16).collect()
}

/// The compiler, as it calls itself.
pub(super) fn compiler(language: Language) -> String {
    let (_, componentizer) = COMPONENTIZER;
    let (_, type_checker) = TYPE_CHECKER;
    match language {
        Language::TypeScript => format!("TypeScript {type_checker}, ComponentizeJS {componentizer}"),
        _ => format!("ComponentizeJS {componentizer}"),
    }
}

/// What every component of this toolchain has in it: the engine, which comes with the componentizer.
pub(super) fn compiled_in() -> [Dependency; 1] {
    let (name, version) = COMPONENTIZER;
    [Dependency {
        registry: Registry::Npm,
        name: name.to_owned(),
        version: version.to_owned(),
        licence: Some("Apache-2.0 WITH LLVM-exception".to_owned()),
    }]
}

fn lock(folder: &Path) -> io::Result<File> {
    let file = File::create(folder.join("lock"))?;
    file.lock()?;
    Ok(file)
}

/// The folder appears whole or not at all.
fn install(staged: &Path, installed: &Path, node: &Node) -> Result<(), JavaScriptError> {
    if staged.exists() {
        fs::remove_dir_all(staged).map_err(in_file(staged))?;
    }
    fs::create_dir_all(staged).map_err(in_file(staged))?;
    for (name, text) in FILES {
        fs::write(staged.join(name), text).map_err(in_file(staged))?;
    }
    let run = node.install(staged)?;
    if !run.is_success {
        return Err(JavaScriptError::Install { said: run.said });
    }
    let path = staged.join(ENGINE);
    let engine = fs::read(&path).map_err(in_file(&path))?;
    let still = engine::stand_still(&engine).map_err(|error| JavaScriptError::Engine { path, error })?;
    fs::write(staged.join(STILL_ENGINE), still).map_err(in_file(staged))?;
    fs::rename(staged, installed).map_err(in_file(installed))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::{COMPONENTIZER, FILES, TYPE_CHECKER};

    fn file(name: &str) -> serde_json::Value {
        let (_, text) = FILES.iter().find(|(file, _)| *file == name).unwrap();
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn versions_are_those_of_the_list() {
        let wanted = file("package.json");
        let locked = file("package-lock.json");
        for (name, version) in [COMPONENTIZER, TYPE_CHECKER] {
            assert_eq!(wanted["dependencies"][name], version);
            assert_eq!(locked["packages"][format!("node_modules/{name}")]["version"], version);
        }
    }

    #[test]
    fn the_lock_file_has_digests_and_names_no_registry() {
        let locked = file("package-lock.json");
        let packages = locked["packages"].as_object().unwrap();
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].is_string(), "{name}");
            assert!(package["resolved"].is_null(), "{name}");
        }
    }
}
