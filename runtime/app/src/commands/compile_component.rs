//! `transfuse compile-component`: the compiler's side of the sandbox, in a process of its own.

use std::io;

use transfuse_sandbox::serve_compilation;

use crate::console::Console;
use crate::failure::{Exit, Outcome};

/// Compiles one component from stdin to stdout, as the sandbox of another process asks. Its words are for that process.
#[expect(clippy::unnecessary_wraps, reason = "every command is run alike")]
pub(crate) fn run(console: Console) -> Outcome {
    let served = console.stream(|mut output| serve_compilation(&mut io::stdin().lock(), &mut output));
    match served {
        Ok(()) => Ok(Exit::Success),
        Err(error) => {
            console.note(error);
            Ok(Exit::Failure)
        }
    }
}
