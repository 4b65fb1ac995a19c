//! Making a chain: what each plugin imports against what its step grants, and its configuration against its `init`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thiserror::Error;

use super::snapshot::{Snapshot, Used};
use super::{Chain, ReadyStep, Step};
use crate::engine::TABLE_ELEMENTS_CEILING;
use crate::fault::explain;
use crate::instance::{self, Verdict};
use crate::meter::Meter;
use crate::outcome::Context;
use crate::plugin::STATE;
use crate::sandbox::Shared;
use crate::state::Journey;
use crate::{Fault, PluginIdentity, State};

/// The longest message of an `init` that is shown: room for the first errors of a mapping, or all that it asks for.
const WORDS_CHARACTERS_MAX: usize = 2_000;

/// Why steps do not make a chain. Steps are counted from one in texts, from zero in fields.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The component imports an interface that no grant opens.
    #[error("step {} ({plugin}) imports `{interface}`, which nothing grants; hint: {hint}", step + 1)]
    Ungranted {
        /// The plugin.
        plugin: PluginIdentity,
        /// The step.
        step: usize,
        /// The interface.
        interface: String,
        /// The line that would grant it.
        hint: &'static str,
    },
    /// A table is granted that was not supplied.
    #[error("step {} ({plugin}) is granted the table `{table}`, which does not exist", step + 1)]
    NoSuchTable {
        /// The plugin.
        plugin: PluginIdentity,
        /// The step.
        step: usize,
        /// The table.
        table: String,
    },
    /// A limit goes beyond what this host has set apart for each plugin.
    #[error("step {} ({plugin}) may use {bytes} bytes of memory, and this host gives at most {bytes_max}", step + 1)]
    MemoryBeyondCeiling {
        /// The plugin.
        plugin: PluginIdentity,
        /// The step.
        step: usize,
        /// What the limit says.
        bytes: usize,
        /// `SandboxSettings::memory_bytes_ceiling`.
        bytes_max: usize,
    },
    /// The same for tables.
    #[error("step {} ({plugin}) may use tables of {elements} elements, and this host gives at most {elements_max}", step + 1)]
    TablesBeyondCeiling {
        /// The plugin.
        plugin: PluginIdentity,
        /// The step.
        step: usize,
        /// What the limit says.
        elements: usize,
        /// What there is room for.
        elements_max: usize,
    },
    /// `init` refuses the configuration.
    #[error("step {} ({plugin}) refuses its configuration: {}", step + 1, words.replace('\n', " "))]
    Misconfigured {
        /// The plugin.
        plugin: PluginIdentity,
        /// The step.
        step: usize,
        /// What the plugin says, in lines; it has seen no message yet.
        words: String,
    },
    /// `init` failed.
    #[error("the plugin cannot be started: {0}")]
    Init(Box<Fault>),
}

impl Chain {
    pub(crate) fn link(shared: Arc<Shared>, steps: Vec<Step>) -> Result<Self, LinkError> {
        let mut ready = Vec::with_capacity(steps.len());
        let last = steps.len().saturating_sub(1);
        for (index, step) in steps.into_iter().enumerate() {
            ready.push(Arc::new(check(&shared, index, index == last, step)?));
        }
        for step in &ready {
            let used = try_init(&shared, step)?;
            if let Some(snapshot) = Snapshot::make(&shared, step, used) {
                // Nobody else has the step yet.
                let _ = step.snapshot.set(snapshot);
            }
        }
        Ok(Self::new(shared, ready.into()))
    }
}

fn check(shared: &Shared, step: usize, is_last: bool, written: Step) -> Result<ReadyStep, LinkError> {
    let plugin = || written.plugin.identity().clone();
    if let Some((interface, hint)) = ungranted(&written) {
        return Err(LinkError::Ungranted {
            plugin: plugin(),
            step,
            interface,
            hint,
        });
    }
    let is_missing = |name: &&String| !written.tables.iter().any(|table| table.name() == name.as_str());
    if let Some(table) = written.grants.tables.iter().find(is_missing) {
        return Err(LinkError::NoSuchTable {
            plugin: plugin(),
            step,
            table: table.clone(),
        });
    }
    let (bytes, bytes_max) = (written.limits.memory_bytes_max, shared.settings.memory_bytes_ceiling);
    if bytes > bytes_max {
        return Err(LinkError::MemoryBeyondCeiling {
            plugin: plugin(),
            step,
            bytes,
            bytes_max,
        });
    }
    let (elements, elements_max) = (written.limits.table_elements_max, TABLE_ELEMENTS_CEILING);
    if elements > elements_max {
        return Err(LinkError::TablesBeyondCeiling {
            plugin: plugin(),
            step,
            elements,
            elements_max,
        });
    }
    let config = if written.config.is_empty() {
        b"{}".to_vec()
    } else {
        written.config
    };
    let Step {
        plugin,
        has_secrets,
        grants,
        limits,
        instances,
        tables,
        state_schema,
        ..
    } = Step {
        config: Vec::new(),
        ..written
    };
    Ok(ReadyStep {
        index: step,
        plugin,
        config,
        has_secrets,
        grants,
        limits,
        instances,
        tables,
        state_schema,
        is_last,
        snapshot: OnceLock::new(),
    })
}

/// The first import that the grants do not open, and the line that would. Logs, faults, messages and the exchange itself
/// are open to all.
fn ungranted(step: &Step) -> Option<(String, &'static str)> {
    let closed = |interface: &String| match interface.as_str() {
        "tables" if step.grants.tables.is_empty() => Some("grants = { tables = [\"...\"] }"),
        STATE if !step.grants.state => Some("grants = { state = true }"),
        _ => None,
    };
    let mut interfaces = step.plugin.interfaces().iter();
    interfaces.find_map(|interface| Some((interface.clone(), closed(interface)?)))
}

/// Runs `init` as each message will, within the same limits, and gives what it used.
fn try_init(shared: &Shared, step: &Arc<ReadyStep>) -> Result<Used, LinkError> {
    let _permit = shared.inline_runs.acquire();
    let deadline = Duration::from_millis(step.limits.deadline_ms);
    let watched = shared.ticker.watch(deadline, false);
    let journey = Journey::begin(no_message(), State::default());
    let ran = instance::run(shared, step, &watched, journey, Meter::default(), None);
    let plugin = || step.plugin.identity().clone();
    match ran.verdict {
        Ok(Verdict::Misconfigured(words)) => {
            let words = shown(&words);
            Err(LinkError::Misconfigured {
                plugin: plugin(),
                step: step.index,
                words,
            })
        }
        Ok(_) => Ok(Used {
            meter: ran.meter,
            tables: ran.journey.tables,
        }),
        Err(error) => Err(LinkError::Init(Box::new(step.fault(explain(&error, &step.limits))))),
    }
}

/// Length and control characters other than line feeds aside, the words are as the plugin chose them, letters of all
/// languages included.
fn shown(words: &str) -> String {
    words
        .chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .take(WORDS_CHARACTERS_MAX)
        .collect()
}

pub(super) fn no_message() -> Context {
    Context {
        id: String::new(),
        interface: "".into(),
        received_at_ms: 0,
        time_zone: "UTC".into(),
        attempt: 0,
        attributes: Vec::new(),
    }
}
