//! A clock that jumps as told: `clock/clock.c`, loaded in front of the C library.

use std::ffi::OsString;
use std::fs;

use anyhow::Result;

use crate::preloaded::Preloaded;

/// The clock of one engine. How long something takes is measured as ever.
#[derive(Debug)]
pub struct Clock {
    library: Preloaded,
}

impl Clock {
    /// Builds it; it shows the time that it is.
    pub fn new() -> Result<Self> {
        let clock = Self {
            library: Preloaded::build("clock/clock.c")?,
        };
        clock.jump_to(0)?;
        Ok(clock)
    }

    /// From now on it is so many seconds after the time that it is, or before.
    pub fn jump_to(&self, seconds: i64) -> Result<()> {
        // Written in place: the engine has the file mapped.
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.library.file("offset"))?;
        Ok(std::os::unix::fs::FileExt::write_all_at(
            &file,
            &seconds.to_ne_bytes(),
            0,
        )?)
    }

    /// What an engine has to be started with.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            self.library.loaded(),
            ("CLOCK_OFFSET", self.library.file("offset").into()),
        ]
    }
}
