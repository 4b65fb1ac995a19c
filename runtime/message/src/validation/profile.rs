//! Profiles: what was agreed with one sender, as plain rules.
//!
//! A profile is what the configuration's edge makes of a file; how such a file is written is that edge's matter. What a
//! rule means is said here.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use regex::Regex;
use thiserror::Error;

use crate::{Path, Severity};

/// The most rules of a profile. The largest implementation guides constrain some hundred elements; each rule is asked
/// of each segment that it speaks of, so this also bounds what validation costs.
pub const RULES_MAX: usize = 1_000;

/// The largest compiled pattern, in bytes. What people write compiles to some kilobytes; a counted repetition of a
/// large class compiles to megabytes, and would cost as much for each interface.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What was agreed with a sender, beyond what HL7 defines, and where the agreement goes below it.
#[derive(Debug, Clone)]
pub struct Profile {
    name: String,
    rules: Vec<Rule>,
    tolerances: Vec<Tolerance>,
    /// The rules that look into segments, by the segments' name and in the order of the fields.
    by_segment: HashMap<String, Vec<usize>>,
}

/// One rule: where it looks, when it holds, and what must be true there.
///
/// Its path names every node that fits it: without numbers in brackets every segment of that name, and every
/// repetition that holds anything; with a number that one alone. A path through groups names the segments within them,
/// and a path that is a group (`ORDER_OBSERVATION/`) the groups themselves. A rule looks into the segments that are
/// there: that a segment must be there is a rule of its own.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The nodes that it speaks of.
    pub path: Path,
    /// The message types (`ORU^R01`, or `ORU` for all of its events) that it holds for; empty for all.
    pub types: Vec<String>,
    /// It holds where all of these do.
    pub when: Vec<Condition>,
    /// What must be true of every node.
    pub checks: Vec<Check>,
    /// How bad it is where one of them is not.
    pub severity: Severity,
    /// A code of table 0357, in place of the one that belongs to the check.
    pub code: Option<String>,
    /// What the sender should read, in place of what the check says by itself.
    pub text: Option<String>,
    /// Where the rule stands in its file, counted from one.
    pub line: u32,
}

/// What a rule asks of a node.
#[derive(Debug, Clone)]
pub enum Check {
    /// It holds something. A segment: there is one. `""` is a value.
    Required,
    /// How often a segment, or the repetitions of a field, may stand; no upper bound where `most` is none.
    Count {
        /// At least so often.
        least: u32,
        /// At most so often.
        most: Option<u32>,
    },
    /// Its value is one of these.
    OneOf {
        /// As a person would call them: `one of F, M`, `in the table lab-codes`.
        description: String,
        /// The values.
        values: BTreeSet<String>,
    },
    /// Its value is in this table of HL7 (`0001`), as the message's version has it.
    InTable(String),
    /// It looks like a value of this simple datatype: NM, SI, DT, TM, DTM or TS.
    Datatype(String),
    /// Its value matches the pattern as a whole.
    Matches(ValuePattern),
    /// It has at most so many characters, its separators among them.
    LengthMax(u32),
}

/// When a rule holds.
///
/// A condition on a segment of the rule's own name looks at the very segment that the rule looks at, and one on the
/// rule's own field at the very repetition. One on another
/// segment looks at the nearest of that name above, as an OBX belongs to the OBR above it, or at the first one where
/// there is none above. Where the rule is about segments or groups themselves, it looks at the first one within the
/// group that the rule looks into. A condition does not lead through groups.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The nodes that it looks at; it is enough that one of them fits.
    pub path: Path,
    /// What it asks of them.
    pub test: Test,
}

/// What a condition asks.
#[derive(Debug, Clone)]
pub enum Test {
    /// Something stands there.
    Present,
    /// Nothing stands there.
    Absent,
    /// The value is one of these.
    In(Vec<String>),
    /// The value is none of these, or there is none.
    NotIn(Vec<String>),
}

/// What the standard asks and this sender need not do: findings of the levels below the profile that are left out.
#[derive(Debug, Clone)]
pub struct Tolerance {
    /// The nodes, and all that lies within them.
    pub path: Path,
    /// The codes of table 0357 that are left out; empty for all.
    pub codes: Vec<String>,
    /// Where it stands in its file, counted from one.
    pub line: u32,
}

