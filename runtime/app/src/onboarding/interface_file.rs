//! `interfaces/NAME.toml`: an interface to begin with, which runs as it stands.

use std::fmt::Write as _;

use super::encoding::Verdict;
use super::survey::Survey;
use crate::configuration::is_message_type;
use crate::layout::counted;
use crate::visible::one_line;

/// What samples cannot tell.
#[derive(Debug, Clone)]
pub(crate) struct Choices {
    /// The name of the interface.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) listen: String,
    /// The zone of timestamps without an offset.
    pub(crate) time_zone: String,
    /// The character set, where a person knows better than the bytes.
    pub(crate) charset: Option<&'static str>,
}

/// Where the stub of a destination sends: this machine, so that nothing leaves it before somebody has decided so.
const RECEIVER: &str = "127.0.0.1:2576";

/// Types that are listed; of more, the destination takes all.
const TYPES_MAX: usize = 30;

pub(super) fn text(choices: &Choices, survey: &Survey, verdict: &Verdict, has_profile: bool) -> String {
    let mut text = header(choices, survey);
    // Writing to a string has no way to fail.
    let _ = write!(
        text,
        "\n[source]\ntype = \"mllp\"\nlisten = {}   # `0.0.0.0:PORT` for all addresses of this machine\nack = \"processed\"\n",
        quoted(&choices.listen)
    );
    text.push_str(&time_zone(choices, survey));
    text.push_str(&charset(choices, verdict));
    if survey.enhanced > 0 {
        let _ = writeln!(
            text,
            "# MSH-15 or MSH-16 asks for enhanced acknowledgement in {}.",
            messages(survey.enhanced)
        );
    }
    if has_profile {
        let _ = write!(
            text,
            "\n[source.validate]             # what the samples have in common; its rules only warn\nlevel = \"profile\"\nprofile = \"profiles/{}.toml\"\non_error = \"pass\"             # \"refuse\", once the profile is agreed\n",
            choices.name
        );
    }
    text.push_str(STEPS);
    text.push_str(&destination(survey));
    text
}

const STEPS: &str = "
# [[steps]]                     # a mapping, once there is one: transfuse check tells what it may be granted
# plugin = \"vendor/name\"
# version = \"^1\"
# grants = { read = [\"*\"], write = [] }
";

fn header(choices: &Choices, survey: &Survey) -> String {
    let mut text = format!(
        "# Written from {} samples by `transfuse interface new`: a start, to be read and changed.\n",
        survey.read()
    );
    let mut senders: Vec<_> = survey.senders.iter().collect();
    senders.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for ((application, facility), count) in senders.iter().take(TYPES_MAX) {
        let sender =
            [("MSH-3", application), ("MSH-4", facility)].map(|(field, name)| format!("{field} {}", named(name)));
        let _ = writeln!(text, "# From {}: {}.", sender.join(", "), messages(**count));
    }
    for ((message_type, version), count) in survey.types.iter().take(TYPES_MAX) {
        let line = one_line(&format!("{message_type} {version}"));
        let _ = writeln!(text, "# {line}: {}.", messages(*count));
    }
    for (segment, used) in survey.segments.iter().filter(|(segment, _)| segment.starts_with('Z')) {
        let fields: Vec<String> = used.fields.keys().map(u32::to_string).collect();
        let _ = writeln!(
            text,
            "# {segment}, the sender's own: in {}, fields {}.",
            messages(used.messages),
            fields.join(" ")
        );
    }
    let _ = write!(
        text,
        "description = {}\nowner = \"\"\n",
        quoted(&format!("Messages of {}", choices.name))
    );
    text
}

fn time_zone(choices: &Choices, survey: &Survey) -> String {
    let told = match (survey.without_offset, survey.with_offset) {
        (0, 0) => "MSH-7 holds no time".to_owned(),
        (0, with) => format!("MSH-7 says its offset from UTC in all {with}"),
        (without, with) => format!(
            "MSH-7 has no offset from UTC in {without} of {}: it is read in this zone",
            without + with
        ),
    };
    format!("time_zone = {}   # {told}\n", quoted(&choices.time_zone))
}

/// The key where it is needed, and in any case why.
fn charset(choices: &Choices, verdict: &Verdict) -> String {
    let mut text = String::new();
    for reason in &verdict.reasons {
        let _ = writeln!(text, "# Character set: {reason}.");
    }
    if !verdict.letters.is_empty() {
        let _ = writeln!(
            text,
            "# The letters beyond ASCII, the most frequent first: {}",
            verdict.letters
        );
    }
    let _ = match (choices.charset, verdict.name) {
        (Some(name), _) => writeln!(
            text,
            "charset = {}   # as it was asked for; wins over MSH-18",
            quoted(name)
        ),
        (None, Some(name)) => writeln!(text, "charset = {}   # wins over MSH-18", quoted(name)),
        (None, None) => writeln!(text, "# charset = \"windows-1250\"      # would win over MSH-18"),
    };
    text
}

/// A receiver on this machine that gets what was seen.
fn destination(survey: &Survey) -> String {
    let mut types: Vec<&str> = survey
        .types
        .keys()
        .map(|(message_type, _)| message_type.as_str())
        .collect();
    types.dedup();
    let are_sound = types.len() <= TYPES_MAX && types.iter().all(|one| is_message_type(one));
    let types = if are_sound {
        let quoted: Vec<String> = types.iter().map(|one| quoted(one)).collect();
        format!("types = [{}]\n", quoted.join(", "))
    } else {
        "# types = [\"ORU^R01\"]         # all of them; MSH-9 is not always code and event\n".to_owned()
    };
    format!(
        "\n[[destinations]]\nname = \"receiver\"\ntype = \"mllp\"\naddress = \"{RECEIVER}\"    # until it is known: `transfuse listen {RECEIVER}` shows what would arrive\n{types}"
    )
}

fn named(name: &str) -> String {
    if name.is_empty() {
        "is empty".to_owned()
    } else {
        one_line(name)
    }
}

/// A string of TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(one_line(text)).to_string()
}

fn messages(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "message")
}
