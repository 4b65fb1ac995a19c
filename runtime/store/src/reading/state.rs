//! What the plugins of an interface keep.

use std::sync::Arc;

use rusqlite::Connection;

use crate::{Sealed, StateChange};

const SELECT_SCHEMAS: &str = "SELECT plugin, version FROM state_schemas \
    WHERE interface = (SELECT id FROM interfaces WHERE name = ?1) ORDER BY plugin";

const SELECT_VALUES: &str = "SELECT key, value FROM state_values \
    WHERE interface = (SELECT id FROM interfaces WHERE name = ?1) AND plugin = ?2 ORDER BY key";

/// As changes to a state that is empty.
pub(super) fn kept(connection: &Connection, interface: &str) -> rusqlite::Result<Vec<StateChange>> {
    let mut schemas = connection.prepare_cached(SELECT_SCHEMAS)?;
    let plugins = schemas.query_map([interface], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut kept = Vec::new();
    for plugin in plugins {
        let (plugin, schema_version): (Arc<str>, u32) = plugin?;
        let mut values = connection.prepare_cached(SELECT_VALUES)?;
        let values = values.query_map((interface, &plugin), |row| {
            let value: Vec<u8> = row.get(1)?;
            Ok((row.get(0)?, Some(Sealed::from(value))))
        })?;
        kept.push(StateChange {
            schema_version,
            values: values.collect::<Result<_, _>>()?,
            plugin,
        });
    }
    Ok(kept)
}
