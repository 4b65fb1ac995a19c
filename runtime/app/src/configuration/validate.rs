//! `[source.validate]`: what is asked of messages before the chain, and what becomes of those that are not so.

use super::document::Located;
use super::profile;
use super::resolved::{Acknowledge, OnFinding, Profile, TableGrant, Validate, ValidationLevel};
use super::section::Section;
use super::step::Surroundings;
use transfuse_package::digest_of;

const ACTIONS: [(&str, OnFinding); 3] = [
    ("refuse", OnFinding::Refuse),
    ("quarantine", OnFinding::Quarantine),
    ("pass", OnFinding::Pass),
];

pub(super) fn read(mut section: Section<'_>, ack: Acknowledge, surroundings: &Surroundings<'_>) -> Option<Validate> {
    let levels = [
        ("readable", ValidationLevel::Readable),
        ("structure", ValidationLevel::Structure),
        ("profile", ValidationLevel::Profile),
    ];
    let level = section.required_choice("level", &levels);
    let profile = profile(&mut section, level.as_ref(), surroundings);
    let on_error = action(&mut section, "on_error", ack);
    let on_warning = action(&mut section, "on_warning", ack);
    let default = match ack {
        Acknowledge::Processed => OnFinding::Refuse,
        Acknowledge::Received => OnFinding::Quarantine,
    };
    let error = on_error.as_ref().map_or(default, |action| action.value);
    if let Some(warning) = on_warning.as_ref().filter(|warning| warning.value > error) {
        section.faults().at_with_hint(
            &warning.place,
            "warnings would be dealt with harder than errors",
            "give `on_error` the harder one of the two",
        );
    }
    section.finish();
    Some(Validate {
        level: level?.value,
        profile,
        on_error: error,
        on_warning: on_warning.map_or(OnFinding::Pass, |action| action.value),
    })
}

/// What is to be done. AA cannot be taken back, so a sender that has heard it cannot be refused any more.
fn action(section: &mut Section<'_>, key: &'static str, ack: Acknowledge) -> Option<Located<OnFinding>> {
    let action = section.choice(key, &ACTIONS)?;
    if action.value == OnFinding::Refuse && ack == Acknowledge::Received {
        let hint = "write `quarantine` or `pass`, or let the sender wait: `ack = \"processed\"`";
        section.faults().at_with_hint(
            &action.place,
            format!("`{key}` cannot be `refuse` with `ack = \"received\"`: the sender has heard AA by then"),
            hint,
        );
    }
    Some(action)
}

/// The profile of the level that has one. Where it is needed and missing, that is a fault, and nothing is run.
fn profile(
    section: &mut Section<'_>,
    level: Option<&Located<ValidationLevel>>,
    surroundings: &Surroundings<'_>,
) -> Option<Profile> {
    let name = section.path("profile");
    if level?.value == ValidationLevel::Profile {
        section.require("profile");
        return read_profile(&name?, surroundings);
    }
    if let Some(name) = name {
        let hint = "write `level = \"profile\"`, which asks for the structure as well";
        section
            .faults()
            .at_with_hint(&name.place, "this level has no profile", hint);
    }
    None
}

fn read_profile(name: &Located<std::path::PathBuf>, surroundings: &Surroundings<'_>) -> Option<Profile> {
    let Surroundings {
        site, tables, faults, ..
    } = surroundings;
    if !site.join(&name.value).is_file() {
        let message = format!("there is no file `{}`", name.value.display());
        faults.at_with_hint(
            &name.place,
            message,
            "a profile is a file such as `profiles/lab.toml`, relative to the site",
        );
        return None;
    }
    let read = profile::read_file(site, &name.value, tables, faults)?;
    let tables = read
        .tables
        .iter()
        .filter_map(|name| tables.get(name))
        .map(|table| TableGrant {
            name: table.name.clone(),
            digest: table.digest.clone(),
        });
    Some(Profile {
        name: name.value.display().to_string(),
        digest: digest_of(read.text.as_bytes()),
        tables: tables.collect(),
        text: read.text,
    })
}
