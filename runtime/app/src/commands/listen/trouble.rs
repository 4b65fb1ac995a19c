//! How a receiver misbehaves on request: always at the same messages, so that a rehearsal can be repeated.

use std::time::Duration;

use clap::Args;
use transfuse_message::AcknowledgementCode;

use crate::configuration::parse_duration;

/// The error that a refusal names where nothing else is asked for: an internal error of the application (table 0357).
const ERROR: &str = "207";

/// The most characters of an error code.
const ERROR_CHARACTERS_MAX: usize = 20;

/// What is to go wrong. Every option counts the messages of all connections from 1.
#[derive(Debug, Clone, Args)]
pub(super) struct Troubles {
    /// Refuse with this code, and this error in ERR-3: `AE`, `AR`, `AR:203` [error: 207]
    #[arg(long, value_name = "CODE[:ERROR]", value_parser = parse_refusal)]
    nak: Option<Refusal>,
    /// Refuse only every Nth message [default: all of them; without --nak with AE]
    #[arg(long, value_name = "N", value_parser = every())]
    nak_every: Option<u64>,
    /// Wait this long before each answer
    #[arg(long, default_value = "0ms", value_name = "TIME", value_parser = parse_duration)]
    pub(super) delay: Duration,
    /// Hang up on every Nth message instead of answering it
    #[arg(long, value_name = "N", value_parser = every())]
    drop_every: Option<u64>,
    /// Never answer every Nth message, and stay connected
    #[arg(long, value_name = "N", value_parser = every())]
    silent_every: Option<u64>,
    /// Answer every Nth message with something that is no HL7
    #[arg(long, value_name = "N", value_parser = every())]
    garbage_every: Option<u64>,
    /// Answer every Nth message with AA for another one
    #[arg(long, value_name = "N", value_parser = every())]
    astray_every: Option<u64>,
}

/// What becomes of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    HangUp,
    Silence,
    Garbage,
    Astray,
    Refuse(Refusal),
}

/// How to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: AcknowledgementCode,
    /// ERR-3.1.
    pub(super) error: String,
}

impl Troubles {
    /// What is to become of a message, by its number. Where several things are asked for, the worst happens.
    pub(super) fn of(&self, number: u64) -> Trouble {
        let is_due = |every: Option<u64>| every.is_some_and(|every| number.is_multiple_of(every));
        let troubles = [
            (self.drop_every, Trouble::HangUp),
            (self.silent_every, Trouble::Silence),
            (self.garbage_every, Trouble::Garbage),
            (self.astray_every, Trouble::Astray),
        ];
        let worst = troubles.into_iter().find(|(every, _)| is_due(*every));
        match (worst, &self.nak) {
            (Some((_, trouble)), _) => trouble,
            (None, None) if self.nak_every.is_none() => Trouble::None,
            (None, _) if self.nak_every.is_some_and(|every| !number.is_multiple_of(every)) => Trouble::None,
            (None, Some(refusal)) => Trouble::Refuse(refusal.clone()),
            (None, None) => Trouble::Refuse(Refusal {
                code: AcknowledgementCode::AE,
                error: ERROR.to_owned(),
            }),
        }
    }
}

fn every() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..)
}

fn parse_refusal(text: &str) -> Result<Refusal, String> {
    let (code, error) = text.split_once(':').unwrap_or((text, ERROR));
    let code = match code {
        "AE" => AcknowledgementCode::AE,
        "AR" => AcknowledgementCode::AR,
        _ => return Err("it is `AE` (the message is wrong) or `AR` (it cannot be taken now)".to_owned()),
    };
    let is_sound = error.len() <= ERROR_CHARACTERS_MAX && error.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if error.is_empty() || !is_sound {
        return Err(format!(
            "`{error}` is no code of an error: letters and digits, such as `AR:203`"
        ));
    }
    Ok(Refusal {
        code,
        error: error.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        troubles: Troubles,
    }

    fn of(line: &str) -> Result<Troubles, clap::Error> {
        Line::try_parse_from(["listen"].into_iter().chain(line.split_whitespace())).map(|line| line.troubles)
    }

    fn refusing(code: AcknowledgementCode, error: &str) -> Trouble {
        Trouble::Refuse(Refusal {
            code,
            error: error.to_owned(),
        })
    }

    #[test]
    fn the_same_messages_meet_the_same_trouble_and_the_worst_where_several_are_due() {
        let troubles = of("--nak AR:203 --nak-every 2 --drop-every 6 --silent-every 3 --astray-every 7").unwrap();
        let refused = refusing(AcknowledgementCode::AR, "203");
        let expected = [
            Trouble::None,
            refused.clone(),
            Trouble::Silence,
            refused,
            Trouble::None,
            Trouble::HangUp,
            Trouble::Astray,
        ];
        assert_eq!((1..=7).map(|number| troubles.of(number)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_refusal_is_for_all_unless_it_says_for_which() {
        assert_eq!(of("--nak AE").unwrap().of(1), refusing(AcknowledgementCode::AE, "207"));
        assert_eq!(
            of("--nak-every 2").unwrap().of(2),
            refusing(AcknowledgementCode::AE, "207")
        );
        assert_eq!(of("").unwrap().of(2), Trouble::None);
        for wrong in ["--nak AA", "--nak AR:", "--nak AE:2|7", "--nak-every 0"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
