//! What `bindgen!` makes of `wit/`, and nothing else.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "transform",
    imports: { default: trappable },
    with: {
        "transfuse:plugin/hl7v2.message": crate::state::HeldMessage,
        "transfuse:plugin/tables.table": crate::state::OpenTable,
        "transfuse:plugin/exchanges.document": crate::state::OpenDocument,
        "transfuse:plugin/exchanges.exchange": crate::state::Exchange,
    },
});
