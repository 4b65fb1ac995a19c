//! Reading a set of vectors: all of it, with everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use transfuse_message::{Message, ParseOptions};
use transfuse_sandbox::Table;

use super::files::VectorFiles;
use super::{Expectation, Subject, Vector, WrittenGrants, config, context, expectation, grants};
use crate::configuration::{
    CodeTable, Document, Fault, Faults, Located, NAME_RULE, Place, Section, is_name, parse_document, suggest,
};

/// What describes a vector, in its folder.
pub(super) const VECTOR: &str = "vector.toml";

/// The message, in the vector's folder: with line feeds, or byte for byte.
const INPUTS: [&str; 2] = ["input.hl7", "input.bin"];

/// The folder of code tables, which is no vector.
const TABLES: &str = "tables";

/// Reads every vector of a set, in the order of their names, as vectors of a plugin.
///
/// # Errors
///
/// Everything that is wrong with any of them, by file and line.
pub(crate) fn read(files: &VectorFiles, subject: &Subject) -> Result<Vec<Vector>, Vec<Fault>> {
    let faults = Faults::default();
    let tables = tables(files, &faults);
    let set = Set {
        files,
        subject,
        tables: &tables,
        faults: &faults,
    };
    let vectors: Vec<Vector> = folders(files).iter().filter_map(|name| set.vector(name)).collect();
    if faults.is_empty() {
        Ok(vectors)
    } else {
        Err(faults.into_sorted())
    }
}

/// The names of the folders that vectors lie in.
pub(super) fn folders(files: &VectorFiles) -> BTreeSet<&str> {
    let folders = files.names().filter_map(|name| name.split_once('/'));
    folders
        .map(|(folder, _)| folder)
        .filter(|folder| *folder != TABLES)
        .collect()
}

fn tables(files: &VectorFiles, faults: &Faults) -> BTreeMap<String, Arc<Table>> {
    let mut tables = BTreeMap::new();
    for name in files.names() {
        let is_table = name.starts_with("tables/") && Path::new(name).extension().is_some_and(|end| end == "csv");
        let Some(bytes) = files.bytes(name).filter(|_| is_table) else {
            continue;
        };
        let title = files.title(name);
        let Some(table) = CodeTable::from_csv(&title, bytes, faults) else {
            continue;
        };
        match Table::new(&table.name, &table.digest, table.columns, table.rows) {
            Ok(made) => drop(tables.insert(table.name, Arc::new(made))),
            Err(error) => faults.in_file(&title, error.to_string(), Vec::new()),
        }
    }
    tables
}

/// What every vector of a set is read with.
struct Set<'s> {
    files: &'s VectorFiles,
    subject: &'s Subject,
    tables: &'s BTreeMap<String, Arc<Table>>,
    faults: &'s Faults,
}

/// What `vector.toml` says.
struct Written {
    description: Option<String>,
    config: Option<Map<String, Value>>,
    context: context::Written,
    state: BTreeMap<String, String>,
    tables: Vec<Arc<Table>>,
    grants: WrittenGrants,
    expect: Option<Expectation>,
}

