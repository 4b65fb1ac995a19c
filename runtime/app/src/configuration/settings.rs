//! `transfuse.toml`: what holds for the whole site.

use std::path::{Path, PathBuf};

use transfuse_store::{MasterKeyFile, StoreSettings};
use transfuse_transport::InflowSettings;

use super::budget::{self, BudgetSettings};
use super::control::{self, ControlSettings};
use super::fault::Faults;
use super::gates::{self, GateSettings};
use super::intake;
use super::section::{self, Section};
use super::trust::{self, TrustSettings};
use super::{FILE_NAME, read_document};

/// What holds for the whole site. Paths are as the file says, relative to the site folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where the engine keeps the journal, the catalog and its control socket.
    pub(crate) data: PathBuf,
    /// Where packages are found: `FOLDER/vendor/name/VERSION.oci`.
    pub(crate) plugins: PathBuf,
    /// The environment that is meant where nobody says which.
    pub(crate) environment: Option<String>,
    /// Where compiled plugins are kept. None: in the data folder.
    pub(crate) compiled: Option<PathBuf>,
    pub(crate) log: Log,
    /// How large a file of the journal grows before the next one begins.
    pub(crate) segment_bytes_max: u64,
    /// With less room than this on the data folder's disk, somebody is told.
    pub(crate) free_space_min: u64,
    /// How much all listeners take in together.
    pub(crate) intake: InflowSettings,
    /// The file of the master key. None: beside the data folder.
    pub(crate) master_key: Option<PathBuf>,
    /// What is asked of packages.
    pub(crate) trust: TrustSettings,
    /// How changes are watched.
    pub(crate) budget: BudgetSettings,
    /// What a change has to pass before it goes live.
    pub(crate) gates: GateSettings,
    /// Where the engine is asked, and by whom.
    pub(crate) control: ControlSettings,
}

/// A day of a busy feed, so that somebody who is told on Friday evening has the time to come.
const FREE_SPACE_MIN: u64 = 1 << 30;

/// The operational log, which goes to stderr and never holds a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) level: LogLevel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people and for journald.
    Text,
    /// One object a line, for collectors.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            plugins: PathBuf::from("plugins"),
            environment: None,
            compiled: None,
            log: Log {
                format: LogFormat::Text,
                level: LogLevel::Info,
            },
            segment_bytes_max: StoreSettings::new("").segment_bytes_max,
            free_space_min: FREE_SPACE_MIN,
            intake: InflowSettings::default(),
            master_key: None,
            trust: TrustSettings::default(),
            budget: BudgetSettings::default(),
            gates: GateSettings::default(),
            control: ControlSettings::default(),
        }
    }
}

impl Settings {
    /// The settings of the store in a data folder, for the engine of this site.
    pub(crate) fn store(&self, site: &Path, data: &Path) -> StoreSettings {
        let master_key = match &self.master_key {
            Some(file) => MasterKeyFile::At(site.join(file)),
            None => MasterKeyFile::Beside,
        };
        StoreSettings {
            segment_bytes_max: self.segment_bytes_max,
            master_key,
            ..StoreSettings::new(data)
        }
    }
}

/// Reads `transfuse.toml`. An empty file is a complete one.
pub(super) fn read(site: &Path, faults: &Faults) -> Settings {
    let defaults = Settings::default();
    let Some(document) = read_document(site, Path::new(FILE_NAME), faults) else {
        return defaults;
    };
    let Some(table) = section::parse(&document, faults) else {
        return defaults;
    };
    let mut file = Section::root(&document, &table, faults);
    let data = file.path("data").map(|folder| folder.value);
    let plugins = file.path("plugins").map(|folder| folder.value);
    let environment = file.text("environment").map(|name| name.value);
    let log = file.section("log", "[log]").map(log);
    let compiled = file.section("sandbox", "[sandbox]").and_then(cache);
    let StoreRead {
        segment_bytes_max,
        free_space_min,
        master_key,
    } = file.section("store", "[store]").map(store).unwrap_or_default();
    let intake = file.section("intake", "[intake]").map(intake::read);
    let trust = file.section("trust", "[trust]").map(trust::read);
    let budget = file.section("budget", "[budget]").map(budget::read);
    let gates = file.section("gates", "[gates]").map(gates::read);
    let control = file.section("control", "[control]").map(control::read);
    file.finish();
    Settings {
        data: data.unwrap_or(defaults.data),
        plugins: plugins.unwrap_or(defaults.plugins),
        environment,
        compiled,
        log: log.unwrap_or(defaults.log),
        segment_bytes_max: segment_bytes_max.unwrap_or(defaults.segment_bytes_max),
        free_space_min: free_space_min.unwrap_or(defaults.free_space_min),
        intake: intake.unwrap_or(defaults.intake),
        master_key,
        trust: trust.unwrap_or(defaults.trust),
        budget: budget.unwrap_or(defaults.budget),
        gates: gates.unwrap_or(defaults.gates),
        control: control.unwrap_or(defaults.control),
    }
}

fn log(mut section: Section<'_>) -> Log {
    let defaults = Settings::default().log;
    let format = section.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let level = section.choice("level", &levels);
    section.finish();
    Log {
        format: format.map_or(defaults.format, |format| format.value),
        level: level.map_or(defaults.level, |level| level.value),
    }
}

fn cache(mut section: Section<'_>) -> Option<PathBuf> {
    let folder = section.path("cache").map(|folder| folder.value);
    section.finish();
    folder
}

/// `[store]`, as far as it says something.
#[derive(Default)]
struct StoreRead {
    segment_bytes_max: Option<u64>,
    free_space_min: Option<u64>,
    master_key: Option<PathBuf>,
}

fn store(mut section: Section<'_>) -> StoreRead {
    let read = StoreRead {
        segment_bytes_max: section.size("segment", &((1 << 20)..=(64 << 30))),
        free_space_min: section.size("free_space", &(0..=(1 << 50))),
        master_key: section.path("master_key").map(|file| file.value),
    };
    section.finish();
    read
}
