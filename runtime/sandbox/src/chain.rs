//! Chains: steps in order, each of which may pass a message on, split it, end it or refuse it.

mod link;
mod run;
mod snapshot;

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::sync::{Semaphore, oneshot};

use crate::fault::{Explanation, FaultKind};
use crate::pool::Pace;
use crate::sandbox::Shared;
use crate::table::Table;
use crate::{Fault, Grants, Input, Instances, Limits, Outcome, Plugin, PluginIdentity, Question, Report};

pub use link::LinkError;
pub(crate) use snapshot::Snapshot;

/// One plugin in a chain, with everything that it gets.
#[derive(Clone)]
pub struct Step {
    /// The plugin.
    pub plugin: Plugin,
    /// Its configuration as JSON; empty stands for `{}`.
    pub config: Vec<u8>,
    /// Whether the configuration holds secrets. Then no snapshot is made of what `init` leaves, since that would be kept on
    /// disk, and what the plugin says of its configuration is not shown.
    pub has_secrets: bool,
    /// What it may touch.
    pub grants: Grants,
    /// What it may use.
    pub limits: Limits,
    /// How many messages an instance of it sees.
    pub instances: Instances,
    /// The code tables that `grants.tables` names.
    pub tables: Vec<Arc<Table>>,
    /// The version of what the plugin keeps between messages, as its manifest says.
    pub state_schema: u32,
}

/// A step that was checked, with its place in the chain.
pub(crate) struct ReadyStep {
    pub(crate) index: usize,
    pub(crate) plugin: Plugin,
    pub(crate) config: Vec<u8>,
    pub(crate) has_secrets: bool,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) instances: Instances,
    pub(crate) tables: Vec<Arc<Table>>,
    pub(crate) state_schema: u32,
    /// Whether its outputs are those of the chain.
    pub(crate) is_last: bool,
    /// What instances begin with instead of `init`, where there is one.
    pub(crate) snapshot: OnceLock<Snapshot>,
}

/// Without the configuration, which may hold secrets.
impl fmt::Debug for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Step({})", self.plugin.identity())
    }
}

/// Steps that messages are taken through. A clone is the same chain.
#[derive(Clone)]
pub struct Chain {
    shared: Arc<Shared>,
    steps: Arc<[Arc<ReadyStep>]>,
    /// Calls of this chain that may be queued or running.
    calls: Arc<Semaphore>,
    /// Whether its last call was slow.
    pace: Arc<Pace>,
    /// Dropped with the last clone.
    _end: Arc<End>,
}

/// The end of a chain, which frees the instances that waited for its next message.
struct End {
    shared: Arc<Shared>,
    steps: Arc<[Arc<ReadyStep>]>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.idle.forget(&self.steps);
    }
}

impl Chain {
    fn new(shared: Arc<Shared>, steps: Arc<[Arc<ReadyStep>]>) -> Self {
        let calls = Arc::new(Semaphore::new(shared.settings.calls_per_chain_max.max(1)));
        let end = Arc::new(End {
            shared: Arc::clone(&shared),
            steps: Arc::clone(&steps),
        });
        Self {
            shared,
            steps,
            calls,
            pace: Arc::default(),
            _end: end,
        }
    }

    /// Whether a call would take a thread that has nothing else to do: for runs that nobody waits for, which are better not
    /// made otherwise. Priorities would not do: a run of the lowest one that is set aside half-way, with the locks of the
    /// address space in its hands, holds up all others.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.shared.pool.is_idle()
    }

    /// Takes one message through the steps. A chain without steps forwards it untouched.
    ///
    /// Waits while too many messages of this chain are under way, then for a thread of the pool; no plugin runs on the
    /// thread that polls. When the future is dropped, a run that has begun goes on until it ends or meets a limit, and
    /// its report is lost.
    pub async fn run(&self, input: Input) -> Report {
        self.submit(input, None).await
    }

    /// The same, for those who want to know how its results came about: the rows that tables were asked for are noted, and a question
    /// is answered.
    pub async fn run_traced(&self, input: Input, question: Question) -> Report {
        self.submit(input, Some(question)).await
    }

    async fn submit(&self, input: Input, question: Option<Question>) -> Report {
        if self.steps.is_empty() {
            return self.run_here(input, question);
        }
        let call = Arc::clone(&self.calls).acquire_owned().await;
        let place = Arc::clone(&self.shared.places).acquire_owned().await;
        let (answer, report) = oneshot::channel();
        let chain = self.clone();
        self.shared.pool.submit(
            &self.pace,
            Box::new(move || {
                drop(place);
                if !answer.is_closed() {
                    // Nobody waits any more where this fails.
                    let _ = answer.send(chain.run_here(input, question));
                }
                drop(call);
            }),
        );
        report
            .await
            .unwrap_or_else(|_| self.broken("the thread that ran it has ended"))
    }

    /// Takes one message through the steps on this very thread. For tests and benches: it blocks for as long as the
    /// plugins take.
    pub fn run_blocking(&self, input: Input) -> Report {
        let _permit = self.shared.inline_runs.acquire();
        self.run_here(input, None)
    }

    /// The plugins of the steps, in order.
    #[must_use]
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &PluginIdentity> {
        self.steps.iter().map(|step| step.plugin.identity())
    }

    /// The plugins that keep something between messages, by name, with the version of what they keep. Where there are any,
    /// messages have to be taken through the chain one after the other, each with the state that the one before left.
    pub fn state_schemas(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        let keeping = self.steps.iter().filter(|step| step.plugin.keeps_state());
        keeping.map(|step| (&step.plugin.identity().name, step.state_schema))
    }

    fn broken(&self, detail: &str) -> Report {
        let fault = self
            .steps
            .first()
            .map(|step| step.fault(Explanation::plain(FaultKind::HostBroken, detail)));
        Report {
            outcome: fault.map_or_else(|| Outcome::Forwarded(Vec::new()), Outcome::Faulted),
            steps: Vec::new(),
            log: Vec::new(),
            attributes: Vec::new(),
            tables: Vec::new(),
            table_misses: Vec::new(),
            table_misses_unlisted: 0,
            trace: None,
            state: Vec::new(),
        }
    }
}

impl ReadyStep {
    pub(crate) fn fault(&self, explanation: Explanation) -> Fault {
        Fault {
            kind: explanation.kind,
            step: self.index,
            plugin: self.plugin.identity().clone(),
            location: explanation.location,
            detail: explanation.detail,
            text: explanation.text,
            hint: explanation.hint,
        }
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps().map(ToString::to_string)).finish()
    }
}
