//! What chains are made of: components and code tables, by digest, wherever they come from.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Map, Value};
use transfuse_engine::Chains;
use transfuse_package::Package;
use transfuse_sandbox::{
    Chain, FieldPatternError, FieldPatterns, Grants, LinkError, LoadError, PluginIdentity, Sandbox, Step, Table,
    TableError,
};
use transfuse_store::PackageEntry;

use crate::configuration::{CodeTable, Secret, SecretError, SecretSources, references, resolved};

/// The components and tables that steps may name. They come from the site folder or from the catalog; a chain that is
/// made of the same digests is the same chain.
#[derive(Debug)]
pub(crate) struct Parts {
    components: HashMap<String, Component>,
    tables: HashMap<String, CodeTable>,
    secrets: SecretSources,
}

/// A plugin's code, and where it comes from. A clone is cheap.
#[derive(Clone)]
pub(crate) struct Component {
    pub(crate) identity: PluginIdentity,
    origin: Origin,
}

/// What a component lies in.
#[derive(Clone)]
enum Origin {
    Package(Arc<Package>),
    /// An engine stored it that knew no packages as files. What runs must keep running.
    Bare(Bytes),
}

/// Magic and version of a component that lies in the catalog by itself; no package begins like this.
const BARE_COMPONENT: &[u8] = b"\0asm";

