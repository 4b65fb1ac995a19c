//! What the process denies itself.

use anyhow::Context as _;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// A core dump would write every message in memory to disk, in the clear. Not being dumpable also keeps other processes
/// of the same user from reading that memory.
pub(crate) fn refuse_core_dumps() -> anyhow::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("cannot switch core dumps off")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot keep the process from being dumped")
}
