//! From a registry to a package. What the registry says of itself counts for nothing: digests do.

use std::collections::BTreeMap;

use oci_client::errors::{DigestError, OciDistributionError};
use oci_client::{Client, Reference, RegistryOperation};

use super::sink::Sink;
use super::{Credentials, Place, RegistryError, TRANSFER_MAX, Transfer, client, failed, is_absent};
use crate::digest::digest_of;
use crate::package::{
    Blobs, Descriptor, ENVELOPE_BYTES_MAX, ENVELOPES_MAX, IMAGE_MANIFEST_BYTES_MAX, Index, MANIFEST_MEDIA_TYPE,
    PACKAGE, Package, PackageError, Role, SIGNATURE, bounded, envelope_of, parse_manifest,
};

/// What a list of referrers is called in messages.
pub(super) const REFERRERS: &str = "list of signatures";

pub(super) const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// Pulls a package with its signatures. `progress` hears of every piece that has arrived.
pub async fn pull(
    place: &Place,
    credentials: &Credentials,
    progress: &mut (dyn FnMut(Transfer) + Send),
) -> Result<Package, RegistryError> {
    let pulling = async {
        let puller = Puller::begin(place, credentials).await?;
        let mut package = puller.package(progress).await?;
        puller.signatures(&mut package).await?;
        Ok(package)
    };
    match tokio::time::timeout(TRANSFER_MAX, pulling).await {
        Ok(pulled) => pulled,
        Err(_) => Err(RegistryError::TimedOut {
            place: place.to_string(),
            after: TRANSFER_MAX,
        }),
    }
}

struct Puller<'p> {
    place: &'p Place,
    client: Client,
    credentials: &'p Credentials,
}

impl<'p> Puller<'p> {
    async fn begin(place: &'p Place, credentials: &'p Credentials) -> Result<Self, RegistryError> {
        let client = client(place);
        let reference = place.reference();
        client
            .auth(reference, &credentials.auth(), RegistryOperation::Pull)
            .await
            .map_err(|error| failed(PACKAGE, reference, &error))?;
        Ok(Self {
            place,
            client,
            credentials,
        })
    }

    /// The plugin without its signatures.
    async fn package(&self, progress: &mut (dyn FnMut(Transfer) + Send)) -> Result<Package, RegistryError> {
        let reference = self.place.reference();
        let document = self.manifest(reference, PACKAGE, MANIFEST_MEDIA_TYPE).await?;
        let wanted = reference.digest();
        if let Some(expected) = wanted.filter(|expected| *expected != digest_of(&document)) {
            return Err(self.unsound(PackageError::DigestMismatch {
                what: PACKAGE.to_owned(),
                expected: expected.to_owned(),
                found: digest_of(&document),
            }));
        }
        let image = parse_manifest(&document).map_err(|error| self.unsound(error))?;
        let parts = parts(&image.layers, &image.config).map_err(|error| self.unsound(error))?;
        let bytes_total = parts.iter().map(|(descriptor, _)| descriptor.size).sum();
        let mut transfer = Transfer { bytes: 0, bytes_total };
        progress(transfer);
        let mut blobs = Blobs::default();
        for (descriptor, what) in parts {
            let mut arrived = |bytes| {
                transfer.bytes += bytes;
                progress(transfer);
            };
            let bytes = self.blob(descriptor, what, &mut arrived).await?;
            blobs.add(descriptor.digest.clone(), bytes);
        }
        Package::from_blobs(document, &mut blobs).map_err(|error| self.unsound(error))
    }

    /// Adds the signatures that the registry knows of. One that is damaged is not left out: somebody may have removed what
    /// a policy asks for.
    async fn signatures(&self, package: &mut Package) -> Result<(), RegistryError> {
        let listed = self.referrers(&package.digest).await?;
        let signatures = listed.into_iter().filter(is_signature);
        for (number, descriptor) in signatures.take(ENVELOPES_MAX).enumerate() {
            let what = format!("image manifest of signature {}", number + 1);
            bounded(&descriptor, &what, IMAGE_MANIFEST_BYTES_MAX).map_err(|error| self.unsound(error))?;
            let reference = self.place.at_digest(&descriptor.digest);
            let document = self.manifest(&reference, &what, MANIFEST_MEDIA_TYPE).await?;
            let mut blobs = Blobs::default();
            blobs.add(descriptor.digest.clone(), document);
            let document = blobs
                .fetch(&descriptor, &what, IMAGE_MANIFEST_BYTES_MAX)
                .map_err(|error| self.unsound(error))?;
            let envelope = envelope_of(package, &document).map_err(|error| self.unsound(error))?;
            let what = format!("signature {}", number + 1);
            bounded(&envelope, &what, ENVELOPE_BYTES_MAX).map_err(|error| self.unsound(error))?;
            let bytes = self.blob(&envelope, &what, &mut |_| {}).await?;
            package.add_envelope(bytes).map_err(|error| self.unsound(error))?;
        }
        Ok(())
    }

