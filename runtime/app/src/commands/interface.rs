//! `transfuse interface`: beginning with a new sender.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use transfuse_message::Charset;

use crate::commands::hl7;
use crate::configuration::{self, suggest};
use crate::console::{Console, Palette, Tone};
use crate::failure::{Exit, Hint as _, Outcome};
use crate::onboarding::{self, Choices, Draft, Report, Samples};

/// Begin with a new sender
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(NewArguments),
}

/// Read a sender's sample messages, and write a starting interface
///
/// Tells what the samples are: types, versions, senders, character set, the sender's own segments, which fields are
/// used how often. Writes into the site `interfaces/NAME.toml`, which runs as it stands; `profiles/NAME.toml`, rules
/// that warn of what no sample has; and `tables/NAME-*.csv`, the codes of each coded field with their texts and counts,
/// and empty columns to map them in. No file is ever overwritten.
///
/// What is written are counts, names of senders (MSH-3 and MSH-4), and codes with their texts; never a name, an
/// identifier, an address, a date of birth, free text, or a value of the sender's own segments. Texts that hold what
/// identifies somebody in their message are withheld. Read the files before you share them all the same.
///
/// Example: transfuse interface new analyser --from samples/ --into site
///
/// Example: transfuse interface new analyser --from day1.hl7 day2.hl7 --dry-run
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// The name of the interface: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// Files with messages, and folders, which stand for every file in them
    #[arg(long, required = true, num_args = 1.., value_name = "SAMPLES")]
    from: Vec<PathBuf>,
    /// The site folder; one that does not exist is made
    #[arg(long, default_value = ".", value_name = "SITE")]
    into: PathBuf,
    /// Read the samples in this character set, whatever MSH-18 and the bytes say
    #[arg(long, value_name = "SET", value_parser = hl7::charset)]
    charset: Option<Charset>,
    /// Where the interface listens; else the first port from 2575 on that no interface of the site names
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<std::net::SocketAddr>,
    /// The zone of timestamps without an offset; else that of this machine
    #[arg(long, value_name = "ZONE", value_parser = time_zone)]
    time_zone: Option<String>,
    /// Tell what the samples are, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Written<'r> {
    #[serde(flatten)]
    report: &'r Report,
    /// The files that were written, or would be.
    files: Vec<PathBuf>,
    dry_run: bool,
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::New(arguments) => new(arguments, console),
    }
}

fn new(arguments: &NewArguments, console: Console) -> Outcome {
    if !arguments.dry_run {
        // What is known to fail fails before a long walk.
        onboarding::is_site(&arguments.into)?;
    }
    let samples = Samples::find(&arguments.from)?;
    if samples.is_cut {
        console.note("there are more samples than are read; what is told is of the first ones");
    }
    let reading = format!("reading {}", crate::layout::counted(samples.count(), "file"));
    // Twice: once for the character set, once for the fields.
    let progress = console.progress_of_bytes(&reading, samples.bytes * 2);
    let (survey, verdict) = onboarding::survey(&samples, arguments.charset, |bytes| progress.further(bytes));
    drop(progress);
    if survey.read() == 0 {
        return Err(anyhow::anyhow!("none of {} holds a message that can be read", told(&arguments.from)))
            .hint("samples are files of HL7 v2, whose messages begin with MSH; `transfuse hl7 parse FILE` tells what is wrong with one");
    }
    let draft = Draft::new(&arguments.choices(), &survey, &verdict);
    let report = Report::new(&survey, verdict);
    let files = if arguments.dry_run {
        draft.files.iter().map(|(name, _)| arguments.into.join(name)).collect()
    } else {
        onboarding::write(&arguments.into, &draft)?
    };
    if arguments.json {
        console.json(&Written {
            report: &report,
            files,
            dry_run: arguments.dry_run,
        })?;
    } else {
        let palette = console.palette();
        let mut lines = onboarding::lines(&report, palette);
        lines.extend(ending(&files, arguments, palette));
        console.result(lines.join("\n"))?;
    }
    Ok(Exit::Success)
}

impl NewArguments {
    fn choices(&self) -> Choices {
        let listen = self
            .listen
            .map_or_else(|| free_address(&self.into), |address| address.to_string());
        let zone = || {
            let zone = jiff::tz::TimeZone::system();
            zone.iana_name().filter(|name| *name != "Etc/UTC").map(str::to_owned)
        };
        Choices {
            name: self.name.clone(),
            listen,
            time_zone: self.time_zone.clone().or_else(zone).unwrap_or_else(|| "UTC".to_owned()),
            charset: self.charset.map(Charset::label),
        }
    }
}

fn ending(files: &[PathBuf], arguments: &NewArguments, palette: Palette) -> Vec<String> {
    let title = if arguments.dry_run {
        "would be written"
    } else {
        "written"
    };
    let mut lines = vec![String::new(), palette.paint(Tone::Strong, title).to_string()];
    lines.extend(files.iter().map(|file| format!("  {}", file.display())));
    if !arguments.dry_run {
        lines.push(String::new());
        lines.push(format!("next: transfuse check {}", arguments.into.display()));
    }
    lines
}

/// The first port that no file of the site's interfaces names.
fn free_address(site: &Path) -> String {
    const FIRST: u16 = 2575;
    let files = fs::read_dir(site.join("interfaces")).into_iter().flatten().flatten();
    let texts: Vec<String> = files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
    // The stub of a destination has the port above the first one.
    let is_free = |port: &u16| *port != FIRST + 1 && !texts.iter().any(|text| text.contains(&format!(":{port}\"")));
    let port = (FIRST..u16::MAX).find(is_free).unwrap_or(FIRST);
    format!("127.0.0.1:{port}")
}

fn told(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    names.join(", ")
}

fn name(text: &str) -> Result<String, String> {
    if configuration::is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(configuration::NAME_RULE.to_owned())
    }
}

fn time_zone(text: &str) -> Result<String, String> {
    if jiff::tz::TimeZone::get(text).is_ok() {
        return Ok(text.to_owned());
    }
    let known: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.as_str().to_owned())
        .collect();
    let nearest = suggest::nearest(text, known.iter().map(String::as_str));
    Err(nearest.map_or_else(
        || "zones have names such as Europe/Budapest".to_owned(),
        |name| format!("did you mean {name}?"),
    ))
}
