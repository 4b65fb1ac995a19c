//! How a plugin was made: an in-toto statement with a predicate of SLSA's, without a time and without a local path.

use serde_json::{Value, json};

use crate::digest::{ALGORITHM, digest_of};
use crate::manifest::Manifest;

/// What is known of a build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Build<'b> {
    pub(crate) manifest: &'b Manifest,
    pub(crate) manifest_text: &'b str,
    pub(crate) component_digest: &'b str,
    /// The compiler, as it calls itself.
    pub(crate) compiler: &'b str,
    /// Over the source files; see [`crate::Source::digest`].
    pub(crate) source_digest: &'b str,
}

/// How a package is known to be built by this program, in this way.
const BUILD_TYPE: &str = "urn:transfuse:plugin-build:v1";

/// The statement.
pub(crate) fn write(build: &Build<'_>) -> String {
    let digits = |digest: &str| digest.trim_start_matches(ALGORITHM).to_owned();
    let subject = |name: &str, digest: &str| json!({ "name": name, "digest": { "sha256": digits(digest) } });
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            subject("component.wasm", build.component_digest),
            subject("plugin.toml", &digest_of(build.manifest_text.as_bytes())),
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "plugin": build.manifest.name.to_string(),
                    "version": build.manifest.version.to_string(),
                    "contract": build.manifest.contract.to_string(),
                    "language": build.manifest.build.language,
                },
                "internalParameters": { "compiler": build.compiler },
                "resolvedDependencies": [subject("source", build.source_digest)],
            },
            "runDetails": {
                "builder": { "id": "urn:transfuse:cli", "version": { "transfuse": env!("CARGO_PKG_VERSION") } },
            },
        },
    })
    .to_string()
}

/// What a statement says, in the form that people are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProvenanceSummary {
    /// The program that built it: `transfuse 0.1.0`.
    pub builder: String,
    /// The compiler, as it calls itself.
    pub compiler: String,
    /// What it is written in.
    pub language: String,
    /// Over the source files: `sha256:` and hexadecimal digits.
    pub source_digest: String,
}

impl ProvenanceSummary {
    /// Reads a statement of this program's; nothing where it is none.
    #[must_use]
    pub fn read(statement: &str) -> Option<Self> {
        let statement: Value = serde_json::from_str(statement).ok()?;
        let text = |pointer: &str| statement.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        if text("/predicate/buildDefinition/buildType")? != BUILD_TYPE {
            return None;
        }
        Some(Self {
            builder: format!("transfuse {}", text("/predicate/runDetails/builder/version/transfuse")?),
            compiler: text("/predicate/buildDefinition/internalParameters/compiler")?,
            language: text("/predicate/buildDefinition/externalParameters/language")?,
            source_digest: format!(
                "{ALGORITHM}{}",
                text("/predicate/buildDefinition/resolvedDependencies/0/digest/sha256")?
            ),
        })
    }
}
