#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use wasm_encoder::{
    EntityType, ExportKind, ExportSection, ImportSection, MemorySection, MemoryType, TypeSection, ValType,
};
use wasmparser::Validator;

use super::*;

/// An engine as far as it matters here: it asks for the time and for chance, and exports a function that does both.
fn engine(random: &str) -> Vec<u8> {
    let (i32, i64) = (ValType::I32, ValType::I64);
    let mut types = TypeSection::new();
    types.ty().function([i32, i64, i32], [i32]);
    types.ty().function([i32, i32], [i32]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import(WASI, "proc_exit", EntityType::Function(2));
    imports.import(WASI, CLOCK, EntityType::Function(0));
    imports.import(WASI, random, EntityType::Function(1));
    let mut functions = FunctionSection::new();
    functions.function(2);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("ask", ExportKind::Func, 3);
    let mut ask = Function::new([]);
    let mut body = ask.instructions();
    body.i32_const(0).i64_const(1).i32_const(8).call(1).drop();
    body.i32_const(16).i32_const(4).call(2).drop();
    body.call(0).end();
    let mut code = CodeSection::new();
    code.function(&ask);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories);
    module.section(&exports).section(&code);
    module.finish()
}

/// The functions that a module's functions call, in order.
fn calls(module: &[u8]) -> Vec<u32> {
    let mut calls = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            for operator in body.get_operators_reader().unwrap() {
                if let wasmparser::Operator::Call { function_index } = operator.unwrap() {
                    calls.push(function_index);
                }
            }
        }
    }
    calls
}

#[test]
fn time_and_chance_are_asked_of_functions_inside_and_nothing_else_changes() {
    let engine = engine(RANDOM);
    assert_eq!(calls(&engine), [1, 2, 0]);
    let still = stand_still(&engine).unwrap();
    Validator::new().validate_all(&still).unwrap();
    // Three imports and one function of its own come before the two that are added.
    assert_eq!(calls(&still), [4, 5, 0]);
}

#[test]
fn an_engine_that_asks_something_else_is_refused() {
    let refused = stand_still(&engine("random_bytes")).unwrap_err().to_string();
    assert_eq!(refused, "the engine does not import random_get");
    assert!(stand_still(b"not a module").is_err());
}
