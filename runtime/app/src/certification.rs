//! What a certifier runs before signing: the suite of `certification/SUITE.md`, its report and its dossier.
//!
//! The document and [`run`] must say the same; whoever changes one changes the other and [`SUITE`].

mod dossier;
mod hostile;
mod suite;

use serde::Serialize;
use transfuse_package::Package;
use transfuse_package::trust::{Certificate, CertifiedGrants};

pub(crate) use dossier::dossier;
pub(crate) use suite::{SuiteError, SuiteSettings, run};

/// The suite and its version, as statements name it.
pub(crate) const SUITE: &str = "transfuse-certification 1";

/// What the suite found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) suite: &'static str,
    /// `transfuse/redact@1.0.0`.
    pub(crate) package: String,
    pub(crate) description: String,
    pub(crate) digest: String,
    pub(crate) contract: String,
    pub(crate) engine: String,
    pub(crate) ran_at: String,
    pub(crate) grants: CertifiedGrants,
    /// In the order in which they ran.
    pub(crate) parts: Vec<Part>,
}

/// One part of the suite.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) passed: bool,
    /// One line: what was done, and what came of it.
    pub(crate) summary: String,
    /// What failed, one line each.
    pub(crate) failures: Vec<String>,
}

impl Part {
    fn new(name: &'static str, summary: String, failures: Vec<String>) -> Self {
        Self {
            name,
            passed: failures.is_empty(),
            summary,
            failures,
        }
    }
}

impl Report {
    fn new(package: &Package, ran_at: String, parts: Vec<Part>) -> Self {
        let manifest = &package.manifest;
        let requests = &manifest.requests;
        Self {
            suite: SUITE,
            package: format!("{}@{}", manifest.name, manifest.version),
            description: manifest.description.clone(),
            digest: package.digest.clone(),
            contract: manifest.contract.to_string(),
            engine: concat!("transfuse ", env!("CARGO_PKG_VERSION")).to_owned(),
            ran_at,
            grants: CertifiedGrants {
                read: requests.read.clone(),
                write: requests.write.clone(),
                tables: requests.tables.clone(),
                create: requests.create,
                state: requests.state,
            },
            parts,
        }
    }

    /// Whether every part passed.
    pub(crate) fn passed(&self) -> bool {
        self.parts.iter().all(|part| part.passed)
    }

    /// What a certifier signs; `digest` is that of the report's file.
    pub(crate) fn certificate(&self, digest: String) -> Certificate {
        let results = self
            .parts
            .iter()
            .map(|part| (part.name.to_owned(), part.summary.clone()));
        Certificate {
            suite: self.suite.to_owned(),
            contract: self.contract.clone(),
            engine: self.engine.clone(),
            grants: self.grants.clone(),
            report: digest,
            results: results.collect(),
        }
    }
}
