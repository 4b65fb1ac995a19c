//! The keys of what the store keeps sealed: one for each interface and day, wrapped by a master key that the data folder does
//! not hold.
//!
//! ```text
//! master key (a file elsewhere) ─▶ keys.sqlite (wrapped) ─▶ journal: raw, outputs, detail, note, state
//!                                                        ├▶ live.sqlite: what plugins keep
//!                                                        └▶ catalog.sqlite: details of evidence
//! ```
//!
//! Sealing is done by whoever hands something in, on their own thread; opening by whoever reads. A key is on the disk before
//! anything is sealed by it, and the next day's is made ahead, so that midnight costs nobody a sync.

mod master;
mod seal;
mod vault;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::OpenError;
use crate::clock::{Clock, Day};
use crate::format::{classify, damaged};
use crate::sync::lock;

use master::MasterKey;
use vault::{Kept, Vault};

pub(crate) use seal::{Belonging, DataKey, SealError, StateKey};
pub(crate) use vault::KeyError;

/// Keys that are kept ready by their number: those of some years of an interface, or of some days of hundreds.
const READY_MAX: usize = 4096;

/// The day of the key of what plugins keep: it belongs to none.
const STATE_DAY: i64 = 0;

/// All keys of a data folder.
pub(crate) struct Keys {
    /// None where nothing in the folder was ever sealed.
    vault: Option<Mutex<Vault>>,
    sealed_from: i64,
    clock: Clock,
    /// What is sealed with at present, by interface.
    current: RwLock<HashMap<Arc<str>, Current>>,
    /// By number.
    ready: Mutex<HashMap<i64, Held>>,
    states: Mutex<HashMap<Arc<str>, Arc<StateKey>>>,
}

struct Current {
    key: Arc<DataKey>,
    day: Day,
}

/// What became of a key.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Here(Arc<DataKey>),
    /// What it sealed is gone for good.
    Destroyed,
    /// There never was one of this number.
    Unknown,
}

/// Where the master key is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum MasterKeyFile {
    /// In a file beside the data folder, `NAME.key`, which the first start makes.
    #[default]
    Beside,
    /// In this file, which has to be there.
    At(PathBuf),
}

/// The keys of a data folder, as far as they may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReport {
    /// The file that holds the master key.
    pub master_file: PathBuf,
    /// Tells master keys apart.
    pub fingerprint: String,
    /// Since when that is the master key, in milliseconds since 1970 UTC.
    pub since_ms: i64,
    /// By interface.
    pub interfaces: Vec<InterfaceKeys>,
}

/// The keys of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceKeys {
    /// Its name.
    pub interface: String,
    /// The first day that has a key, as `yyyymmdd`; none where there is none.
    pub first_day: Option<i64>,
    /// The last day that has one.
    pub last_day: Option<i64>,
    /// Days that have a key.
    pub keys: u64,
    /// Days whose key was destroyed.
    pub destroyed: u64,
}

/// A master key was put in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotated {
    /// The file that holds it.
    pub master_file: PathBuf,
    /// Its fingerprint.
    pub fingerprint: String,
    /// That of the one before.
    pub earlier: String,
    /// Keys that it wraps from now on.
    pub keys: u64,
}

/// What opening keys gives.
#[derive(Debug)]
pub(crate) struct KeysOpened {
    pub(crate) keys: Arc<Keys>,
    /// A master key was made: in which file.
    pub(crate) made: Option<PathBuf>,
}

/// What the journal holds when its keys are looked for.
pub(crate) struct JournalSeal {
    /// The last position: what comes behind it is sealed.
    pub(crate) end: i64,
    /// Whether any of it is sealed already.
    pub(crate) is_sealed: bool,
}

impl Keys {
    /// Opens the keys of a data folder; where it has none, makes their file, and the master key where that is to be beside the
    /// folder and is not there.
    pub(crate) fn open(
        folder: &Path,
        place: &MasterKeyFile,
        clock: Clock,
        journal: impl FnOnce() -> Result<JournalSeal, OpenError>,
    ) -> Result<KeysOpened, OpenError> {
        let (file, master_file) = (keys_in(folder), master_file(folder, place)?);
        let connection = vault::connect(&file)?;
        let row = vault::master_row(&connection).map_err(|error| classify(&file, &error))?;
        if row.is_some() {
            let vault = Vault::open(&file, connection, master_file)?;
            return Ok(KeysOpened {
                keys: Arc::new(Self::of(vault, clock)),
                made: None,
            });
        }
        let JournalSeal { end, is_sealed } = journal()?;
        if is_sealed {
            return Err(damaged(&file, &"the keys of what the journal holds are missing"));
        }
        let (master, made) = first_master(&master_file, place)?;
        let made = made.then(|| master_file.clone());
        let now_ms = clock.now_ms();
        let vault = Vault::begin(&file, connection, (master_file, master), end + 1, now_ms)?;
        Ok(KeysOpened {
            keys: Arc::new(Self::of(vault, clock)),
            made,
        })
    }

