//! What there is to say about a package, as JSON has it.

use std::collections::BTreeSet;

use serde::Serialize;
use transfuse_package::{ConfigSchema, Package, ProvenanceSummary, SbomSummary};

use super::grants_line;
use crate::commands::plugin::vouched::SignatureReport;

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) licence: String,
    pub(super) contract: String,
    pub(super) digest: String,
    pub(super) component_digest: String,
    pub(super) component_bytes: u64,
    pub(super) package_bytes: u64,
    pub(super) accepts: Vec<String>,
    pub(super) produces: Vec<String>,
    pub(super) state_schema: Option<u32>,
    /// Interfaces of the contract: all that the component can ask of its host.
    pub(super) imports: Vec<String>,
    pub(super) requests: Requests,
    /// The same as a line of an interface file.
    pub(super) grants: String,
    pub(super) limits: Limits,
    /// None where the package has no schema.
    pub(super) config: Option<Vec<ConfigKey>>,
    /// Keys that the package itself sets.
    pub(super) fixed_config: Vec<String>,
    /// Names of test vectors.
    pub(super) vectors: Vec<String>,
    pub(super) libraries: Vec<Library>,
    /// None where another program built it.
    pub(super) built: Option<Built>,
    pub(super) signatures: Vec<SignatureReport>,
}

#[derive(Serialize)]
pub(super) struct Requests {
    pub(super) read: Vec<String>,
    pub(super) write: Vec<String>,
    pub(super) tables: Vec<String>,
    pub(super) state: bool,
    pub(super) create: bool,
}

#[derive(Serialize)]
pub(super) struct Limits {
    pub(super) fuel: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) deadline_ms: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct ConfigKey {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) values: Option<String>,
    pub(super) default: Option<String>,
    pub(super) required: bool,
}

#[derive(Serialize)]
pub(super) struct Library {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) licence: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Built {
    pub(super) by: String,
    pub(super) compiler: String,
    pub(super) language: String,
    pub(super) source_digest: String,
}

impl Report {
    pub(super) fn of(package: &Package, signatures: Vec<SignatureReport>) -> anyhow::Result<Self> {
        let manifest = &package.manifest;
        let texts = |types: &[transfuse_package::MessageType]| types.iter().map(ToString::to_string).collect();
        Ok(Self {
            name: manifest.name.to_string(),
            version: manifest.version.to_string(),
            description: manifest.description.clone(),
            licence: manifest.licence.clone(),
            contract: manifest.contract.to_string(),
            digest: package.digest.clone(),
            component_digest: package.component_digest.clone(),
            component_bytes: package.component.len() as u64,
            package_bytes: package.to_bytes().len() as u64,
            accepts: texts(&manifest.accepts),
            produces: texts(&manifest.produces),
            state_schema: manifest.state_schema,
            imports: transfuse_package::interfaces(&package.component)?.imports,
            requests: requests(&manifest.requests),
            grants: grants_line(&manifest.requests),
            limits: Limits {
                fuel: manifest.limits.fuel,
                memory_bytes: manifest.limits.memory_bytes,
                deadline_ms: manifest.limits.deadline_ms,
            },
            config: config(package)?,
            fixed_config: manifest.config.keys().cloned().collect(),
            vectors: vectors(package),
            libraries: libraries(package),
            built: ProvenanceSummary::read(&package.provenance).map(built),
            signatures,
        })
    }
}

fn requests(requests: &transfuse_package::Requests) -> Requests {
    Requests {
        read: requests.read.clone(),
        write: requests.write.clone(),
        tables: requests.tables.clone(),
        state: requests.state,
        create: requests.create,
    }
}

fn config(package: &Package) -> anyhow::Result<Option<Vec<ConfigKey>>> {
    let Some(text) = &package.config_schema else {
        return Ok(None);
    };
    let keys = ConfigSchema::parse(text)?.keys().into_iter();
    let keys = keys.map(|key| ConfigKey {
        name: key.name,
        description: key.description,
        values: key.values,
        default: key.default,
        required: key.is_required,
    });
    Ok(Some(keys.collect()))
}

/// The folders that hold a description.
fn vectors(package: &Package) -> Vec<String> {
    let paths = package.vectors.keys();
    let names: BTreeSet<&str> = paths.filter_map(|path| path.strip_suffix("/vector.toml")).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn libraries(package: &Package) -> Vec<Library> {
    let libraries = SbomSummary::read(&package.sbom).unwrap_or_default().libraries;
    let libraries = libraries
        .into_iter()
        .map(|(name, version, licence)| Library { name, version, licence });
    libraries.collect()
}

fn built(summary: ProvenanceSummary) -> Built {
    Built {
        by: summary.builder,
        compiler: summary.compiler,
        language: summary.language,
        source_digest: summary.source_digest,
    }
}
