//! The host's side of the contract: one module for each interface of `wit/`.
//!
//! A host function counts and charges for the call first, then asks the grants, then does the work. What is the guest's
//! mistake by contract is a result; what no guest may do is an error, which ends the instance.

mod exchanges;
mod faults;
mod hl7v2;
mod log;
mod state;
mod tables;

use transfuse_message::Payload;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::Transform;
use crate::state::StepState;

/// What is kept of a text that people read: the reason of a filter, the words of a fault. A stack trace fits.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Everything that a plugin may import. Which of it one may use is decided where it becomes a step.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<StepState>> {
    let mut linker = Linker::new(engine);
    Transform::add_to_linker::<StepState, HasSelf<StepState>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// A text that people read, cut between characters where it is too long for them.
fn readable(mut text: String) -> Payload {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    Payload::from(text)
}