    /// Opens the keys that a folder has, whoever works on it; where it has none, nothing in it is sealed.
    pub(crate) fn look(folder: &Path, place: &MasterKeyFile) -> Result<Self, OpenError> {
        match look(folder, place)? {
            Some(vault) => Ok(Self::of(vault, Clock::default())),
            None => Ok(Self::none()),
        }
    }

    /// No keys: what opens nothing, where nothing was sealed.
    pub(crate) fn none() -> Self {
        Self {
            vault: None,
            sealed_from: i64::MAX,
            clock: Clock::default(),
            current: RwLock::default(),
            ready: Mutex::default(),
            states: Mutex::default(),
        }
    }

    fn of(vault: Vault, clock: Clock) -> Self {
        Self {
            sealed_from: vault.sealed_from,
            vault: Some(Mutex::new(vault)),
            clock,
            ..Self::none()
        }
    }

    /// What is not sealed at this position was put there by somebody else.
    pub(crate) fn must_be_sealed(&self, position: i64) -> bool {
        position >= self.sealed_from
    }

    /// What an interface seals with now. A day that cannot get a key goes on with the key of the day before: it is destroyed a
    /// day too early, and nothing is refused because of it.
    pub(crate) fn current(&self, interface: &Arc<str>, at_ms: i64) -> Result<Arc<DataKey>, KeyError> {
        let before = self.find_current(interface, |current| (current.key.clone(), current.day));
        match before {
            Some((key, day)) if at_ms < day.ends_at_ms => Ok(key),
            before => self.turn(interface, at_ms).or_else(|error| {
                let Some((key, day)) = before else { return Err(error) };
                tracing::warn!(%error, %interface, day = day.number, "the key of an earlier day is used on");
                Ok(key)
            }),
        }
    }

    fn find_current<T>(&self, interface: &str, take: impl FnOnce(&Current) -> T) -> Option<T> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.get(interface).map(take)
    }

    fn turn(&self, interface: &Arc<str>, at_ms: i64) -> Result<Arc<DataKey>, KeyError> {
        let day = Day::of(at_ms);
        let kept = self.vault()?.key(interface, day.number, at_ms)?;
        let key = data_key(kept)?;
        lock(&self.ready).insert(key.id, Held::Here(key.clone()));
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let key_of_day = Current { key: key.clone(), day };
        current.insert(interface.clone(), key_of_day);
        Ok(key)
    }

    /// Makes today's keys, so that nobody who hands something in has to wait for one.
    pub(crate) fn prepare(&self, interfaces: &[Arc<str>]) -> Result<(), KeyError> {
        let now_ms = self.clock.now_ms();
        let names: Vec<&str> = interfaces.iter().map(|name| &**name).collect();
        self.vault()?.make(&names, Day::of(now_ms).number, now_ms)?;
        self.vault()?.make(&names, STATE_DAY, now_ms)?;
        for interface in interfaces {
            self.current(interface, now_ms)?;
        }
        Ok(())
    }

    /// Makes the keys of the day after this one, of the interfaces that have had one since yesterday.
    pub(crate) fn prepare_ahead(&self) -> Result<(), KeyError> {
        let now_ms = self.clock.now_ms();
        let today = Day::of(now_ms);
        let names: Vec<Arc<str>> = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            let is_recent = |current: &Current| current.day.ends_at_ms.saturating_add(DAY_MS) >= today.ends_at_ms;
            let recent = current.iter().filter(|(_, current)| is_recent(current));
            recent.map(|(name, _)| name.clone()).collect()
        };
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        self.vault()?.make(&names, Day::of(today.ends_at_ms).number, now_ms)
    }

    /// The key of this number.
    pub(crate) fn held(&self, id: i64) -> Result<Held, KeyError> {
        if let Some(held) = lock(&self.ready).get(&id) {
            return Ok(held.clone());
        }
        if self.vault.is_none() {
            return Ok(Held::Unknown);
        }
        let kept = self.vault()?.by_id(id)?;
        let held = match kept {
            None => return Ok(Held::Unknown),
            Some(Kept { bytes: None, .. }) => Held::Destroyed,
            Some(kept) => Held::Here(data_key(kept)?),
        };
        let mut ready = lock(&self.ready);
        if ready.len() >= READY_MAX {
            ready.clear();
        }
        ready.insert(id, held.clone());
        Ok(held)
    }

    /// The key of what the plugins of an interface keep.
    pub(crate) fn state(&self, interface: &Arc<str>) -> Result<Arc<StateKey>, KeyError> {
        if let Some(key) = lock(&self.states).get(interface) {
            return Ok(key.clone());
        }
        let kept = self.vault()?.key(interface, STATE_DAY, self.clock.now_ms())?;
        let key = state_key(kept)?;
        lock(&self.states).insert(interface.clone(), key.clone());
        Ok(key)
    }

    /// The key of this number, of what plugins keep; none where there never was one.
    pub(crate) fn state_of(&self, id: i64) -> Result<Option<Arc<StateKey>>, KeyError> {
        let found = lock(&self.states).values().find(|key| key.id == id).cloned();
        if found.is_some() || self.vault.is_none() {
            return Ok(found);
        }
        let named = self.vault()?.interface_of(id)?;
        match named {
            Some((interface, STATE_DAY)) => self.state(&Arc::from(interface)).map(Some),
            _ => Ok(None),
        }
    }

    fn vault(&self) -> Result<std::sync::MutexGuard<'_, Vault>, KeyError> {
        self.vault.as_ref().map(lock).ok_or(KeyError::None)
    }
}

