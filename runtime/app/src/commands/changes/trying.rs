//! How a new revision is tried before it goes live, on a command line.

use std::time::Duration;

use clap::Args;
use transfuse_message::Path;

use crate::commands::selecting::words;
use crate::configuration::{parse_duration, parse_share};
use crate::control::wire::MessagesQuery;
use crate::control::wire::trials::{FilterWanted, TrialWanted};
use crate::failure::{Failure, Hint as _};

#[derive(Debug, Args)]
pub(super) struct Trying {
    /// Run it beside the live revision, and compare: it decides and delivers nothing
    #[arg(long, conflicts_with = "pilot")]
    shadow: bool,
    /// Let it decide a part of the messages: growing shares such as `5%,25%,100%`, or a field's value such as `PV1-3.1==4EAST`
    #[arg(long, value_name = "PART")]
    pilot: Option<String>,
    /// What shares do not divide: a field whose value stays with one revision [default: PID-3.1]
    #[arg(long, value_name = "PATH", requires = "pilot")]
    by: Option<Path>,
    /// So many messages, of each stage [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    messages: Option<u64>,
    /// And so long at most, where enough of them came to judge by [default: 12h]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,
    /// Fields that are expected to differ, beside those of the site; may be given again
    #[arg(long, value_name = "PATH")]
    expect: Vec<Path>,
    /// Go on where this gate fails, and take that on yourself: vectors, replay or envelope; may be given again
    #[arg(long, value_name = "GATE")]
    pub(super) waive: Vec<String>,
    /// Which stored messages the gate `replay` runs: the last so many, or a search in the words of `messages list`, with commas between
    /// them: `type=ORU^R01,since=2026-11-20,last=500` [default: the last ones, as `[gates]` says]
    #[arg(long, value_name = "SEARCH", value_delimiter = ',', conflicts_with = "shadow")]
    replay: Vec<String>,
    /// End it where more messages than this differ elsewhere; without it, differences are only told
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    differences: Option<u64>,
    /// Do not watch it once it is live
    #[arg(long, conflicts_with_all = ["shadow", "pilot"])]
    pub(super) unwatched: bool,
}

impl Trying {
    /// Fields that may differ when messages are replayed.
    pub(super) fn expected(&self) -> Vec<String> {
        self.expect.iter().map(ToString::to_string).collect()
    }

    /// The stored messages that are replayed; none where the site's are.
    pub(super) fn replayed(&self) -> Result<Option<MessagesQuery>, Failure> {
        words(&self.replay)
            .map_err(|message| anyhow::anyhow!("--replay: {message}"))
            .hint("write `--replay 500` or `--replay type=ORU^R01,since=2026-11-20,last=500`")
    }

    /// What is asked of the engine; none where the revision goes live at once.
    pub(super) fn wanted(&self) -> Result<Option<TrialWanted>, Failure> {
        let kind = match (self.shadow, &self.pilot) {
            (true, _) => "shadow",
            (false, Some(_)) => "pilot",
            (false, None) => return self.nothing_to_bound(),
        };
        let mut wanted = TrialWanted {
            kind: kind.to_owned(),
            by: self.by.as_ref().map(ToString::to_string),
            messages: self.messages,
            seconds: self.time.map(|time| time.as_secs().max(1)),
            expect: self.expected(),
            differing_per_mille: self.differences,
            ..TrialWanted::default()
        };
        match self.pilot.as_deref().map(part) {
            Some(Ok(Part::Filter(filter))) => wanted.filter = Some(filter),
            Some(Ok(Part::Shares(shares))) => wanted.shares = shares,
            Some(Err(message)) => {
                return Err(anyhow::anyhow!(message)).hint("write `--pilot 5%,25%,100%` or `--pilot PV1-3.1==4EAST`");
            }
            None => {}
        }
        Ok(Some(wanted))
    }

    /// Bounds without a trial are a trial that somebody forgot to ask for.
    fn nothing_to_bound(&self) -> Result<Option<TrialWanted>, Failure> {
        let is_bounded = self.messages.is_some() || self.time.is_some() || self.differences.is_some();
        if is_bounded {
            return Err(anyhow::anyhow!("--messages, --for and --differences are of a trial")).hint(
                "ask for one with --shadow or --pilot; `[budget]` in transfuse.toml is for what goes live at once",
            );
        }
        Ok(None)
    }
}

enum Part {
    Filter(FilterWanted),
    Shares(Vec<u32>),
}

fn part(text: &str) -> Result<Part, String> {
    if let Some((path, values)) = text.split_once("==") {
        let path: Path = path.trim().parse().map_err(|error| format!("{error}"))?;
        let values = values.split('|').map(|value| value.trim().trim_matches('"').to_owned());
        return Ok(Part::Filter(FilterWanted {
            path: path.to_string(),
            values: values.collect(),
        }));
    }
    let shares = text.split(',').map(|share| {
        let per_mille = parse_share(share.trim())?;
        u32::try_from(per_mille).map_err(|_| format!("`{share}` is more than everything"))
    });
    Ok(Part::Shares(shares.collect::<Result<_, String>>()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn parts_are_shares_or_a_filter() {
        match part("5%, 25%,100%") {
            Ok(Part::Shares(shares)) => assert_eq!(shares, [50, 250, 1_000]),
            _ => panic!("shares"),
        }
        match part("PV1-3.1 == \"4EAST\"|4WEST") {
            Ok(Part::Filter(filter)) => {
                assert_eq!(
                    (filter.path.as_str(), filter.values),
                    ("PV1-3.1", vec!["4EAST".into(), "4WEST".into()])
                );
            }
            _ => panic!("a filter"),
        }
        assert!(part("half").is_err());
        assert!(part("PV1==").is_ok_and(|part| matches!(part, Part::Filter(_))));
        assert!(part("nonsense==1").is_err());
    }
}
