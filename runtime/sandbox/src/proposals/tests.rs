//! One component for each refused proposal, and the engine's answer to it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use wasmtime::component::Component;
use wasmtime::{Engine, WasmFeatures};

use super::{ALLOWED, REFUSED};
use crate::{SandboxSettings, engine};

fn engine() -> Engine {
    engine::build(&SandboxSettings {
        threads: 1,
        threads_max: 1,
        ..SandboxSettings::default()
    })
    .unwrap()
}

/// Compiles a component written as text, and gives what the engine says against it.
fn refusal(text: &str) -> String {
    let component = wat::parse_str(text).unwrap();
    match Component::new(&engine(), component) {
        Ok(_) => String::from("accepted"),
        Err(error) => format!("{error:#}"),
    }
}

/// A component around the fields of a core module.
fn around(module: &str) -> String {
    format!("(component (core module {module}))")
}

#[test]
fn every_proposal_is_either_allowed_or_refused() {
    let allowed: WasmFeatures = ALLOWED.into_iter().collect();
    let refused: WasmFeatures = REFUSED.into_iter().collect();
    assert_eq!(
        allowed | refused,
        WasmFeatures::all(),
        "a new version of wasmtime asks for a decision"
    );
    assert_eq!(allowed & refused, WasmFeatures::empty());
}

#[test]
fn what_compilers_emit_for_plugins_is_allowed() {
    let module = r"
        (memory 1)
        (table 1 funcref)
        (global (mut i32) (i32.const 0))
        (global i32 (i32.add (i32.const 1) (i32.const 2)))
        (func $pair (result i32 i32) i32.const 1 i32.const 2)
        (func (param f64) (result i32)
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 8))
            (drop (table.grow (ref.null func) (i32.const 1)))
            (drop (i8x16.splat (i32.const 1)))
            (drop (i32.extend8_s (i32.const 255)))
            (i32.trunc_sat_f64_s (local.get 0)))";
    assert_eq!(refusal(&around(module)), "accepted");
}

/// Text has no form for them any more: `try` and `catch_all` by their numbers.
#[test]
fn legacy_exceptions_are_refused() {
    let header = b"\0asm\x01\0\0\0";
    let one_function = b"\x01\x04\x01\x60\0\0\x03\x02\x01\0";
    let body = b"\x0a\x08\x01\x06\0\x06\x40\x19\x0b\x0b";
    let module = [&header[..], one_function, body].concat();
    let refusal = format!("{:#}", wasmtime::Module::new(&engine(), module).unwrap_err());
    assert!(refusal.contains("legacy_exceptions"), "{refusal}");
}

/// Where a proposal builds on another one that is refused too, it is the other one's name that the engine gives.
macro_rules! refused {
    ($($test:ident: $text:expr => $words:literal;)*) => {
        $(
            #[test]
            fn $test() {
                let refusal = refusal(&$text);
                assert!(refusal.contains($words), "{refusal}");
            }
        )*
    };
}

refused! {
    relaxed_simd_is_refused:
        around("(func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))") => "relaxed SIMD";
    threads_are_refused:
        around("(memory 1 1 shared)") => "threads must be enabled";
    shared_everything_threads_are_refused:
        around("(global (shared mut i32) (i32.const 0))") => "shared-everything-threads";
    tail_calls_are_refused:
        around("(func $f return_call $f)") => "tail calls";
    several_memories_in_a_module_are_refused:
        around("(memory 1) (memory 1)") => "multiple memories";
    exceptions_are_refused:
        around("(tag)") => "exceptions proposal";
    memories_of_64_bits_are_refused:
        around("(memory i64 1)") => "memory64";
    discarding_memory_is_refused:
        around("(memory 1) (func (memory.discard (i32.const 0) (i32.const 0)))") => "memory control";
    function_references_are_refused:
        around("(type $f (func)) (func (param (ref $f)))") => "function references";
    garbage_collection_is_refused:
        around("(type (struct))") => "without the gc feature";
    references_to_the_host_are_refused:
        around("(func (param externref))") => "gc types";
    custom_descriptors_are_refused:
        around("(rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct)))") => "requires `gc`";
    compact_imports_are_refused:
        around(r#"(import "m" (item "f" (func)) (item "g" (func)))"#) => "compact imports";
    custom_page_sizes_are_refused:
        around("(memory 1 (pagesize 1))") => "custom page size";
    stack_switching_is_refused:
        around("(type $f (func)) (type (cont $f))") => "stack switching";
    wide_arithmetic_is_refused:
        around("(func (result i64 i64) (i64.mul_wide_s (i64.const 1) (i64.const 1)))") => "wide arithmetic";
    component_values_are_refused:
        r#"(component (import "v" (value u8)))"# => "`value`s is not enabled";
    nested_names_are_refused:
        r#"(component (import "a:b:c/d" (instance)))"# => "name";
    asynchronous_functions_are_refused:
        r"(component (type (stream u8)))" => "component model async";
    stackful_asynchronous_functions_are_refused:
        r#"(component
            (import "f" (func $f))
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func (export "g") async (canon lift (core func $i "f") async)))"# => "component model async";
    further_asynchronous_builtins_are_refused:
        r"(component (core func (canon task.cancel)))" => "component model async";
    threads_of_components_are_refused:
        r"(component (core func (canon thread.index)))" => "component model threading";
    error_contexts_are_refused:
        r"(component (type error-context))" => "error-context feature";
    lists_of_a_fixed_length_are_refused:
        r"(component (type (list u8 4)))" => "fixed-length lists feature";
    garbage_collection_between_components_is_refused:
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (core type $t (func))
            (func (export "g") (canon lift (core func $i "f") gc)))"# => "cm-gc";
    maps_are_refused:
        r"(component (type (map string u8)))" => "map feature";
    components_of_64_bits_are_refused:
        r#"(component
            (core module $m (memory (export "m") i64 1))
            (core instance $i (instantiate $m))
            (import "f" (func $f (param "p" string)))
            (core func (canon lower (func $f) (memory (core memory $i "m")))))"# => "memory64";
    canonical_names_are_refused:
        r#"(component (import "a:b/c@1" (version-suffix ".0.0") (instance)))"# => "cm-implements";
    implementing_other_names_is_refused:
        r#"(component (import "a" (implements "b:c/d") (instance)))"# => "cm-implements";
}
