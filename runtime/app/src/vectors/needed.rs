//! The smallest grants that vectors need: what they touched, put together and tried.

use std::collections::BTreeSet;

use transfuse_package::Requests;
use transfuse_sandbox::{Access, FaultKind, LoadError, Outcome, Sandbox};

use super::{Subject, Vector, VectorReport, run, told_outcome};

/// What vectors need, and what of it no manifest can request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needed {
    /// What the plugin's manifest has to request.
    pub(crate) requests: Requests,
    /// Destinations that the plugin named, which only an interface can grant.
    pub(crate) to: Vec<String>,
    /// Vectors that end differently with exactly these grants.
    pub(crate) differing: Vec<String>,
}

/// What the vectors need of which these are the reports. Vectors that end in a denial are about what is not granted, and
/// are left out; so is whatever a vector grants by itself.
///
/// # Errors
///
/// Where the plugin cannot be loaded once more, to try the proposal.
pub(crate) fn needed(
    sandbox: &Sandbox,
    subject: &Subject,
    vectors: &[Vector],
    reports: &[VectorReport],
) -> Result<Needed, LoadError> {
    let about =
        |report: &VectorReport| !matches!(&report.outcome, Outcome::Faulted(fault) if fault.kind == FaultKind::Denied);
    let (vectors, reports): (Vec<Vector>, Vec<&VectorReport>) = vectors
        .iter()
        .zip(reports)
        .filter(|(_, report)| about(report))
        .map(|(vector, report)| (vector.clone(), report))
        .unzip();
    let mut union = Union::default();
    for (vector, report) in vectors.iter().zip(&reports) {
        union.add(vector, &report.access);
    }
    let (requests, to) = union.into_requests();
    let mut tried = subject.clone();
    tried.manifest.requests = requests.clone();
    let again = run(sandbox, &tried, &vectors, &mut |_| {})?;
    let differing = again
        .iter()
        .zip(reports)
        .filter(|(again, before)| !is_same(again, before));
    Ok(Needed {
        requests,
        to,
        differing: differing.map(|(again, _)| again.name.clone()).collect(),
    })
}

fn is_same(one: &VectorReport, other: &VectorReport) -> bool {
    told_outcome(&one.outcome) == told_outcome(&other.outcome) && one.output_digests() == other.output_digests()
}

/// What several vectors touched, but for what they grant by themselves.
#[derive(Default)]
struct Union {
    read: BTreeSet<Pattern>,
    write: BTreeSet<Pattern>,
    tables: BTreeSet<String>,
    to: BTreeSet<String>,
    create: bool,
    state: bool,
}

/// A field, in the order in which people read them: by segment, and by number. Number 0 is the whole segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    segment: String,
    field: u32,
}

impl Union {
    fn add(&mut self, vector: &Vector, access: &Access) {
        let grants = &vector.grants;
        if grants.read.is_none() {
            self.read.extend(access.read.iter().map(|pattern| Pattern::of(pattern)));
            self.read.extend(access.everything.then(|| Pattern::of("*")));
        }
        if grants.write.is_none() {
            self.write
                .extend(access.written.iter().map(|pattern| Pattern::of(pattern)));
        }
        if grants.tables.is_none() {
            self.tables.extend(access.tables.iter().cloned());
        }
        self.to.extend(access.to.iter().cloned());
        self.create |= access.create && grants.create.is_none();
        self.state |= access.state && grants.state.is_none();
    }

    fn into_requests(self) -> (Requests, Vec<String>) {
        let requests = Requests {
            read: listed(&self.read),
            write: listed(&self.write),
            tables: self.tables.into_iter().collect(),
            state: self.state,
            create: self.create,
        };
        (requests, self.to.into_iter().collect())
    }
}

impl Pattern {
    /// `PID-5`, `OBX-*` or `*`.
    fn of(text: &str) -> Self {
        let (segment, field) = text.split_once('-').unwrap_or((text, ""));
        Self {
            segment: segment.to_owned(),
            field: field.parse().unwrap_or_default(),
        }
    }
}

/// The patterns as a manifest writes them, without those that another one holds.
fn listed(patterns: &BTreeSet<Pattern>) -> Vec<String> {
    if patterns.iter().any(|pattern| pattern.segment == "*") {
        return vec!["*".to_owned()];
    }
    let is_whole = |segment: &str| {
        patterns
            .iter()
            .any(|pattern| pattern.segment == segment && pattern.field == 0)
    };
    let needed = patterns
        .iter()
        .filter(|pattern| pattern.field == 0 || !is_whole(&pattern.segment));
    needed
        .map(|pattern| match pattern.field {
            0 => format!("{}-*", pattern.segment),
            field => format!("{}-{field}", pattern.segment),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_in_the_order_of_fields_and_none_holds_another() {
        let patterns = |texts: &[&str]| listed(&texts.iter().map(|text| Pattern::of(text)).collect());
        assert_eq!(patterns(&["PID-11", "PID-3", "OBX-5"]), ["OBX-5", "PID-3", "PID-11"]);
        assert_eq!(patterns(&["PID-11", "PID-*", "OBX-5"]), ["OBX-5", "PID-*"]);
        assert_eq!(patterns(&["PID-11", "*"]), ["*"]);
    }
}
