//! Sources that the clock is.

use std::time::Duration;

use jiff::civil::{self, Time};
use serde::{Deserialize, Serialize};

use super::Weekday;
use crate::configuration::show_duration;

/// The clock, by the source's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimerSource {
    pub(crate) ticks: Ticks,
    /// Whether one message is made late for all ticks that were missed.
    pub(crate) makes_up: bool,
    /// What each message holds, with its placeholders.
    pub(crate) message: String,
}

/// When a timer ticks; the transport explains each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ticks {
    Every { every_ms: u64 },
    At { days: Vec<Weekday>, times: Vec<Time> },
}

impl Ticks {
    /// In the words of people: `every 15min`, or `at 02:00`.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Every { every_ms } => format!("every {}", show_duration(Duration::from_millis(*every_ms))),
            Self::At { times, .. } => {
                let times: Vec<String> = times.iter().map(|time| time.strftime("%H:%M").to_string()).collect();
                format!("at {}", times.join(", "))
            }
        }
    }
}

impl From<Weekday> for civil::Weekday {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Mon => Self::Monday,
            Weekday::Tue => Self::Tuesday,
            Weekday::Wed => Self::Wednesday,
            Weekday::Thu => Self::Thursday,
            Weekday::Fri => Self::Friday,
            Weekday::Sat => Self::Saturday,
            Weekday::Sun => Self::Sunday,
        }
    }
}
