//! From bytes to code.

use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// Compiles a component into bytes that [`deserialize`] takes.
///
/// Bytes in and bytes out, and nothing else of the process is touched: a child process with limits of its own can do
/// this as well.
pub(crate) fn compile(engine: &Engine, component: &[u8]) -> Result<Vec<u8>> {
    engine.precompile_component(component)
}

/// Loads compiled code.
///
/// `compiled` must come from [`compile`], in this process or through the authenticated cache, because it is native code
/// that nothing can check.
#[expect(unsafe_code, reason = "the one place where compiled code is loaded")]
pub(crate) fn deserialize(engine: &Engine, compiled: &[u8]) -> Result<Component> {
    // SAFETY: the callers hand over what `compile` just returned, or what the cache read whole and authenticated with a
    // key that only this installation has. The bytes are in memory, so that nobody can change them in between.
    unsafe { Component::deserialize(engine, compiled) }
}
