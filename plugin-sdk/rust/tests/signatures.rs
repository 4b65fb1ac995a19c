//! What the compiler says about a function that `#[transform]` does not accept.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::process::Command;

/// The snapshots repeat the compiler word for word, and it words its errors anew now and then.
const WORDED_BY: &str = concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"), ".");

#[test]
fn a_wrong_signature_is_answered_with_the_right_one() {
    let compiler = Command::new("rustc").arg("--version").output();
    let version = compiler
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    if version.starts_with(WORDED_BY) {
        trybuild::TestCases::new().compile_fail("tests/signatures/*.rs");
    } else {
        eprintln!("skipped: the snapshots are worded by {WORDED_BY}x, this is {version}");
    }
}
