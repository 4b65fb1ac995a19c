//! Messages and settings that a person gives on the command line, for a plugin that is tried without vectors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Map, Value};
use transfuse_message::{Charset, ParseOptions};
use transfuse_sandbox::Table;

use crate::configuration::{CodeTable, Faults};
use crate::failure::Failure;
use crate::message_file::MessageFile;
use crate::vectors::{Vector, WrittenGrants, usual_context};

/// The largest file of a configuration or a table that is read here.
const FILE_BYTES_MAX: u64 = 128 << 20;

/// With what a message is run.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Setting {
    /// The configuration: a TOML file, or a JSON file whose name ends in .json
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A code table, whose name is that of the file: CSV with the names of the columns in its first line; may be given
    /// again
    #[arg(long, value_name = "CSV")]
    table: Vec<PathBuf>,
    /// Read the messages in this character set, whatever MSH-18 says
    #[arg(long, value_name = "SET", value_parser = crate::commands::hl7::charset)]
    charset: Option<Charset>,
}

impl Setting {
    /// Every message of the files, as vectors that expect nothing. Grants are what the manifest requests, with the tables
    /// that are given, and any destination.
    pub(super) fn samples(&self, paths: &[PathBuf]) -> Result<Vec<Vector>, Failure> {
        let config = self.config.as_deref().map(config).transpose()?.unwrap_or_default();
        let tables = self.tables()?;
        let mut samples = Vec::new();
        for path in paths {
            let file = MessageFile::read(path)?;
            for part in &file.parts {
                let label = file.label(part);
                let options = ParseOptions {
                    charset: self.charset,
                    ..ParseOptions::default()
                };
                let input = file
                    .parse(part, &options)
                    .map_err(|error| anyhow::anyhow!("{label}: {error}"))?;
                samples.push(Vector {
                    name: label.clone(),
                    description: label,
                    config: config.clone(),
                    context: usual_context("sample"),
                    state: BTreeMap::new(),
                    grants: WrittenGrants {
                        tables: (!tables.is_empty())
                            .then(|| tables.iter().map(|table| table.name().to_owned()).collect()),
                        to: Some(vec!["*".to_owned()]),
                        ..WrittenGrants::default()
                    },
                    tables: tables.clone(),
                    input,
                    expect: None,
                });
            }
        }
        Ok(samples)
    }

    fn tables(&self) -> Result<Vec<Arc<Table>>, Failure> {
        let faults = Faults::default();
        let mut tables = Vec::new();
        for path in &self.table {
            let read = CodeTable::from_csv(path, &bytes(path)?, &faults);
            if let Some(read) = read {
                tables.push(Arc::new(Table::new(&read.name, &read.digest, read.columns, read.rows)?));
            }
        }
        if faults.is_empty() {
            Ok(tables)
        } else {
            Err(Failure::Configuration(faults.into_sorted()))
        }
    }
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read `{}`", path.display());
    let length = fs::metadata(path).with_context(cannot)?.len();
    anyhow::ensure!(length <= FILE_BYTES_MAX, "`{}` is larger than 128 MiB", path.display());
    fs::read(path).with_context(cannot)
}

fn config(path: &Path) -> Result<Map<String, Value>, Failure> {
    let text = String::from_utf8(bytes(path)?).with_context(|| format!("`{}` is not UTF-8 text", path.display()))?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let read = if is_json {
        serde_json::from_str(&text).map_err(anyhow::Error::from)
    } else {
        toml::from_str(&text).map_err(anyhow::Error::from)
    };
    Ok(read.with_context(|| format!("`{}` is no configuration", path.display()))?)
}
