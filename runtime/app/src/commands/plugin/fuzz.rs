//! `transfuse plugin fuzz`: looking for messages that a plugin fails on, and what becomes of them.

mod keep;
mod promote;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::subject::{Opened, load, sandbox, teller};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::counted;
use crate::message_file::MessageFile;
use crate::vectors::{Finding, FuzzReport, FuzzSettings, Vector, fuzz};

/// A minute finds what is near the surface of a plugin in Rust, at some ten thousand messages a second.
const MINUTES: &str = "1";

/// A night.
const MINUTES_MAX: i64 = 720;

/// Messages of a corpus that are taken; what a thousand of one sender do not hold, more of them rarely do.
const CORPUS_MAX: usize = 1_000;

/// Look for messages that a plugin fails on
///
/// Changes the messages of the plugin's vectors, and those of --corpus, at random, and runs them as vectors are. That the
/// plugin rejects or filters a message is no finding; any fault is. Each is made as small as it can be, and kept in the
/// folder `.fuzz` of the plugin's source, for your eyes only: what is kept of a corpus may hold patient data, and is
/// never printed. The same seed tries the same messages in the same order.
///
/// With --promote, a finding becomes a vector once it holds nobody's data: of a message from a corpus, letters and digits
/// are replaced as far as the plugin still fails in the same place, and you are told where. It is refused where the
/// content itself is what the plugin fails on. The vector fails until the plugin is repaired and what it then does blessed.
///
/// The exit code is 1 where there is a finding.
///
/// Example: transfuse plugin fuzz plugins/lab-normalize --minutes 5 --corpus samples
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A plugin's source folder, or a package
    #[arg(value_name = "FOLDER|FILE")]
    plugin: PathBuf,
    /// Stop after so many minutes
    #[arg(long, value_name = "N", default_value = MINUTES, value_parser = clap::value_parser!(i64).range(1..=MINUTES_MAX))]
    minutes: i64,
    /// Stop after so many messages
    #[arg(long, value_name = "N")]
    messages: Option<u64>,
    /// Which messages are tried, and in which order
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Change the messages of this folder as well
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Take the vectors from this folder instead of the plugin's own
    #[arg(long, value_name = "DIR")]
    vectors: Option<PathBuf>,
    /// Keep findings in this folder instead of the plugin's `.fuzz`
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Make a vector of the finding of this name, and look for no others
    #[arg(long, value_name = "FINDING")]
    promote: Option<String>,
    /// Write the results as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'r> {
    seed: u64,
    messages: u64,
    unparsed: u64,
    elapsed_ms: u128,
    findings: Vec<FindingView<'r>>,
}

/// Nothing of a message is in it.
#[derive(Serialize)]
struct FindingView<'r> {
    name: &'r str,
    kind: &'static str,
    detail: &'r str,
    location: Option<&'r str>,
    /// What its message was made of: a vector, or a file of the corpus.
    base: &'r str,
    message: u64,
    bytes: usize,
    folder: String,
}

/// What messages are made of.
struct Bases {
    vectors: Vec<Vector>,
    /// How many of them, from the end, are of a corpus.
    corpus: usize,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let opened = Opened::open(&arguments.plugin, &mut teller(console))?;
    let files = opened.vectors(arguments.vectors.as_deref())?;
    let vectors = super::test::chosen(&files, &opened.subject, None)?;
    let folder = keep::folder(arguments.keep.as_deref(), &opened)?;
    if let Some(name) = &arguments.promote {
        let target = files.folder().map(std::path::Path::to_owned);
        return promote::promote(name, &folder, target.as_deref(), &opened.subject, &vectors, console);
    }
    let bases = bases(vectors, arguments.corpus.as_deref())?;
    let settings = FuzzSettings {
        seed: arguments.seed,
        time: Duration::from_secs(arguments.minutes.unsigned_abs() * 60),
        runs_max: arguments.messages.unwrap_or(u64::MAX),
    };
    let noun = if arguments.messages.is_some() {
        "messages"
    } else {
        "seconds"
    };
    let sandbox = sandbox()?;
    // Held on to, so that nothing is compiled again.
    let _plugin = load(&sandbox, &opened.subject, console)?;
    let progress = console.progress("fuzzing", arguments.messages.unwrap_or(settings.time.as_secs()), noun);
    let begun = Instant::now();
    let mut tell = |runs: u64| match arguments.messages {
        Some(_) => progress.at(runs),
        None => progress.at(begun.elapsed().as_secs()),
    };
    let report = fuzz(&sandbox, &opened.subject, &bases.vectors, &settings, &mut tell)?;
    drop(progress);
    let names = report
        .findings
        .iter()
        .map(|finding| keep::keep(&folder, finding, &bases.base(finding), bases.is_of_corpus(finding)))
        .collect::<anyhow::Result<Vec<String>>>()?;
    show(&report, &names, &bases, &folder, arguments, console)?;
    Ok(if names.is_empty() { Exit::Success } else { Exit::Failure })
}