/// Why an interface's steps do not make a chain. Steps are counted from zero.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChainError {
    /// The component is nowhere.
    #[error("the component {digest} of `{plugin}` is missing")]
    NoComponent {
        step: usize,
        plugin: String,
        digest: String,
    },
    /// The table is nowhere.
    #[error("the version {digest} of the table `{table}` is missing")]
    NoTable { step: usize, table: String, digest: String },
    /// The table is there and cannot be used.
    #[error("{source}")]
    Table { step: usize, source: TableError },
    /// A field pattern that this engine does not understand.
    #[error("{source}")]
    Pattern { step: usize, source: FieldPatternError },
    /// The component is no plugin, or not one for this engine.
    #[error("{source}")]
    Load { step: usize, source: LoadError },
    /// A secret that its configuration names has no value.
    #[error("{source}")]
    Secret { step: usize, source: SecretError },
    /// It asks for more than it is granted, or refuses its configuration.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Whose steps do not make a chain, and why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChainsError {
    /// The interface's own.
    #[error(transparent)]
    Own(#[from] ChainError),
    /// A destination's.
    #[error("the steps of the destination `{destination}`: {source}")]
    OfDestination {
        destination: String,
        source: Box<ChainError>,
    },
    /// The reply's.
    #[error("the steps of the reply: {0}")]
    OfReply(#[source] ChainError),
}

impl Parts {
    /// Nothing yet, but where the secrets of configurations come from.
    pub(crate) fn new(secrets: SecretSources) -> Self {
        Self {
            components: HashMap::new(),
            tables: HashMap::new(),
            secrets,
        }
    }

    /// Where the secrets of configurations come from.
    pub(crate) fn secret_sources(&self) -> &SecretSources {
        &self.secrets
    }

    /// The secrets that an interface's configurations name, as they are now. One that cannot be read is left out.
    pub(crate) fn secrets(&self, interface: &resolved::Interface) -> BTreeMap<String, Secret> {
        let of_steps = interface.all_steps().flat_map(|step| references(&step.config));
        let of_source = interface.source.wire.secret().map(str::to_owned);
        let of_destinations = interface.destinations.iter().flat_map(|one| one.wire.secrets());
        let of_destinations = of_destinations.map(str::to_owned);
        let names = of_steps.map(|one| one.name).chain(of_source).chain(of_destinations);
        names
            .filter_map(|name| {
                let secret = self.secrets.get(&name).ok()?;
                Some((name, secret))
            })
            .collect()
    }

    pub(crate) fn add_component(&mut self, component: Component) {
        self.components.insert(component.identity.digest.to_string(), component);
    }

    pub(crate) fn add_table(&mut self, table: CodeTable) {
        self.tables.insert(table.digest.clone(), table);
    }

    pub(crate) fn component(&self, digest: &str) -> Option<&Component> {
        self.components.get(digest)
    }

    /// All of them.
    pub(crate) fn components(&self) -> impl Iterator<Item = &Component> {
        self.components.values()
    }

    pub(crate) fn table(&self, digest: &str) -> Option<&CodeTable> {
        self.tables.get(digest)
    }

    /// Loads and links the steps of an interface and of its destinations. Blocks, for as long as compiling takes.
    pub(crate) fn chains(&self, sandbox: &Sandbox, interface: &resolved::Interface) -> Result<Chains, ChainsError> {
        let own = self.chain(sandbox, &interface.steps)?;
        let with_steps = interface.destinations.iter().filter(|one| !one.steps.is_empty());
        let of_destination = |one: &resolved::Destination| match self.chain(sandbox, &one.steps) {
            Ok(chain) => Ok((Arc::from(one.name.as_str()), chain)),
            Err(source) => Err(ChainsError::OfDestination {
                destination: one.name.clone(),
                source: source.into(),
            }),
        };
        Ok(Chains {
            own,
            destinations: with_steps.map(of_destination).collect::<Result<_, _>>()?,
            reply: match &interface.reply {
                Some(reply) if !reply.steps.is_empty() => {
                    let chain = self.chain(sandbox, &reply.steps);
                    Some(chain.map_err(ChainsError::OfReply)?)
                }
                _ => None,
            },
        })
    }

    /// Loads and links steps. Blocks, as [`Parts::chains`] does.
    pub(crate) fn chain(&self, sandbox: &Sandbox, steps: &[resolved::Step]) -> Result<Chain, ChainError> {
        let steps = steps.iter().enumerate();
        let steps = steps
            .map(|(index, step)| self.step(sandbox, index, step))
            .collect::<Result<_, _>>()?;
        Ok(sandbox.chain(steps)?)
    }

    fn step(&self, sandbox: &Sandbox, step: usize, resolved: &resolved::Step) -> Result<Step, ChainError> {
        let component = self
            .component(&resolved.digest)
            .ok_or_else(|| ChainError::NoComponent {
                step,
                plugin: resolved.plugin.clone(),
                digest: resolved.digest.clone(),
            })?;
        let plugin = sandbox
            .load(component.identity.clone(), component.bytes())
            .map_err(|source| ChainError::Load { step, source })?;
        let grants = &resolved.grants;
        let config = self.secrets.fill(&resolved.config);
        let config = config.map_err(|source| ChainError::Secret { step, source })?;
        Ok(Step {
            plugin,
            config: config.to_string().into_bytes(),
            has_secrets: !references(&resolved.config).is_empty(),
            grants: Grants {
                read: patterns(step, &grants.read)?,
                write: patterns(step, &grants.write)?,
                tables: grants.tables.iter().map(|table| table.name.clone()).collect(),
                to: grants.to.clone(),
                create: grants.create,
                state: grants.state,
            },
            limits: transfuse_sandbox::Limits::from(&resolved.limits),
            instances: resolved.instances.into(),
            tables: grants
                .tables
                .iter()
                .map(|table| self.sandbox_table(step, table))
                .collect::<Result<_, _>>()?,
            state_schema: component.state_schema(),
        })
    }

    fn sandbox_table(&self, step: usize, grant: &resolved::TableGrant) -> Result<Arc<Table>, ChainError> {
        let table = self.table(&grant.digest).ok_or_else(|| ChainError::NoTable {
            step,
            table: grant.name.clone(),
            digest: grant.digest.clone(),
        })?;
        // Two tables of the same cells are one version, under two names.
        Table::new(&grant.name, &table.digest, table.columns.clone(), table.rows.clone())
            .map(Arc::new)
            .map_err(|source| ChainError::Table { step, source })
    }
}

fn patterns(step: usize, patterns: &[String]) -> Result<FieldPatterns, ChainError> {
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    FieldPatterns::parse(&patterns).map_err(|source| ChainError::Pattern { step, source })
}

impl Component {
    /// The component itself.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.origin {
            Origin::Package(package) => &package.component,
            Origin::Bare(bytes) => bytes,
        }
    }

    /// The package that it lies in; none where an earlier engine stored it without one.
    pub(crate) fn package(&self) -> Option<&Arc<Package>> {
        match &self.origin {
            Origin::Package(package) => Some(package),
            Origin::Bare(_) => None,
        }
    }

    /// The configuration that the plugin gets: the site's over what its package brings.
    pub(crate) fn merged_config(&self, site: &Map<String, Value>) -> Map<String, Value> {
        match self.package() {
            Some(package) => package.manifest.merged_config(site),
            None => site.clone(),
        }
    }

    /// The same with the signatures of another copy of the package; none where it has them all.
    pub(crate) fn with_signatures_of(&self, other: &Self) -> anyhow::Result<Option<Self>> {
        let (Some(package), Some(other)) = (self.package(), other.package()) else {
            return Ok(None);
        };
        if other.envelopes.iter().all(|one| package.envelopes.contains(one)) {
            return Ok(None);
        }
        let mut signed = Package::clone(package);
        for envelope in &other.envelopes {
            signed.add_envelope(envelope.clone())?;
        }
        Ok(Some(signed.into()))
    }

    /// As the catalog keeps it.
    pub(crate) fn to_entry(&self) -> PackageEntry {
        PackageEntry {
            digest: self.identity.digest.to_string(),
            name: self.identity.name.to_string(),
            version: self.identity.version.to_string(),
            content: match &self.origin {
                Origin::Package(package) => package.to_bytes(),
                Origin::Bare(bytes) => bytes.to_vec(),
            },
        }
    }

    /// From the catalog, verified anew: the disk may have changed what was stored.
    pub(crate) fn from_entry(entry: PackageEntry) -> anyhow::Result<Self> {
        let PackageEntry {
            digest,
            name,
            version,
            content,
        } = entry;
        if content.starts_with(BARE_COMPONENT) {
            let digest: Arc<str> = digest.into();
            return Ok(Self {
                identity: PluginIdentity {
                    name: name.into(),
                    version: version.into(),
                    component_digest: Arc::clone(&digest),
                    digest,
                },
                origin: Origin::Bare(content.into()),
            });
        }
        let damaged = || format!("{name} {version} {digest} is damaged in the catalog");
        let package = Package::from_bytes(&content).with_context(damaged)?;
        anyhow::ensure!(
            package.digest == digest,
            "{}: its digest is {}",
            damaged(),
            package.digest
        );
        Ok(package.into())
    }
}

