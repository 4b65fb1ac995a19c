//! `profiles/NAME.toml`: what was agreed with one sender, rule by rule. `profiles.md` beside the runtime's manual
//! describes the format for those who write it.

mod condition;
mod names;
mod rule;
mod tolerance;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use transfuse_message::validation::{Profile, RULES_MAX};

use super::document::{Document, Place};
use super::fault::{Fault, Faults};
use super::section::{self, Section};
use super::table::{self, CodeTable};

/// Code tables by name.
pub(crate) type Tables<'t> = BTreeMap<&'t str, &'t CodeTable>;

/// A profile as a site has it: the rules, and what they were made of.
#[derive(Debug, Clone)]
pub(crate) struct ReadProfile {
    pub(crate) profile: Arc<Profile>,
    /// The file as it was read.
    pub(crate) text: String,
    /// The names of the code tables that its rules look into.
    pub(crate) tables: Vec<String>,
}

/// Reads a profile that belongs to no interface, for a command: `file` is relative to the folder `site`, whose code
/// tables its rules may name.
pub(crate) fn read_alone(site: &Path, file: &Path) -> Result<Arc<Profile>, Vec<Fault>> {
    let faults = Faults::default();
    let tables = table::read_folder(site, &faults);
    let read = read_file(site, file, &tables, &faults);
    match read {
        Some(read) if faults.is_empty() => Ok(read.profile),
        _ => Err(faults.into_sorted()),
    }
}

/// Reads a profile of the site folder; `name` is relative to it.
pub(super) fn read_file(
    site: &Path,
    name: &Path,
    tables: &BTreeMap<String, CodeTable>,
    faults: &Faults,
) -> Option<ReadProfile> {
    let document = super::read_document(site, name, faults)?;
    let tables = tables.values().map(|table| (table.name.as_str(), table)).collect();
    read(&document, &tables, faults)
}

/// Reads the text that a revision keeps, with the code tables that the revision names.
pub(crate) fn from_revision(name: &str, text: &str, tables: &Tables<'_>) -> Result<Arc<Profile>, Vec<Fault>> {
    let faults = Faults::default();
    let document = Document::new(name, text.to_owned());
    let read = read(&document, tables, &faults);
    read.filter(|_| faults.is_empty())
        .map(|read| read.profile)
        .ok_or_else(|| faults.into_sorted())
}

fn read(document: &Arc<Document>, tables: &Tables<'_>, faults: &Faults) -> Option<ReadProfile> {
    let faults_before = faults.count();
    let syntax = section::parse(document, faults)?;
    let mut file = Section::root(document, &syntax, faults);
    // For people; nothing depends on it.
    file.text("description");
    let rules = file.sections("rules", "`[[rules]]`");
    let tolerances = file.sections("tolerances", "`[[tolerances]]`");
    if rules.len() + tolerances.len() > RULES_MAX {
        let message = format!("a profile has at most {RULES_MAX} rules and tolerances");
        faults.in_file(&document.name, message, Vec::new());
        return None;
    }
    if rules.is_empty() && tolerances.is_empty() {
        let hint = "a rule is `[[rules]]` with a `path` and what is asked of it, such as `required = true`".to_owned();
        faults.in_file(&document.name, "the profile has no rules", vec![hint]);
    }
    let mut used = Vec::new();
    let rules: Vec<_> = rules
        .into_iter()
        .map(|one| rule::read(one, tables, &mut used))
        .collect();
    let tolerances: Vec<_> = tolerances.into_iter().map(tolerance::read).collect();
    file.finish();
    if faults.count() > faults_before {
        return None;
    }
    let rules = rules.into_iter().collect::<Option<_>>()?;
    let tolerances = tolerances.into_iter().collect::<Option<_>>()?;
    let profile = make(document, rules, tolerances, faults)?;
    Some(ReadProfile {
        profile,
        text: document.text.clone(),
        tables: used,
    })
}

fn make(
    document: &Arc<Document>,
    rules: Vec<transfuse_message::validation::Rule>,
    tolerances: Vec<transfuse_message::validation::Tolerance>,
    faults: &Faults,
) -> Option<Arc<Profile>> {
    match Profile::new(document.name.display().to_string(), rules, tolerances) {
        Ok(profile) => Some(Arc::new(profile)),
        Err(wrong) => {
            for fault in wrong {
                faults.at(&Place::of_line(document, fault.line as usize), fault.reason);
            }
            None
        }
    }
}

/// The line of a table in its file, counted from one.
fn line_of(section: &Section<'_>) -> u32 {
    u32::try_from(section.place().position().line).unwrap_or(u32::MAX)
}

/// The path of a rule: a node of a segment, a segment, or a group with a slash at its end.
fn path(section: &mut Section<'_>) -> Option<transfuse_message::Path> {
    let text = section.required_text("path")?;
    match text.value.parse::<transfuse_message::Path>() {
        Ok(path) => {
            names::check(&path, &text.place, section.faults());
            Some(path)
        }
        Err(error) => {
            section.faults().at(&text.place, format!("`path`: {error}"));
            None
        }
    }
}

/// The path of a condition or a tolerance, which look into the segment that is there and not into groups.
fn path_without_groups(section: &mut Section<'_>) -> Option<transfuse_message::Path> {
    let place = section.place_of("path");
    let path = path(section)?;
    if path.groups().is_empty() {
        return Some(path);
    }
    let hint = "leave them out: a condition looks at the nearest such segment above, a tolerance at all of them";
    section
        .faults()
        .at_with_hint(&place, "groups cannot stand in this path", hint);
    None
}
