//! How this binary sets its sandbox up: where compiled plugins are kept, and who compiles them.

use std::path::{Path, PathBuf};

use transfuse_sandbox::{Compiler, SNAPSHOT_FUEL_MIN, SandboxSettings};

use crate::configuration::Settings;

/// The folder of compiled plugins in the data folder. What lies there is a secret of this machine and no backup's
/// business: it is made again from the components.
const COMPILED: &str = "compiled";

/// Names a folder of compiled plugins for everything that this process and those it starts compile. For whoever works on
/// many sites with the same plugins, as tests do.
const CACHE_VARIABLE: &str = "TRANSFUSE_CACHE";

/// The hidden command that compiles one component within limits.
pub(crate) const COMPILE_COMMAND: &str = "compile-component";

/// The sandbox of an engine: compiled plugins lie in its data folder, unless another place is named.
pub(crate) fn of_engine(site: &Path, settings: &Settings, data: &Path) -> SandboxSettings {
    let cache = named_cache(Some((site, settings))).unwrap_or_else(|| data.join(COMPILED));
    with_snapshots(with_cache(Some(cache)))
}

/// The sandbox of a command that must write nothing into the site: it keeps compiled plugins only where somebody has
/// named a place for them.
pub(crate) fn of_check(site: &Path, settings: &Settings) -> SandboxSettings {
    with_cache(named_cache(Some((site, settings))))
}

/// The sandbox of commands that try a plugin without a site: compiled plugins are kept where the environment names a place.
pub(crate) fn of_author() -> SandboxSettings {
    with_cache(named_cache(None))
}

/// The sandbox of whoever measures what messages cost in an engine.
pub(crate) fn of_bench() -> SandboxSettings {
    with_snapshots(of_author())
}

/// The sandbox of whoever measures how long compiling takes: it finds nothing that was compiled before.
pub(crate) fn without_cache() -> SandboxSettings {
    with_cache(None)
}

/// What the environment says, and then the site.
fn named_cache(site: Option<(&Path, &Settings)>) -> Option<PathBuf> {
    let variable = std::env::var_os(CACHE_VARIABLE).filter(|value| !value.is_empty());
    let of_site = || site.and_then(|(site, settings)| Some(site.join(settings.compiled.as_ref()?)));
    variable.map(PathBuf::from).or_else(of_site)
}

fn with_cache(cache_folder: Option<PathBuf>) -> SandboxSettings {
    SandboxSettings {
        cache_folder,
        compiler: Some(Compiler::new(this_program(), vec![COMPILE_COMMAND.into()])),
        ..SandboxSettings::default()
    }
}

/// For chains that see many messages. With and without snapshots a plugin gives the same, for the same fuel.
fn with_snapshots(settings: SandboxSettings) -> SandboxSettings {
    SandboxSettings {
        snapshot_fuel_min: Some(SNAPSHOT_FUEL_MIN),
        ..settings
    }
}

/// This very program, also when an upgrade has put another one in its place while it runs.
fn this_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
