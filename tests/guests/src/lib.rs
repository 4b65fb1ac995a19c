//! Hostile plugins, written by hand in WebAssembly text, and a builder that makes components of them.
//!
//! Each file of `wat/` is one plugin: the fields of a core module that defines `$misbehave`. The builder adds memory,
//! an allocator, the imports that the text uses, and the exports of the contract. On the first attempt of a message a
//! plugin forwards it as it is, and on any other it misbehaves: so one chain can show that a message is stopped and the
//! next one is served.
//!
//! [`for_each_guest`] names every file, so that a plugin without a test does not compile.

mod bomb;
mod build;
mod catalog;

pub use bomb::compile_bomb;
pub use build::{BuildError, component};
pub use catalog::{Guest, guest};
