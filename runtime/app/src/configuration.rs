//! The site folder: from what its files say to what the engine runs.
//!
//! Reading never stops at the first fault. Every file is read, every key is looked at, and only then is a decision
//! made: either a [`Site`] in which nothing can fail any more because of configuration, or all the faults there are.

mod acknowledgement;
mod answers;
mod approved;
mod budget;
pub(crate) mod chaining;
mod charset;
mod control;
mod destination;
mod document;
mod duplicates;
mod environment;
mod expectation;
mod fault;
mod framing;
mod gates;
mod http_authentication;
mod instances;
mod intake;
mod interface;
mod limits;
mod link;
mod message_types;
mod name;
mod order;
mod package;
mod plugins;
pub(crate) mod profile;
mod quantity;
mod reply;
pub(crate) mod resolved;
mod secrets;
mod section;
mod settings;
mod source;
mod step;
pub(crate) mod suggest;
mod table;
mod tls;
mod trust;
mod validate;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use transfuse_package::trust::Occasion;
use transfuse_sandbox::Sandbox;

pub(crate) use answers::answer_table;
pub(crate) use approved::{APPROVED, is_digest, read_approvals};
pub(crate) use budget::{Bounds, BudgetSettings};
pub(crate) use control::ControlSettings;
pub(crate) use fault::{Fault, FaultReport, Faults, Location};
pub(crate) use gates::{GateSettings, OnDifference, REPLAY_MESSAGES_MAX};
pub(crate) use message_types::is_message_type;
pub(crate) use name::{RULE as NAME_RULE, is_sound as is_name};
pub(crate) use package::{WrittenConfig, hold_against_schema};
pub(crate) use quantity::{
    duration as parse_duration, per_mille as parse_share, rate as parse_rate, show_duration,
    show_per_mille as show_share, show_rate, show_size,
};
pub(crate) use secrets::{Secret, SecretError, SecretSources, references};
pub(crate) use settings::{Log, LogFormat, LogLevel, Settings};
pub(crate) use table::{CodeTable, RowError, TableFile, TableFileError};
pub(crate) use trust::TrustSettings;

pub(crate) use document::{Document, Located, Place};
pub(crate) use section::{Section, parse as parse_document};

use environment::Environment;
use interface::Read;
use plugins::Plugins;
use step::Surroundings;

use crate::parts::Parts;
use crate::trust::Trust;

/// The file that makes a folder a site.
pub(crate) const FILE_NAME: &str = "transfuse.toml";

/// The largest configuration file. They are written by hand; a larger one is something else.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// A site folder that was read without a fault.
#[derive(Debug)]
pub(crate) struct Site {
    /// In the order of their names.
    pub(crate) interfaces: Vec<resolved::Interface>,
    /// By name.
    pub(crate) tables: BTreeMap<String, CodeTable>,
    /// What the steps of the interfaces resolved to.
    pub(crate) parts: Parts,
    /// What a person should look at, and what stops nothing.
    pub(crate) warnings: Vec<Fault>,
    /// Why an interface must not be made live, at the lines of its steps. Its chain was not linked.
    pub(crate) refusals: BTreeMap<String, Vec<Fault>>,
    /// What somebody should know about plugins that may be deployed.
    pub(crate) alerts: Vec<String>,
}

/// `transfuse.toml` as far as it can be used, and what is wrong with it.
pub(crate) fn read_settings(folder: &Path) -> (Settings, Faults) {
    let faults = Faults::default();
    let settings = settings::read(folder, &faults);
    (settings, faults)
}

/// Where the secrets of a site come from in one of its environments, as far as that can be read.
pub(crate) fn read_secrets(folder: &Path, environment: Option<&str>) -> SecretSources {
    let faults = Faults::default();
    let document = environment::open(folder, environment, &faults);
    let table = document.as_ref().map(|document| environment::parse(document, &faults));
    let read = document.as_ref().zip(table.as_ref());
    Environment::read(environment, read, folder, &faults).secrets
}

/// Reads a whole site folder as it is in one of its environments, packages from the folder `plugins`, and links every chain in the sandbox whose plugins may
/// be deployed.
///
/// # Errors
///
/// Every fault of every file, those of the settings included, in the order of files and lines. Nothing has been bound,
/// opened or written.
pub(crate) fn read(
    folder: &Path,
    environment: Option<&str>,
    plugins: &Path,
    trust: &Trust,
    faults: Faults,
    sandbox: &Sandbox,
) -> Result<Site, Vec<Fault>> {
    let document = environment::open(folder, environment, &faults);
    let file = document.as_ref().map(|document| environment::parse(document, &faults));
    let environment = Environment::read(environment, document.as_ref().zip(file.as_ref()), folder, &faults);
    let tables = table::read_folder(folder, &faults);
    let plugins = Plugins::open(plugins.to_owned());
    let surroundings = Surroundings {
        site: folder,
        environment: &environment,
        tables: &tables,
        plugins: &plugins,
        faults: &faults,
    };
    let mut read = read_interfaces(folder, &surroundings);
    refuse_double_claims(&read, &faults);
    refuse_unknown_interfaces(&read, &faults);
    chaining::check(&read, &faults);
    environment.refuse_unknown(&read, &faults);
    let mut parts = Parts::new(environment.secrets.clone());
    for component in plugins.into_found() {
        parts.add_component(component);
    }
    for table in tables.values() {
        parts.add_table(table.clone());
    }
    let mut site = Site {
        interfaces: Vec::new(),
        tables,
        parts,
        warnings: Vec::new(),
        refusals: BTreeMap::new(),
        alerts: Vec::new(),
    };
    judge(&read, trust, &mut site);
    // What nobody vouches for is not even compiled.
    for read in &mut read {
        read.is_sound &= !site.refusals.contains_key(&read.name);
    }
    link::check(&read, &site.parts, sandbox, &faults);
    if !faults.is_empty() {
        faults.extend(site.refusals.into_values().flatten());
        return Err(faults.into_sorted());
    }
    site.warnings = faults.take_warnings();
    site.interfaces = read.into_iter().filter_map(|read| read.interface).collect();
    Ok(site)
}

