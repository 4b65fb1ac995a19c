//! From the fields of a core module to a component of the contract.

use std::fmt;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Why a text does not make a component; for the person who writes the test.
#[derive(Debug)]
pub struct BuildError(String);

/// Makes a component of the fields of a core module.
///
/// The text must define `$misbehave` (a handle of the exchange in, a pointer to the result out), and may define `$init`.
/// What it may call is in `IMPORTS`; `$ok` gives the pointer to a result without an error, and `$forward_input` forwards
/// what came in. Bytes 64 to 128 are for results of the host, those from 1,024 to 65,536 are the text's own.
pub fn component(fields: &str) -> Result<Vec<u8>, BuildError> {
    let mut module = wat::parse_str(module(fields)).map_err(BuildError::new)?;
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = resolve.push_dir(contract).map_err(BuildError::new)?;
    let world = resolve
        .select_world(&[package], Some("transform"))
        .map_err(BuildError::new)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(BuildError::new)?;
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .map_err(BuildError::new)?;
    encoder.encode().map_err(BuildError::new)
}

/// The functions of the host by the name that texts call them by, and their types as the canonical ABI flattens them.
const IMPORTS: &[(&str, &str, &str, &str)] = &[
    (
        "$attempt",
        "exchanges",
        "[method]exchange.attempt",
        "(param i32) (result i32)",
    ),
    ("$id", "exchanges", "[method]exchange.id", "(param i32 i32)"),
    ("$input", "exchanges", "[method]exchange.message", "(param i32 i32)"),
    (
        "$attribute",
        "exchanges",
        "[method]exchange.attribute",
        "(param i32 i32 i32 i32)",
    ),
    (
        "$set_attribute",
        "exchanges",
        "[method]exchange.set-attribute",
        "(param i32 i32 i32 i32 i32)",
    ),
    (
        "$forward",
        "exchanges",
        "[method]exchange.forward",
        "(param i32 i32 i32 i32)",
    ),
    ("$document", "exchanges", "[method]exchange.document", "(param i32 i32)"),
    (
        "$forward_document",
        "exchanges",
        "[method]exchange.forward-document",
        "(param i32 i32 i32 i32 i32 i32 i32)",
    ),
    (
        "$length",
        "exchanges",
        "[method]document.length",
        "(param i32) (result i64)",
    ),
    ("$read", "exchanges", "[method]document.read", "(param i32 i64 i32 i32)"),
    ("$drop_document", "exchanges", "[resource-drop]document", "(param i32)"),
    ("$filter", "exchanges", "[method]exchange.filter", "(param i32 i32 i32)"),
    ("$drop_exchange", "exchanges", "[resource-drop]exchange", "(param i32)"),
    ("$drop_message", "hl7v2", "[resource-drop]message", "(param i32)"),
    ("$parse", "hl7v2", "[static]message.parse", "(param i32 i32 i32)"),
    ("$copy", "hl7v2", "[method]message.copy", "(param i32) (result i32)"),
    ("$get", "hl7v2", "[method]message.get", "(param i32 i32 i32 i32)"),
    (
        "$get_many",
        "hl7v2",
        "[method]message.get-many",
        "(param i32 i32 i32 i32)",
    ),
    (
        "$rows",
        "hl7v2",
        "[method]message.rows",
        "(param i32 i32 i32 i32 i32 i32)",
    ),
    (
        "$get_raw",
        "hl7v2",
        "[method]message.get-raw",
        "(param i32 i32 i32 i32)",
    ),
    (
        "$set",
        "hl7v2",
        "[method]message.set",
        "(param i32 i32 i32 i32 i32 i32)",
    ),
    (
        "$set_many",
        "hl7v2",
        "[method]message.set-many",
        "(param i32 i32 i32 i32)",
    ),
    (
        "$set_raw",
        "hl7v2",
        "[method]message.set-raw",
        "(param i32 i32 i32 i32 i32 i32)",
    ),
    (
        "$copy_from",
        "hl7v2",
        "[method]message.copy-from",
        "(param i32 i32 i32 i32 i32 i32 i32)",
    ),
    ("$clear", "hl7v2", "[method]message.clear", "(param i32 i32 i32 i32)"),
    ("$count", "hl7v2", "[method]message.count", "(param i32 i32 i32 i32)"),
    (
        "$insert",
        "hl7v2",
        "[method]message.insert",
        "(param i32 i32 i32 i32 i32 i32)",
    ),
    ("$remove", "hl7v2", "[method]message.remove", "(param i32 i32 i32 i32)"),
    (
        "$get_time",
        "hl7v2",
        "[method]message.get-time",
        "(param i32 i32 i32 i32 i32 i32 i32 i32)",
    ),
    (
        "$set_time",
        "hl7v2",
        "[method]message.set-time",
        "(param i32 i32 i32 i64 i32 i32 i32 i32 i32)",
    ),
    ("$encode", "hl7v2", "[method]message.encode", "(param i32 i32)"),
    ("$groups", "hl7v2", "[method]message.groups", "(param i32 i32 i32 i32)"),
    (
        "$name_of",
        "hl7v2",
        "[method]message.name-of",
        "(param i32 i32 i32 i32)",
    ),
    (
        "$datatype_of",
        "hl7v2",
        "[method]message.datatype-of",
        "(param i32 i32 i32 i32)",
    ),
    (
        "$table_of",
        "hl7v2",
        "[method]message.table-of",
        "(param i32 i32 i32 i32)",
    ),
    ("$log", "log", "write", "(param i32 i32 i32)"),
    ("$raise", "faults", "raise", "(param i32 i32 i32 i32 i32 i32)"),
    ("$state_get", "state", "get", "(param i32 i32 i32)"),
    ("$state_set", "state", "set", "(param i32 i32 i32 i32 i32)"),
    ("$state_remove", "state", "remove", "(param i32 i32)"),
    ("$state_keys", "state", "keys", "(param i32 i32 i32 i32 i32 i32)"),
    ("$state_version", "state", "schema-version", "(result i32)"),
    ("$open", "tables", "[static]table.open", "(param i32 i32 i32)"),
    ("$columns", "tables", "[method]table.columns", "(param i32 i32)"),
    ("$drop_table", "tables", "[resource-drop]table", "(param i32)"),
    (
        "$find",
        "tables",
        "[method]table.find",
        "(param i32 i32 i32 i32 i32 i32)",
    ),
];

