//! Running vectors: each in a chain of its own, in the sandbox that messages run in.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use transfuse_message::Payload;
use transfuse_package::{Manifest, Package, digest_of};
use transfuse_sandbox::{
    Access, Chain, Fault, FaultKind, Input, Instances, Limits, LinkError, LogLine, Outcome, Plugin, PluginIdentity,
    Sandbox, State, StateWrites, Step, StepReport,
};

use super::compare::{compare, output_bytes};
use super::{Mismatch, Vector};

/// How long a vector may take. Long enough that a busy machine changes no result: fuel is what stops a loop, and it is
/// the same everywhere.
const DEADLINE_MS: u64 = 10_000;

/// The version of what a plugin keeps whose manifest does not say.
const STATE_SCHEMA: u32 = 1;

/// A plugin that vectors are for.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) identity: PluginIdentity,
    pub(crate) component: Bytes,
    /// What it requests is what a vector grants that says nothing else; what it configures lies under what a vector does.
    pub(crate) manifest: Manifest,
    /// What its configurations are held against.
    pub(crate) config_schema: Option<String>,
}

/// What came of one vector.
#[derive(Debug, Clone)]
pub(crate) struct VectorReport {
    pub(crate) name: String,
    pub(crate) description: String,
    /// A configuration that the plugin refuses is a fault here, `misconfigured`.
    pub(crate) outcome: Outcome,
    pub(crate) log: Vec<LogLine>,
    /// What the plugin keeps afterwards: as it was, where nothing was to be kept.
    pub(crate) state: BTreeMap<String, String>,
    /// What the plugin touched, as grants would be written.
    pub(crate) access: Access,
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
        let report = report_of(sandbox, &plugin, subject, vector);
        tell(&report);
        reports.push(report);
    }
    Ok(reports)
}

/// Runs one vector.
pub(crate) fn report_of(sandbox: &Sandbox, plugin: &Plugin, subject: &Subject, vector: &Vector) -> VectorReport {
    let before = subject.state(vector);
    let (outcome, log, step, after) = match subject.chain(sandbox, plugin, vector, Instances::Fresh) {
        Ok(chain) => {
            let report = chain.run_blocking(subject.input(vector));
            let mut after = before;
            after.apply(&report.state);
            (report.outcome, report.log, report.steps.into_iter().next(), after)
        }
        Err(fault) => (Outcome::Faulted(*fault), Vec::new(), None, before),
    };
    let kept = after.values(&subject.identity.name);
    let state = kept
        .map(|(key, value)| (key.to_owned(), value.lossy_text().into_owned()))
        .collect();
    VectorReport {
        name: vector.name.clone(),
        description: vector.description.clone(),
        mismatches: compare(vector.expect.as_ref(), &outcome, &log, &state),
        outcome,
        log,
        state,
        cost: step.as_ref().map(Cost::of),
        access: step.map(|step| step.access).unwrap_or_default(),
    }
}

impl Cost {
    fn of(step: &StepReport) -> Self {
        Self {
            fuel: step.fuel,
            memory_bytes: step.memory_bytes,
            elapsed_us: step.elapsed_us,
        }
    }
}

impl Subject {
    /// The plugin as the only step of a chain. What keeps it from being one is told as the fault of a run.
    pub(crate) fn chain(
        &self,
        sandbox: &Sandbox,
        plugin: &Plugin,
        vector: &Vector,
        instances: Instances,
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
        let grants = vector
            .grants
            .resolve(&self.manifest.requests)
            .map_err(|error| fault(FaultKind::Denied, format!("the manifest: {error}")))?;
        let step = Step {
            plugin: plugin.clone(),
            config: Value::Object(self.manifest.merged_config(&vector.config))
                .to_string()
                .into_bytes(),
            grants,
            limits: self.limits(),
            instances,
            has_secrets: false,
            state_schema: self.state_schema(),
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

    /// A vector's message with everything that goes with it.
    pub(crate) fn input(&self, vector: &Vector) -> Input {
        Input {
            message: vector.input.clone(),
            context: vector.context.clone(),
            state: self.state(vector),
        }
    }

    /// The version of what the plugin keeps.
    fn state_schema(&self) -> u32 {
        self.manifest.state_schema.unwrap_or(STATE_SCHEMA)
    }

    /// What the plugin has kept before a vector's message.
    fn state(&self, vector: &Vector) -> State {
        let values = vector.state.iter();
        let mut state = State::default();
        state.apply(&[StateWrites {
            plugin: Arc::clone(&self.identity.name),
            schema_version: self.state_schema(),
            values: values
                .map(|(key, value)| (key.clone(), Some(value.clone().into())))
                .collect(),
        }]);
        state
    }

    /// What the plugin may use: what its manifest asks for, with time enough.
    fn limits(&self) -> Limits {
        let (asked, defaults) = (&self.manifest.limits, Limits::default());
        let memory = asked
            .memory_bytes
            .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        Limits {
            deadline_ms: asked.deadline_ms.unwrap_or_default().max(DEADLINE_MS),
            fuel: asked.fuel.unwrap_or(defaults.fuel),
            memory_bytes_max: memory.unwrap_or(defaults.memory_bytes_max),
            ..defaults
        }
    }
}

impl From<&Package> for Subject {
    fn from(package: &Package) -> Self {
        Self {
            identity: PluginIdentity {
                name: package.manifest.name.as_str().into(),
                version: package.manifest.version.to_string().into(),
                digest: package.digest.as_str().into(),
                component_digest: package.component_digest.as_str().into(),
            },
            component: Bytes::copy_from_slice(&package.component),
            manifest: package.manifest.clone(),
            config_schema: package.config_schema.clone(),
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
            Outcome::Forwarded(outputs) => outputs.iter().map(|output| digest_of(&output_bytes(output))).collect(),
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
