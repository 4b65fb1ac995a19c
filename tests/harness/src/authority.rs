//! An authority that certifies the two ends of connections with TLS, and its files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

/// An authority and the folder of its files.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Valid {
    /// Now, and for longer than any test runs.
    Now,
    /// Until some years ago.
    Once,
}

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The certificate's file, in PEM form.
    pub certificate: PathBuf,
    /// The key's.
    pub key: PathBuf,
}

impl Authority {
    /// An authority that nobody knows yet.
    pub fn new() -> Result<Self> {
        // Of two authorities by one name, each would be taken for the other with a signature that is wrong.
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let mut params = CertificateParams::new(Vec::new())?;
        let name = format!("Authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("authority.pem"), certificate.pem())?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            folder,
        })
    }

    /// The file of its own certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Certifies a host, an address or an application by a name. Its files are called after it; a second certificate for
    /// the same name takes their place.
    pub fn certify(&self, name: &str, valid: Valid) -> Result<Certified> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        if valid == Valid::Once {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let certified = Certified {
            certificate: self.folder.path().join(format!("{name}.pem")),
            key: self.folder.path().join(format!("{name}.key")),
        };
        replace(&certified.certificate, &certificate.pem())?;
        replace(&certified.key, &key.serialize_pem())?;
        Ok(certified)
    }
}

/// As those who renew certificates do: never half a file.
fn replace(file: &Path, text: &str) -> Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
    Ok(std::fs::rename(&new, file)?)
}
