//! `send --tls`: the same connection as a destination with TLS has.

use std::path::PathBuf;

use clap::Args;
use transfuse_transport::tls::{Client, ClientSettings, Identity};

use crate::failure::Failure;

/// How TLS is spoken.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Speak TLS; the receiver's certificate is checked against the authorities that this machine trusts
    #[arg(long)]
    tls: bool,
    /// Check it against the authorities in this file (PEM) instead
    #[arg(long = "tls-authorities", value_name = "FILE", requires = "tls")]
    authorities: Option<PathBuf>,
    /// The name that it has to bear, where that is not the host of the address
    #[arg(long = "tls-server-name", value_name = "NAME", requires = "tls")]
    server_name: Option<String>,
    /// Show this certificate (PEM) to a receiver that asks for one
    #[arg(long = "tls-certificate", value_name = "FILE", requires_all = ["tls", "key"])]
    certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(id = "key", long = "tls-key", value_name = "FILE", requires_all = ["tls", "certificate"])]
    key: Option<PathBuf>,
}

impl Arguments {
    /// Whether it is asked for.
    pub(super) fn is_asked_for(&self) -> bool {
        self.tls
    }

    /// None where no TLS is asked for. What is wrong with the files is told before anything is sent.
    pub(super) fn settings(&self, address: &str) -> Result<Option<ClientSettings>, Failure> {
        if !self.tls {
            return Ok(None);
        }
        let settings = ClientSettings {
            authorities: self.authorities.clone(),
            server_name: self.server_name.clone(),
            identity: self
                .certificate
                .clone()
                .zip(self.key.clone())
                .map(|(certificate, key)| Identity { certificate, key }),
        };
        Client::load(&settings, address).map_err(|error| {
            let hint = error.hint();
            let failure = Failure::from(error);
            match hint {
                Some(hint) => failure.hinted(hint),
                None => failure,
            }
        })?;
        Ok(Some(settings))
    }
}