impl Set<'_> {
    fn vector(&self, name: &str) -> Option<Vector> {
        if !is_name(name) {
            let message = format!("`{name}` cannot name a vector");
            self.faults
                .in_file(&self.files.title(name), message, vec![NAME_RULE.to_owned()]);
            return None;
        }
        let written = self.written(name)?;
        self.refuse_strays(name, written.expect.as_ref());
        let input = self.input(name, &written)?;
        Some(Vector {
            name: name.to_owned(),
            description: written.description?,
            config: written.config?,
            context: written.context.context,
            state: written.state,
            tables: written.tables,
            grants: written.grants,
            input,
            expect: written.expect,
        })
    }

    fn written(&self, name: &str) -> Option<Written> {
        let path = format!("{name}/{VECTOR}");
        let title = self.files.title(&path);
        let Some(bytes) = self.files.bytes(&path) else {
            let hint = "a vector is a folder with `vector.toml` and `input.hl7`".to_owned();
            self.faults.in_file(&title, "there is no such file", vec![hint]);
            return None;
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.faults.in_file(&title, "is not UTF-8 text", Vec::new());
            return None;
        };
        let document = Document::new(title, text.to_owned());
        let table = parse_document(&document, self.faults)?;
        let mut section = Section::root(&document, &table, self.faults);
        let description = section.required_text("description").map(|text| text.value);
        let config = config::read(&mut section);
        let named = section.texts("tables");
        let context = context::read(name, section.section("context", "`context`"));
        let state = texts_by_key(&mut section, "state").unwrap_or_default();
        let grants = grants::read(section.section("grants", "`grants`"));
        let expect = section.section("expect", "`expect`");
        let expect = expect.and_then(|expect| expectation::read(expect, self.files, name));
        section.finish();
        let Subject {
            manifest,
            config_schema,
            ..
        } = self.subject;
        config.hold(manifest, config_schema.as_deref(), expect.as_ref(), self.faults);
        let tables = self.tables_of(named, &grants, &Place::of_line(&document, 1));
        Some(Written {
            description,
            config: config.config,
            context,
            state,
            tables,
            grants,
            expect,
        })
    }

    /// The tables that a vector lists, or else those that its plugin may open.
    fn tables_of(&self, named: Option<Vec<Located<String>>>, grants: &WrittenGrants, place: &Place) -> Vec<Arc<Table>> {
        let granted = grants.tables(&self.subject.manifest.requests).iter();
        let named = named.unwrap_or_else(|| {
            let located = |name: &String| Located {
                value: name.clone(),
                place: place.clone(),
            };
            granted.map(located).collect()
        });
        named.iter().filter_map(|name| self.table(name)).collect()
    }

    fn table(&self, name: &Located<String>) -> Option<Arc<Table>> {
        let table = self.tables.get(&name.value);
        if table.is_none() {
            let message = format!(
                "there is no table `{}`: it would be the file `{}`",
                name.value,
                self.files.title(&format!("{TABLES}/{}.csv", name.value)).display()
            );
            let known: Vec<&str> = self.tables.keys().map(String::as_str).collect();
            let hints = suggest::hints(&name.value, "table", &known);
            self.faults.at_with_hints(&name.place, message, hints);
        }
        table.cloned()
    }

    fn input(&self, name: &str, written: &Written) -> Option<Message> {
        let files = INPUTS.map(|file| format!("{name}/{file}"));
        let Some((file, bytes)) = files.iter().find_map(|file| Some((file, self.files.message(file)?))) else {
            let [file, _] = &files;
            let hint = "it holds the message; in `.hl7` files a line feed ends a segment".to_owned();
            self.faults
                .in_file(&self.files.title(file), "there is no such file", vec![hint]);
            return None;
        };
        let options = ParseOptions {
            charset: written.context.charset,
            ..ParseOptions::default()
        };
        Message::parse(bytes, &options)
            .map_err(|error| {
                let title = self.files.title(file);
                self.faults.in_file(&title, error.to_string(), Vec::new());
            })
            .ok()
    }

    /// Files that nothing refers to: an output that was renamed is not compared any more, and nobody would notice.
    fn refuse_strays(&self, name: &str, expect: Option<&Expectation>) {
        let Some(expect) = expect else { return };
        let referred = expect.files();
        for path in self.files.names() {
            let file = path.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'));
            let Some(file) = file else { continue };
            let is_message = Path::new(file)
                .extension()
                .is_some_and(|end| end == "hl7" || end == "bin");
            if is_message && !INPUTS.contains(&file) && !referred.contains(&file) {
                let hint = "name it in `[expect] outputs`, or remove it".to_owned();
                self.faults
                    .in_file(&self.files.title(path), "nothing refers to this file", vec![hint]);
            }
        }
    }
}

/// A table of texts, such as `attributes = { ward = "A" }`.
pub(super) fn texts_by_key(section: &mut Section<'_>, key: &'static str) -> Option<BTreeMap<String, String>> {
    let written = section.json(key)?;
    let refused = |place: &Place| {
        let message = format!("`{key}` must be a table of texts, such as `{key} = {{ name = \"value\" }}`");
        section.faults().at(place, message);
    };
    let Value::Object(pairs) = written.value else {
        refused(&written.place);
        return None;
    };
    let mut texts = BTreeMap::new();
    for (name, value) in pairs {
        match value {
            Value::String(text) => drop(texts.insert(name, text)),
            _ => refused(&written.place),
        }
    }
    Some(texts)
}
