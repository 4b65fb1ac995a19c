//! `transfuse:plugin/state`.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::run::Run;

/// The limits of the engine, so that a plugin which goes beyond them finds out in its unit tests.
const KEY_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 64 << 10;
const STATE_BYTES_MAX: usize = 1 << 20;
const STATE_KEYS_MAX: usize = 10_000;

#[derive(Debug)]
pub(crate) struct StateError {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// What a plugin keeps, and the schema version of what last wrote it.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateContent {
    pub(crate) values: BTreeMap<String, Vec<u8>>,
    pub(crate) schema_version: u32,
}

pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
    Run::current()?.state.borrow().values.get(key).cloned()
}

pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), StateError> {
    let Some(run) = Run::current() else { return Ok(()) };
    let values = &mut run.state.borrow_mut().values;
    let others = || values.iter().filter(|(other, _)| *other != key);
    let bytes: usize = others().map(|(key, value)| key.len() + value.len()).sum();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(error("bad-key", format!("a key has 1 to {KEY_BYTES_MAX} bytes")));
    }
    if value.len() > VALUE_BYTES_MAX {
        let text = format!("a value has at most {VALUE_BYTES_MAX} bytes");
        return Err(error("value-too-large", text));
    }
    if bytes + key.len() + value.len() > STATE_BYTES_MAX || others().count() >= STATE_KEYS_MAX {
        let text = format!("a plugin keeps at most {STATE_BYTES_MAX} bytes and {STATE_KEYS_MAX} keys by default");
        return Err(error("over-quota", text));
    }
    values.insert(key.to_owned(), value.to_vec());
    Ok(())
}

pub(crate) fn remove(key: &str) {
    if let Some(run) = Run::current() {
        run.state.borrow_mut().values.remove(key);
    }
}

pub(crate) fn keys(prefix: &str, after: &str, limit: u32) -> Vec<String> {
    let Some(run) = Run::current() else { return Vec::new() };
    let state = run.state.borrow();
    let keys = state.values.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
    let keys = keys.map(|(key, _)| key).filter(|key| key.starts_with(prefix));
    keys.take(limit as usize).cloned().collect()
}

pub(crate) fn schema_version() -> u32 {
    Run::current().map_or(0, |run| run.state.borrow().schema_version)
}

fn error(code: &str, text: String) -> StateError {
    StateError {
        code: code.to_owned(),
        text,
    }
}
