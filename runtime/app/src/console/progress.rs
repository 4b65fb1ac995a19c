//! How far long work has come, where somebody is looking.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Console;

/// A bar of bytes on stderr. It is gone when it is dropped, and never there where stderr is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Console {
    /// A bar for bytes that are moved.
    pub(crate) fn progress(self, what: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = if self.notes.enabled {
            "{msg} [{bar:30.cyan}] {bytes}/{total_bytes} {eta}"
        } else {
            "{msg} [{bar:30}] {bytes}/{total_bytes} {eta}"
        };
        // A template that the library does not like is a bar that looks otherwise.
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        Progress { bar }
    }
}

impl Progress {
    /// How much is done, of how much.
    pub(crate) fn at(&self, bytes: u64, bytes_total: u64) {
        self.bar.set_length(bytes_total);
        self.bar.set_position(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
