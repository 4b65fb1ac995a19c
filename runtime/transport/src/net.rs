//! Ports and connections, whatever is spoken on them: who may connect, how many at once, plain or with TLS.

mod connect;
mod peers;
mod port;
mod socket;
mod watchdog;

pub use peers::{Network, NetworkError, Peers, TurnedAway};
pub use port::{BindError, OpenPort};

pub(crate) use connect::{ConnectFailed, connect};
pub(crate) use port::{Accepted, Port, PortSettings};
pub(crate) use socket::{Waiting, is_open, is_quiet, waiting};
pub(crate) use watchdog::Watchdog;

use std::time::Duration;

use tokio::time::Instant;

/// A report of 10 MB, embedded in base64, is 14 MB.
pub(crate) const CONTENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A message comes in one piece from a working sender; a congested line recovers within this.
pub(crate) const RECEIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// The slowest sender that is waited for, in bytes a second: a line of 9,600 baud.
const BYTES_PER_SECOND_MIN: usize = 960;

/// Before firewalls forget a silent connection, which the strict ones do after five minutes.
pub(crate) const KEEPALIVE: Duration = Duration::from_mins(1);

/// Two retransmissions of the first packet on a working network.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What receivers that store before they reply are commonly given.
pub(crate) const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// An acknowledgement is a few hundred bytes, the answer to a query some hundred thousand.
pub(crate) const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A hospital's systems open one to a few connections each; a sender that opens one for every message and forgets to
/// close it is noticed before file descriptors run out.
pub(crate) const CONNECTIONS_MAX: usize = 256;

/// Below the ten seconds after which a service manager or a container runtime kills.
pub(crate) const SHUTDOWN_WAIT: Duration = Duration::from_secs(8);

/// A peer that takes not a byte for so long is not reading.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Until when what has begun to come must go on, and must have come at a speed that a line of its age can have: a byte a
/// second keeps nobody.
pub(crate) fn receive_deadline(began_at: Instant, read_at: Instant, bytes: usize, timeout: Duration) -> Instant {
    let allowance = Duration::from_secs((bytes / BYTES_PER_SECOND_MIN) as u64);
    (read_at + timeout).min(began_at + timeout + allowance)
}
