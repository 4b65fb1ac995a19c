//! OBX-8: abnormal flags as HL7 table 0078 has them.

use transfuse_plugin::prelude::*;

use crate::observation::Observation;
use crate::{DELETE, Edits, listed};

/// HL7 table 0078 (2.9), with what 2.3 had.
const FLAGS: &[&str] = &[
    "<", ">", "A", "AA", "AC", "B", "D", "DET", "H", "HH", "HM", "HU", "I", "IND", "L", "LL", "LU", "MS", "N", "ND",
    "NEG", "NR", "NS", "POS", "QCF", "R", "RR", "S", "SDD", "SYN-R", "SYN-S", "TOX", "U", "VS", "W", "WR", "null",
];

/// Words that analysers send instead, in lower case.
const WORDS: &[(&str, &str)] = &[
    ("abnormal", "A"),
    ("alacsony", "L"),
    ("high", "H"),
    ("kóros", "A"),
    ("low", "L"),
    ("magas", "H"),
    ("norm", "N"),
    ("normal", "N"),
    ("normál", "N"),
    ("ok", "N"),
];

/// Signs that analysers send beside numbers. Beside anything else `+` says positive and not high, so it is left alone.
const SIGNS: &[(&str, &str)] = &[
    ("+", "H"),
    ("++", "HH"),
    ("+++", "HH"),
    ("-", "L"),
    ("--", "LL"),
    ("---", "LL"),
];

pub(crate) fn normalize(observations: &[Observation], edits: &mut Edits) {
    let mut unknown = Vec::new();
    for Observation {
        path, is_number, flags, ..
    } in observations
    {
        let repetitions = (1..).zip(flags).filter(|(_, flag)| !flag.is_empty() && *flag != DELETE);
        for (repetition, flag) in repetitions {
            match standard(flag, *is_number) {
                Some(standard) if standard == flag => {}
                Some(standard) => edits.push((format!("{path}-8[{repetition}].1.1"), standard.to_owned())),
                None => unknown.push(flag.as_str()),
            }
        }
    }
    if !unknown.is_empty() {
        log::warn!(
            "abnormal flags that are not in HL7 table 0078 stay as they came: {}",
            listed(&unknown)
        );
    }
}

/// The flag of table 0078 that is meant; none where that is not known.
#[must_use]
pub fn standard(flag: &str, is_number: bool) -> Option<&'static str> {
    let flag = flag.trim();
    let exact = FLAGS.iter().find(|known| **known == flag);
    let known = exact.or_else(|| FLAGS.iter().find(|known| known.eq_ignore_ascii_case(flag)));
    let lower = flag.to_lowercase();
    let among = |synonyms: &[(&str, &'static str)]| {
        synonyms
            .iter()
            .find(|(word, _)| *word == lower)
            .map(|(_, standard)| *standard)
    };
    known
        .copied()
        .or_else(|| among(WORDS))
        .or_else(|| among(SIGNS).filter(|_| is_number))
}
