//! The room on the data folder's disk, looked at before there is none.
//!
//! A disk that is full stops nothing for good: messages are not acknowledged, and stay with their senders until there is room
//! again. But somebody should know before.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Often enough that a disk which fills at its full speed is not full in between, for a minimum of some gigabytes.
const LOOK: Duration = Duration::from_secs(10);

/// So many bytes are free for the engine on the disk of a folder; none where the kernel does not say.
pub(crate) fn of(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Tells the log when there is less than `free_space_min`, and when there is enough again, until the engine ends.
pub(crate) async fn watch(data: PathBuf, free_space_min: u64, done: CancellationToken) {
    let mut is_low = false;
    loop {
        if let Some(free) = of(&data)
            && (free < free_space_min) != is_low
        {
            is_low = !is_low;
            tell(is_low, &data, free, free_space_min);
        }
        if done.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
            return;
        }
    }
}

fn tell(is_low: bool, data: &Path, free: u64, free_space_min: u64) {
    let (data, free_mib, least_mib) = (data.display(), free >> 20, free_space_min >> 20);
    if is_low {
        tracing::error!(%data, free_mib, least_mib, "the disk is nearly full; when it is, nothing more is acknowledged");
    } else {
        tracing::info!(%data, free_mib, least_mib, "the disk has room again");
    }
}
