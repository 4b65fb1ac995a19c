//! Looking for messages that a plugin fails on.
//!
//! Messages are changed at random, always the same way for a seed, and run as vectors are. A message that the plugin
//! rejects or filters is no finding, and neither is one that cannot be parsed: it would never reach a plugin. Any fault
//! is, and is made as small as it can be while the plugin still fails in the same place.

mod minimise;

use std::time::{Duration, Instant};

use transfuse_message::{Message, ParseOptions};
use transfuse_sandbox::{Chain, Fault, Input, Instances, LoadError, Outcome, Sandbox};

use super::mutate::Mutator;
use super::random::Random;
use super::{Subject, Vector};

/// Different findings that are kept. A plugin that fails in more places has one fault behind most of them.
const FINDINGS_MAX: usize = 50;

/// How far to look.
#[derive(Debug, Clone)]
pub(crate) struct FuzzSettings {
    pub(crate) seed: u64,
    /// No message is begun after this long.
    pub(crate) time: Duration,
    /// The most messages.
    pub(crate) runs_max: u64,
}

/// What a plugin fails on.
#[derive(Clone)]
pub(crate) struct Finding {
    pub(crate) fault: Fault,
    /// The vector whose configuration and tables it was run with, and whose message it was made of.
    pub(crate) base: usize,
    /// The message, as small as it could be made.
    pub(crate) message: Vec<u8>,
    /// The number of the message that showed it first, from one.
    pub(crate) run: u64,
}

/// What a search came to.
#[derive(Debug, Clone)]
pub(crate) struct FuzzReport {
    /// Messages that were run.
    pub(crate) runs: u64,
    /// Messages that could not be parsed, and were not.
    pub(crate) unparsed: u64,
    pub(crate) elapsed: Duration,
    /// Each once, in the order in which they were found.
    pub(crate) findings: Vec<Finding>,
}

/// Runs changed messages of the vectors until time or number are up. `tell` hears of the number of messages so far.
/// Blocks.
///
/// # Errors
///
/// Where the component is no plugin that this engine can load.
pub(crate) fn fuzz(
    sandbox: &Sandbox,
    subject: &Subject,
    bases: &[Vector],
    settings: &FuzzSettings,
    tell: &mut dyn FnMut(u64),
) -> Result<FuzzReport, LoadError> {
    let plugin = sandbox.load(subject.identity.clone(), &subject.component)?;
    let runnable: Vec<(usize, Runner)> = bases
        .iter()
        .enumerate()
        // What a vector says that the plugin fails on is no news.
        .filter(|(_, base)| !base.expects_a_fault())
        .filter_map(|(index, base)| {
            // A configuration that the plugin refuses has nothing to do with messages.
            let chain = subject.chain(sandbox, &plugin, base, Instances::Fresh).ok()?;
            let input = subject.input(base);
            let options = reading(&input.message);
            Some((index, Runner { chain, input, options }))
        })
        .collect();
    let known: Vec<Vec<u8>> = runnable
        .iter()
        .map(|(_, runner)| runner.input.message.encode().to_vec())
        .collect();
    let mut search = Search {
        started: Instant::now(),
        report: FuzzReport {
            runs: 0,
            unparsed: 0,
            elapsed: Duration::ZERO,
            findings: Vec::new(),
        },
    };
    search.run(&runnable, &known, settings, tell);
    search.report.elapsed = search.started.elapsed();
    Ok(search.report)
}

/// A chain with what goes with every message of a vector.
struct Runner {
    chain: Chain,
    input: Input,
    options: ParseOptions,
}

struct Search {
    started: Instant,
    report: FuzzReport,
}

impl Search {
    fn run(
        &mut self,
        runnable: &[(usize, Runner)],
        known: &[Vec<u8>],
        settings: &FuzzSettings,
        tell: &mut dyn FnMut(u64),
    ) {
        let mut mutator = Mutator::new(known, Random::new(settings.seed));
        let mut places = (0..runnable.len()).cycle();
        while let Some(place) = places.next()
            && self.report.runs + self.report.unparsed < settings.runs_max
            && self.started.elapsed() < settings.time
            && self.report.findings.len() < FINDINGS_MAX
        {
            let message = mutator.message(place);
            let Some((base, runner)) = runnable.get(place) else {
                break;
            };
            match runner.fault_of(&message) {
                Tried::Unparsed => self.report.unparsed += 1,
                Tried::Well => self.report.runs += 1,
                Tried::Failed(fault) => {
                    self.report.runs += 1;
                    self.found(*base, runner, message, *fault);
                }
            }
            tell(self.report.runs);
        }
    }

    fn found(&mut self, base: usize, runner: &Runner, message: Vec<u8>, fault: Fault) {
        if self.report.findings.iter().any(|known| is_alike(&known.fault, &fault)) {
            return;
        }
        let message = minimise::minimise(
            message,
            &mut |smaller| matches!(runner.fault_of(smaller), Tried::Failed(other) if is_alike(&fault, &other)),
        );
        self.report.findings.push(Finding {
            fault,
            base,
            message,
            run: self.report.runs,
        });
    }
}

enum Tried {
    Unparsed,
    Well,
    Failed(Box<Fault>),
}

impl Runner {
    fn fault_of(&self, message: &[u8]) -> Tried {
        let Ok(message) = Message::parse(message.to_vec(), &self.options) else {
            return Tried::Unparsed;
        };
        let input = Input {
            message,
            ..self.input.clone()
        };
        match self.chain.run_blocking(input).outcome {
            Outcome::Faulted(fault) => Tried::Failed(Box::new(fault)),
            _ => Tried::Well,
        }
    }
}

/// How a message's changed forms are read: in its character set, where that is not the one that it declares.
fn reading(message: &Message) -> ParseOptions {
    let declared = Message::parse(message.encode(), &ParseOptions::default()).map(|message| message.charset());
    ParseOptions {
        charset: (declared.ok() != Some(message.charset())).then(|| message.charset()),
        ..ParseOptions::default()
    }
}

/// Whether two faults are one: of the same kind, in the same place of the plugin. Without a place, the words that hold
/// nothing of a message tell them apart.
fn is_alike(one: &Fault, other: &Fault) -> bool {
    one.kind == other.kind
        && match (&one.location, &other.location) {
            (Some(one), Some(other)) => one == other,
            _ => one.detail == other.detail,
        }
}

/// Messages print their size only.
impl std::fmt::Debug for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Finding({}, {} bytes)", self.fault, self.message.len())
    }
}
