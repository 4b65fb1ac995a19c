//! How the process is asked to stop.

use std::io;
use std::process;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell reports for a process that was interrupted.
const EXIT_INTERRUPTED: i32 = 130;

/// The first SIGTERM or SIGINT cancels `stop`; the second one ends the process at once, whatever it is doing. What that
/// cuts short is taken up by the next start.
pub(crate) fn stop_on_first_and_exit_on_second(stop: CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.is_cancelled() {
                exit_at_once();
            }
            stop.cancel();
        }
    });
    Ok(())
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "whoever signals twice wants the process gone, not its destructors run"
)]
fn exit_at_once() {
    process::exit(EXIT_INTERRUPTED);
}
