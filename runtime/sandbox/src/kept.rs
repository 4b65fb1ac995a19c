//! What plugins keep between messages: as it was before a message, and what the message's chain writes over it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use transfuse_message::Payload;

use crate::Limits;

/// The longest key, in bytes: an identifier with its assigning authority fits several times over, and every key is
/// held in memory.
pub const STATE_KEY_BYTES_MAX: usize = 256;

/// The largest value, in bytes. State is for counters, mappings and the last thing seen; messages are kept elsewhere.
pub const STATE_VALUE_BYTES_MAX: usize = 64 << 10;

/// What the plugins of one interface keep, at one moment. A clone is cheap, and stays as it is when the original
/// changes. `Debug` prints sizes: keys and values may hold patient data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct State {
    /// By the name of the plugin.
    plugins: Arc<BTreeMap<Arc<str>, Kept>>,
}

/// What one plugin keeps.
#[derive(Clone, Default, PartialEq, Eq)]
struct Kept {
    schema_version: u32,
    values: BTreeMap<String, Payload>,
    /// Of keys and values together.
    bytes: usize,
}

/// What a chain wrote for one of its plugins. `Debug` prints sizes.
#[derive(Clone, PartialEq, Eq)]
pub struct StateWrites {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// The schema version of the plugin that wrote.
    pub schema_version: u32,
    /// Each key once, in the order of their bytes, and its new value; `None` where it was taken out.
    pub values: Vec<(String, Option<Payload>)>,
}

/// Why a value cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unkept {
    BadKey,
    ValueTooLarge,
    TooManyBytes,
    TooManyKeys,
}

/// The state as a chain sees it: what was there, and what its steps wrote since.
#[derive(Clone, Default)]
pub(crate) struct Overlay {
    before: State,
    /// By the name of the plugin.
    written: BTreeMap<Arc<str>, Written>,
}

/// What is written for one plugin.
#[derive(Clone, Default)]
struct Written {
    schema_version: u32,
    values: BTreeMap<String, Option<Payload>>,
    /// What the plugin's state comes to with it.
    size: Size,
}

/// How much a plugin keeps.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Of keys and values together.
    bytes: usize,
    keys: usize,
}

/// Keys that were found, and what finding them looked at, in bytes.
pub(crate) struct FoundKeys {
    pub(crate) keys: Vec<String>,
    pub(crate) looked_at_bytes: usize,
}

/// What looking at a key takes beside its bytes.
pub(crate) const KEY_LOOK_BYTES: usize = 64;

impl State {
    /// Makes what `writes` say durable the state from now on.
    pub fn apply(&mut self, writes: &[StateWrites]) {
        if writes.is_empty() {
            return;
        }
        let plugins = Arc::make_mut(&mut self.plugins);
        for write in writes {
            plugins.entry(Arc::clone(&write.plugin)).or_default().apply(write);
        }
    }

    /// The schema version of whoever last wrote for this plugin; 0 where nobody did.
    #[must_use]
    pub fn schema_version(&self, plugin: &str) -> u32 {
        self.plugins.get(plugin).map_or(0, |kept| kept.schema_version)
    }

    /// The value of a plugin's key.
    #[must_use]
    pub fn get(&self, plugin: &str, key: &str) -> Option<&Payload> {
        self.plugins.get(plugin)?.values.get(key)
    }

    /// A plugin's keys and values, in the order of the keys' bytes.
    pub fn values(&self, plugin: &str) -> impl Iterator<Item = (&str, &Payload)> {
        let kept = self.plugins.get(plugin);
        kept.into_iter()
            .flat_map(|kept| kept.values.iter().map(|(key, value)| (key.as_str(), value)))
    }

    /// The plugins that ever wrote.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<str>> {
        self.plugins.keys()
    }
}

impl Kept {
    fn size(&self) -> Size {
        Size {
            bytes: self.bytes,
            keys: self.values.len(),
        }
    }

    fn apply(&mut self, write: &StateWrites) {
        self.schema_version = write.schema_version;
        for (key, value) in &write.values {
            let before = match value {
                Some(value) => self.values.insert(key.clone(), value.clone()),
                None => self.values.remove(key),
            };
            self.bytes =
                self.bytes.saturating_sub(size_of_entry(key, before.as_ref())) + size_of_entry(key, value.as_ref());
        }
    }
}

