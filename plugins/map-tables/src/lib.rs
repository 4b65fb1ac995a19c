//! `transfuse/map-tables`: runs a mapping that is written in TOML and looks codes up in tables.

use map_language::Config;
use transfuse_plugin::prelude::*;

/// Takes a message through the mapping that the configuration holds.
#[transform]
pub fn map_tables(exchange: &Exchange, config: &Config<Table>) -> Outcome {
    config.run(exchange)
}
