//! Notes for the people who run the interface: `log::info!("..")`.
//!
//! The text may hold patient data, so it is kept with the message and under the same protection; operational logs
//! carry only the plugin, the level and a count. Lines and bytes per message are limited: what goes over is counted
//! and dropped.

use crate::host::log as host;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Shown while developing; dropped by default in production.
    Debug,
    /// Worth keeping with the message.
    Info,
    /// Something was odd, and the plugin coped.
    Warn,
    /// Something is wrong that a person should look at.
    Error,
}

/// Adds a line to the record of the message that is being transformed. The macros of this module are shorter.
pub fn write(level: Level, text: impl AsRef<str>) {
    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::write(level, text.as_ref());
}

macro_rules! level_macro {
    ($dollar:tt $name:ident, $hidden:ident, $level:ident, $doc:literal) => {
        #[doc = $doc]
        #[macro_export]
        #[doc(hidden)]
        macro_rules! $hidden {
                            ($dollar($dollar text:tt)+) => {
                                $crate::log::write($crate::log::Level::$level, ::std::format!($dollar($dollar text)+))
                            };
                        }
        #[doc(inline)]
        pub use $hidden as $name;
    };
}

level_macro!($ debug, __log_debug, Debug, "A line that is shown while developing, with the arguments of `format!`.");
level_macro!($ info, __log_info, Info, "A line that is worth keeping with the message, with the arguments of `format!`.");
level_macro!($ warn, __log_warn, Warn, "A line about something odd that the plugin coped with, with the arguments of `format!`.");
level_macro!($ error, __log_error, Error, "A line about something that a person should look at, with the arguments of `format!`.");
