//! `transfuse hl7 encode`: messages in another character set, or with other line ends.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use transfuse_message::{Charset, Message};

use super::input::{self, Reading, or_standard_input};
use super::rewrite::{Rewritten, Target};
use crate::console::Console;
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::message_file::MessageFile;

/// Write messages in another character set, or with other line ends
///
/// MSH-18 is rewritten to match. A character that the set lacks is a fault that names its path, or with `--unmappable
/// escape` an escape sequence; it is never a question mark. `--from` says what set the bytes are in, where MSH-18 is
/// empty or wrong.
///
/// Example: transfuse hl7 encode --charset utf-8 --from windows-1250 day.hl7 > day-utf8.hl7
/// Example: transfuse hl7 encode --line-end lf --in-place day.hl7
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files with messages; `-`, or none, is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The set to write, such as utf-8, 8859/2 or windows-1250
    #[arg(long, value_name = "SET", value_parser = input::charset, required_unless_present = "line_end")]
    charset: Option<Charset>,
    /// The set to read, whatever MSH-18 says
    #[arg(long, value_name = "SET", value_parser = input::charset)]
    from: Option<Charset>,
    /// What to do with a character that the set lacks
    #[arg(long, value_enum, default_value = "fault", value_name = "HOW")]
    unmappable: HowUnmappable,
    /// What to end segments with; HL7 asks for cr
    #[arg(long, value_enum, value_name = "END")]
    line_end: Option<LineEnd>,
    /// Only this message of each file, counted from 1; the others stay as they are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    message: Option<u32>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HowUnmappable {
    /// Fail, and name the path
    Fault,
    /// Write an escape sequence
    Escape,
}
