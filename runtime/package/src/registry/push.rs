//! From a package to a registry: blobs first, then what names them.

use oci_client::{Client, Reference, RegistryOperation};
use serde_json::{Value, json};

use super::pull::{INDEX_MEDIA_TYPE, REFERRERS};
use super::{Credentials, Place, RegistryError, TRANSFER_MAX, Transfer, client, failed, is_absent};
use crate::package::{Blob, MANIFEST_MEDIA_TYPE, PACKAGE, Package, PackageError};

/// What was pushed, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The place, with the tag.
    pub place: Place,
    /// The package's digest.
    pub digest: String,
    /// How many signatures went along.
    pub signatures: usize,
}

/// Pushes a package with its signatures. Without a tag in `place`, the plugin's version is the tag. `progress` hears of
/// every blob that has arrived; one that the registry has already counts as such.
pub async fn push(
    package: &Package,
    place: &Place,
    credentials: &Credentials,
    progress: &mut (dyn FnMut(Transfer) + Send),
) -> Result<Pushed, RegistryError> {
    let place = if place.has_version() {
        place.clone()
    } else {
        place.with_version(&package.manifest.version)
    };
    let pushing = async {
        let pusher = Pusher {
            place: &place,
            client: client(&place),
            credentials,
        };
        pusher.begin().await?;
        pusher.blobs(package, progress).await?;
        pusher.manifests(package).await?;
        Ok(())
    };
    match tokio::time::timeout(TRANSFER_MAX, pushing).await {
        Ok(pushed) => pushed?,
        Err(_) => {
            return Err(RegistryError::TimedOut {
                place: place.to_string(),
                after: TRANSFER_MAX,
            });
        }
    }
    Ok(Pushed {
        place,
        digest: package.digest.clone(),
        signatures: package.envelopes.len(),
    })
}

struct Pusher<'p> {
    place: &'p Place,
    client: Client,
    credentials: &'p Credentials,
}

impl Pusher<'_> {
    async fn begin(&self) -> Result<(), RegistryError> {
        let reference = self.place.reference();
        let auth = self.credentials.auth();
        let allowed = self.client.auth(reference, &auth, RegistryOperation::Push).await;
        allowed.map_err(|error| failed(PACKAGE, reference, &error))?;
        Ok(())
    }

    async fn blobs(&self, package: &Package, progress: &mut (dyn FnMut(Transfer) + Send)) -> Result<(), RegistryError> {
        let reference = self.place.reference();
        let blobs = package.blobs();
        let bytes_total = blobs.iter().map(|blob| blob.descriptor.size).sum();
        let mut transfer = Transfer { bytes: 0, bytes_total };
        progress(transfer);
        for blob in blobs {
            let Blob {
                what,
                descriptor,
                bytes,
            } = blob;
            let refused = |error| failed(&what, reference, &error);
            let is_there = self.client.blob_exists(reference, &descriptor.digest).await;
            if !is_there.map_err(refused)? {
                let pushed = self.client.push_blob(reference, bytes, &descriptor.digest).await;
                pushed.map_err(refused)?;
            }
            transfer.bytes += descriptor.size;
            progress(transfer);
        }
        Ok(())
    }

    /// The plugin's manifest last of those that have a digest, so that whoever finds it finds all of it.
    async fn manifests(&self, package: &Package) -> Result<(), RegistryError> {
        let mut listed = Vec::new();
        for (_, manifest) in package.signatures() {
            let reference = self.place.at_digest(&manifest.descriptor.digest);
            listed.push(manifest.descriptor.clone());
            self.put(&reference, &manifest.what, manifest.bytes, MANIFEST_MEDIA_TYPE)
                .await?;
        }
        let manifest = package.manifest_blob();
        // Under its digest too: a signature is found from there, whatever becomes of the tag.
        let by_digest = self.place.at_digest(&package.digest);
        self.put(&by_digest, &manifest.what, manifest.bytes.clone(), MANIFEST_MEDIA_TYPE)
            .await?;
        if !listed.is_empty() {
            self.list(
                &package.digest,
                listed.iter().map(|descriptor| json!(descriptor)).collect(),
            )
            .await?;
        }
        if self.place.reference().digest().is_none() {
            let reference = self.place.reference();
            self.put(reference, &manifest.what, manifest.bytes, MANIFEST_MEDIA_TYPE)
                .await?;
        }
        Ok(())
    }

    /// Adds referrers to the list under the fallback tag. What others have listed there stays.
    async fn list(&self, digest: &str, added: Vec<Value>) -> Result<(), RegistryError> {
        let tag = self.place.at_referrers_of(digest);
        let auth = self.credentials.auth();
        let mut listed: Vec<Value> = match self.client.pull_manifest_raw(&tag, &auth, &[INDEX_MEDIA_TYPE]).await {
            Ok((bytes, _)) => self.listed(&bytes)?,
            Err(error) if is_absent(&error) => Vec::new(),
            Err(error) => return Err(failed(REFERRERS, &tag, &error)),
        };
        for descriptor in added {
            if !listed
                .iter()
                .any(|known| known.get("digest") == descriptor.get("digest"))
            {
                listed.push(descriptor);
            }
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX_MEDIA_TYPE, "manifests": listed });
        let bytes = index.to_string().into_bytes();
        self.put(&tag, REFERRERS, bytes, INDEX_MEDIA_TYPE).await
    }

    fn listed(&self, index: &[u8]) -> Result<Vec<Value>, RegistryError> {
        let index: Result<Value, _> = serde_json::from_slice(index);
        let manifests = index.map(|index| index.get("manifests").and_then(Value::as_array).cloned());
        let unsound = |reason: String| RegistryError::Package {
            place: self.place.to_string(),
            error: PackageError::Document {
                what: REFERRERS,
                reason,
            },
        };
        match manifests {
            Ok(Some(manifests)) => Ok(manifests),
            Ok(None) => Err(unsound("it lists no manifests".to_owned())),
            Err(error) => Err(unsound(error.to_string())),
        }
    }

    async fn put(&self, reference: &Reference, what: &str, bytes: Vec<u8>, kind: &str) -> Result<(), RegistryError> {
        let kind = kind.parse().map_err(|_| RegistryError::Registry {
            what: what.to_owned(),
            place: reference.whole(),
            reason: format!("`{kind}` is no type of content"),
        })?;
        let put = self.client.push_manifest_raw(reference, bytes, kind).await;
        put.map_err(|error| failed(what, reference, &error))?;
        Ok(())
    }
}
