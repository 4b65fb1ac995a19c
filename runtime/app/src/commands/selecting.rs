//! Which stored messages, on a command line: the one place that reads it, as options and as words.

use clap::{Args, CommandFactory as _, Parser, ValueEnum};
use jiff::Timestamp;
use transfuse_store::MessageId;

use super::moment::{since, until};
use crate::configuration::suggest;
use crate::control::wire::MessagesQuery;

/// What to look for. Everything that is said has to hold.
#[derive(Debug, Clone, Args)]
pub(super) struct Search {
    /// Only of this interface
    #[arg(long, value_name = "NAME")]
    pub(super) interface: Option<String>,
    /// Only received then or later: a day (2026-11-20), a moment ("2026-11-20 08:00", 2026-11-20T08:00:00Z), or how long ago (24h)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,
    /// Only received before then; a day is included
    #[arg(long, value_name = "WHEN", value_parser = until)]
    until: Option<Timestamp>,
    /// Only in this stage
    #[arg(long, value_enum, value_name = "STAGE")]
    stage: Option<Stage>,
    /// Only of this type: ORU^R01, or ORU for all of its events
    #[arg(long = "type", value_name = "TYPE")]
    message_type: Option<String>,
    /// Only with this control id (MSH-10)
    #[arg(long, value_name = "ID")]
    control_id: Option<String>,
    /// Only those that this revision has decided
    #[arg(long, value_name = "NUMBER")]
    decided_by: Option<u32>,
    /// Only those that this revision has decided, and a destination has got
    #[arg(long, value_name = "NUMBER")]
    delivered_by: Option<u32>,
    /// Only those with a delivery to this destination that is in quarantine
    #[arg(long, value_name = "DESTINATION")]
    quarantined_at: Option<String>,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Received, and not decided yet
    Received,
    /// Its chain forwarded it
    Processed,
    /// Its chain ended it on purpose
    Filtered,
    /// The sender was told no, and keeps it
    Refused,
    /// Accepted, could not be processed, and rests until somebody decides
    Quarantined,
    /// It was in quarantine, and somebody has given it up
    Discarded,
}

impl Stage {
    /// The word for it.
    fn word(self) -> String {
        let value = self.to_possible_value();
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Search {
    /// The same as it is asked, with messages that are named.
    pub(super) fn query(&self, ids: &[MessageId]) -> MessagesQuery {
        MessagesQuery {
            interface: self.interface.clone(),
            ids: ids.iter().map(ToString::to_string).collect(),
            since: self.since.map(|then| then.to_string()),
            until: self.until.map(|then| then.to_string()),
            stage: self.stage.map(Stage::word),
            message_type: self.message_type.clone(),
            control_id: self.control_id.clone(),
            decided_by: self.decided_by,
            delivered_by: self.delivered_by,
            quarantined_at: self.quarantined_at.clone(),
            ..MessagesQuery::default()
        }
    }
}

/// The same in one option of another command: `type=ORU^R01`, `last=500`.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Words {
    #[command(flatten)]
    search: Search,
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<MessageId>,
    #[arg(long, value_name = "N")]
    last: Option<u32>,
}

/// Reads a search of one interface that is written as words; a number alone says how many. None where there are no words.
pub(super) fn words(words: &[String]) -> Result<Option<MessagesQuery>, String> {
    if words.is_empty() {
        return Ok(None);
    }
    let options = words
        .iter()
        .map(|word| option(word.trim()))
        .collect::<Result<Vec<_>, _>>()?;
    let read = Words::try_parse_from(options).map_err(|error| {
        // Behind its first lines clap speaks of a command line.
        let told = error.to_string();
        let first = told.split("\n\n").next().unwrap_or_default();
        let first: Vec<&str> = first.trim_start_matches("error: ").split_whitespace().collect();
        first.join(" ").replace("'--", "'")
    })?;
    Ok(Some(MessagesQuery {
        limit: read.last,
        ..read.search.query(&read.ids)
    }))
}

/// A word as the option that it stands for.
fn option(word: &str) -> Result<String, String> {
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(format!("--last={word}"));
    }
    let Some((name, value)) = word.split_once('=') else {
        return Err(format!(
            "`{word}` says nothing to look for: write `type=ORU^R01` or `last=500`"
        ));
    };
    let command = Words::command();
    let known = command.get_opts().filter_map(clap::Arg::get_long);
    let known: Vec<&str> = known.filter(|known| *known != "interface").collect();
    match name {
        "interface" => Err("the interface is the one that changes: leave it out".to_owned()),
        name if known.contains(&name) => Ok(format!("--{name}={value}")),
        name => {
            let hints = suggest::hints(name, "word", &known).join("; ");
            Err(format!("nothing is looked for by `{name}`: {hints}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<MessagesQuery>, String> {
        words(&text.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_are_the_options_of_a_list() {
        let read = read("type=ORU^R01, since=2026-11-20T08:00:00Z,500,id=20261120-000001,id=20261120-000002");
        let expected = MessagesQuery {
            message_type: Some("ORU^R01".to_owned()),
            since: Some("2026-11-20T08:00:00Z".to_owned()),
            ids: vec!["20261120-000001".to_owned(), "20261120-000002".to_owned()],
            limit: Some(500),
            ..MessagesQuery::default()
        };
        assert_eq!(read, Ok(Some(expected)));
        assert_eq!(words(&[]), Ok(None));
    }

    #[test]
    fn what_is_wrong_with_a_word_is_said_with_what_to_write() {
        let says = |text: &str, words: &str| {
            let error = read(text).err().unwrap_or_default();
            assert!(error.contains(words), "{text}: {error}");
        };
        says("ORU^R01", "write `type=ORU^R01`");
        says("tpye=ORU^R01", "did you mean `type`?");
        says("colour=red", "the words are `since`, `until`");
        says("interface=lab", "leave it out");
        says("since=yesterday", "write 2026-11-20");
        says(
            "stage=lost",
            "invalid value 'lost' for 'stage <STAGE>' [possible values: received,",
        );
        says("id=7", "20261123-000042");
        says("last=many", "invalid value 'many' for 'last <N>'");
        says("type=A,type=B", "cannot be used multiple times");
    }
}
