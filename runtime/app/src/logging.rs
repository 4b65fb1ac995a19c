//! The operational log: to stderr, as text or JSON, and never with a payload.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::configuration::{Log, LogFormat, LogLevel};

/// Starts the log of the process. A second call changes nothing.
pub(crate) fn start(log: Log) {
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // Only the project's own crates: what libraries say at lower levels may hold bytes that passed through them.
    let filter = EnvFilter::new(format!("error,transfuse={level}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => builder
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
