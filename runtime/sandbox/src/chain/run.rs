//! One message's way through the steps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use transfuse_message::{Message, Payload};

use super::{Chain, ReadyStep};
use crate::bindings::exports::transfuse::plugin::transformer::Rejection as RawRejection;
use crate::fault::{Explanation, FaultKind, explain, halted_at};
use crate::instance::{self, Ran, Verdict};
use crate::kept::Overlay;
use crate::meter::Meter;
use crate::outcome::{Content, Input, Outcome, Output, Rejection, Report, StepReport};
use crate::state::Journey;
use crate::ticker::Watched;
use crate::trace::{Question, Tracing};

/// HL7 table 0357, application internal error: what stands for a code that is none.
const NO_CODE: &str = "207";

/// CWE.1 of ERR-3 holds so many characters.
const CODE_BYTES_MAX: usize = 20;

/// A reason that a person reads in an ERR segment.
const REASON_BYTES_MAX: usize = 4 << 10;

/// What one step decided.
enum Decision {
    Forwarded(Vec<Output>),
    Filtered(Payload),
    Rejected(Rejection),
    Faulted(Explanation),
}

impl Chain {
    pub(super) fn run_here(&self, input: Input, question: Option<Question>) -> Report {
        let Input {
            message,
            context,
            state,
        } = input;
        let mut journey = Journey::begin(context, state);
        journey.tracing = question.map(Tracing::of);
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut outputs = vec![Output {
            content: Content::Message(message),
            to: Vec::new(),
        }];
        for step in self.steps.iter() {
            journey.tracing.iter_mut().for_each(Tracing::begin_step);
            let mut run = StepRun::new(self, step, journey);
            let decision = run.take_through(outputs);
            steps.push(run.report());
            journey = run.journey;
            outputs = match decision {
                Decision::Forwarded(outputs) => outputs,
                ended => return report(ended.into_outcome(step), steps, journey),
            };
        }
        report(Outcome::Forwarded(outputs), steps, journey)
    }
}

impl Decision {
    fn into_outcome(self, step: &ReadyStep) -> Outcome {
        match self {
            Self::Forwarded(outputs) => Outcome::Forwarded(outputs),
            Self::Filtered(reason) => Outcome::Filtered {
                reason,
                step: step.index,
            },
            Self::Rejected(rejection) => Outcome::Rejected {
                rejection,
                step: step.index,
            },
            Self::Faulted(explanation) => Outcome::Faulted(step.fault(explanation)),
        }
    }
}

/// One step at work on the messages of one exchange.
struct StepRun<'a> {
    chain: &'a Chain,
    step: &'a Arc<ReadyStep>,
    watched: Watched<'a>,
    started: Instant,
    journey: Journey,
    meter: Meter,
    runs: u32,
    fresh_instances: u32,
    repeated: u32,
}

impl<'a> StepRun<'a> {
    fn new(chain: &'a Chain, step: &'a Arc<ReadyStep>, journey: Journey) -> Self {
        let (watched, started) = (watch(chain, step), Instant::now());
        Self {
            chain,
            step,
            watched,
            started,
            journey,
            meter: Meter::default(),
            runs: 0,
            fresh_instances: 0,
            repeated: 0,
        }
    }

    /// Each message in turn, until one is rejected or the plugin fails.
    fn take_through(&mut self, inputs: Vec<Output>) -> Decision {
        let mut outputs = Vec::with_capacity(inputs.len());
        let mut filtered = None;
        for input in inputs {
            // Only the last step may forward a document.
            let Content::Message(message) = &input.content else {
                continue;
            };
            match self.take_one(message) {
                Decision::Forwarded(more) => outputs.extend(more.into_iter().map(|output| inherit(output, &input))),
                Decision::Filtered(reason) => filtered = filtered.or(Some(reason)),
                ended => return ended,
            }
        }
        match filtered {
            Some(reason) if outputs.is_empty() => Decision::Filtered(reason),
            _ => Decision::Forwarded(outputs),
        }
    }

    /// Runs once more, from where it was, when the deadline passed while the host's own clock was late.
    fn take_one(&mut self, input: &Message) -> Decision {
        let before = Checkpoint::of(self);
        let mut decision = self.attempt(input);
        let is_late = matches!(&decision, Decision::Faulted(explanation) if explanation.kind == FaultKind::Deadline);
        if is_late && self.repeated == 0 && self.watched.was_disturbed() {
            before.restore(self);
            self.watched = watch(self.chain, self.step);
            self.repeated = 1;
            decision = self.attempt(input);
        }
        decision
    }

    fn attempt(&mut self, input: &Message) -> Decision {
        self.runs += 1;
        let journey = self.journey.take();
        let (shared, step, watched, meter) = (&self.chain.shared, self.step, &self.watched, self.meter);
        let message = Some(input.clone());
        // A host function that panics costs this message and no other: its store goes with it.
        let ran = catch_unwind(AssertUnwindSafe(|| {
            instance::run(shared, step, watched, journey, meter, message)
        }));
        match ran {
            Ok(mut ran) => {
                let instance = ran.instance.take();
                let decision = self.judge(ran);
                if let (Some(instance), false) = (instance, matches!(decision, Decision::Faulted(_))) {
                    shared.idle.put(instance);
                }
                decision
            }
            Err(_) => Decision::Faulted(Explanation::plain(
                FaultKind::HostBroken,
                "a function of the host panicked",
            )),
        }
    }

