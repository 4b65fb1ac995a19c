//! What a revision makes of its messages, in figures: how they end, and how long that takes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use transfuse_store::{Decision, NewOutput};

use crate::rerun::{Made, Rerun};

/// One message in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) ending: Ending,
    /// Fuel that its steps took together.
    pub(crate) fuel: u64,
    /// Wall-clock microseconds that its steps took together.
    pub(crate) elapsed_us: u64,
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Processed,
    Filtered,
    /// A plugin or the validation said that the message is not as it should be.
    Rejected,
    /// A plugin failed, or did what cannot be carried out.
    Faulted,
}

/// Messages of one revision, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Messages in all.
    pub messages: u64,
    /// Those that were forwarded.
    pub processed: u64,
    /// Those that ended on purpose.
    pub filtered: u64,
    /// Those that a plugin or the validation rejected.
    pub rejected: u64,
    /// Those in which a plugin failed.
    pub faulted: u64,
    /// Fuel of all of them.
    pub fuel: u64,
    elapsed: Times,
}

/// Times by their size, in buckets of which each is a twelfth wider than the one before or less.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Times(Vec<u64>);

/// Buckets for each doubling.
const BUCKETS_PER_DOUBLING: u32 = 8;

/// Doublings from one microsecond to beyond any deadline.
const DOUBLINGS: u32 = 32;

/// The last messages of an interface: the baseline that a change is held against.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    before: Figures,
    now: Figures,
}

/// Messages after which the oldest are forgotten: the baseline has between this many and twice as many. A day of a slow feed,
/// and some seconds of a fast one, which is enough to tell one fault in a hundred from none.
const GENERATION_MESSAGES: u64 = 2_000;

impl Sample {
    pub(crate) fn of(decision: &Decision, (fuel, elapsed_us): (u64, u64)) -> Self {
        let ending = match decision {
            Decision::Processed { outputs, .. } => Ending::of_outputs(outputs),
            Decision::Filtered { .. } => Ending::Filtered,
            Decision::Refused { fault, .. } | Decision::Quarantined { fault, .. } => Ending::of_fault(&fault.kind),
        };
        Self {
            ending,
            fuel,
            elapsed_us,
        }
    }
}

impl From<&Rerun> for Sample {
    fn from(rerun: &Rerun) -> Self {
        let ending = match &rerun.made {
            Made::Processed(outputs) => Ending::of_outputs(outputs),
            Made::Filtered(_) => Ending::Filtered,
            Made::Failed(fault) => Ending::of_fault(&fault.kind),
        };
        Self {
            ending,
            fuel: rerun.fuel(),
            elapsed_us: rerun.elapsed_us(),
        }
    }
}

impl Ending {
    /// A message that was stopped on its way to one destination counts as one that was stopped.
    fn of_outputs(outputs: &[NewOutput]) -> Self {
        let mut stops = outputs.iter().filter_map(|output| output.stopped.as_ref());
        stops
            .next()
            .map_or(Self::Processed, |fault| Self::of_fault(&fault.kind))
    }

    fn of_fault(kind: &str) -> Self {
        match kind {
            "rejected" | "invalid" => Self::Rejected,
            _ => Self::Faulted,
        }
    }
}

impl Figures {
    pub(crate) fn add(&mut self, sample: Sample) {
        self.messages += 1;
        self.fuel = self.fuel.saturating_add(sample.fuel);
        self.elapsed.add(sample.elapsed_us);
        *match sample.ending {
            Ending::Processed => &mut self.processed,
            Ending::Filtered => &mut self.filtered,
            Ending::Rejected => &mut self.rejected,
            Ending::Faulted => &mut self.faulted,
        } += 1;
    }

    /// Counts a run that decided nothing.
    pub fn add_run(&mut self, rerun: &Rerun) {
        self.add(Sample::from(rerun));
    }

