//! `transfuse/map`: runs a mapping that is written in TOML. Mappings that look codes up in tables run in
//! `transfuse/map-tables`: what a component can ask of its host is fixed when it is built, and a hospital that grants a
//! mapping no table must be able to see that it cannot open one.

use map_language::{Config, NoTables};
use transfuse_plugin::prelude::*;

/// Takes a message through the mapping that the configuration holds.
#[transform]
pub fn map(exchange: &Exchange, config: &Config<NoTables>) -> Outcome {
    config.run(exchange)
}
