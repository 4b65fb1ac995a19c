//! What plugins touched, against what they are granted.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use transfuse_engine::{Count, PluginUse};
use transfuse_sandbox::FieldPatterns;

use super::{ApiError, Shared, on_a_thread};
use crate::configuration::resolved::{Grants, Interface};
use crate::control::view::time;
use crate::control::wire::access as wire;

pub(super) async fn access(
    State(controlled): Shared,
    query: Result<Query<wire::AccessQuery>, QueryRejection>,
) -> Result<Json<wire::PluginAccess>, ApiError> {
    let Query(query) =
        query.map_err(|error| ApiError::bad_request(error.body_text(), "see `transfuse plugin access --help`"))?;
    let running = controlled.running_interfaces().await;
    let (uses, behind) = on_a_thread(&controlled, |controlled| {
        let behind = controlled.observing.catch_up();
        (controlled.observing.uses(), behind)
    })
    .await?;
    let uses = uses.into_iter().filter(|used| {
        query.plugin.as_ref().is_none_or(|plugin| *plugin == used.plugin)
            && query.version.as_ref().is_none_or(|version| *version == used.version)
    });
    Ok(Json(wire::PluginAccess {
        versions: versions(uses, &running),
        behind,
    }))
}

/// One entry for each package, its interfaces in the order of their names.
fn versions(uses: impl Iterator<Item = PluginUse>, running: &[Interface]) -> Vec<wire::VersionAccess> {
    let mut versions: BTreeMap<(String, String, String), Vec<wire::InterfaceAccess>> = BTreeMap::new();
    for used in uses {
        let key = (used.plugin.clone(), used.version.clone(), used.digest.clone());
        versions.entry(key).or_default().push(of_interface(used, running));
    }
    versions
        .into_iter()
        .map(|((plugin, version, digest), interfaces)| wire::VersionAccess {
            plugin,
            version,
            digest,
            interfaces,
        })
        .collect()
}

fn of_interface(used: PluginUse, running: &[Interface]) -> wire::InterfaceAccess {
    let interface = running.iter().find(|interface| interface.name == used.interface);
    let steps = interface.into_iter().flat_map(Interface::all_steps);
    let grants: Vec<&Grants> = steps
        .filter(|step| step.digest == used.digest)
        .map(|step| &step.grants)
        .collect();
    let seen = used.seen;
    let moment = |at_ms| (seen.messages > 0).then(|| time(at_ms));
    wire::InterfaceAccess {
        messages: seen.messages,
        first_at: moment(seen.first_at_ms),
        last_at: moment(seen.last_at_ms),
        read: touched(&used.read),
        written: touched(&used.written),
        tables: touched(&used.tables),
        to: touched(&used.to),
        create: used.create.messages,
        state: used.state.messages,
        everything: used.everything.messages,
        unlisted: used.unlisted,
        needed: needed(&used),
        never_used: (!grants.is_empty()).then(|| never_used(&used, &grants)),
        interface: used.interface,
    }
}

fn touched(counts: &BTreeMap<String, Count>) -> Vec<wire::Touched> {
    let touched = |(name, count): (&String, &Count)| wire::Touched {
        name: name.clone(),
        messages: count.messages,
        first_at: time(count.first_at_ms),
        last_at: time(count.last_at_ms),
    };
    let mut touched: Vec<wire::Touched> = counts.iter().map(touched).collect();
    touched.sort_by_cached_key(|one| place(&one.name));
    touched
}

/// `PID-11` behind `PID-5`.
fn place(name: &str) -> (String, u32, String) {
    let (segment, field) = name.split_once('-').unwrap_or((name, ""));
    (segment.to_owned(), field.parse().unwrap_or_default(), name.to_owned())
}

fn names(counts: &BTreeMap<String, Count>) -> Vec<String> {
    touched(counts).into_iter().map(|one| one.name).collect()
}

fn needed(used: &PluginUse) -> wire::GrantList {
    let whole = used.everything.messages > 0;
    wire::GrantList {
        read: if whole { vec!["*".to_owned()] } else { names(&used.read) },
        write: names(&used.written),
        tables: names(&used.tables),
        to: names(&used.to),
        create: used.create.messages > 0,
        state: used.state.messages > 0,
    }
}

/// What none of the messages made use of, in any of the steps that run the version.
fn never_used(used: &PluginUse, grants: &[&Grants]) -> wire::GrantList {
    let whole = used.everything.messages > 0;
    let patterns = |granted: fn(&Grants) -> &Vec<String>, touched: &BTreeMap<String, Count>, whole: bool| {
        let granted = all(grants.iter().map(|grants| granted(grants).as_slice()));
        let is_used = |pattern: &String| (whole && pattern == "*") || touched.keys().any(|name| covers(pattern, name));
        granted.into_iter().filter(|pattern| !is_used(pattern)).collect()
    };
    let tables: BTreeSet<String> = grants
        .iter()
        .flat_map(|grants| grants.tables.iter().map(|table| table.name.clone()))
        .collect();
    let to = all(grants.iter().map(|grants| grants.to.as_deref().unwrap_or_default()));
    let is_named = |name: &String| used.to.contains_key(name) || (name == "*" && !used.to.is_empty());
    wire::GrantList {
        read: patterns(|grants| &grants.read, &used.read, whole),
        write: patterns(|grants| &grants.write, &used.written, false),
        tables: tables
            .into_iter()
            .filter(|name| !used.tables.contains_key(name))
            .collect(),
        to: to.into_iter().filter(|name| !is_named(name)).collect(),
        create: used.create.messages == 0 && grants.iter().any(|grants| grants.create),
        state: used.state.messages == 0 && grants.iter().any(|grants| grants.state),
    }
}

/// Every name once, in order.
fn all<'g>(lists: impl Iterator<Item = &'g [String]>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in lists.flatten() {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

/// Whether a pattern opened what was touched: a field, a whole segment (`OBX-*`), or everything.
fn covers(pattern: &str, touched: &str) -> bool {
    let Ok(patterns) = FieldPatterns::parse(&[pattern]) else {
        return false;
    };
    match touched.split_once('-') {
        None => true,
        Some((segment, field)) => match field.parse() {
            Ok(field) => patterns.allows(segment, field),
            Err(_) => patterns.touches(segment),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(read: &[&str], written: &[&str]) -> PluginUse {
        let counts = |names: &[&str]| {
            let count = Count {
                messages: 1,
                ..Count::default()
            };
            names.iter().map(|name| ((*name).to_owned(), count)).collect()
        };
        PluginUse {
            read: counts(read),
            written: counts(written),
            ..PluginUse::default()
        }
    }

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_grant_is_used_where_something_that_it_opens_was_touched() {
        let grants = Grants {
            read: strings(&["PID-3", "PID-5", "OBX-*", "Z*-*", "NK1-2"]),
            write: strings(&["OBX-3", "PID-5"]),
            create: true,
            ..Grants::default()
        };
        let unused = never_used(&used(&["PID-3", "OBX-5", "ZAN-*"], &["OBX-3"]), &[&grants]);
        assert_eq!(unused.read, ["PID-5", "NK1-2"]);
        assert_eq!(unused.write, ["PID-5"]);
        assert_eq!((unused.create, unused.state), (true, false));
    }

    #[test]
    fn what_was_needed_is_in_the_order_of_fields() {
        let needed = needed(&used(&["PID-11", "PID-5", "OBX-3"], &[]));
        assert_eq!(needed.read, ["OBX-3", "PID-5", "PID-11"]);
    }
}