impl Overlay {
    pub(crate) fn over(before: State) -> Self {
        Self {
            before,
            written: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&self, plugin: &str, key: &str) -> Option<&Payload> {
        match self.written.get(plugin).and_then(|written| written.values.get(key)) {
            Some(written) => written.as_ref(),
            None => self.before.get(plugin, key),
        }
    }

    /// Puts a value in place, as a plugin of this schema version.
    pub(crate) fn set(
        &mut self,
        plugin: &Arc<str>,
        schema_version: u32,
        key: String,
        value: Payload,
        limits: &Limits,
    ) -> Result<(), Unkept> {
        if key.is_empty() || key.len() > STATE_KEY_BYTES_MAX {
            return Err(Unkept::BadKey);
        }
        if value.len() > STATE_VALUE_BYTES_MAX {
            return Err(Unkept::ValueTooLarge);
        }
        let replaced = self.get(plugin, &key).map(|value| size_of_entry(&key, Some(value)));
        let before = self.size(plugin);
        let bytes = before.bytes - replaced.unwrap_or_default() + size_of_entry(&key, Some(&value));
        let keys = before.keys + usize::from(replaced.is_none());
        // What is over the quota already, because that was lowered, may still become smaller.
        if bytes > limits.state_bytes_max && bytes > before.bytes {
            return Err(Unkept::TooManyBytes);
        }
        if keys > limits.state_keys_max && keys > before.keys {
            return Err(Unkept::TooManyKeys);
        }
        self.write(plugin, schema_version, Size { bytes, keys }, key, Some(value));
        Ok(())
    }

    pub(crate) fn remove(&mut self, plugin: &Arc<str>, schema_version: u32, key: String) {
        let Some(removed) = self.get(plugin, &key).map(|value| size_of_entry(&key, Some(value))) else {
            return;
        };
        let before = self.size(plugin);
        let size = Size {
            bytes: before.bytes - removed,
            keys: before.keys - 1,
        };
        self.write(plugin, schema_version, size, key, None);
    }

    fn write(&mut self, plugin: &Arc<str>, schema_version: u32, size: Size, key: String, value: Option<Payload>) {
        let written = self.written.entry(Arc::clone(plugin)).or_default();
        written.schema_version = schema_version;
        written.size = size;
        written.values.insert(key, value);
    }

    fn size(&self, plugin: &str) -> Size {
        let before = || self.before.plugins.get(plugin).map(Kept::size).unwrap_or_default();
        self.written.get(plugin).map_or_else(before, |written| written.size)
    }

    /// The keys that begin with `prefix`, behind `after`, at most `limit` of them.
    pub(crate) fn keys(&self, plugin: &str, prefix: &str, after: &str, limit: usize) -> FoundKeys {
        let from = if after >= prefix {
            Bound::Excluded(after)
        } else {
            Bound::Included(prefix)
        };
        let is_written = |key: &str| self.written.get(plugin).and_then(|written| written.values.get(key));
        let before = self.before.plugins.get(plugin).into_iter();
        let before = before.flat_map(|kept| kept.values.range::<str, _>((from, Bound::Unbounded)));
        let mut before = before
            .map(|(key, _)| (key, is_written(key).is_none()))
            .take_while(|(key, _)| key.starts_with(prefix))
            .peekable();
        let written = self.written.get(plugin).into_iter();
        let written = written.flat_map(|written| written.values.range::<str, _>((from, Bound::Unbounded)));
        let mut written = written
            .map(|(key, value)| (key, value.is_some()))
            .take_while(|(key, _)| key.starts_with(prefix))
            .peekable();
        let mut found = FoundKeys {
            keys: Vec::new(),
            looked_at_bytes: KEY_LOOK_BYTES,
        };
        while found.keys.len() < limit {
            let is_older = match (before.peek(), written.peek()) {
                (None, None) => break,
                (Some((older, _)), Some((newer, _))) => older < newer,
                (older, _) => older.is_some(),
            };
            let Some((key, is_there)) = (if is_older { before.next() } else { written.next() }) else {
                break;
            };
            found.looked_at_bytes += KEY_LOOK_BYTES + key.len();
            if is_there {
                found.keys.push(key.clone());
            }
        }
        found
    }

    pub(crate) fn schema_version(&self, plugin: &str) -> u32 {
        self.written
            .get(plugin)
            .map_or_else(|| self.before.schema_version(plugin), |written| written.schema_version)
    }

    /// What is to be made durable.
    pub(crate) fn into_writes(self) -> Vec<StateWrites> {
        let written = self.written.into_iter();
        written
            .map(|(plugin, written)| StateWrites {
                plugin,
                schema_version: written.schema_version,
                values: written.values.into_iter().collect(),
            })
            .collect()
    }
}

impl Unkept {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::BadKey => "bad-key",
            Self::ValueTooLarge => "value-too-large",
            Self::TooManyBytes | Self::TooManyKeys => "over-quota",
        }
    }

    pub(crate) fn text(self, limits: &Limits) -> String {
        match self {
            Self::BadKey => format!("a key has 1 to {STATE_KEY_BYTES_MAX} bytes"),
            Self::ValueTooLarge => format!("a value has at most {STATE_VALUE_BYTES_MAX} bytes"),
            Self::TooManyBytes => format!(
                "a plugin keeps at most {} bytes of keys and values here; take keys out, or raise `state` in the step's limits",
                limits.state_bytes_max
            ),
            Self::TooManyKeys => format!(
                "a plugin keeps at most {} keys here; take keys out, or raise `state_keys` in the step's limits",
                limits.state_keys_max
            ),
        }
    }
}

/// What a key takes with its value; nothing where there is none.
fn size_of_entry(key: &str, value: Option<&Payload>) -> usize {
    value.map_or(0, |value| key.len() + value.len())
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = |kept: &Kept| format!("{} keys, {} bytes", kept.values.len(), kept.bytes);
        f.debug_map()
            .entries(self.plugins.iter().map(|(plugin, one)| (plugin, kept(one))))
            .finish()
    }
}

impl fmt::Debug for StateWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateWrites({}, {} keys)", self.plugin, self.values.len())
    }
}

#[cfg(test)]
mod tests;
