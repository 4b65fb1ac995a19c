//! From wasmtime's errors to faults.

use transfuse_message::Payload;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::FaultKind;
use super::location::{locate, own_place};
use super::stop::{Limit, Stop};
use crate::{Limits, Place};

/// wasmtime gives these two limits no type of their own, only a text. A test holds that they are still said like this.
const TRANSFER_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";
const HANDLES_EXHAUSTED: &str = "handle limit exceeded";

/// A fault, without the place where it happened in the chain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) kind: FaultKind,
    pub(crate) location: Option<String>,
    pub(crate) detail: String,
    pub(crate) text: Payload,
    pub(crate) hint: Option<String>,
}

/// Says what ended a run.
pub(crate) fn explain(error: &Error, limits: &Limits) -> Explanation {
    let location = error.downcast_ref::<WasmBacktrace>().and_then(locate);
    let explanation = match (error.downcast_ref::<Stop>(), error.downcast_ref::<Trap>()) {
        (Some(stop), _) => Explanation::of_stop(stop, limits),
        (None, Some(trap)) => Explanation::of_trap(*trap, limits),
        (None, None) => Explanation::of_other(error, limits),
    };
    Explanation {
        location: explanation.location.or(location),
        ..explanation
    }
}

/// Where a plugin stands that was halted; none for any other end.
pub(crate) fn halted_at(error: &Error) -> Option<Place> {
    let is_halted = matches!(error.downcast_ref::<Stop>(), Some(Stop::Halted));
    let backtrace = error.downcast_ref::<WasmBacktrace>().filter(|_| is_halted)?;
    own_place(backtrace)
}

impl Explanation {
    /// A fault that no error of wasmtime tells of.
    pub(crate) fn plain(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            location: None,
            detail: detail.into(),
            text: Payload::default(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(crate) fn with_text(self, text: impl Into<Payload>) -> Self {
        Self {
            text: text.into(),
            ..self
        }
    }

    fn of_stop(stop: &Stop, limits: &Limits) -> Self {
        match stop {
            Stop::Over(limit) => Self::of_limit(*limit, limits),
            Stop::Denied(denial) => {
                let detail = format!("it {}, which no grant allows", denial.deed);
                Self::plain(FaultKind::Denied, detail).with_hint(&denial.hint)
            }
            Stop::Raised { kind, location, text } => Self {
                location: Some(location.clone()).filter(|location| !location.is_empty()),
                ..Self::plain(FaultKind::Trapped, format!("it raised a fault of the kind `{kind}`"))
                    .with_text(text.clone())
            },
            Stop::DocumentBeforeLastStep => {
                let detail = "it forwarded a document, and the steps behind it work on messages";
                Self::plain(FaultKind::MisplacedDocument, detail).with_hint("make it the last of the `[[steps]]`")
            }
            Stop::Halted => Self::plain(FaultKind::Halted, stop.to_string()),
            Stop::HostBroken(detail) => Self::plain(FaultKind::HostBroken, *detail),
        }
    }

    fn of_limit(limit: Limit, limits: &Limits) -> Self {
        let kind = match limit {
            Limit::Deadline => FaultKind::Deadline,
            Limit::Fuel => FaultKind::OutOfFuel,
            Limit::Memory | Limit::TableElements => FaultKind::OutOfMemory,
            Limit::Transfer | Limit::OutputBytes | Limit::Outputs | Limit::Attributes => FaultKind::OutputTooLarge,
            Limit::HostCalls => FaultKind::TooManyCalls,
            Limit::Handles => FaultKind::TooManyHandles,
        };
        Self::plain(kind, limit.describe(limits)).with_hint(limit.hint(limits))
    }

    fn of_trap(trap: Trap, limits: &Limits) -> Self {
        match trap {
            Trap::OutOfFuel => Self::of_limit(Limit::Fuel, limits),
            Trap::Interrupt => Self::of_limit(Limit::Deadline, limits),
            Trap::StackOverflow => Self::plain(
                FaultKind::OutOfStack,
                "it called itself more deeply than the stack allows",
            )
            .with_hint("the stack is the same for all plugins: recurse less deeply"),
            Trap::MemoryOutOfBounds => Self::plain(FaultKind::Trapped, trap.to_string()).with_hint(
                "calling itself too deeply ends like this too, where a plugin keeps its stack in its own memory",
            ),
            // The trap's own words name what WebAssembly forbids, and nothing of the message.
            other => Self::plain(FaultKind::Trapped, other.to_string()),
        }
    }

    /// What wasmtime says in words only. They may quote what a guest returned, so they are kept as the guest's text.
    fn of_other(error: &Error, limits: &Limits) -> Self {
        let words = error.root_cause().to_string();
        if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
            return Self::plain(FaultKind::HostBroken, "there is no room for another instance");
        }
        if words.contains(TRANSFER_EXHAUSTED) {
            return Self::of_limit(Limit::Transfer, limits);
        }
        if words.contains(HANDLES_EXHAUSTED) {
            return Self::of_limit(Limit::Handles, limits);
        }
        Self::plain(FaultKind::Trapped, "it broke the rules of its interface").with_text(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_wasmtime_are_the_guests_text_and_not_the_detail() {
        let explanation = explain(&Error::msg("invalid utf-8: KOVÁCS"), &Limits::default());
        assert_eq!(explanation.kind, FaultKind::Trapped);
        assert!(!explanation.detail.contains("KOV"));
        assert_eq!(explanation.text, Payload::from("invalid utf-8: KOVÁCS"));
    }

    #[test]
    fn a_raised_fault_keeps_its_location_apart_from_its_text() {
        let stop = Stop::Raised {
            kind: "panic".to_owned(),
            location: "src/lib.rs:3".to_owned(),
            text: Payload::from("KOVÁCS"),
        };
        let explanation = explain(&Error::new(stop), &Limits::default());
        assert_eq!(explanation.location.as_deref(), Some("src/lib.rs:3"));
        assert_eq!(explanation.detail, "it raised a fault of the kind `panic`");
        assert_eq!(explanation.text, Payload::from("KOVÁCS"));
    }
}
