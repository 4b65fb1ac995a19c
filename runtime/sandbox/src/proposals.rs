//! Which WebAssembly a plugin may be made of.

use wasmtime::{Config, WasmFeatures};

/// What compilers emit for the plugins we run: WebAssembly 2.0 without its vector extensions of undefined result, and
/// synchronous components.
const ALLOWED: [WasmFeatures; 10] = [
    WasmFeatures::MUTABLE_GLOBAL,
    WasmFeatures::SATURATING_FLOAT_TO_INT,
    WasmFeatures::SIGN_EXTENSION,
    // References to functions only: garbage-collected references need `GC_TYPES`, which is refused. Carries
    // `CALL_INDIRECT_OVERLONG`, which every LLVM since 2024 emits.
    WasmFeatures::REFERENCE_TYPES,
    WasmFeatures::MULTI_VALUE,
    // Carries `BULK_MEMORY_OPT`.
    WasmFeatures::BULK_MEMORY,
    WasmFeatures::SIMD,
    WasmFeatures::FLOATS,
    WasmFeatures::EXTENDED_CONST,
    WasmFeatures::COMPONENT_MODEL,
];

/// What no plugin needs. Most advisories of 2026 were about garbage collection, exceptions, threads and asynchronous
/// components; the rest would make results depend on the machine or has no user among compilers for plugins.
const REFUSED: [WasmFeatures; 30] = [
    WasmFeatures::RELAXED_SIMD,
    WasmFeatures::THREADS,
    WasmFeatures::SHARED_EVERYTHING_THREADS,
    WasmFeatures::TAIL_CALL,
    WasmFeatures::MULTI_MEMORY,
    WasmFeatures::EXCEPTIONS,
    WasmFeatures::LEGACY_EXCEPTIONS,
    WasmFeatures::MEMORY64,
    WasmFeatures::MEMORY_CONTROL,
    WasmFeatures::FUNCTION_REFERENCES,
    WasmFeatures::GC,
    WasmFeatures::GC_TYPES,
    WasmFeatures::CUSTOM_DESCRIPTORS,
    WasmFeatures::CUSTOM_PAGE_SIZES,
    WasmFeatures::STACK_SWITCHING,
    WasmFeatures::WIDE_ARITHMETIC,
    WasmFeatures::COMPACT_IMPORTS,
    WasmFeatures::CM_VALUES,
    WasmFeatures::CM_NESTED_NAMES,
    WasmFeatures::CM_ASYNC,
    WasmFeatures::CM_ASYNC_STACKFUL,
    WasmFeatures::CM_MORE_ASYNC_BUILTINS,
    WasmFeatures::CM_THREADING,
    WasmFeatures::CM_ERROR_CONTEXT,
    WasmFeatures::CM_FIXED_LENGTH_LISTS,
    WasmFeatures::CM_GC,
    WasmFeatures::CM_MAP,
    WasmFeatures::CM64,
    WasmFeatures::CM_IMPLEMENTS,
    WasmFeatures::CM_CANON_NAMES,
];

/// Sets every proposal, because a Cargo feature that is off does not turn its proposal off.
pub(crate) fn set_proposals(config: &mut Config) {
    for feature in ALLOWED {
        config.wasm_features(feature, true);
    }
    for feature in REFUSED {
        config.wasm_features(feature, false);
    }
    config.concurrency_support(false);
    config.shared_memory(false);
    config.relaxed_simd_deterministic(true);
}

#[cfg(test)]
mod tests;
