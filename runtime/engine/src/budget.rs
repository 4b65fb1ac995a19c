//! How much worse than its baseline a revision may be, before it is taken out of use.

use std::fmt;

use crate::figures::Figures;

/// What is allowed. Shares are of messages, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Faults beyond the baseline's share.
    pub faults_per_mille: u64,
    /// Rejections beyond the baseline's share.
    pub rejections_per_mille: u64,
    /// Messages that come out differently, where something is not allowed to; none where differences are only told.
    pub differing_per_mille: Option<u64>,
    /// How many times slower than the baseline, in percent: 200 is twice as slow. Of the time in the middle, and of the fuel.
    pub slower_percent: u64,
    /// Judging begins with this many messages, so that one odd message is no verdict.
    pub messages_min: u64,
    /// And with this many of the kind that is judged.
    pub events_min: u64,
}

/// Slower than this in the middle is slower; below it a ratio says nothing that anybody would notice.
const SLOWER_US_MIN: u64 = 1_000;

/// More fuel than this a message is more; below it a ratio says nothing.
const FUEL_MIN: u64 = 100_000;

impl Default for Budget {
    /// Half a percent of faults is noticed after some hundred messages and still is a patient in two hundred; rejections are
    /// more often the message's fault; a mapping that takes more than three times as long was not meant to. Twenty messages
    /// and three events keep one odd message from being a verdict.
    fn default() -> Self {
        Self {
            faults_per_mille: 5,
            rejections_per_mille: 20,
            differing_per_mille: None,
            slower_percent: 300,
            messages_min: 20,
            events_min: 3,
        }
    }
}

/// What a revision is held against, and what it did.
#[derive(Debug, Clone, Copy)]
pub struct Held<'f> {
    /// The live revision's figures.
    pub baseline: &'f Figures,
    /// The candidate's.
    pub candidate: &'f Figures,
    /// Messages whose results were compared, and those of them that differ unexpectedly.
    pub compared: (u64, u64),
    /// Whether both ran under the same conditions, so that their times can be compared. Fuel always can.
    pub is_timed: bool,
}

/// A budget that was overrun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// What it was: `faults`, `rejections`, `differences`, `time` or `fuel`.
    pub kind: &'static str,
    /// In words, with figures and without a value of a message.
    pub told: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.told)
    }
}

impl Budget {
    /// The first way in which the budget is overrun.
    #[must_use]
    pub fn judge(&self, held: &Held<'_>) -> Option<Breach> {
        let Held {
            baseline, candidate, ..
        } = *held;
        if candidate.messages < self.messages_min {
            return self.differences(held.compared);
        }
        let of = |figures: &Figures, count: u64| (count, figures.messages);
        self.share(
            "faults",
            of(candidate, candidate.faulted),
            of(baseline, baseline.faulted),
            self.faults_per_mille,
        )
        .or_else(|| {
            self.share(
                "rejections",
                of(candidate, candidate.rejected),
                of(baseline, baseline.rejected),
                self.rejections_per_mille,
            )
        })
        .or_else(|| self.differences(held.compared))
        .or_else(|| self.fuel(baseline, candidate))
        .or_else(|| held.is_timed.then(|| self.time(baseline, candidate)).flatten())
    }

    fn share(&self, kind: &'static str, found: (u64, u64), baseline: (u64, u64), allowed: u64) -> Option<Breach> {
        let usual = per_mille(baseline);
        let is_breached = found.0 >= self.events_min && per_mille(found) > usual + allowed;
        is_breached.then(|| Breach {
            kind,
            told: format!(
                "{} {kind} in {} messages ({}), where {} is usual and {} more is allowed",
                found.0,
                found.1,
                percent(per_mille(found)),
                percent(usual),
                percent(allowed)
            ),
        })
    }

    fn differences(&self, (compared, differing): (u64, u64)) -> Option<Breach> {
        let allowed = self.differing_per_mille?;
        let is_enough = differing >= self.events_min && compared >= self.events_min;
        let is_breached = is_enough && per_mille((differing, compared)) > allowed;
        is_breached.then(|| Breach {
            kind: "differences",
            told: format!(
                "{differing} of {compared} messages come out differently ({}), where {} is allowed",
                percent(per_mille((differing, compared))),
                percent(allowed)
            ),
        })
    }