impl From<Package> for Component {
    fn from(package: Package) -> Self {
        let identity = PluginIdentity {
            name: package.manifest.name.as_str().into(),
            version: package.manifest.version.to_string().into(),
            digest: package.digest.as_str().into(),
            component_digest: package.component_digest.as_str().into(),
        };
        Self {
            identity,
            origin: Origin::Package(Arc::new(package)),
        }
    }
}

impl Component {
    /// The version of what the plugin keeps between messages; 1 where its manifest names none.
    fn state_schema(&self) -> u32 {
        self.package()
            .and_then(|package| package.manifest.state_schema)
            .unwrap_or(1)
    }
}

/// The component is a compiled program and says nothing to a reader.
impl std::fmt::Debug for Component {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Component({}, {} bytes)", self.identity, self.bytes().len())
    }
}

impl ChainError {
    /// The step that is at fault, from zero.
    pub(crate) fn step(&self) -> usize {
        match self {
            Self::NoComponent { step, .. }
            | Self::NoTable { step, .. }
            | Self::Table { step, .. }
            | Self::Pattern { step, .. }
            | Self::Load { step, .. }
            | Self::Secret { step, .. } => *step,
            Self::Link(error) => match error {
                LinkError::Ungranted { step, .. }
                | LinkError::NoSuchTable { step, .. }
                | LinkError::MemoryBeyondCeiling { step, .. }
                | LinkError::Misconfigured { step, .. } => *step,
                LinkError::Init(fault) => fault.step,
                _ => 0,
            },
        }
    }
}