/// A pattern that a whole value must match.
#[derive(Clone)]
pub struct ValuePattern {
    written: String,
    regex: Regex,
}

/// What is wrong with a profile, and at which line of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct ProfileFault {
    /// The line of the rule, counted from one.
    pub line: u32,
    /// What is wrong.
    pub reason: String,
}

impl Profile {
    /// A profile that findings call `name`, or all that contradicts itself in it.
    pub fn new(name: String, rules: Vec<Rule>, tolerances: Vec<Tolerance>) -> Result<Self, Vec<ProfileFault>> {
        let faults = super::contradictions::of(&rules);
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut within: Vec<(usize, &Rule)> = rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| !rule.is_of_segment())
            .collect();
        within.sort_by_key(|(_, rule)| rule.field_number());
        let mut by_segment: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, rule) in within {
            by_segment
                .entry(rule.path.segment().to_owned())
                .or_default()
                .push(index);
        }
        Ok(Self {
            name,
            rules,
            tolerances,
            by_segment,
        })
    }

    /// What findings call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What it lets pass that the standard does not.
    #[must_use]
    pub fn tolerances(&self) -> &[Tolerance] {
        &self.tolerances
    }

    /// The rules that look into segments of this name with their places among the rules, in the order of the fields.
    pub(super) fn rules_within(&self, segment: &str) -> impl Iterator<Item = (usize, &Rule)> {
        let indices = self.by_segment.get(segment).map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .filter_map(|index| Some((*index, self.rules.get(*index)?)))
    }
}

impl Rule {
    /// Whether it speaks of segments or groups themselves, and not of what is in them.
    pub(super) fn is_of_segment(&self) -> bool {
        self.path.field().is_none()
    }

    /// The number of the field that it looks into, or 0.
    pub(super) fn field_number(&self) -> u32 {
        self.path.field().map_or(0, |field| field.field())
    }

    /// Whether a condition is on the field that the rule looks into, and so is asked of each of its repetitions.
    pub(super) fn asks_of_repetition(&self, condition: &Condition) -> bool {
        let same_segment = self.path.name() == condition.path.name() && condition.path.given_occurrence().is_none();
        let same_field = self
            .path
            .field()
            .zip(condition.path.field())
            .is_some_and(|(own, other)| own.field() == other.field() && other.given_repetition().is_none());
        same_segment && same_field
    }

    /// Whether it holds for messages of this type.
    pub(super) fn is_for(&self, message_type: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| crate::is_of_type(message_type, wanted))
    }
}

impl Test {
    /// Whether it is met where there is no such segment.
    pub(super) fn is_met_by_nothing(&self) -> bool {
        matches!(self, Self::Absent | Self::NotIn(_))
    }
}

impl Check {
    /// The code of table 0357 that belongs to it.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Required => "101",
            Self::Count { .. } => "198",
            Self::OneOf { .. } | Self::InTable(_) => "103",
            Self::Matches(_) | Self::Datatype(_) => "102",
            Self::LengthMax(_) => "104",
        }
    }
}

impl Tolerance {
    /// Whether a finding is one that it leaves out.
    pub(super) fn covers(&self, path: &Path, code: &str) -> bool {
        self.path.covers(path) && (self.codes.is_empty() || self.codes.iter().any(|one| one == code))
    }
}

impl ValuePattern {
    /// Reads a regular expression; the fault is a sentence for whoever wrote it.
    pub fn parse(written: &str) -> Result<Self, String> {
        // Alone first: `a)|(b` is no pattern, but would become one between the anchors.
        match build(written).and_then(|_| build(&format!("^(?:{written})$"))) {
            Ok(regex) => Ok(Self {
                written: written.to_owned(),
                regex,
            }),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err("the pattern is too large: count fewer repetitions, or use `length_max`".to_owned())
            }
            Err(error) => Err(last_line(&error.to_string())),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether the whole value matches.
    pub(super) fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

fn build(written: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(written).size_limit(PATTERN_BYTES_MAX).build()
}

/// The crate that reads patterns draws them over several lines, and says what is wrong in the last one.
fn last_line(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

impl fmt::Debug for ValuePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValuePattern({})", self.written)
    }
}
