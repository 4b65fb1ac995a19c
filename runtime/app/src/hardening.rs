//! What the process denies itself, and what it needs.

use anyhow::Context as _;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

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

/// Takes as many open files as the system allows the process: each connection is one, and what service managers give a
/// process to begin with, 1,024, was made for programs that wait with `select`.
pub(crate) fn allow_files() {
    let given = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: given.maximum,
        ..given
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, "cannot have more open files than {:?}", given.current);
    }
}
