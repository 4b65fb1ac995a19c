//! The revocation list of a site, and the newest one that its engine has seen.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use transfuse_package::trust::{PinnedKey, REVOCATION_LIST_BYTES_MAX, RevocationError, RevocationList};

use crate::configuration::{Faults, TrustSettings};

/// What is known of revocations.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    /// The newest list that is to be believed.
    pub(super) list: Option<RevocationList>,
    /// Its file, where the data folder does not have it yet.
    unkept: Option<Vec<u8>>,
}

/// The newest list that was seen, in the data folder. It is kept whole: when the site's own file is missing or older,
/// what was revoked stays revoked.
const KEPT: &str = "revocations.json";

/// Reads the site's list and the kept one. A site that names no list follows none.
pub(super) fn read(site: &Path, data: &Path, settings: &TrustSettings, faults: &Faults) -> Revocations {
    let Some(name) = &settings.revocations else {
        return Revocations::default();
    };
    let keys = &settings.policy.keys;
    let kept = kept(data, keys);
    let bytes = match read_limited(&site.join(name)) {
        Ok(bytes) => bytes,
        Err(error) => {
            let hints = vec!["`[trust] revocations` names the file; get it from whoever publishes it".to_owned()];
            faults.in_file(name, format!("the revocation list cannot be read: {error}"), hints);
            return Revocations {
                list: kept,
                unkept: None,
            };
        }
    };
    match newest(&bytes, keys, kept.as_ref()) {
        Ok(list) => Revocations {
            unkept: (kept.as_ref() != Some(&list)).then_some(bytes),
            list: Some(list),
        },
        Err(error) => {
            let message = format!("the revocation list is refused: {error}");
            faults.in_file(name, message, vec![error.hint().to_owned()]);
            Revocations {
                list: kept,
                unkept: None,
            }
        }
    }
}

impl Revocations {
    /// Writes the list into the data folder where it is news.
    pub(super) fn keep(&self, data: &Path) -> anyhow::Result<()> {
        let Some(bytes) = &self.unkept else { return Ok(()) };
        let staged = data.join(format!(".{KEPT}.{}", std::process::id()));
        write_synced(&staged, bytes)
            .and_then(|()| fs::rename(&staged, data.join(KEPT)))
            .with_context(|| format!("cannot keep the revocation list in `{}`", data.display()))
    }
}

/// A list that no pinned key has signed is none: the site has changed whom it follows.
fn kept(data: &Path, keys: &[PinnedKey]) -> Option<RevocationList> {
    let bytes = read_limited(&data.join(KEPT)).ok()?;
    let opened = RevocationList::open(&bytes, keys);
    if let Err(error) = &opened {
        tracing::warn!(%error, "the revocation list in the data folder counts no more");
    }
    opened.ok()
}

fn newest(bytes: &[u8], keys: &[PinnedKey], kept: Option<&RevocationList>) -> Result<RevocationList, RevocationError> {
    let list = RevocationList::open(bytes, keys)?;
    kept.map_or(Ok(()), |kept| list.refuse_older_than(kept))?;
    Ok(list)
}

/// One byte more than a list may have tells that it is too large.
fn read_limited(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = REVOCATION_LIST_BYTES_MAX as u64 + 1;
    File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write_synced(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}
