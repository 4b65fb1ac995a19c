//! `interfaces/NAME.toml`: one interface, from what the file says to what a revision keeps.

use std::path::Path;
use std::sync::Arc;

use super::acknowledgement;
use super::destination;
use super::document::{Document, Located};
use super::duplicates;
use super::expectation;
use super::name;
use super::order;
use super::reply;
use super::resolved::{Expectation, FORMAT, Interface, Order};
use super::section::{self, Section};
use super::source::{self, Claims};
use super::step::{self, Surroundings, Written as WrittenStep};

/// An interface as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// As the file is named.
    pub(super) name: String,
    /// None where something that is needed is missing or wrong.
    pub(super) interface: Option<Interface>,
    /// Whether the file is without a fault. Linking an interface that has some would only add to them.
    pub(super) is_sound: bool,
    /// The places of the steps, in the order of the chain, for faults that only linking finds.
    pub(super) steps: Vec<step::Places>,
    /// The same of each destination's, by its name.
    pub(super) destination_steps: Vec<(String, Vec<step::Places>)>,
    /// The same of the reply's.
    pub(super) reply_steps: Vec<step::Places>,
    pub(super) claims: Claims,
    /// The names of its destinations; none where the file is no TOML.
    pub(super) destinations: Option<Vec<String>>,
}

impl Read {
    /// The places of all steps, those of destinations behind its own, and then those of its reply.
    pub(super) fn all_steps(&self) -> impl Iterator<Item = &step::Places> {
        let of_destinations = self.destination_steps.iter().flat_map(|(_, steps)| steps);
        self.steps.iter().chain(of_destinations).chain(&self.reply_steps)
    }

    /// Those of a destination.
    pub(super) fn steps_of(&self, destination: &str) -> Option<&Vec<step::Places>> {
        let mut of_destinations = self.destination_steps.iter();
        of_destinations
            .find(|(name, _)| name == destination)
            .map(|(_, steps)| steps)
    }
}

/// How many steps a chain may have, and how many destinations an interface. More is a mistake in a generated file.
const PARTS_MAX: usize = 64;

pub(super) fn read(document: &Arc<Document>, surroundings: &Surroundings<'_>) -> Read {
    let faults = surroundings.faults;
    let name = document
        .name
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    if !name::is_sound(&name) {
        let message = format!("`{name}` cannot name an interface");
        faults.in_file(&document.name, message, vec![name::RULE.to_owned()]);
    }
    let faults_before = faults.count();
    let Some(table) = section::parse(document, faults) else {
        return Read {
            name,
            ..Read::default()
        };
    };
    let read = read_file(name.clone(), Section::root(document, &table, faults), surroundings);
    Read {
        name,
        is_sound: faults.count() == faults_before,
        ..read
    }
}

fn read_file(name: String, mut file: Section<'_>, surroundings: &Surroundings<'_>) -> Read {
    let description = file.required_text("description");
    let owner = file.text("owner").map_or_else(String::new, |owner| owner.value);
    let order = order::order(&mut file);
    let on_fault = order::on_fault(&mut file, &order);
    let (source, mut claims) = file
        .required_section("source", "`[source]`")
        .map(|section| section.under(surroundings.environment.source(&name)))
        .map(|section| source::read(section, surroundings))
        .unwrap_or_default();
    let duplicates = file.section("duplicates", "`[duplicates]`").map(duplicates::read);
    let destinations = read_destinations(&mut file, &name, &order, surroundings);
    let steps = read_steps(&mut file, &destinations, surroundings);
    claims.acknowledged_at = destinations
        .iter()
        .filter_map(|one| one.acknowledged_at.clone())
        .collect();
    claims.feeds = destinations.iter().filter_map(|one| one.feeds.clone()).collect();
    if let Some(name) = &claims.application_acknowledgements {
        acknowledgement::refuse_unknown(name, "destination", names(&destinations), surroundings.faults);
        acknowledgement::refuse_steps(name, &destinations, surroundings.faults);
    }
    let around = reply::Around {
        source: source.as_ref(),
        destinations: &destinations,
        has_duplicates: duplicates.is_some(),
    };
    let reply = reply::read(&mut file, &around, surroundings);
    let expectations = read_expectations(&mut file);
    file.finish();

    let places = steps.iter().map(|step| step.places.clone()).collect();
    let destination_names = names(&destinations).map(str::to_owned).collect();
    let destination_steps = destinations.iter().filter_map(destination::Written::places).collect();
    let interface = || {
        Some(Interface {
            format: FORMAT,
            name,
            description: description?.value,
            owner,
            environment: surroundings.environment.name.clone(),
            order,
            on_fault,
            duplicates: match duplicates {
                Some(read) => Some(read?),
                None => None,
            },
            source: source?,
            steps: steps.into_iter().map(|step| step.resolved).collect::<Option<_>>()?,
            destinations: destinations
                .into_iter()
                .map(|one| one.resolved)
                .collect::<Option<_>>()?,
            reply: if reply.is_asked { Some(reply.resolved?) } else { None },
            expectations,
        })
    };
    Read {
        interface: interface(),
        steps: places,
        destination_steps,
        reply_steps: reply.steps,
        claims,
        destinations: Some(destination_names),
        ..Read::default()
    }
}

