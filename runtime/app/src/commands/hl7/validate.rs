//! `transfuse hl7 validate`: what is wrong with messages.

use std::io::{self, Write};
use std::path::{Path as FilePath, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use transfuse_message::validation::{self, Findings, Level};
use transfuse_message::{Finding, Path, Severity};

use super::input::{Read, Reading, Walk, or_standard_input};
use super::names::Names;
use crate::configuration;
use crate::console::{Console, Palette, Tone};
use crate::failure::{Failure, Outcome};
use crate::layout::counted;
use crate::message_file::MessageFile;
use crate::visible::one_line;

/// Tell what is wrong with messages
///
/// Readable: is the text text, are the lines segments, does MSH say what it is. Structure: is it what HL7 defines for
/// its version, from groups to datatypes and tables. Profile: is it what was agreed with this sender, by the rules of a
/// file. Each level asks what those before it ask. A finding has a severity, the path, the code of table 0357 that an
/// acknowledgement would carry, and never a value. The exit code is 1 when there is any error.
///
/// Example: transfuse hl7 validate day.hl7
///
/// Example: transfuse hl7 validate day.hl7 --profile site/profiles/lab.toml
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files with messages; `-`, or none, is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// How much to ask: readable or structure; with --profile, its rules as well
    #[arg(
        long,
        value_enum,
        default_value = "structure",
        value_name = "LEVEL",
        conflicts_with = "profile"
    )]
    level: Asked,
    /// A profile; its code tables are those of the site that its folder lies in
    #[arg(long, value_name = "PROFILE")]
    profile: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Asked {
    /// What keeps others from reading a message
    Readable,
    /// What HL7 defines for its version
    Structure,
}

#[derive(Serialize)]
struct Report {
    errors: usize,
    warnings: usize,
    messages: Vec<Checked>,
}

/// What was found in one message.
#[derive(Serialize)]
struct Checked {
    file: String,
    message: usize,
    line: usize,
    control_id: String,
    errors: usize,
    warnings: usize,
    findings: Vec<Found>,
    /// How many more there are than are listed.
    unlisted: usize,
    #[serde(skip)]
    label: String,
}

#[derive(Serialize)]
struct Found {
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    code: String,
    text: String,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let level = arguments.level()?;
    let mut walk = Walk::new(console);
    let mut messages = Vec::new();
    for path in or_standard_input(&arguments.files)? {
        let Some(file) = walk.keep(MessageFile::read(&path)) else {
            continue;
        };
        for part in walk.keep(arguments.reading.chosen(&file)).unwrap_or_default() {
            let read = walk.keep(arguments.reading.read(&file, part));
            messages.extend(read.map(|read| Checked::of(&read, &validation::validate(&read.message, &level))));
        }
    }
    let report = Report {
        errors: messages.iter().map(|message| message.errors).sum(),
        warnings: messages.iter().map(|message| message.warnings).sum(),
        messages,
    };
    if report.errors > 0 {
        walk.fail();
    }
    if arguments.json {
        console.json(&report)?;
    } else {
        let palette = console.palette();
        console.stream(|out| {
            report
                .messages
                .iter()
                .try_for_each(|message| message.write(palette, out))
        })?;
        console.note(format_args!(
            "{}, {} in {}",
            counted(report.errors, "error"),
            counted(report.warnings, "warning"),
            counted(report.messages.len(), "message")
        ));
    }
    Ok(walk.end())
}

impl Arguments {
    fn level(&self) -> Result<Level, Failure> {
        match (&self.profile, self.level) {
            (Some(profile), _) => read_profile(profile).map(Level::Profile),
            (None, Asked::Structure) => Ok(Level::Structure),
            (None, Asked::Readable) => Ok(Level::Readable),
        }
    }
}

/// Reads a profile, with the code tables of the site that it lies in: the folder above `profiles`, or its own.
fn read_profile(path: &FilePath) -> Result<std::sync::Arc<validation::Profile>, Failure> {
    let folder = path.parent().unwrap_or(FilePath::new(""));
    let in_site = folder.file_name().is_some_and(|name| name == "profiles");
    let above = |folder: &FilePath| folder.parent().map(FilePath::to_owned).unwrap_or_default();
    let site = if in_site { above(folder) } else { folder.to_owned() };
    let site = if site.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        site
    };
    let name = path.strip_prefix(&site).unwrap_or(path);
    configuration::profile::read_alone(&site, name).map_err(Failure::Configuration)
}

impl Checked {
    fn of(read: &Read<'_>, findings: &Findings) -> Self {
        Self {
            file: read.file.name(),
            message: read.part.number,
            line: read.part.line,
            control_id: read.message.header().control_id().to_owned(),
            errors: findings.errors(),
            warnings: findings.warnings(),
            findings: findings
                .listed()
                .iter()
                .map(|finding| Found::of(finding, read))
                .collect(),
            unlisted: findings.unlisted(),
            label: read.label(),
        }
    }

    fn write(&self, palette: Palette, out: &mut dyn Write) -> io::Result<()> {
        if self.findings.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "{}, control id {}",
            palette.paint(Tone::Strong, &self.label),
            one_line(&self.control_id)
        )?;
        for finding in &self.findings {
            writeln!(out, "{}", finding.line(palette))?;
        }
        if self.unlisted > 0 {
            writeln!(out, "  and {} more", self.unlisted)?;
        }
        Ok(())
    }
}

impl Found {
    fn of(finding: &Finding, read: &Read<'_>) -> Self {
        let path = finding.path.as_deref().and_then(|path| path.parse::<Path>().ok());
        Self {
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Information => "information",
            },
            name: path.and_then(|path| Names::full(&read.message, &path)),
            path: finding.path.clone(),
            code: finding.code.clone(),
            text: finding.text.lossy_text().into_owned(),
        }
    }

    fn line(&self, palette: Palette) -> String {
        let tone = match self.severity {
            "error" => Tone::Bad,
            "warning" => Tone::Odd,
            _ => Tone::Faint,
        };
        let severity = format!("{:<11}", self.severity);
        // Many findings name their field already.
        let is_news = |name: &&str| name.rsplit(", ").next().is_some_and(|last| !self.text.contains(last));
        let name = self.name.as_deref().filter(is_news);
        let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
        format!(
            "  {}  {}  {:<12}  {}{name}",
            palette.paint(tone, &severity),
            self.code,
            self.path.as_deref().unwrap_or("-"),
            one_line(&self.text),
        )
    }
}