    /// The list under the fallback tag, or else the registry's own.
    async fn referrers(&self, digest: &str) -> Result<Vec<Descriptor>, RegistryError> {
        let tag = self.place.at_referrers_of(digest);
        let auth = self.credentials.auth();
        match self.client.pull_manifest_raw(&tag, &auth, &[INDEX_MEDIA_TYPE]).await {
            Ok((bytes, _)) => {
                let index: Result<Index, _> = serde_json::from_slice(&bytes);
                let index = index.map_err(|error| {
                    self.unsound(PackageError::Document {
                        what: REFERRERS,
                        reason: error.to_string(),
                    })
                })?;
                Ok(index.manifests)
            }
            Err(error) if is_absent(&error) => self.own_referrers(digest).await,
            Err(error) => Err(failed(REFERRERS, &tag, &error)),
        }
    }

    async fn own_referrers(&self, digest: &str) -> Result<Vec<Descriptor>, RegistryError> {
        let reference = self.place.at_digest(digest);
        let index = self.client.pull_referrers(&reference, Some(SIGNATURE)).await;
        let index = index.map_err(|error| failed(REFERRERS, &reference, &error))?;
        let described = index.manifests.into_iter().filter_map(|entry| {
            Some(Descriptor {
                media_type: entry.media_type,
                digest: entry.digest,
                size: u64::try_from(entry.size).ok()?,
                artifact_type: entry.artifact_type,
                annotations: BTreeMap::default(),
            })
        });
        Ok(described.collect())
    }

    async fn manifest(&self, reference: &Reference, what: &str, kind: &str) -> Result<Vec<u8>, RegistryError> {
        let auth = self.credentials.auth();
        match self.client.pull_manifest_raw(reference, &auth, &[kind]).await {
            Ok((bytes, _)) if bytes.len() as u64 <= IMAGE_MANIFEST_BYTES_MAX => Ok(bytes.to_vec()),
            Ok((bytes, _)) => Err(self.unsound(PackageError::TooLarge {
                what: what.to_owned(),
                bytes: bytes.len() as u64,
                bytes_max: IMAGE_MANIFEST_BYTES_MAX,
            })),
            Err(error) if is_absent(&error) => Err(RegistryError::NotFound {
                place: reference.whole(),
            }),
            Err(error) => Err(self.damaged_or_failed(what, reference, &error)),
        }
    }

    async fn blob(
        &self,
        descriptor: &Descriptor,
        what: &str,
        arrived: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Vec<u8>, RegistryError> {
        let mut sink = Sink::new(descriptor.size, arrived);
        let reference = self.place.reference();
        match self
            .client
            .pull_blob(reference, descriptor.digest.as_str(), &mut sink)
            .await
        {
            Ok(()) => Ok(sink.into_bytes()),
            Err(error) => Err(self.damaged_or_failed(what, reference, &error)),
        }
    }

    /// A wrong digest is damage, and not the connection's fault.
    fn damaged_or_failed(&self, what: &str, reference: &Reference, error: &OciDistributionError) -> RegistryError {
        match error {
            OciDistributionError::DigestError(DigestError::VerificationError { expected, actual }) => {
                self.unsound(PackageError::DigestMismatch {
                    what: what.to_owned(),
                    expected: expected.clone(),
                    found: actual.clone(),
                })
            }
            error => failed(what, reference, error),
        }
    }

    fn unsound(&self, error: PackageError) -> RegistryError {
        RegistryError::Package {
            place: self.place.to_string(),
            error,
        }
    }
}

/// What is to be pulled, each with its name, after every size was found to be allowed.
fn parts<'d>(
    layers: &'d [Descriptor],
    config: &'d Descriptor,
) -> Result<Vec<(&'d Descriptor, &'static str)>, PackageError> {
    const CONFIG: &str = "configuration";
    /// The empty configuration has two bytes.
    const CONFIG_BYTES_MAX: u64 = 2;
    bounded(config, CONFIG, CONFIG_BYTES_MAX)?;
    let mut parts = vec![(config, CONFIG)];
    for layer in layers {
        let role = Role::of_media_type(&layer.media_type)
            .ok_or_else(|| PackageError::UnknownLayer(layer.media_type.clone()))?;
        bounded(layer, role.title(), role.bytes_max())?;
        if parts.iter().any(|(_, what)| *what == role.title()) {
            return Err(PackageError::DuplicateLayer(role.title()));
        }
        parts.push((layer, role.title()));
    }
    Ok(parts)
}

/// Others may refer to a package too: with an SBOM of their own, with signatures of another kind.
fn is_signature(descriptor: &Descriptor) -> bool {
    descriptor.artifact_type.as_deref() == Some(SIGNATURE)
}
