//! The environment of a build: what the outer program set for itself stays outside.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// What a person sets to reach registries through a proxy or a mirror, and to find the toolchain. It does not change what
/// is built.
const KEPT: &[&str] = &[
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "RUSTUP_AUTO_INSTALL",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_HOME",
    "RUSTUP_UPDATE_ROOT",
];

/// A command that runs in `folder` without the settings of a cargo, rustc or make around this process: their target
/// folder, flags and toolchain are not the plugin's.
pub(super) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_foreign(name)) {
        command.env_remove(name);
    }
    command
}

fn is_foreign(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let of_rust = name.starts_with("CARGO") || name.starts_with("__CARGO") || name.starts_with("RUST");
    let of_make = matches!(name, "MAKEFLAGS" | "MFLAGS" | "MAKELEVEL");
    of_make || (of_rust && !KEPT.iter().any(|kept| name.starts_with(kept)))
}

#[cfg(test)]
mod tests {
    use super::is_foreign;

    #[test]
    fn what_an_outer_cargo_sets_stays_outside_and_what_reaches_a_registry_does_not() {
        for name in [
            "CARGO",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PROFILE_PLUGIN_LTO",
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            "CARGO_MAKEFLAGS",
            "RUSTC",
            "RUSTFLAGS",
            "RUSTC_BOOTSTRAP",
            "RUSTC_WRAPPER",
            "RUSTUP_TOOLCHAIN",
            "RUST_RECURSION_COUNT",
            "MAKEFLAGS",
        ] {
            assert!(is_foreign(name.as_ref()), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_REGISTRIES_OWN_INDEX",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
            "PATH",
            "HTTPS_PROXY",
        ] {
            assert!(!is_foreign(name.as_ref()), "{name}");
        }
    }
}
