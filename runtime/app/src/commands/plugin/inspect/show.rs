//! What there is to say about a package, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use super::report::{ConfigKey, Report};
use crate::configuration::{show_duration, show_size};
use crate::console::{Palette, Tone};
use crate::layout::{Cell, counted, short_digest, table};

/// How wide the words on the left are.
const LABEL_WIDTH: usize = 11;

pub(super) fn lines(report: &Report, all_libraries: bool, palette: Palette) -> Vec<String> {
    let name = format!("{} {}", report.name, report.version);
    let mut lines = vec![format!(
        "{}  {}",
        palette.paint(Tone::Strong, &name),
        report.description
    )];
    let mut row = |label: &str, text: String| {
        if !text.is_empty() {
            let label = format!("{label:<LABEL_WIDTH$}");
            lines.push(format!("  {}{text}", palette.paint(Tone::Faint, &label)));
        }
    };
    row("digest", report.digest.clone());
    row("size", sizes(report));
    row("licence", report.licence.clone());
    row("contract", report.contract.clone());
    row("takes", report.accepts.join(" "));
    row("makes", report.produces.join(" "));
    row(
        "imports",
        report
            .imports
            .iter()
            .map(|import| short(import))
            .collect::<Vec<_>>()
            .join(" "),
    );
    row("asks", report.grants.clone());
    row("limits", limits(report));
    row(
        "state",
        report
            .state_schema
            .map(|schema| format!("schema {schema}"))
            .unwrap_or_default(),
    );
    row("sets", report.fixed_config.join(" "));
    row("vectors", vectors(report));
    row("built", built(report));
    row("libraries", libraries(report));
    for signature in &report.signatures {
        for (number, line) in signature.lines(palette).into_iter().enumerate() {
            row(if number == 0 { "signed" } else { "" }, line);
        }
    }
    if report.signatures.is_empty() {
        row("signed", "by nobody".to_owned());
    }
    lines.extend(config(report.config.as_deref(), palette));
    if all_libraries {
        lines.extend(library_lines(report, palette));
    }
    lines
}

fn sizes(report: &Report) -> String {
    let show = |bytes: u64| show_size(bytes.div_ceil(1024) * 1024);
    format!(
        "{}, of which the component {} ({})",
        show(report.package_bytes),
        show(report.component_bytes),
        short_digest(&report.component_digest)
    )
}

/// `hl7v2` of `transfuse:plugin/hl7v2@1.0.0`.
fn short(import: &str) -> String {
    let name = import.strip_prefix("transfuse:plugin/").unwrap_or(import);
    name.split('@').next().unwrap_or(name).to_owned()
}

fn limits(report: &Report) -> String {
    let limits = &report.limits;
    let mut words = Vec::new();
    words.extend(limits.fuel.map(|fuel| format!("{fuel} fuel")));
    words.extend(limits.memory_bytes.map(|bytes| format!("{} memory", show_size(bytes))));
    words.extend(
        limits
            .deadline_ms
            .map(|deadline| show_duration(Duration::from_millis(deadline))),
    );
    words.join(", ")
}

fn vectors(report: &Report) -> String {
    match report.vectors.as_slice() {
        [] => "none".to_owned(),
        names => format!("{}: {}", names.len(), names.join(" ")),
    }
}

fn built(report: &Report) -> String {
    match &report.built {
        None => "by a program that says nothing about it".to_owned(),
        Some(built) => format!(
            "by {} with {} from {} sources {}",
            built.by,
            built.compiler,
            built.language,
            short_digest(&built.source_digest)
        ),
    }
}

/// `21: 18 MIT OR Apache-2.0, 3 MIT`.
fn libraries(report: &Report) -> String {
    let mut by_licence: BTreeMap<&str, usize> = BTreeMap::new();
    for library in &report.libraries {
        *by_licence
            .entry(library.licence.as_deref().unwrap_or("no licence"))
            .or_default() += 1;
    }
    let parts: Vec<String> = by_licence
        .iter()
        .map(|(licence, count)| format!("{count} {licence}"))
        .collect();
    match report.libraries.len() {
        0 => "none".to_owned(),
        count => format!("{count}: {}", parts.join(", ")),
    }
}

fn config(keys: Option<&[ConfigKey]>, palette: Palette) -> Vec<String> {
    let keys = match keys {
        None => return vec![String::new(), "  its configuration is not described".to_owned()],
        Some([]) => return vec![String::new(), "  it takes no configuration".to_owned()],
        Some(keys) => keys,
    };
    let rows: Vec<Vec<Cell>> = keys
        .iter()
        .map(|key| {
            let default = match (&key.default, key.required) {
                (_, true) => "must be set".to_owned(),
                (Some(default), false) => format!("else {default}"),
                (None, false) => String::new(),
            };
            vec![
                Cell::new(&key.name).tone(Tone::Name),
                Cell::new(key.values.clone().unwrap_or_default()),
                Cell::new(default),
                Cell::new(key.description.clone().unwrap_or_default()).tone(Tone::Faint),
            ]
        })
        .collect();
    let heading = [
        String::new(),
        format!("  {} of configuration", counted(keys.len(), "key")),
    ];
    let rows = table(&rows, palette).into_iter().map(|line| format!("    {line}"));
    heading.into_iter().chain(rows).collect()
}

fn library_lines(report: &Report, palette: Palette) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = report
        .libraries
        .iter()
        .map(|library| {
            vec![
                Cell::new(&library.name),
                Cell::new(&library.version),
                Cell::new(library.licence.clone().unwrap_or_default()).tone(Tone::Faint),
            ]
        })
        .collect();
    let heading = [String::new(), "  libraries".to_owned()];
    let rows = table(&rows, palette).into_iter().map(|line| format!("    {line}"));
    heading.into_iter().chain(rows).collect()
}
