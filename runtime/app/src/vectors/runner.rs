//! Running vectors: each in a chain of its own, in the sandbox that messages run in.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use transfuse_message::Payload;
use transfuse_package::{Package, Requests};
use transfuse_sandbox::{
    Chain, Fault, FaultKind, Grants, Input, Limits, LinkError, LogLine, Outcome, Plugin, PluginIdentity, Sandbox, Step,
};

use super::compare::compare;
use super::{Mismatch, Vector};
use crate::configuration::digest_of;

/// How long a vector may take. Long enough that a busy machine changes no result: fuel is what stops a loop, and it is
/// the same everywhere.
const DEADLINE_MS: u64 = 10_000;

/// A plugin that vectors are for.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) identity: PluginIdentity,
    pub(crate) component: Bytes,
    /// What its manifest requests, which is what a vector grants that says nothing else.
    pub(crate) requests: Requests,
    /// Configuration that the package fixes; that of a vector is laid over it key by key.
    pub(crate) config: Map<String, Value>,
    pub(crate) limits: Limits,
}

/// What came of one vector.
#[derive(Debug, Clone)]
pub(crate) struct VectorReport {
    pub(crate) name: String,
    pub(crate) description: String,
    /// A configuration that the plugin refuses is a fault here, `misconfigured`.
    pub(crate) outcome: Outcome,
    pub(crate) log: Vec<LogLine>,
    /// None where the plugin was not started.
    pub(crate) cost: Option<Cost>,
    /// What is not as expected; none of it where the vector passes.
    pub(crate) mismatches: Vec<Mismatch>,
}

/// What a vector's run used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    /// The same at every run of the same component.
    pub(crate) fuel: u64,
    /// The most linear memory, in bytes.
    pub(crate) memory_bytes: u64,
    /// Wall-clock time, in microseconds.
    pub(crate) elapsed_us: u64,
}

/// Runs every vector and tells of each as it ends. Blocks.
///
/// # Errors
///
/// Where the component is no plugin that this engine can load. Whatever else goes wrong is told of its vector.
pub(crate) fn run(
    sandbox: &Sandbox,
    subject: &Subject,
    vectors: &[Vector],
    tell: &mut dyn FnMut(&VectorReport),
) -> Result<Vec<VectorReport>, transfuse_sandbox::LoadError> {
    let plugin = sandbox.load(subject.identity.clone(), &subject.component)?;
    let mut reports = Vec::with_capacity(vectors.len());
    for vector in vectors {
        let report = report_of(sandbox, &plugin, subject, vector, None);
        tell(&report);
        reports.push(report);
    }
    Ok(reports)
}

/// Runs one vector, with `grants` where they are given and else with its own.
pub(crate) fn report_of(
    sandbox: &Sandbox,
    plugin: &Plugin,
    subject: &Subject,
    vector: &Vector,
    grants: Option<&Grants>,
) -> VectorReport {
    let (outcome, log, cost) = match subject.chain(sandbox, plugin, vector, grants) {
        Ok(chain) => {
            let input = Input {
                message: vector.input.clone(),
                context: vector.context.clone(),
            };
            let report = chain.run_blocking(input);
            let cost = report.steps.first().map(|step| Cost {
                fuel: step.fuel,
                memory_bytes: step.memory_bytes,
                elapsed_us: step.elapsed_us,
            });
            (report.outcome, report.log, cost)
        }
        Err(fault) => (Outcome::Faulted(*fault), Vec::new(), None),
    };
    let mismatches = compare(vector.expect.as_ref(), &outcome, &log);
    VectorReport {
        name: vector.name.clone(),
        description: vector.description.clone(),
        outcome,
        log,
        cost,
        mismatches,
    }
}

impl Subject {
    /// The plugin as the only step of a chain. What keeps it from being one is told as the fault of a run.
    pub(crate) fn chain(
        &self,
        sandbox: &Sandbox,
        plugin: &Plugin,
        vector: &Vector,
        grants: Option<&Grants>,
    ) -> Result<Chain, Box<Fault>> {
        let fault = |kind, detail: String| {
            Box::new(Fault {
                kind,
                step: 0,
                plugin: self.identity.clone(),
                location: None,
                detail,
                text: Payload::default(),
                hint: None,
            })
        };
        let grants = match grants {
            Some(grants) => grants.clone(),
            None => vector
                .grants
                .resolve(&self.requests)
                .map_err(|error| fault(FaultKind::Denied, format!("the manifest: {error}")))?,
        };
        let step = Step {
            plugin: plugin.clone(),
            config: self.config_with(&vector.config).to_string().into_bytes(),
            grants,
            limits: self.limits.clone(),
            tables: vector.tables.iter().map(Arc::clone).collect(),
        };
        sandbox.chain(vec![step]).map_err(|error| match error {
            LinkError::Init(fault) => fault,
            LinkError::Misconfigured { words, .. } => Box::new(Fault {
                text: words.into(),
                ..*fault(
                    FaultKind::Misconfigured,
                    "its init refuses the configuration".to_owned(),
                )
            }),
            LinkError::Ungranted { interface, hint, .. } => Box::new(Fault {
                hint: Some(hint.to_owned()),
                ..*fault(
                    FaultKind::Denied,
                    format!("it imports `{interface}`, which nothing grants"),
                )
            }),
            other => fault(FaultKind::HostBroken, other.to_string()),
        })
    }

    /// The configuration that the package fixes, with `over` laid over it key by key.
    fn config_with(&self, over: &Map<String, Value>) -> Value {
        let mut config = self.config.clone();
        config.extend(over.iter().map(|(key, value)| (key.clone(), value.clone())));
        Value::Object(config)
    }
}

impl From<&Package> for Subject {
    fn from(package: &Package) -> Self {
        let manifest = &package.manifest;
        Self {
            identity: PluginIdentity {
                name: manifest.name.as_str().into(),
                version: manifest.version.to_string().into(),
                digest: package.digest.as_str().into(),
                component_digest: package.component_digest.as_str().into(),
            },
            component: Bytes::copy_from_slice(&package.component),
            requests: manifest.requests.clone(),
            config: Map::new(),
            limits: Limits {
                deadline_ms: DEADLINE_MS,
                ..Limits::default()
            },
        }
    }
}

impl VectorReport {
    /// Whether everything came out as expected.
    pub(crate) fn passes(&self) -> bool {
        self.mismatches.is_empty()
    }

    /// The digest of each output, to compare runs by.
    pub(crate) fn output_digests(&self) -> Vec<String> {
        match &self.outcome {
            Outcome::Forwarded(outputs) => outputs
                .iter()
                .map(|output| digest_of(&output.message.encode()))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The component is a compiled program and says nothing to a reader.
impl std::fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Subject({}, {} bytes)", self.identity, self.component.len())
    }
}