    fn judge(&mut self, ran: Ran) -> Decision {
        self.journey = ran.journey;
        self.meter = ran.meter;
        self.fresh_instances += u32::from(ran.is_fresh);
        let fault =
            |kind, detail: &str, hint: &str| Decision::Faulted(Explanation::plain(kind, detail).with_hint(hint));
        match (ran.verdict, ran.outputs.is_empty(), ran.filtered) {
            (Err(error), ..) => {
                if let Some(tracing) = &mut self.journey.tracing {
                    tracing.found.place = halted_at(&error);
                }
                Decision::Faulted(explain(&error, &self.step.limits))
            }
            (Ok(Verdict::Rejected(rejection)), ..) => Decision::Rejected(clean(rejection)),
            (Ok(Verdict::Misconfigured(words)), ..) => {
                let explanation = Explanation::plain(FaultKind::Misconfigured, "its init refused the configuration");
                Decision::Faulted(explanation.with_text(words))
            }
            (Ok(Verdict::Accepted), false, None) => Decision::Forwarded(ran.outputs),
            (Ok(Verdict::Accepted), true, Some(reason)) => Decision::Filtered(reason),
            (Ok(Verdict::Accepted), true, None) => fault(
                FaultKind::NoOutcome,
                "it neither forwarded nor filtered nor rejected the message",
                "every way through the plugin has to end in one of them",
            ),
            (Ok(Verdict::Accepted), false, Some(_)) => fault(
                FaultKind::ConflictingOutcome,
                "it forwarded the message and filtered it as well",
                "every way through the plugin has to end in one of them",
            ),
        }
    }

    fn report(&mut self) -> StepReport {
        StepReport {
            plugin: self.step.plugin.identity().clone(),
            fuel: self.meter.fuel(),
            elapsed_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            memory_bytes: self.meter.memory_bytes() as u64,
            runs: self.runs,
            fresh_instances: self.fresh_instances,
            repeated: self.repeated,
            log_lines_dropped: self.meter.log_lines_dropped(),
            access: std::mem::take(&mut self.journey.touched).access(),
        }
    }
}

/// What a run may have changed and a repetition must find as it was.
struct Checkpoint {
    attributes: Vec<(String, String)>,
    log_lines: usize,
    tables: usize,
    misses: (usize, u64),
    tracing: Option<(u32, usize, usize)>,
    state: Overlay,
    meter: Meter,
}

impl Checkpoint {
    fn of(run: &StepRun<'_>) -> Self {
        Self {
            attributes: run.journey.attributes.clone(),
            log_lines: run.journey.log.len(),
            tables: run.journey.tables.len(),
            tracing: run.journey.tracing.as_ref().map(Tracing::checkpoint),
            misses: (run.journey.misses.listed.len(), run.journey.misses.unlisted),
            state: run.journey.state.clone(),
            meter: run.meter,
        }
    }

    fn restore(self, run: &mut StepRun<'_>) {
        run.journey.attributes = self.attributes;
        run.journey.log.truncate(self.log_lines);
        run.journey.tables.truncate(self.tables);
        run.journey.misses.listed.truncate(self.misses.0);
        run.journey.misses.unlisted = self.misses.1;
        if let (Some(tracing), Some(before)) = (&mut run.journey.tracing, self.tracing) {
            tracing.restore(before);
        }
        run.journey.state = self.state;
        run.meter = self.meter;
    }
}

/// The deadline counts from here.
fn watch<'a>(chain: &'a Chain, step: &ReadyStep) -> Watched<'a> {
    chain
        .shared
        .ticker
        .watch(Duration::from_millis(step.limits.deadline_ms), chain.pace.is_slow())
}

/// A later step that names no destination keeps those that an earlier one named.
fn inherit(output: Output, input: &Output) -> Output {
    if output.to.is_empty() {
        Output {
            to: input.to.clone(),
            ..output
        }
    } else {
        output
    }
}

/// A guest's rejection, made fit for an ERR segment and for logs.
fn clean(raw: RawRejection) -> Rejection {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_good = !raw.code.is_empty() && raw.code.len() <= CODE_BYTES_MAX && raw.code.bytes().all(is_code);
    let code = if is_good { raw.code } else { NO_CODE.to_owned() };
    let path = raw.path.filter(|path| path.parse::<transfuse_message::Path>().is_ok());
    let mut reason = raw.reason;
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    Rejection {
        code,
        path,
        reason: Payload::from(reason),
    }
}

/// What the steps wrote is kept only where the message goes on or ends on purpose.
fn report(outcome: Outcome, steps: Vec<StepReport>, journey: Journey) -> Report {
    let is_kept = matches!(outcome, Outcome::Forwarded(_) | Outcome::Filtered { .. });
    let state = if is_kept {
        journey.state.into_writes()
    } else {
        Vec::new()
    };
    Report {
        outcome,
        steps,
        log: journey.log,
        attributes: journey.attributes,
        tables: journey.tables,
        table_misses: journey.misses.listed,
        trace: journey.tracing.map(|tracing| tracing.found),
        table_misses_unlisted: journey.misses.unlisted,
        state,
    }
}

#[cfg(test)]
mod tests;