/// What every plugin has: memory, an allocator that never frees, and what it does on the first attempt.
const COMMON: &str = r#"
    (memory $memory (export "memory") 2)
    (global $heap (mut i32) (i32.const 65536))

    (func $allocate (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32)
            (result i32)
        (local $start i32)
        (local.set $start
            (i32.and
                (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get $align))))
        (global.set $heap (i32.add (local.get $start) (local.get $size)))
        (block $fits
            (loop $more
                (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
                (drop (memory.grow (i32.const 1)))
                (br $more)))
        (local.get $start))

    ;; A result without an error: 32 bytes of nothing.
    (func $ok (result i32) (i32.const 16))

    ;; The message that came in.
    (func $message (param $exchange i32) (result i32)
        (call $input (local.get $exchange) (i32.const 64))
        (i32.load (i32.const 68)))

    (func $forward_input (param $exchange i32)
        (local $message i32)
        (local.set $message (call $message (local.get $exchange)))
        (call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))
        (call $drop_message (local.get $message)))

    (func $transform (export "transfuse:plugin/transformer@1.0.0#transform") (param $exchange i32) (result i32)
        (if (i32.ne (call $attempt (local.get $exchange)) (i32.const 1))
            (then (return (call $misbehave (local.get $exchange)))))
        (call $forward_input (local.get $exchange))
        (call $drop_exchange (local.get $exchange))
        (call $ok))

    (export "transfuse:plugin/transformer@1.0.0#init" (func $init))
"#;

/// For texts that have no `$init` of their own.
const DEFAULT_INIT: &str = "(func $init (param i32 i32) (result i32) (call $ok))";

fn module(fields: &str) -> String {
    let init = if fields.contains("(func $init") {
        ""
    } else {
        DEFAULT_INIT
    };
    let calls = |name: &str| {
        let call = format!("call {name}");
        [fields, COMMON].iter().any(|text| {
            text.match_indices(&call)
                .any(|(at, _)| ends_a_name(text, at + call.len()))
        })
    };
    let imports: String = IMPORTS.iter().filter(|(name, ..)| calls(name)).map(import).collect();
    format!("(module {imports} {COMMON} {init} {fields})")
}

fn import((name, interface, function, signature): &(&str, &str, &str, &str)) -> String {
    format!("(import \"transfuse:plugin/{interface}@1.0.0\" \"{function}\" (func {name} {signature}))\n")
}

fn ends_a_name(text: &str, at: usize) -> bool {
    text.as_bytes()
        .get(at)
        .is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
}

impl BuildError {
    fn new(error: impl fmt::Display + fmt::Debug) -> Self {
        Self(format!("{error:#}"))
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}