fn read_destinations(
    file: &mut Section<'_>,
    interface: &str,
    order: &Order,
    surroundings: &Surroundings<'_>,
) -> Vec<destination::Written> {
    file.require("destinations");
    let sections = file.sections("destinations", "`[[destinations]]`");
    refuse_too_many(sections.len(), "destinations", file);
    let destinations: Vec<_> = sections
        .into_iter()
        .map(|section| {
            let name = section.peek("name").unwrap_or_default();
            let overlay = surroundings.environment.destination(interface, name);
            destination::read(section.under(overlay), order, surroundings)
        })
        .collect();
    let names: Vec<&Located<String>> = destinations.iter().filter_map(|one| one.name.as_ref()).collect();
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names.iter().take(index).find(|other| other.value == name.value) {
            let message = format!("there are two destinations named `{}`", name.value);
            file.faults()
                .at_with_hint(&name.place, message, format!("the first one is at {}", first.place));
        }
    }
    destinations
}

fn read_steps(
    file: &mut Section<'_>,
    destinations: &[destination::Written],
    surroundings: &Surroundings<'_>,
) -> Vec<WrittenStep> {
    let names: Vec<&str> = names(destinations).collect();
    let sections = file.sections("steps", "`[[steps]]`");
    refuse_too_many(sections.len(), "steps", file);
    sections
        .into_iter()
        .map(|section| step::read(section, &step::Named::Destinations(&names), surroundings))
        .collect()
}

/// Those that could be read: of the others there are faults, with which nothing is made of the file.
fn read_expectations(file: &mut Section<'_>) -> Vec<Expectation> {
    let sections = file.sections("expectations", "`[[expectations]]`");
    refuse_too_many(sections.len(), "expectations", file);
    let mut expectations: Vec<Expectation> = Vec::new();
    for section in sections {
        let place = section.place().clone();
        let Some(read) = expectation::read(section) else {
            continue;
        };
        if expectations.iter().any(|other| other.name == read.name) {
            let message = format!("there are two expectations named `{}`", read.name);
            file.faults().at(&place, message);
        }
        expectations.push(read);
    }
    expectations
}

fn names(destinations: &[destination::Written]) -> impl Iterator<Item = &str> {
    let names = destinations.iter().filter_map(|one| one.name.as_ref());
    names.map(|name| name.value.as_str())
}

pub(super) fn refuse_too_many(count: usize, kind: &str, file: &Section<'_>) {
    if count > PARTS_MAX {
        file.faults().at(
            file.place(),
            format!("{count} {kind}, and an interface has at most {PARTS_MAX}"),
        );
    }
}

/// The name that people know an interface's file by.
pub(super) fn file_name(path: &Path) -> std::path::PathBuf {
    Path::new("interfaces").join(path.file_name().unwrap_or_default())
}
