//! What must hold for any bytes that are read as a message, and for any edit of it.
//!
//! [`check`] takes one input and panics where a rule is broken. It is driven in two ways: by `tests/bounded.rs`, a few
//! seconds of every `make test`, which starts from the kept inputs in `corpus/` and changes them at random; and by
//! `make fuzz`, where libFuzzer looks for inputs that reach code which no other has reached.

mod check;
mod edit;
mod input;
mod mutate;
mod nodes;
mod whole;

pub use check::check;
pub use mutate::{Mutator, Random};
