//! Where in its source a plugin failed, and how a guest's names are made fit for a log.

use wasmtime::{FrameInfo, FrameSymbol, WasmBacktrace};

use crate::Place;

/// Function names and paths of source files are of this length at most; the end of a path tells more than its start.
const NAME_CHARACTERS_MAX: usize = 120;

/// Parts of paths that lead into toolchains, libraries and the SDK: no author looks for a fault there first.
const FOREIGN_PATHS: [&str; 6] = [
    "/rustc/",
    "/.cargo/registry/",
    "/.cargo/git/",
    "library/core/",
    "library/std/",
    "plugin-sdk/",
];

/// What begins the names of functions of the SDK, of libraries and of what connects a component with its host.
const FOREIGN_NAMES: [&str; 7] = [
    "transfuse_plugin::",
    "core::",
    "alloc::",
    "std::",
    "serde",
    "wit-component:",
    "indirect-",
];

/// The first frame that lies in the plugin's own source; without debug information, the innermost function's name.
pub(super) fn locate(backtrace: &WasmBacktrace) -> Option<String> {
    let described = own(backtrace)
        .or_else(|| symbols(backtrace).find(|symbol| symbol.file().is_some()))
        .map(describe);
    described.or_else(|| backtrace.frames().iter().find_map(FrameInfo::func_name).map(function))
}

/// The same in its parts, and of nothing but the plugin's own; without debug information, its innermost function.
pub(super) fn own_place(backtrace: &WasmBacktrace) -> Option<Place> {
    if let Some(symbol) = own(backtrace) {
        let line = |file| match symbol.line() {
            Some(line) => format!("{}:{line}", ending(file)),
            None => ending(file),
        };
        return Some(Place {
            function: symbol.name().map(function),
            line: symbol.file().map(line),
        });
    }
    let mut names = backtrace.frames().iter().filter_map(FrameInfo::func_name).map(function);
    let function = names.find(|name| !is_foreign_name(name))?;
    Some(Place {
        function: Some(function),
        line: None,
    })
}

fn symbols(backtrace: &WasmBacktrace) -> impl Iterator<Item = &FrameSymbol> {
    backtrace.frames().iter().flat_map(FrameInfo::symbols)
}

fn own(backtrace: &WasmBacktrace) -> Option<&FrameSymbol> {
    symbols(backtrace).find(|symbol| symbol.file().is_some_and(|file| !is_foreign(file)))
}

/// Printable ASCII of a bounded length: what a plugin calls its own parts may hold anything.
pub(crate) fn printable(text: &str, characters_max: usize) -> String {
    text.chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .take(characters_max)
        .collect()
}

fn is_foreign(file: &str) -> bool {
    FOREIGN_PATHS.iter().any(|part| file.contains(part))
}

/// Of an implementation of a trait too, `<core::option::Option<..> as ..>`.
fn is_foreign_name(name: &str) -> bool {
    let name = name.trim_start_matches(['<', '&']);
    FOREIGN_NAMES.iter().any(|start| name.starts_with(start))
}

fn describe(symbol: &FrameSymbol) -> String {
    let name = symbol.name().map_or_else(|| "a function".to_owned(), function);
    let file = symbol.file().map(ending).unwrap_or_default();
    match symbol.line() {
        Some(line) => format!("{name} ({file}:{line})"),
        None => format!("{name} ({file})"),
    }
}

/// The name as its author wrote it.
fn function(name: &str) -> String {
    printable(&format!("{:#}", rustc_demangle::demangle(name)), NAME_CHARACTERS_MAX)
}

fn ending(path: &str) -> String {
    let characters = path.chars().count();
    let kept: String = path
        .chars()
        .skip(characters.saturating_sub(NAME_CHARACTERS_MAX))
        .collect();
    printable(&kept, NAME_CHARACTERS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_guests_are_printable_and_bounded() {
        assert_eq!(printable("panic\r\nKovács", 64), "panic??Kov?cs");
        assert_eq!(printable(&"x".repeat(500), 64).len(), 64);
        assert_eq!(
            function("_ZN13lab_normalize9transform17h0123456789abcdefE"),
            "lab_normalize::transform"
        );
        assert!(ending(&format!("/{}/src/lib.rs", "x".repeat(500))).ends_with("/src/lib.rs"));
    }
}