    /// Both together.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            processed: self.processed + other.processed,
            filtered: self.filtered + other.filtered,
            rejected: self.rejected + other.rejected,
            faulted: self.faulted + other.faulted,
            fuel: self.fuel.saturating_add(other.fuel),
            elapsed: self.elapsed.with(&other.elapsed),
        }
    }

    /// Fuel of a message in the mean; 0 without messages.
    #[must_use]
    pub fn fuel_mean(&self) -> u64 {
        self.fuel.checked_div(self.messages).unwrap_or_default()
    }

    /// The time that so many of a thousand messages took at most, in microseconds and to about a tenth; 0 without messages.
    #[must_use]
    pub fn elapsed_us(&self, per_mille: u64) -> u64 {
        self.elapsed.at(per_mille)
    }
}

impl Default for Times {
    fn default() -> Self {
        Self(vec![0; (BUCKETS_PER_DOUBLING * DOUBLINGS) as usize])
    }
}

impl Times {
    fn add(&mut self, elapsed_us: u64) {
        let last = self.0.len() - 1;
        if let Some(bucket) = self.0.get_mut(bucket(elapsed_us).min(last)) {
            *bucket += 1;
        }
    }

    fn with(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(left, right)| left + right).collect())
    }

    fn at(&self, per_mille: u64) -> u64 {
        let total: u64 = self.0.iter().sum();
        let wanted = (total * per_mille.min(1_000)).div_ceil(1_000);
        let mut passed = 0;
        for (index, count) in self.0.iter().enumerate() {
            passed += count;
            if passed >= wanted && passed > 0 {
                return upper_us(index);
            }
        }
        0
    }
}

/// The bucket of a time: the doubling, and the part of it.
fn bucket(elapsed_us: u64) -> usize {
    let value = elapsed_us.max(1);
    let doubling = value.ilog2();
    let above = value - (1 << doubling);
    let part = (above * u64::from(BUCKETS_PER_DOUBLING)) >> doubling;
    (doubling * BUCKETS_PER_DOUBLING) as usize + usize::try_from(part).unwrap_or_default()
}

/// The longest time of a bucket.
fn upper_us(bucket: usize) -> u64 {
    let bucket = bucket as u64 + 1;
    let (doubling, part) = (
        bucket / u64::from(BUCKETS_PER_DOUBLING),
        bucket % u64::from(BUCKETS_PER_DOUBLING),
    );
    (1 << doubling) + ((part << doubling) / u64::from(BUCKETS_PER_DOUBLING))
}

impl Recent {
    pub(crate) fn add(&self, sample: Sample) {
        let mut generations = self.lock();
        generations.now.add(sample);
        if generations.now.messages >= GENERATION_MESSAGES {
            generations.before = std::mem::take(&mut generations.now);
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let generations = self.lock();
        generations.before.with(&generations.now)
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        // Only additions are made under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ending: Ending, elapsed_us: u64) -> Sample {
        Sample {
            ending,
            fuel: 10,
            elapsed_us,
        }
    }

    #[test]
    fn times_are_told_to_about_a_tenth() {
        for elapsed_us in [1, 7, 100, 1_234, 99_999, 3_600_000_000] {
            let upper = upper_us(bucket(elapsed_us));
            assert!(upper >= elapsed_us, "{upper} for {elapsed_us}");
            assert!(upper - elapsed_us <= elapsed_us / 8 + 1, "{upper} for {elapsed_us}");
        }
    }

    #[test]
    fn figures_know_the_middle_and_the_end() {
        let mut figures = Figures::default();
        assert_eq!((figures.elapsed_us(500), figures.fuel_mean()), (0, 0));
        for _ in 0..98 {
            figures.add(sample(Ending::Processed, 100));
        }
        figures.add(sample(Ending::Faulted, 50_000));
        figures.add(sample(Ending::Rejected, 100));
        assert_eq!((figures.messages, figures.faulted, figures.rejected), (100, 1, 1));
        assert!((100..=113).contains(&figures.elapsed_us(500)));
        assert!(figures.elapsed_us(1_000) >= 50_000);
        assert_eq!(figures.fuel_mean(), 10);
    }

    #[test]
    fn the_baseline_forgets_what_is_old() {
        let recent = Recent::default();
        recent.add(sample(Ending::Faulted, 1));
        for _ in 0..2 * GENERATION_MESSAGES {
            recent.add(sample(Ending::Processed, 1));
        }
        let figures = recent.figures();
        assert_eq!(figures.faulted, 0);
        assert!(figures.messages >= GENERATION_MESSAGES);
    }
}
