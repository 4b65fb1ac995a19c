//! The two functions that a component exports, and the way out for a plugin that cannot go on.

use std::cell::OnceCell;
use std::panic::PanicHookInfo;

use super::{Prepared, Transform};
use crate::exchange::Exchange;
use crate::host::exchanges::{self, Rejection};
use crate::host::faults;
use crate::outcome::{Outcome, Stop};

thread_local! {
    static PREPARED: OnceCell<Prepared> = const { OnceCell::new() };
}

/// `transformer.init` of the contract.
pub fn init<Shape>(function: impl Transform<Shape>, config: &[u8]) -> Result<(), String> {
    std::panic::set_hook(Box::new(report_panic));
    let prepared = function.prepare(config)?;
    // The contract calls `init` once per instance; a host that calls it again keeps what it set first.
    PREPARED.with(|cell| _ = cell.set(prepared));
    Ok(())
}

/// `transformer.transform` of the contract.
pub fn transform(exchange: &exchanges::Exchange) -> Result<(), Rejection> {
    let outcome = PREPARED.with(|cell| match cell.get() {
        Some(prepared) => prepared(&Exchange::from_host(exchange)),
        None => Err(Stop::fault(
            "not-initialised",
            "the host called `transform` before `init`",
        )),
    });
    finish(outcome)
}

fn finish(outcome: Outcome) -> Result<(), Rejection> {
    match outcome {
        Ok(_) => Ok(()),
        Err(Stop::Reject(reject)) => Err(Rejection {
            code: reject.code().as_str().to_owned(),
            path: reject.path().map(str::to_owned),
            reason: reject.reason().to_owned(),
        }),
        Err(Stop::Fault(fault)) => raise(fault.kind, &fault.location.to_string(), &fault.text),
    }
}

/// A panic aborts on this target, and its message would be lost.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    raise(
        "panic",
        &location,
        panic.payload_as_str().unwrap_or("a panic without a message"),
    )
}

fn raise(kind: &str, location: &str, text: &str) -> ! {
    faults::raise(kind, location, text);
    // The host does not return from `raise`; one that did would meet a trap.
    std::process::abort()
}
