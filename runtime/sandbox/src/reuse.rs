//! Which instance a message gets: a fresh one, or one that an earlier message left.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chain::ReadyStep;
use crate::instance::Instance;

/// How many messages one instance of a plugin sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Instances {
    /// Each message has an instance of its own, so that nothing of one can reach another.
    #[default]
    Fresh,
    /// An instance is used again, for so many messages at most. What the plugin keeps in its memory, on purpose or by
    /// mistake, is there when it sees the next patient's message.
    ///
    /// An instance that failed, left handles behind, or grew its memory by more than half of the room that its `init`
    /// left, is never used again.
    Reuse(NonZeroU32),
}

impl Instances {
    /// Whether an instance may see another message after so many.
    pub(crate) fn allow_another(self, messages: u32) -> bool {
        match self {
            Self::Fresh => false,
            Self::Reuse(messages_max) => messages < messages_max.get(),
        }
    }
}

/// Instances that wait for another message of their step: all steps' in one place, so that the ones that nobody has
/// used for longest make room.
pub(crate) struct IdleInstances {
    instances_max: usize,
    /// The longest idle first.
    idle: Mutex<VecDeque<Instance>>,
}

impl IdleInstances {
    pub(crate) fn new(instances_max: usize) -> Self {
        Self {
            instances_max,
            idle: Mutex::default(),
        }
    }

    /// The instance of this very step that was used last: its memory is the likeliest to be at hand still.
    pub(crate) fn take(&self, step: &Arc<ReadyStep>) -> Option<Instance> {
        if step.instances == Instances::Fresh {
            return None;
        }
        let mut idle = self.lock();
        let at = idle.iter().rposition(|instance| instance.is_of(step))?;
        idle.remove(at)
    }

    /// Keeps an instance for its step's next message.
    pub(crate) fn put(&self, instance: Instance) {
        let mut idle = self.lock();
        idle.push_back(instance);
        let surplus = if idle.len() > self.instances_max {
            idle.pop_front()
        } else {
            None
        };
        // Dropping one clears its memory: not while others wait.
        drop(idle);
        drop(surplus);
    }

    /// Frees what waits for steps that take no messages any more.
    pub(crate) fn forget(&self, steps: &[Arc<ReadyStep>]) {
        let is_left = |instance: &Instance| steps.iter().any(|step| instance.is_of(step));
        let mut idle = self.lock();
        let (forgotten, kept): (Vec<_>, Vec<_>) = idle.drain(..).partition(is_left);
        idle.extend(kept);
        drop(idle);
        drop(forgotten);
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instance>> {
        // Nothing of a guest runs under the lock, so that a poisoned one holds nothing half done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use sha2::Digest;
    use transfuse_message::{Message, ParseOptions};

    use super::*;
    use crate::{Chain, Context, Grants, Input, Limits, Outcome, PluginIdentity, Sandbox, SandboxSettings, Step};

    fn chain(sandbox: &Sandbox) -> Chain {
        let component = transfuse_guests::component(transfuse_guests::guest("traps").unwrap().text).unwrap();
        let digest = sha2::Sha256::digest(&component);
        let digest = digest
            .iter()
            .fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"));
        let identity = PluginIdentity {
            name: "test/guest".into(),
            version: "1.0.0".into(),
            digest: digest.as_str().into(),
            component_digest: digest.into(),
        };
        let step = Step {
            plugin: sandbox.load(identity, &component).unwrap(),
            config: Vec::new(),
            grants: Grants::default(),
            limits: Limits::default(),
            instances: Instances::Reuse(NonZeroU32::MAX),
            tables: Vec::new(),
            has_secrets: false,
            state_schema: 1,
        };
        sandbox.chain(vec![step]).unwrap()
    }

    fn run(chain: &Chain) {
        let input = Input {
            message: Message::parse("MSH|^~\\&|LAB\r", &ParseOptions::default()).unwrap(),
            context: Context {
                id: "1".to_owned(),
                interface: "lab".into(),
                received_at_ms: 0,
                time_zone: "UTC".into(),
                attempt: 1,
                attributes: Vec::new(),
            },
            state: crate::State::default(),
        };
        assert!(matches!(chain.run_blocking(input).outcome, Outcome::Forwarded(_)));
    }

    #[test]
    fn what_waits_for_a_chain_ends_with_its_last_clone_and_nothing_else_does() {
        let sandbox = Sandbox::start(SandboxSettings {
            threads: 1,
            threads_max: 1,
            idle_instances_max: 3,
            ..SandboxSettings::default()
        })
        .unwrap();
        let waiting = || sandbox.shared().idle.count();
        let (one, other) = (chain(&sandbox), chain(&sandbox));
        run(&one);
        run(&one);
        run(&other);
        assert_eq!(waiting(), 2);
        let clone = one.clone();
        drop(one);
        assert_eq!(waiting(), 2);
        drop(clone);
        assert_eq!(waiting(), 1);
        drop(other);
        assert_eq!(waiting(), 0);
    }
}
