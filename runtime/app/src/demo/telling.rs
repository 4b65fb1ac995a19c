//! What the demo says. Every line fits a terminal of 100 columns.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::stage::Stage;
use crate::commands::send::SentMessage;
use crate::commands::status;
use crate::configuration::show_size;
use crate::console::{Console, Palette, Tone};
use crate::control::wire;
use crate::layout::{counted, shortened};
use crate::samples::Sample;
use crate::story;
use crate::visible;

/// Tells the play as it goes on.
#[derive(Debug)]
pub(super) struct Teller {
    console: Console,
    palette: Palette,
    scenes: Cell<usize>,
}

/// How much of a received message is shown: header, patient and the first results.
const SEGMENTS_SHOWN: usize = 7;

/// How much of a segment is shown, so that its line fits 100 columns.
const SEGMENT_WIDTH: usize = 92;

/// The files of a data folder, and what each is for.
const KEPT: [(&str, &str); 4] = [
    (
        "journal",
        "messages and what became of them; append-only, synced before any AA",
    ),
    (
        "live.sqlite",
        "the same as an index for questions; can be rebuilt from the journal",
    ),
    (
        "catalog.sqlite",
        "revisions of interfaces, plugins and code tables, by digest",
    ),
    ("compiled", "plugins as machine code, authenticated; can be made again"),
];

impl Teller {
    pub(super) fn new(console: Console) -> Self {
        Self {
            console,
            palette: console.palette(),
            scenes: Cell::new(0),
        }
    }

    pub(super) fn opening(&self, stage: &Stage) -> Result<()> {
        let scratch = &stage.scratch;
        self.say(self.palette.paint(Tone::Strong, "transfuse demo"))?;
        self.say(format_args!(
            "  site    {}, a copy of {}",
            scratch.site().display(),
            stage.source()
        ))?;
        self.say(format_args!("  engine  transfuse run {}", scratch.site().display()))?;
        self.say(format_args!(
            "  EHR     transfuse listen {} --out {}",
            scratch.ehr_address,
            scratch.ehr().display()
        ))
    }

    pub(super) fn scene(&self, title: &str) -> Result<()> {
        let number = self.scenes.get() + 1;
        self.scenes.set(number);
        self.say("")?;
        self.say(self.palette.paint(Tone::Strong, &format!("{number}  {title}")))
    }

    pub(super) fn sent(&self, sent: &SentMessage) -> Result<()> {
        self.say("")?;
        sent.lines(self.palette)
            .iter()
            .try_for_each(|line| self.say(format_args!("   {line}")))
    }

    pub(super) fn dropped(&self, sample: &Sample, message: &wire::Message) -> Result<()> {
        self.say("")?;
        let taken = self.palette.paint(Tone::Good, "taken");
        let (control_id, label) = (&message.summary.control_id, sample.label());
        self.say(format_args!(
            "   {taken}  {control_id}  {}",
            self.palette.paint(Tone::Faint, &label)
        ))
    }

    /// The steps that ran, and at most `fields_max` of the fields that they changed.
    pub(super) fn changes(&self, message: &wire::Message, fields_max: usize) -> Result<()> {
        let Some(decision) = &message.decision else {
            return Ok(());
        };
        for line in story::chain(decision, self.palette) {
            self.say(format_args!("     {line}"))?;
        }
        let changes = story::changed_fields(message);
        let shown = changes.get(..fields_max.min(changes.len())).unwrap_or_default();
        for line in story::differences(shown, self.palette) {
            self.say(format_args!("     {line}"))?;
        }
        match changes.len() - shown.len() {
            0 => Ok(()),
            more => self.say(format_args!(
                "       {}",
                self.palette
                    .paint(Tone::Faint, &format!("and {}", counted(more, "more field")))
            )),
        }
    }

    pub(super) fn deliveries(&self, message: &wire::Message) -> Result<()> {
        let lines = message
            .deliveries
            .iter()
            .flat_map(|delivery| story::delivery(delivery, self.palette));
        lines
            .map(|line| format!("     {line}"))
            .try_for_each(|line| self.say(line))
    }

    /// What came out: the beginning of the file in which the receiver keeps it.
    pub(super) fn received(&self, file: &Path) -> Result<()> {
        let content = fs::read(file)?;
        let text = String::from_utf8_lossy(&content);
        let segments: Vec<&str> = text.split(['\r', '\n']).filter(|segment| !segment.is_empty()).collect();
        self.say(format_args!(
            "     the EHR has it as {}",
            file.file_name().unwrap_or_default().display()
        ))?;
        for segment in segments.iter().take(SEGMENTS_SHOWN) {
            let segment = shortened(&visible::one_line(segment), SEGMENT_WIDTH);
            self.say(format_args!("       {}", self.palette.paint(Tone::Faint, &segment)))?;
        }
        let more = counted(segments.len().saturating_sub(SEGMENTS_SHOWN), "more segment");
        self.say(format_args!(
            "       {}",
            self.palette.paint(Tone::Faint, &format!("and {more}"))
        ))
    }

    pub(super) fn refusal(&self, message: &wire::Message) -> Result<()> {
        let id = &message.summary.id;
        self.say(format_args!(
            "     kept for diagnosis as {}, {id}; nothing is delivered of it",
            message.summary.stage
        ))
    }

    pub(super) fn note(&self, text: &str) -> Result<()> {
        self.say(format_args!("     {text}"))
    }

    pub(super) fn status(&self, status: &wire::Status) -> Result<()> {
        self.scene("What an operator sees (transfuse status)")?;
        self.say("")?;
        status::figures(status, self.palette)
            .iter()
            .try_for_each(|line| self.say(format_args!("   {line}")))
    }

    pub(super) fn closing(&self, stage: &Stage) -> Result<()> {
        let data = stage.scratch.data();
        self.scene(&format!("Where it is kept: {}", data.display()))?;
        self.say("")?;
        for (name, purpose) in KEPT {
            let size = show_kibibytes(bytes_of(&data, name));
            self.say(format_args!(
                "   {name:<15} {size:>9}  {}",
                self.palette.paint(Tone::Faint, purpose)
            ))?;
        }
        let site = stage.scratch.site();
        let site = site.display();
        self.say("")?;
        let received = format!(
            "{} and {}",
            stage.scratch.ehr().display(),
            stage.scratch.site().join("out/research").display()
        );
        self.say(format_args!("   What came out lies in {received}"))?;
        self.say("")?;
        let binary = std::env::args().next().unwrap_or_else(|| "transfuse".to_owned());
        self.say("   To look again, start the engine in one terminal and ask it from another:")?;
        for command in ["run", "messages list", "messages show ID"] {
            self.say(format_args!(
                "     {}",
                self.palette.paint(Tone::Name, &format!("{binary} {command} {site}"))
            ))?;
        }
        Ok(())
    }

    fn say(&self, text: impl std::fmt::Display) -> Result<()> {
        Ok(self.console.result(text.to_string().trim_end())?)
    }
}

fn show_kibibytes(bytes: u64) -> String {
    show_size(bytes.div_ceil(1 << 10) << 10)
}

/// The size of what lies in a folder under a name, a database's own side files included.
fn bytes_of(folder: &Path, name: &str) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(name));
    named
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_of(&entry.path(), ""),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
