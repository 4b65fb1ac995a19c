//! How far long work has come, where somebody is looking.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Console;

/// How often a bar shows that the work goes on, whether or not it has come further.
const TICK: Duration = Duration::from_millis(100);

/// A bar on stderr. It is gone when it is dropped, and never there where stderr is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Console {
    /// For things that are done one after the other, so many of them.
    pub(crate) fn progress(self, what: &str, count: u64, noun: &str) -> Progress {
        self.bar(what, count, &format!("{{pos}} of {{len}} {noun}, {{eta}} left"))
    }

    /// For bytes that are moved or read. How many there are may be told later.
    pub(crate) fn progress_of_bytes(self, what: &str, bytes_total: u64) -> Progress {
        self.bar(what, bytes_total, "{bytes} of {total_bytes}, {eta} left")
    }

    /// For work that cannot say how far it is.
    pub(crate) fn working(self, what: &str) -> Progress {
        self.shown(what, ProgressBar::no_length(), "{spinner} {msg}, {elapsed}")
    }

    fn bar(self, what: &str, length: u64, figures: &str) -> Progress {
        let bar = if self.notes.enabled {
            "{bar:30.cyan}"
        } else {
            "{bar:30}"
        };
        self.shown(what, ProgressBar::new(length), &format!("{{msg}} {bar} {figures}"))
    }

    #[expect(
        clippy::unused_self,
        reason = "drawing is the console's: whoever has none draws nothing"
    )]
    fn shown(self, what: &str, bar: ProgressBar, template: &str) -> Progress {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        // A template that the library does not like is a bar that looks otherwise.
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(TICK);
        Progress { bar }
    }
}

impl Progress {
    /// So many are done.
    pub(crate) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// So many more are done.
    pub(crate) fn further(&self, more: u64) {
        self.bar.inc(more);
    }

    /// How many there are, where that is known only now.
    pub(crate) fn of(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// What is being done now.
    pub(crate) fn doing(&self, what: String) {
        self.bar.set_message(what);
    }

    /// Writes something else meanwhile, which the bar must not be drawn over.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
