//! The master key: a file that lies outside the data folder, and wraps every other key.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::seal::{self, KEY_BYTES};
use crate::OpenError;
use crate::folder::sync_folder;
use crate::format::unusable;

/// What the file's one line begins with. Another encoding gets another number.
const MARK: &str = "transfuse-master-key-1 ";

/// A line of the file is far shorter: whatever is longer is another file.
const FILE_BYTES_MAX: u64 = 4096;

/// Nobody but the engine's own user may read it.
const OTHERS: u32 = 0o077;

/// Bytes of a digest that tell two keys apart by eye.
const FINGERPRINT_BYTES: usize = 6;

/// A master key, ready to wrap and to unwrap.
pub(super) struct MasterKey {
    key: RandomizedNonceKey,
    /// Tells keys apart, and tells nothing of them.
    pub(super) fingerprint: String,
}

impl MasterKey {
    fn of(bytes: &[u8; KEY_BYTES], file: &Path) -> Result<Self, OpenError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes)
            .map_err(|_| unfit(file, "the cryptographic library refuses it"))?;
        let digest = Sha256::new().chain_update(MARK).chain_update(bytes).finalize();
        let fingerprint = digest.iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}"));
        Ok(Self {
            key,
            fingerprint: fingerprint.collect(),
        })
    }

    /// What `plain` becomes under it, bound to what it is for.
    pub(super) fn wrap(&self, plain: &[u8], purpose: &[u8]) -> Result<Vec<u8>, seal::SealError> {
        seal::seal(&self.key, plain, purpose)
    }

    /// The opposite; none where it was wrapped by another key, for another purpose, or changed since.
    pub(super) fn unwrap(&self, wrapped: &[u8], purpose: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        seal::open(&self.key, wrapped.to_vec(), purpose).map(Zeroizing::new)
    }
}

/// The master key of a data folder, where nothing else was said: a file beside the folder.
pub(super) fn beside(folder: &Path) -> Result<PathBuf, OpenError> {
    let named = if folder.file_name().is_some() {
        folder.to_owned()
    } else {
        folder.canonicalize().map_err(|error| unusable(folder, &error))?
    };
    let Some(name) = named.file_name() else {
        return Err(unfit(
            folder,
            "nothing lies beside this folder: name a file with `[store] master_key`",
        ));
    };
    let mut name = name.to_owned();
    name.push(".key");
    Ok(named.with_file_name(name))
}

/// What a rotation writes before it is made, and renames when it is.
pub(super) fn next_to(file: &Path) -> PathBuf {
    let mut next = file.as_os_str().to_owned();
    next.push(".next");
    PathBuf::from(next)
}

/// Refuses a file that lies where what it protects lies.
pub(super) fn lies_outside(file: &Path, folder: &Path) -> Result<(), OpenError> {
    let real = |path: &Path| path.canonicalize().ok();
    let place = file.parent().and_then(real);
    match (place, real(folder)) {
        (Some(place), Some(folder)) if place.starts_with(&folder) => Err(unfit(
            file,
            "it lies in the data folder: whoever copies that would have both",
        )),
        _ => Ok(()),
    }
}

/// Reads a master key; none where there is no such file.
pub(super) fn read(file: &Path) -> Result<Option<MasterKey>, OpenError> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| unusable(file, &error))?,
    };
    let about = opened.metadata().map_err(|error| unusable(file, &error))?;
    if !about.is_file() {
        return Err(unfit(file, "it is no file"));
    }
    if about.mode() & OTHERS != 0 {
        let mode = about.mode() & 0o777;
        return Err(unfit(
            file,
            &format!("its mode {mode:o} lets others at it: `chmod 600` closes it"),
        ));
    }
    let mut text = Zeroizing::new(String::new());
    opened
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unusable(file, &error))?;
    parse(&text, file).map(Some)
}

fn parse(text: &str, file: &Path) -> Result<MasterKey, OpenError> {
    let encoded = text.trim().strip_prefix(MARK).map(str::trim);
    let decoded = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    let bytes = decoded.map(Zeroizing::new);
    let bytes = bytes
        .as_ref()
        .and_then(|bytes| <&[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok());
    match bytes {
        Some(bytes) => MasterKey::of(bytes, file),
        None => Err(unfit(file, "it holds no master key")),
    }
}

/// Makes a master key in a file that is not there yet. The file is whole or missing, whenever this is cut short.
pub(super) fn make(file: &Path) -> Result<MasterKey, OpenError> {
    if file.exists() {
        return Err(unfit(file, "it is there already, and a key is never written over"));
    }
    write(file, &next_to(file))
}

/// Makes a master key in a file, in place of whatever it holds.
pub(super) fn make_next(file: &Path) -> Result<MasterKey, OpenError> {
    let mut making = file.as_os_str().to_owned();
    making.push(".making");
    write(file, Path::new(&making))
}

fn write(file: &Path, making: &Path) -> Result<MasterKey, OpenError> {
    let bytes = seal::random_key().map_err(|error| unusable(file, &error))?;
    let line = Zeroizing::new(format!("{MARK}{}\n", STANDARD.encode(bytes.as_slice())));
    let key = MasterKey::of(&bytes, file)?;
    let written = (|| {
        // What an earlier try has left may be open to others: the mode counts for a new file only.
        match std::fs::remove_file(making) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut opened = options.open(making)?;
        opened.write_all(line.as_bytes())?;
        opened.sync_all()?;
        put_in_place(making, file)
    })();
    written.map_err(|error| unusable(file, &error))?;
    Ok(key)
}

/// Gives a file its name, durably.
pub(super) fn put_in_place(from: &Path, file: &Path) -> std::io::Result<()> {
    std::fs::rename(from, file)?;
    match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

fn unfit(file: &Path, reason: &str) -> OpenError {
    OpenError::UnfitMasterKey {
        file: file.to_owned(),
        reason: reason.to_owned(),
    }
}
