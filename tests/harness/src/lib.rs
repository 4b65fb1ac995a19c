//! What the suite needs around an engine: a site folder, the process itself, senders and receivers.
//!
//! It knows the product only as a user does: by its binary, its files and its sockets. The framing here is written
//! again on purpose, so that a fault in the product's own framing cannot hide in its tests.

mod authority;
mod built;
mod clock;
mod disk;
mod engine;
mod http;
mod http_sink;
mod mllp;
mod preloaded;
mod sample;
mod sink;
mod site;
mod wait;

pub use authority::{Authority, Certified, Valid};
pub use built::{binary, compiled, corpus, plugins, python, target_folder, test_plugins};
pub use clock::Clock;
pub use disk::{Disk, DiskCounts, DiskFault, DiskOperation};
pub use engine::{Engine, Finished};
pub use http::{Client, Response};
pub use http_sink::{HttpSink, Posted, Told};
pub use mllp::{Connection, NOT_STORED, STORED, frame};
pub use sample::{control_id_of, observation};
pub use sink::{Delivered, Reply, Sink};
pub use site::{InterfaceFile, Site};
pub use wait::wait_until;
