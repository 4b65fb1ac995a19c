//! Certificates and keys in PEM form (RFC 7468).

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// What all of the public authorities take is some 250 KB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The permission of everybody else to read a file, to write and to run it.
const OTHERS: u32 = 0o007;

pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect();
    if found.is_empty() {
        return Err(TlsError::NoCertificate { file: file.to_owned() });
    }
    Ok(found)
}

pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let found = std::fs::metadata(file).map_err(|error| unreadable(file, error))?;
    if found.mode() & OTHERS != 0 {
        return Err(TlsError::OpenKey { file: file.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|_| TlsError::NoKey { file: file.to_owned() })
}

pub(super) fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file)? {
        store.add(certificate).map_err(|error| TlsError::Unusable {
            file: file.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(store)
}

/// The authorities that this machine trusts. One among them that cannot be read is no reason to trust none.
pub(super) fn machine_authorities() -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err(TlsError::NoAuthorities);
    }
    Ok(store)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| unreadable(file, error);
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(failed)?;
    opened
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { file: file.to_owned() });
    }
    Ok(bytes)
}

fn unreadable(file: &Path, error: io::Error) -> TlsError {
    TlsError::Read {
        file: file.to_owned(),
        error,
    }
}