impl Bases {
    fn base(&self, finding: &Finding) -> String {
        self.vectors
            .get(finding.base)
            .map(|vector| vector.name.clone())
            .unwrap_or_default()
    }

    /// Parts of any message may be in any other, so that one of a corpus makes all findings its own.
    fn is_of_corpus(&self, _finding: &Finding) -> bool {
        self.corpus > 0
    }
}

/// The vectors, and the messages of a corpus with each vector's configuration in turn.
fn bases(mut vectors: Vec<Vector>, corpus: Option<&std::path::Path>) -> Result<Bases, Failure> {
    let Some(corpus) = corpus else {
        return Ok(Bases { vectors, corpus: 0 });
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(corpus).hint("--corpus names a folder of message files")? {
        paths.push(entry?.path());
    }
    paths.sort();
    let own = vectors.clone();
    let mut settings = own.iter().cycle();
    let mut count = 0;
    for path in paths.iter().filter(|path| path.is_file()) {
        let file = MessageFile::open(path)?;
        for part in &file.parts {
            let Some(setting) = settings.next().filter(|_| count < CORPUS_MAX) else {
                break;
            };
            // What cannot be parsed never reaches a plugin.
            let Ok(input) = file.parse(part, &transfuse_message::ParseOptions::default()) else {
                continue;
            };
            count += 1;
            vectors.push(Vector {
                input,
                expect: None,
                ..setting.clone()
            });
        }
    }
    Ok(Bases { vectors, corpus: count })
}

fn show(
    report: &FuzzReport,
    names: &[String],
    bases: &Bases,
    folder: &std::path::Path,
    arguments: &Arguments,
    console: Console,
) -> anyhow::Result<()> {
    let bases: Vec<String> = report.findings.iter().map(|finding| bases.base(finding)).collect();
    if arguments.json {
        let views = report
            .findings
            .iter()
            .zip(names)
            .zip(&bases)
            .map(|((finding, name), base)| FindingView {
                name,
                kind: finding.fault.kind.as_str(),
                detail: &finding.fault.detail,
                location: finding.fault.location.as_deref(),
                base,
                message: finding.run,
                bytes: finding.message.len(),
                folder: folder.join(name).display().to_string(),
            });
        return Ok(console.json(&Report {
            seed: arguments.seed,
            messages: report.runs,
            unparsed: report.unparsed,
            elapsed_ms: report.elapsed.as_millis(),
            findings: views.collect(),
        })?);
    }
    let palette = console.palette();
    for ((finding, name), base) in report.findings.iter().zip(names).zip(&bases) {
        let fault = &finding.fault;
        let place = fault
            .location
            .as_ref()
            .map(|place| format!(" at {place}"))
            .unwrap_or_default();
        console.result(format_args!(
            "{}  {}{place}",
            palette.paint(Tone::Bad, name),
            fault.detail
        ))?;
        let facts = format!(
            "message {}, made of {base}, {} bytes, in",
            finding.run,
            finding.message.len()
        );
        console.result(format_args!(
            "  {} {}",
            palette.paint(Tone::Faint, &facts),
            folder.join(name).display()
        ))?;
    }
    let seconds = report.elapsed.as_secs_f64();
    console.note(format_args!(
        "{} from seed {} in {seconds:.1} s ({} more could not be parsed): {}",
        counted(usize::try_from(report.runs).unwrap_or(usize::MAX), "message"),
        arguments.seed,
        report.unparsed,
        counted(names.len(), "finding"),
    ));
    Ok(())
}
