//! Control of a running engine: HTTP over a Unix socket in the data folder.
//!
//! Whoever may open the socket may do everything, and see message content: its rights are those of the data folder.
//! The command line uses nothing else, so that whatever it shows can be had by other programs as well.

mod client;
mod content;
mod server;
mod socket;
pub(crate) mod view;
pub(crate) mod wire;

pub(crate) use client::{Client, ClientError};
pub(crate) use server::{Controlled, serve};
pub(crate) use socket::bind;