/// Holds the plugins of every interface against the policy, as if it were to be deployed.
fn judge(read: &[Read], trust: &Trust, site: &mut Site) {
    for read in read {
        let steps = read.interface.iter().flat_map(resolved::Interface::all_steps);
        for (step, places) in steps.zip(read.all_steps()) {
            let Some(component) = site.parts.component(&step.digest) else {
                continue;
            };
            match trust.judge(component, &step.grants, Occasion::Deploy) {
                Ok(alerts) => site.alerts.extend(alerts),
                Err(distrust) => {
                    let fault = distrust.fault(Location::Place(places.plugin.clone()));
                    site.refusals.entry(read.name.clone()).or_default().push(fault);
                }
            }
        }
    }
}

fn read_interfaces(folder: &Path, surroundings: &Surroundings<'_>) -> Vec<Read> {
    let paths = files_in(&folder.join("interfaces"), "toml", surroundings.faults);
    // A folder that is no site at all is told that once.
    if paths.is_empty() && folder.join(FILE_NAME).exists() {
        let hint = "an interface is a file `interfaces/NAME.toml`".to_owned();
        surroundings
            .faults
            .in_file(Path::new("interfaces"), "the site has no interfaces", vec![hint]);
    }
    paths
        .iter()
        .filter_map(|path| read_document(folder, &interface::file_name(path), surroundings.faults))
        .map(|document| interface::read(&document, surroundings))
        .collect()
}

/// Two interfaces that would take each other's messages.
fn refuse_double_claims(read: &[Read], faults: &Faults) {
    let listens = read
        .iter()
        .filter_map(|read| read.claims.listen.as_ref())
        .filter(|listen| listen.value.port() != 0);
    refuse_doubles(listens, "another interface listens on", faults);
    refuse_doubles(
        read.iter().filter_map(|read| read.claims.folder.as_ref()),
        "another interface reads",
        faults,
    );
}

/// Acknowledgements that are to arrive at an interface which is nowhere.
fn refuse_unknown_interfaces(read: &[Read], faults: &Faults) {
    for name in read.iter().flat_map(|read| &read.claims.acknowledged_at) {
        let known = read.iter().map(|read| read.name.as_str());
        acknowledgement::refuse_unknown(name, "interface", known, faults);
    }
}

fn refuse_doubles<'l, T: PartialEq + std::fmt::Debug + 'l>(
    claims: impl Iterator<Item = &'l Located<T>>,
    message: &str,
    faults: &Faults,
) {
    let mut seen: Vec<&Located<T>> = Vec::new();
    for claim in claims {
        match seen.iter().find(|other| other.value == claim.value) {
            Some(first) => {
                let message = format!("{message} {} as well", format!("{:?}", claim.value).replace('"', "`"));
                faults.at_with_hint(&claim.place, message, format!("the first one is at {}", first.place));
            }
            None => seen.push(claim),
        }
    }
}

/// The files of a folder with one extension, by name. A folder that does not exist holds none.
fn files_in(folder: &Path, extension: &str, faults: &Faults) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            faults.in_file(folder, format!("cannot be read: {error}"), Vec::new());
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension) && path.is_file())
        .collect();
    paths.sort();
    paths
}

/// Reads one file of the site; `name` is relative to it.
fn read_document(site: &Path, name: &Path, faults: &Faults) -> Option<Arc<Document>> {
    let path = site.join(name);
    let read = fs::metadata(&path).and_then(|metadata| {
        let fits = metadata.len() <= DOCUMENT_BYTES_MAX;
        if fits { fs::read(&path).map(Some) } else { Ok(None) }
    });
    match read.map(|bytes| bytes.map(String::from_utf8)) {
        Ok(Some(Ok(text))) => Some(Document::new(name, text)),
        Ok(Some(Err(_))) => report_unreadable(name, "is not UTF-8 text", faults),
        Ok(None) => report_unreadable(name, "is larger than 1 MiB, and no configuration file is", faults),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let hint = format!(
                "`{}` is not a site folder; a site has a file `{FILE_NAME}`",
                site.display()
            );
            faults.in_file(name, "there is no such file", vec![hint]);
            None
        }
        Err(error) => report_unreadable(name, &format!("cannot be read: {error}"), faults),
    }
}

fn report_unreadable(name: &Path, message: &str, faults: &Faults) -> Option<Arc<Document>> {
    faults.in_file(name, message, Vec::new());
    None
}
