//! `profiles/NAME.toml`: what was agreed with one sender, rule by rule. `profiles.md` beside the runtime's manual
//! describes the format for those who write it.

mod condition;
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
    read(&document, &|name| tables.get(name), &known(tables), faults)
}

/// Reads the text that a revision keeps; `table` gives the code tables that the revision names.
pub(crate) fn from_revision<'t>(
    name: &str,
    text: &str,
    table: &dyn Fn(&str) -> Option<&'t CodeTable>,
) -> Result<Arc<Profile>, Vec<Fault>> {
    let faults = Faults::default();
    let document = Document::new(name, text.to_owned());
    let read = read(&document, table, &[], &faults);
    read.filter(|_| faults.is_empty())
        .map(|read| read.profile)
        .ok_or_else(|| faults.into_sorted())
}

fn known(tables: &BTreeMap<String, CodeTable>) -> Vec<&str> {
    tables.keys().map(String::as_str).collect()
}

/// What the rules of one profile are read against.
struct Surroundings<'s> {
    table: &'s dyn Fn(&str) -> Option<&'s CodeTable>,
    /// The names of tables to suggest.
    known: &'s [&'s str],
}

fn read<'t>(
    document: &Arc<Document>,
    table: &'t dyn Fn(&str) -> Option<&'t CodeTable>,
    known: &'t [&'t str],
    faults: &Faults,
) -> Option<ReadProfile> {
    let faults_before = faults.count();
    let syntax = section::parse(document, faults)?;
    let mut file = Section::root(document, &syntax, faults);
    // For people; nothing depends on it.
    file.text("description");
    let surroundings = Surroundings { table, known };
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
        .map(|one| rule::read(one, &surroundings, &mut used))
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

/// The path of a rule, a condition or a tolerance.
fn path(section: &mut Section<'_>) -> Option<transfuse_message::Path> {
    let text = section.required_text("path")?;
    match text.value.parse() {
        Ok(path) => Some(path),
        Err(error) => {
            section.faults().at(&text.place, format!("`path`: {error}"));
            None
        }
    }
}
