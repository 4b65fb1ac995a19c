//! What the plugins of an interface keep.

use std::sync::Arc;

use rusqlite::Connection;

use super::Reading;
use crate::projection::value_place;
use crate::{ReadError, Sealed, StateChange};

const SELECT_SCHEMAS: &str = "SELECT plugin, version FROM state_schemas \
    WHERE interface = (SELECT id FROM interfaces WHERE name = ?1) ORDER BY plugin";

const SELECT_VALUES: &str = "SELECT key, value FROM state_values \
    WHERE interface = (SELECT id FROM interfaces WHERE name = ?1) AND plugin = ?2";

/// As changes to a state that is empty, the keys of each plugin in order.
pub(super) fn kept(reading: &Reading, interface: &str) -> Result<Vec<StateChange>, ReadError> {
    let sealed = sealed(&reading.live, interface).map_err(|error| reading.live_error(&error))?;
    if sealed.iter().all(|(.., values)| values.is_empty()) {
        return Ok(sealed
            .into_iter()
            .map(|(plugin, version, _)| change(plugin, version, Vec::new()))
            .collect());
    }
    let key = reading.journal.keys().state(&Arc::from(interface));
    let key = key.map_err(|error| reading.file_error(&error))?;
    let damaged = || ReadError::Damaged {
        file: reading.file.clone(),
        reason: String::from("what a plugin keeps does not open: it was changed"),
    };
    let opened = |(plugin, version, values): Kept| {
        let mut opened = Vec::with_capacity(values.len());
        for (name, value) in values {
            let name = key
                .open(name, plugin.as_bytes())
                .and_then(|name| String::from_utf8(name).ok());
            let name = name.ok_or_else(damaged)?;
            let value = key.open(value, &value_place(&plugin, &name)).ok_or_else(damaged)?;
            opened.push((name, Some(Sealed::from(value))));
        }
        opened.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(change(plugin, version, opened))
    };
    sealed.into_iter().map(opened).collect()
}

/// What a plugin keeps, sealed.
type Kept = (Arc<str>, u32, Vec<(Vec<u8>, Vec<u8>)>);

fn sealed(connection: &Connection, interface: &str) -> rusqlite::Result<Vec<Kept>> {
    let mut schemas = connection.prepare_cached(SELECT_SCHEMAS)?;
    let plugins = schemas.query_map([interface], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut kept = Vec::new();
    for plugin in plugins {
        let (plugin, schema_version): (Arc<str>, u32) = plugin?;
        let mut values = connection.prepare_cached(SELECT_VALUES)?;
        let values = values.query_map((interface, &plugin), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let values = values.collect::<Result<_, _>>()?;
        kept.push((plugin, schema_version, values));
    }
    Ok(kept)
}

fn change(plugin: Arc<str>, schema_version: u32, values: Vec<(String, Option<Sealed>)>) -> StateChange {
    StateChange {
        plugin,
        schema_version,
        values,
    }
}
