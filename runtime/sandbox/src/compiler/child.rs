//! The compiling process: takes its limits, then the component, and gives compiled code. Where the order says so, it runs
//! `init` in between, with next to nothing of a host at hand.

use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use thiserror::Error;

use super::Order;
use crate::engine;
use crate::plugin::{Init, compile, compile_after_init};

/// How words begin that say: the component is at fault.
pub(super) const INVALID: &str = "invalid: ";

/// Why a compiling process has no code to give. It writes this to its error stream, and ends with an exit code that is
/// not 0.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompilationError {
    /// Input or output failed.
    #[error("the compiler and the engine cannot talk: {0}")]
    Stream(#[from] io::Error),
    /// The operating system refuses the limits.
    #[error("the compiler cannot limit itself: {0}")]
    Limits(rustix::io::Errno),
    /// Not valid, or made of WebAssembly that plugins may not use. In the words of wasmtime.
    #[error("{INVALID}{0}")]
    Invalid(String),
}

/// Does what the program that `Compiler::program` names has to do, and nothing else: reads an order and a component,
/// and writes compiled code. Limits the process for good, and ends with the one that started it.
pub fn serve_compilation(input: &mut impl Read, output: &mut impl Write) -> Result<(), CompilationError> {
    let order = Order::read_from(input)?;
    limit(&order).map_err(CompilationError::Limits)?;
    let config = read(input, order.init.map_or(0, |init| init.config_bytes))?;
    let tables = read(input, order.init.map_or(0, |init| init.tables_bytes))?;
    let component = read(input, order.component_bytes)?;
    let invalid = |error: wasmtime::Error| CompilationError::Invalid(format!("{error:#}"));
    let stack_bytes_max = usize::try_from(order.stack_bytes_max).unwrap_or(usize::MAX);
    let engine = engine::build_compiler(stack_bytes_max).map_err(invalid)?;
    let init = order.init.map(|init| Init {
        config: &config,
        tables: &tables,
        fuel: init.fuel,
        memory_bytes_max: usize::try_from(init.memory_bytes_max).unwrap_or(usize::MAX),
    });
    let compiled = match init {
        None => compile(&engine, &component),
        Some(init) => compile_after_init(&engine, &component, &init, stack_bytes_max),
    };
    let compiled = compiled.map_err(invalid)?;
    output.write_all(&compiled)?;
    Ok(output.flush()?)
}

fn read(input: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    input.take(bytes).read_to_end(&mut read)?;
    Ok(read)
}

/// What the compiler may use. It makes no files and leaves no dump.
fn limit(order: &Order) -> rustix::io::Result<()> {
    let set = |resource, current, maximum| {
        setrlimit(
            resource,
            Rlimit {
                current: Some(current),
                maximum: Some(maximum),
            },
        )
    };
    set(
        Resource::As,
        order.address_space_bytes_max,
        order.address_space_bytes_max,
    )?;
    // A second apart, so that the first signal tells which limit it was.
    set(
        Resource::Cpu,
        order.processor_s_max,
        order.processor_s_max.saturating_add(1),
    )?;
    set(Resource::Fsize, 0, 0)?;
    set(Resource::Core, 0, 0)?;
    set_parent_process_death_signal(Some(Signal::KILL))
}
