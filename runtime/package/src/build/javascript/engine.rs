//! The JavaScript engine without a clock and without chance.
//!
//! The componentizer runs the plugin's modules once, while it builds, and keeps what the engine's memory holds then. The
//! engine asks for the time and for random bytes as it starts, so that each build would give other bytes. In the copy of
//! the engine that goes into components both questions have one answer: the same sources give the same component, and a
//! component has neither clock nor chance to leak into what a plugin does.

use std::convert::Infallible;

use thiserror::Error;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{CodeSection, Function, FunctionSection, MemArg, Module};
use wasmparser::{BinaryReaderError, CodeSectionReader, FunctionSectionReader, Parser, Payload, TypeRef};

/// Changes with what this module makes of an engine.
pub(super) const VERSION: &str = "1";

/// The engine is not as expected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The bytes are no module.
    #[error("the engine cannot be read: {0}")]
    Malformed(#[from] BinaryReaderError),
    /// The engine cannot be written with the changes.
    #[error("the engine cannot be written: {0}")]
    Write(String),
    /// The engine does not ask what is answered here, so that it asks something else.
    #[error("the engine does not import {0}")]
    NoImport(&'static str),
}

const WASI: &str = "wasi_snapshot_preview1";
const CLOCK: &str = "clock_time_get";
const RANDOM: &str = "random_get";

/// 2000-01-01 UTC in nanoseconds since 1970: plainly no build's own time.
const NOW_NS: i64 = 946_684_800_000_000_000;

/// Seeds must not be zero, or generators of random numbers refuse them.
const RANDOM_BYTE: i32 = 0x5a;

/// The engine with both questions answered inside.
pub(super) fn stand_still(engine: &[u8]) -> Result<Vec<u8>, EngineError> {
    let mut still = Still::of(engine)?;
    let mut module = Module::new();
    let written = still.parse_core_module(&mut module, Parser::new(0), engine);
    written.map_err(|error| EngineError::Write(error.to_string()))?;
    Ok(module.finish())
}

/// Calls of the two imports lead to functions that come after all others. The imports stay, so that nothing moves.
struct Still {
    clock: Import,
    random: Import,
    /// The number of the first function after all others.
    next: u32,
}

/// An imported function: its number among the functions, and the number of its type.
#[derive(Clone, Copy)]
struct Import {
    function: u32,
    type_of: u32,
}

impl Still {
    fn of(engine: &[u8]) -> Result<Self, EngineError> {
        let (mut clock, mut random) = (None, None);
        let (mut imported, mut defined) = (0, 0);
        for payload in Parser::new(0).parse_all(engine) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let TypeRef::Func(type_of) = import.ty else { continue };
                        let function = imported;
                        match (import.module, import.name) {
                            (WASI, CLOCK) => clock = Some(Import { function, type_of }),
                            (WASI, RANDOM) => random = Some(Import { function, type_of }),
                            _ => {}
                        }
                        imported += 1;
                    }
                }
                Payload::FunctionSection(section) => defined = section.count(),
                _ => {}
            }
        }
        Ok(Self {
            clock: clock.ok_or(EngineError::NoImport(CLOCK))?,
            random: random.ok_or(EngineError::NoImport(RANDOM))?,
            next: imported + defined,
        })
    }
}

impl Reencode for Still {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(match function {
            _ if function == self.clock.function => self.next,
            _ if function == self.random.function => self.next + 1,
            _ => function,
        })
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.clock.type_of).function(self.random.type_of);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_code_section(self, code, section)?;
        code.function(&clock()).function(&random());
        Ok(())
    }
}

/// `(clock, precision, place) -> error number`: puts the one time into its place.
fn clock() -> Function {
    let mut function = Function::new([]);
    let place = MemArg {
        offset: 0,
        align: 3,
        memory_index: 0,
    };
    let mut body = function.instructions();
    body.local_get(2).i64_const(NOW_NS).i64_store(place).i32_const(0).end();
    function
}

/// `(place, length) -> error number`: fills the place with the one byte.
fn random() -> Function {
    let mut function = Function::new([]);
    let mut body = function.instructions();
    body.local_get(0).i32_const(RANDOM_BYTE).local_get(1).memory_fill(0);
    body.i32_const(0).end();
    function
}

#[cfg(test)]
mod tests;
