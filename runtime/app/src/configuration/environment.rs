//! `environments/NAME.toml`: what differs between the places where one site runs. That is addresses, peers, folders and secrets,
//! and which messages are meant for it; never what becomes of a message.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use super::document::{Document, Located};
use super::fault::Faults;
use super::interface::Read;
use super::secrets::{self, SecretSources};
use super::section::{self, Overlay, Section};
use super::{FILE_NAME, files_in, name, read_document, suggest};

/// The folder of a site's environments.
const FOLDER: &str = "environments";

/// What an environment may say of a source.
const OF_SOURCE: [&str; 4] = ["listen", "folder", "peers", "tls"];

/// What it may say of a destination.
const OF_DESTINATION: [&str; 5] = ["address", "url", "authentication", "folder", "tls"];

/// Table 0103.
const PROCESSING_IDS: [&str; 3] = ["P", "T", "D"];

/// The environment that a site is read for. That of a site which knows none says nothing.
#[derive(Default)]
pub(super) struct Environment<'e> {
    pub(super) name: Option<String>,
    /// The values of MSH-11.1 that fit; empty: all.
    pub(super) processing_ids: Vec<String>,
    pub(super) secrets: SecretSources,
    interfaces: Vec<Places<'e>>,
}

/// Where an interface is, here.
struct Places<'e> {
    interface: Located<String>,
    source: Option<Overlay<'e>>,
    destinations: Vec<(Located<String>, Overlay<'e>)>,
}

/// The file of the environment that is chosen. That there is none is a fault where the site has environments: the addresses of
/// another place must not be used by mistake.
pub(super) fn open(site: &Path, chosen: Option<&str>, faults: &Faults) -> Option<Arc<Document>> {
    let names = names(site, faults);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Some(chosen) = chosen else {
        if !names.is_empty() {
            let hint =
                format!("choose one with `--environment NAME`, or write `environment = \"NAME\"` in `{FILE_NAME}`");
            let hints = vec![suggest::existing("environment", &names), hint];
            faults.in_file(
                Path::new(FOLDER),
                "the site has environments, and none is chosen",
                hints,
            );
        }
        return None;
    };
    let file = file(chosen);
    if !names.contains(&chosen) {
        let hints = suggest::hints(chosen, "environment", &names);
        faults.in_file(&file, format!("there is no environment `{chosen}`"), hints);
        return None;
    }
    read_document(site, &file, faults)
}

/// The names of a site's environments.
fn names(site: &Path, faults: &Faults) -> Vec<String> {
    let mut names = Vec::new();
    for path in files_in(&site.join(FOLDER), "toml", faults) {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_default();
        if name::is_sound(&stem) {
            names.push(stem);
        } else {
            let message = format!("`{stem}` cannot name an environment");
            faults.in_file(&file(&stem), message, vec![name::RULE.to_owned()]);
        }
    }
    names
}

fn file(name: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.toml"))
}

/// What could be read of the file. Somebody may have written a secret into a line that is no TOML, and no line is shown.
pub(super) fn parse<'d>(document: &'d Arc<Document>, faults: &Faults) -> DeTable<'d> {
    section::parse_with(document, |place, message| {
        faults.in_row(place.file(), place.position().line, message, secrets::EXAMPLE);
    })
    .0
}

impl<'e> Environment<'e> {
    /// `read` is the file of the environment, where there is one.
    pub(super) fn read(
        chosen: Option<&str>,
        read: Option<(&'e Arc<Document>, &'e DeTable<'e>)>,
        site: &Path,
        faults: &'e Faults,
    ) -> Self {
        let Some((document, table)) = read else {
            return Self {
                name: chosen.map(str::to_owned),
                secrets: SecretSources::new(chosen, std::collections::BTreeMap::new()),
                ..Self::default()
            };
        };
        let mut file = Section::root(document, table, faults);
        refuse_others(&file, &["processing_ids", "secrets", "interfaces"]);
        let processing_ids = processing_ids(&mut file);
        let secrets = file.named_sections("secrets", "`[secrets]`", secrets::EXAMPLE);
        let interfaces = file.named_sections("interfaces", "`[interfaces]`", "write `[interfaces.NAME.source]`");
        Self {
            name: chosen.map(str::to_owned),
            processing_ids,
            secrets: SecretSources::new(chosen, secrets::read(secrets, site)),
            interfaces: interfaces
                .into_iter()
                .map(|(name, section)| Places::read(name, section))
                .collect(),
        }
    }

    /// The keys of an interface's source that are others here.
    pub(super) fn source(&self, interface: &str) -> Option<Overlay<'e>> {
        self.places(interface)?.source
    }

