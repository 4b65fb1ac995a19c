//! Why TLS cannot be spoken, with these files or with this peer.

use std::io;
use std::path::PathBuf;

use rustls::{AlertDescription, CertificateError, Error};

/// What is wrong with the files of one side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is missing or unreadable.
    #[error("cannot read `{}`: {error}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file is larger than such files are.
    #[error("`{}` is too large to be a list of certificates", file.display())]
    TooLarge {
        /// Which.
        file: PathBuf,
    },
    /// A file holds no certificate.
    #[error("`{}` holds no certificate in PEM form", file.display())]
    NoCertificate {
        /// Which.
        file: PathBuf,
    },
    /// A file holds no key.
    #[error("`{}` holds no private key in PEM form", file.display())]
    NoKey {
        /// Which.
        file: PathBuf,
    },
    /// Whoever works on the machine can read the key.
    #[error("everybody on this machine can read the private key `{}`", file.display())]
    OpenKey {
        /// Which.
        file: PathBuf,
    },
    /// Key and certificate do not belong together.
    #[error("`{}` is not the key of `{}`", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// A certificate or key that cannot be used.
    #[error("`{}` cannot be used: {reason}", file.display())]
    Unusable {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// This machine trusts no authority.
    #[error("this machine has no list of authorities that it trusts")]
    NoAuthorities,
    /// A name that no certificate can bear.
    #[error("`{0}` is not a host name")]
    Name(String),
}

impl TlsError {
    /// What would help, where something is known to.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoCertificate { .. } => Some("it begins with `-----BEGIN CERTIFICATE-----`"),
            Self::NoKey { .. } => Some("it begins with `-----BEGIN PRIVATE KEY-----`, and is not encrypted"),
            Self::OpenKey { .. } => Some("chmod o= takes it away from the others"),
            Self::Mismatch { .. } => Some("a renewed certificate often comes with a new key: take both"),
            Self::NoAuthorities => Some("name the file of the hospital's authority in `authorities`"),
            _ => None,
        }
    }

    /// What the library says of a certificate or key.
    pub(super) fn of(error: &Error, certificate: &std::path::Path, key: &std::path::Path) -> Self {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        match error {
            Error::InconsistentKeys(_) => Self::Mismatch { certificate, key },
            other => Self::Unusable {
                file: certificate,
                reason: other.to_string(),
            },
        }
    }
}

/// Why two sides did not agree on a connection. Nothing of a message has crossed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer took too long.
    #[error("it did not speak TLS in time")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke while TLS was agreed on: {0}")]
    Broken(io::Error),
    /// What it speaks is not TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// It speaks an older TLS, or none of the ciphers.
    #[error("it speaks no TLS that is safe: {0}")]
    Outdated(String),
    /// It shows no certificate and has to.
    #[error("it shows no certificate")]
    NoCertificate,
    /// Its certificate is not accepted.
    #[error("its certificate {0}")]
    Certificate(String),
    /// Its certificate is good, and not for one of the names that may connect.
    #[error("its certificate is for none of the names that may connect")]
    OtherName,
    /// It refuses this side.
    #[error("it refuses: {0}")]
    Refused(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl HandshakeError {
    /// What would help, where something is known to.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotTls => Some("one side speaks plain MLLP: give both a section `tls`, or none"),
            Self::NoCertificate => Some("give it a certificate of one of the authorities in `client_authorities`"),
            Self::OtherName => Some("`client_names` lists who may connect"),
            _ => None,
        }
    }

    pub(super) fn of(error: io::Error) -> Self {
        let said = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match said {
            None => Self::Broken(error),
            Some(Error::InvalidMessage(_)) => Self::NotTls,
            Some(Error::PeerIncompatible(why)) => Self::Outdated(format!("{why:?}")),
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidCertificate(why)) => Self::Certificate(told(why)),
            Some(Error::AlertReceived(alert)) => Self::Refused(alerted(*alert)),
            Some(other) => Self::Other(other.to_string()),
        }
    }
}

/// In the words of the people who renew certificates.
fn told(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet".to_owned(),
        CertificateError::UnknownIssuer => "is from none of the authorities".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is for another purpose".to_owned()
        }
        CertificateError::BadEncoding => "cannot be read".to_owned(),
        CertificateError::BadSignature => "has a signature that is wrong".to_owned(),
        other => format!("is not accepted: {other:?}"),
    }
}

fn alerted(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it asks for a certificate".to_owned(),
        AlertDescription::CertificateExpired => "this side's certificate has expired".to_owned(),
        AlertDescription::UnknownCA => "it does not know the authority of this side's certificate".to_owned(),
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked => "it does not accept this side's certificate".to_owned(),
        AlertDescription::ProtocolVersion => "it speaks another version of TLS".to_owned(),
        other => format!("{other:?}"),
    }
}