    fn fuel(&self, baseline: &Figures, candidate: &Figures) -> Option<Breach> {
        let (usual, found) = (baseline.fuel_mean(), candidate.fuel_mean());
        self.is_slower(usual, found, FUEL_MIN).then(|| Breach {
            kind: "fuel",
            told: format!(
                "{found} fuel a message, where {usual} is usual ({} is allowed)",
                times(self.slower_percent)
            ),
        })
    }

    fn time(&self, baseline: &Figures, candidate: &Figures) -> Option<Breach> {
        let (usual, found) = (baseline.elapsed_us(500), candidate.elapsed_us(500));
        self.is_slower(usual, found, SLOWER_US_MIN).then(|| Breach {
            kind: "time",
            told: format!(
                "{found} us a message in the middle, where {usual} us is usual ({} is allowed)",
                times(self.slower_percent)
            ),
        })
    }

    fn is_slower(&self, usual: u64, found: u64, floor: u64) -> bool {
        usual > 0 && found >= floor && u128::from(found) * 100 > u128::from(usual) * u128::from(self.slower_percent)
    }
}

/// A share in thousandths, rounded up: what there is of something is never none.
fn per_mille((part, whole): (u64, u64)) -> u64 {
    (part * 1_000)
        .checked_div(whole)
        .map_or(0, |exact| exact + u64::from((part * 1_000) % whole.max(1) != 0))
}

fn percent(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

fn times(percent: u64) -> String {
    format!("{}.{:02} times", percent / 100, percent % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Ending, Sample};

    fn figures(messages: u64, ending: Ending, other: u64, fuel: u64, elapsed_us: u64) -> Figures {
        let mut figures = Figures::default();
        for number in 0..messages {
            let ending = if number < other { ending } else { Ending::Processed };
            figures.add(Sample {
                ending,
                fuel,
                elapsed_us,
            });
        }
        figures
    }

    fn judge(budget: &Budget, baseline: &Figures, candidate: &Figures, compared: (u64, u64)) -> Option<&'static str> {
        let held = Held {
            baseline,
            candidate,
            compared,
            is_timed: true,
        };
        budget.judge(&held).map(|breach| breach.kind)
    }

    #[test]
    fn faults_count_against_the_usual_share_and_not_by_a_single_one() {
        let budget = Budget::default();
        let usual = figures(1_000, Ending::Faulted, 0, 1_000, 100);
        let faulting = |faults| figures(150, Ending::Faulted, faults, 1_000, 100);
        assert_eq!(judge(&budget, &usual, &faulting(2), (0, 0)), None);
        assert_eq!(judge(&budget, &usual, &faulting(3), (0, 0)), Some("faults"));
        let usual = figures(1_000, Ending::Faulted, 20, 1_000, 100);
        assert_eq!(judge(&budget, &usual, &faulting(3), (0, 0)), None);
        let few = figures(19, Ending::Faulted, 19, 1_000, 100);
        assert_eq!(judge(&budget, &usual, &few, (0, 0)), None);
    }

    #[test]
    fn rejections_are_judged_apart() {
        let budget = Budget::default();
        let usual = figures(1_000, Ending::Rejected, 0, 1_000, 100);
        let rejecting = figures(100, Ending::Rejected, 5, 1_000, 100);
        assert_eq!(judge(&budget, &usual, &rejecting, (0, 0)), Some("rejections"));
    }

    #[test]
    fn time_and_fuel_are_ratios_with_a_floor() {
        let budget = Budget::default();
        let of = |fuel, elapsed_us| figures(50, Ending::Faulted, 0, fuel, elapsed_us);
        assert_eq!(
            judge(&budget, &of(10, 100), &of(60, 600), (0, 0)),
            None,
            "below the floors"
        );
        assert_eq!(judge(&budget, &of(10, 1_000), &of(10, 5_000), (0, 0)), Some("time"));
        assert_eq!(judge(&budget, &of(100_000, 10), &of(500_000, 10), (0, 0)), Some("fuel"));
        assert_eq!(judge(&budget, &of(100_000, 1_000), &of(250_000, 2_500), (0, 0)), None);
    }

    #[test]
    fn differences_are_judged_only_where_that_is_wanted() {
        let none = figures(0, Ending::Faulted, 0, 0, 0);
        let strict = Budget {
            differing_per_mille: Some(10),
            ..Budget::default()
        };
        assert_eq!(judge(&Budget::default(), &none, &none, (100, 100)), None);
        assert_eq!(judge(&strict, &none, &none, (2, 2)), None);
        assert_eq!(judge(&strict, &none, &none, (200, 3)), Some("differences"));
        assert_eq!(judge(&strict, &none, &none, (400, 4)), None);
    }
}