    /// Those of one of its destinations.
    pub(super) fn destination(&self, interface: &str, destination: &str) -> Option<Overlay<'e>> {
        let mut destinations = self.places(interface)?.destinations.iter();
        let (_, overlay) = destinations.find(|(name, _)| name.value == destination)?;
        Some(*overlay)
    }

    /// Refuses places of what the site does not have. `known` are its interfaces.
    pub(super) fn refuse_unknown(&self, known: &[Read], faults: &Faults) {
        let names: Vec<&str> = known.iter().map(|read| read.name.as_str()).collect();
        for places in &self.interfaces {
            let name = &places.interface;
            match known.iter().find(|read| read.name == name.value) {
                None => {
                    let hints = suggest::hints(&name.value, "interface", &names);
                    faults.at_with_hints(
                        &name.place,
                        format!("the site has no interface `{}`", name.value),
                        hints,
                    );
                }
                Some(read) => places.refuse_unknown_destinations(read, faults),
            }
        }
    }

    fn places(&self, interface: &str) -> Option<&Places<'e>> {
        self.interfaces
            .iter()
            .find(|places| places.interface.value == interface)
    }
}

impl<'e> Places<'e> {
    fn read(interface: Located<String>, mut section: Section<'e>) -> Self {
        refuse_others(&section, &["source", "destinations"]);
        let source = section.section("source", "`source`");
        let hint = "write `[interfaces.NAME.destinations.NAME]`";
        let destinations = section.named_sections("destinations", "`destinations`", hint);
        Self {
            interface,
            source: source.map(|source| {
                refuse_others(&source, &OF_SOURCE);
                source.into_overlay(&OF_SOURCE)
            }),
            destinations: destinations
                .into_iter()
                .map(|(name, destination)| {
                    refuse_others(&destination, &OF_DESTINATION);
                    (name, destination.into_overlay(&OF_DESTINATION))
                })
                .collect(),
        }
    }

    /// An interface whose file is no TOML has destinations that nobody knows.
    fn refuse_unknown_destinations(&self, interface: &Read, faults: &Faults) {
        let Some(known) = &interface.destinations else { return };
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        for (name, _) in &self.destinations {
            if !names.contains(&name.value.as_str()) {
                let message = format!("`{}` has no destination `{}`", interface.name, name.value);
                faults.at_with_hints(&name.place, message, suggest::hints(&name.value, "destination", &names));
            }
        }
    }
}

/// Refuses keys that are about something else than places: what becomes of a message is the same everywhere.
fn refuse_others(section: &Section<'_>, allowed: &[&str]) {
    for key in section.keys() {
        let name = key.value.as_str();
        if allowed.contains(&name) {
            continue;
        }
        let (message, hint) = match suggest::nearest(name, allowed.iter().copied()) {
            Some(near) => (format!("unknown key `{name}`"), format!("did you mean `{near}`?")),
            None => (
                format!("`{name}` cannot differ between environments"),
                format!(
                    "an environment says where things are, and not what becomes of a message; what may stand here is {}",
                    suggest::either(allowed)
                ),
            ),
        };
        section
            .faults()
            .in_row(key.place.file(), key.place.position().line, message, hint);
    }
}

fn processing_ids(file: &mut Section<'_>) -> Vec<String> {
    let place = file.place_of("processing_ids");
    let Some(ids) = file.texts("processing_ids") else {
        return Vec::new();
    };
    let hint = "table 0103 has `P` for production, `T` for training and `D` for debugging";
    if ids.is_empty() {
        file.faults()
            .at_with_hint(&place, "no message would fit this environment", hint);
    }
    for id in ids.iter().filter(|id| !PROCESSING_IDS.contains(&id.value.as_str())) {
        file.faults()
            .at_with_hint(&id.place, format!("`{}` is no processing id", id.value), hint);
    }
    ids.into_iter().map(|id| id.value).collect()
}
