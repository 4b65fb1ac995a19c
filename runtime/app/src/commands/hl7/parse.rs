//! `transfuse hl7 parse`: a message as a tree with names.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::{Serialize, Serializer};
use transfuse_message::{Message, Path};

use super::input::{Read, Reading, Walk, or_standard_input};
use super::names::{Names, SegmentKind};
use super::paths;
use super::selection::Selection;
use super::tree::{self, Content, Node, SegmentTree};
use crate::console::{Console, Palette, Tone};
use crate::failure::{Failure, Outcome};
use crate::layout::{counted, shortened};
use crate::message_file::{MessageFile, Part};
use crate::visible::visible;

/// Show messages as a tree: every field with its path, name, datatype and decoded value
///
/// What is absent is left out; `--empty` lists it, and what is empty, so that the two and `""`, which deletes a value
/// at the receiver, can be told apart. Long values are cut, with their size. Whatever was decoded is shown as text;
/// bytes that are not text in the character set are shown as `<F5>`: try `--charset windows-1250`. The exit code is 1
/// when any message cannot be read.
///
/// Example: transfuse hl7 parse examples/lab-results/messages/lab/01-chemistry.hl7
///
/// Example: transfuse hl7 parse day.hl7 --message 3 --path PID --path OBX-5
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files with messages; `-`, or none, is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Only this node and what lies in it, such as `PID`, `OBX[2]` or `OBX-5`; may be given again
    #[arg(long = "path", value_name = "PATH", value_parser = paths::path)]
    paths: Vec<Path>,
    /// List what is empty, and what the version defines and the message lacks
    #[arg(long)]
    empty: bool,
    /// Show long values in full
    #[arg(long)]
    full: bool,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Where the columns of a line begin; what is longer pushes the rest to the right.
const PATH_WIDTH: usize = 14;
const NAME_WIDTH: usize = 42;

/// Values are cut here, so that a line fits most terminals.
const VALUE_WIDTH_MAX: usize = 80;

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let files = or_standard_input(&arguments.files)?;
    let mut walk = Walk::new(console);
    let files: Vec<MessageFile> = files
        .iter()
        .filter_map(|path| walk.keep(MessageFile::read(path)))
        .collect();
    let mut messages = Vec::new();
    for file in &files {
        let parts = walk.keep(arguments.reading.chosen(file)).unwrap_or_default();
        let read = parts.iter().map(|part| arguments.selected(file, part));
        messages.extend(read.filter_map(|read| walk.keep(read)));
    }
    if arguments.json {
        console.json(&Report {
            messages: Trees(&messages),
        })?;
    } else {
        let palette = console.palette();
        console.stream(|out| {
            for (index, selected) in messages.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                write_tree(selected, palette, out)?;
            }
            Ok::<_, io::Error>(())
        })?;
    }
    Ok(walk.end())
}

/// A message, and what of it is shown.
struct Selected<'f> {
    read: Read<'f>,
    selection: Selection,
}

impl Selected<'_> {
    fn segments(&self) -> impl Iterator<Item = SegmentTree> {
        tree::segments(&self.read.message, &self.selection, self.read.part.line)
    }
}

impl Arguments {
    fn selected<'f>(&self, file: &'f MessageFile, part: &'f Part) -> Result<Selected<'f>, Failure> {
        let read = self.reading.read(file, part)?;
        let selection =
            Selection::of(&read.message, &self.paths).map_err(|error| anyhow::anyhow!("{}: {error}", read.label()))?;
        Ok(Selected {
            read,
            selection: selection.showing(self.empty, self.full),
        })
    }
}

#[derive(Serialize)]
struct Report<'r> {
    messages: Trees<'r>,
}

/// Trees that are made while they are written, one segment at a time.
struct Trees<'r>(&'r [Selected<'r>]);

impl Serialize for Trees<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Tree))
    }
}

struct Tree<'r>(&'r Selected<'r>);

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let Read { file, part, message } = &self.0.read;
        let header = message.header();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file", &file.name())?;
        map.serialize_entry("number", &part.number)?;
        map.serialize_entry("line", &part.line)?;
        map.serialize_entry("type", &header.message_type())?;
        map.serialize_entry("control_id", header.control_id())?;
        map.serialize_entry("version", header.version())?;
        map.serialize_entry("charset", message.charset().label())?;
        map.serialize_entry("segments", &Segments(self.0))?;
        map.end()
    }
}

struct Segments<'r>(&'r Selected<'r>);

impl Serialize for Segments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.segments())
    }
}

