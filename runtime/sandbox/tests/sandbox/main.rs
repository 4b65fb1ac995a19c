//! The sandbox from outside: what its users rely on, with plugins written by hand.

mod support;

mod chains;
mod grants;
mod hostile;
mod loading;
mod reuse;
mod threads;
mod times;
