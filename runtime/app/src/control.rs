//! Control of a running engine: HTTP over a Unix socket, in the data folder or where `[control]` says.
//!
//! Whoever may open the socket may do everything, and see message content: the engine's own account, root, and the group that the
//! site names. Who it was is what the kernel says of the connection, and is kept with all that they change.
//! The command line uses nothing else, so that whatever it shows can be had by other programs as well.

mod client;
mod content;
mod server;
mod socket;
pub(crate) mod view;
pub(crate) mod wire;

pub(crate) use client::{Client, ClientError};
pub(crate) use server::{Beside, Controlled, serve};
pub(crate) use socket::bind;

/// Names who has become root or the engine's account, as sudo said to the command that asks.
const SUDO_USER_HEADER: &str = "transfuse-sudo-user";