fn write_tree(selected: &Selected<'_>, palette: Palette, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", heading(&selected.read, palette))?;
    let mut open: Vec<String> = Vec::new();
    for segment in selected.segments() {
        let same = open
            .iter()
            .zip(&segment.groups)
            .take_while(|(open, now)| open == now)
            .count();
        for (depth, group) in segment.groups.iter().enumerate().skip(same) {
            writeln!(out, "{}{}", "  ".repeat(depth), palette.paint(Tone::Odd, group))?;
        }
        let indent = segment.groups.len();
        writeln!(out, "{}{}", "  ".repeat(indent), segment_line(&segment, palette))?;
        for field in &segment.fields {
            write_node(field, indent + 1, selected.selection.full, palette, out)?;
        }
        open = segment.groups;
    }
    Ok(())
}

/// What the message is, and how it was read.
fn heading(read: &Read<'_>, palette: Palette) -> String {
    let header = read.message.header();
    let charset = read.message.charset().label();
    let declared = header.charset();
    let charset = match declared {
        "" => format!("{charset} (MSH-18 is empty)"),
        same if same == charset => charset.to_owned(),
        other => format!("{charset} (MSH-18: {})", visible(other)),
    };
    let facts = [
        format!("control id {}", visible(header.control_id())),
        version(&read.message),
        counted(read.message.segment_count(), "segment"),
        charset,
    ];
    format!(
        "{}: {}, {}",
        palette.paint(Tone::Strong, &read.label()),
        palette.paint(Tone::Strong, visible(&header.message_type()).as_ref()),
        facts.join(", ")
    )
}

/// The version in MSH-12, and the one whose names are shown where that is another.
fn version(message: &Message) -> String {
    let known = Names::of(message).version();
    match message.header().version() {
        "" => format!("no version (names of {known})"),
        same if same == known => format!("version {same}"),
        other => format!("version {} (names of {known})", visible(other)),
    }
}

fn segment_line(segment: &SegmentTree, palette: Palette) -> String {
    let remark = match segment.kind {
        SegmentKind::Standard => "",
        SegmentKind::OtherVersion => "(of another version)",
        SegmentKind::Local => "(the sender's own)",
        SegmentKind::Unknown => "(no version has it)",
        SegmentKind::Text => "(not a segment)",
    };
    let line = match segment.kind {
        SegmentKind::Text => String::new(),
        _ => format!("line {}", segment.line),
    };
    let words = [segment.name.unwrap_or_default(), remark, &line];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("{}  {}", palette.paint(Tone::Strong, &segment.path), words.join("  "))
}

fn write_node(node: &Node, indent: usize, full: bool, palette: Palette, out: &mut dyn Write) -> io::Result<()> {
    let named = node.named.as_ref().filter(|_| !node.is_repetition);
    let name = named.map(|named| named.name).unwrap_or_default();
    let datatype = named.map(|named| named.datatype).unwrap_or_default();
    let gap = if datatype.is_empty() { "" } else { "  " };
    let margin = "  ".repeat(node.depth);
    let width = margin.len() + name.chars().count() + gap.len() + datatype.chars().count();
    let value = shown_value(&node.content, full, palette);
    let line = format!(
        "{}{}{}  {margin}{name}{gap}{}{}  {value}",
        "  ".repeat(indent),
        palette.paint(Tone::Name, &node.path),
        " ".repeat(PATH_WIDTH.saturating_sub(node.path.chars().count())),
        palette.paint(Tone::Faint, datatype),
        " ".repeat(NAME_WIDTH.saturating_sub(width)),
    );
    writeln!(out, "{}", line.trim_end())?;
    if let Content::Parts(parts) = &node.content {
        for part in parts {
            write_node(part, indent, full, palette, out)?;
        }
    }
    Ok(())
}

fn shown_value(content: &Content, full: bool, palette: Palette) -> String {
    let mark = |text: &str| palette.paint(Tone::Faint, text).to_string();
    match content {
        Content::Value(text) => cut(text, full),
        Content::Empty(_) => mark("(empty)"),
        Content::Absent(_) => mark("(absent)"),
        Content::Delete(_) => format!("\"\" {}", mark("(delete)")),
        Content::Undecodable(text) => format!(
            "{} {}",
            cut(text, full),
            palette.paint(Tone::Bad, "(not text in this character set)")
        ),
        Content::Undivided { parts, text } => format!("{} {}", cut(text, full), mark(&format!("({parts} parts)"))),
        Content::Parts(_) => String::new(),
    }
}

/// A value that fits its line, with its size where it was cut.
fn cut(text: &str, full: bool) -> String {
    if full {
        return visible(text).into_owned();
    }
    // A character is at most four bytes, so that no more than this has to be looked at.
    let near = text
        .char_indices()
        .nth(VALUE_WIDTH_MAX + 1)
        .map_or(text, |(end, _)| text.get(..end).unwrap_or_default());
    if near.len() == text.len() && visible(text).chars().count() <= VALUE_WIDTH_MAX {
        return visible(text).into_owned();
    }
    format!("{} ({} bytes)", shortened(&visible(near), VALUE_WIDTH_MAX), text.len())
}