/// As long as a day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

fn data_key(kept: Kept) -> Result<Arc<DataKey>, KeyError> {
    let bytes = kept.bytes.ok_or(SealError)?;
    Ok(Arc::new(DataKey::new(kept.id, &bytes).ok_or(SealError)?))
}

fn state_key(kept: Kept) -> Result<Arc<StateKey>, KeyError> {
    let bytes = kept.bytes.ok_or(SealError)?;
    Ok(Arc::new(StateKey::new(kept.id, &bytes).ok_or(SealError)?))
}

/// The keys of a folder as they are; none where it has none.
fn look(folder: &Path, place: &MasterKeyFile) -> Result<Option<Vault>, OpenError> {
    let file = keys_in(folder);
    if !file.exists() {
        return Ok(None);
    }
    let connection = vault::connect(&file)?;
    let row = vault::master_row(&connection).map_err(|error| classify(&file, &error))?;
    if row.is_none() {
        return Ok(None);
    }
    Vault::open(&file, connection, master_file(folder, place)?).map(Some)
}

/// What may be told of the keys of a folder; none where it has none.
pub(crate) fn report(folder: &Path, place: &MasterKeyFile) -> Result<Option<KeyReport>, OpenError> {
    let Some(vault) = look(folder, place)? else {
        return Ok(None);
    };
    vault.report().map(Some)
}

/// Puts a new master key in the place of the present one; none where the folder has no keys.
pub(crate) fn rotate(folder: &Path, place: &MasterKeyFile) -> Result<Option<Rotated>, OpenError> {
    let Some(mut vault) = look(folder, place)? else {
        return Ok(None);
    };
    let earlier = vault.fingerprint().to_owned();
    let rotated = vault.rotate(Clock::default().now_ms());
    let (fingerprint, keys) = rotated.map_err(|error| error.on_opening(&keys_in(folder)))?;
    Ok(Some(Rotated {
        master_file: vault.master_file,
        fingerprint,
        earlier,
        keys,
    }))
}

/// Makes a master key in a file that is not there yet, and gives its fingerprint.
pub(crate) fn make_master_key(file: &Path) -> Result<String, OpenError> {
    master::make(file).map(|master| master.fingerprint)
}

/// The master key of a folder that has no keys yet, and whether it was made.
fn first_master(file: &Path, place: &MasterKeyFile) -> Result<(MasterKey, bool), OpenError> {
    match (master::read(file)?, place) {
        (Some(master), _) => Ok((master, false)),
        (None, MasterKeyFile::Beside) => Ok((master::make(file)?, true)),
        (None, MasterKeyFile::At(_)) => Err(OpenError::NoMasterKey {
            file: file.to_owned(),
            needed: None,
        }),
    }
}

fn master_file(folder: &Path, place: &MasterKeyFile) -> Result<PathBuf, OpenError> {
    let file = match place {
        MasterKeyFile::Beside => master::beside(folder)?,
        MasterKeyFile::At(file) => file.clone(),
    };
    master::lies_outside(&file, folder)?;
    Ok(file)
}

/// The keys of a data folder, whoever holds it.
pub(crate) fn keys_in(folder: &Path) -> PathBuf {
    folder.join("keys.sqlite")
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").finish_non_exhaustive()
    }
}
