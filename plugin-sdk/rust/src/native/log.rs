//! `transfuse:plugin/log`.

use super::run::Run;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

pub(crate) fn write(level: Level, text: &str) {
    if let Some(run) = Run::current() {
        run.log.borrow_mut().push((level, text.to_owned()));
    }
}
