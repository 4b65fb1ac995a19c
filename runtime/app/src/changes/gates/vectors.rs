//! The packages' own vectors, run in the sandbox of this site: a plugin that was certified elsewhere has to do the same here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use transfuse_package::Package;
use transfuse_sandbox::Sandbox;

use super::super::{ChangeError, Changes, Finding, Probe, Verdict};
use crate::configuration::{GateSettings, resolved};
use crate::control::wire::Words;
use crate::control::wire::evidence::Detail;
use crate::layout::counted;
use crate::parts::Parts;
use crate::vectors::{self, Mismatch, Subject, VectorFiles, VectorReport};

/// How long the vectors of one change may take together; a package has some dozens, of some milliseconds each.
const TIME_MAX: Duration = Duration::from_mins(2);

/// Packages that are known to pass; a site has dozens.
const KNOWN_MAX: usize = 1_000;

/// How many vectors the packages have that passed them in this sandbox. Fuel and not the clock bounds a vector, so that it comes out
/// the same again.
#[derive(Debug, Default)]
pub(crate) struct PassedVectors(Mutex<BTreeMap<String, usize>>);

/// What the vectors of several packages came to.
#[derive(Default)]
struct Tally {
    vectors: usize,
    plugins: usize,
    without: usize,
    failed: usize,
    lines: Vec<Words>,
}

impl Changes {
    pub(super) async fn try_vectors(
        self: &Arc<Self>,
        interface: &resolved::Interface,
        parts: &Arc<Parts>,
        settings: &GateSettings,
    ) -> Result<Finding, ChangeError> {
        if !settings.vectors {
            let why = "the site runs no vectors";
            return Ok(Finding::new(Probe::Vectors, Verdict::Skipped, why));
        }
        let digests: BTreeSet<String> = interface.all_steps().map(|step| step.digest.clone()).collect();
        let (changes, parts) = (Arc::clone(self), Arc::clone(parts));
        let running = spawn_blocking(move || {
            let (mut tally, until) = (Tally::default(), Instant::now() + TIME_MAX);
            for component in digests.iter().filter_map(|digest| parts.component(digest)) {
                match component.package() {
                    Some(package) => tally.add(package, &changes.sandbox, &changes.passed_vectors, until),
                    None => tally.without += 1,
                }
            }
            tally.finding()
        });
        Ok(running.await?)
    }
}

impl PassedVectors {
    fn of(&self, digest: &str) -> Option<usize> {
        self.lock().get(digest).copied()
    }

    fn add(&self, digest: &str, vectors: usize) {
        let mut known = self.lock();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(digest.to_owned(), vectors);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn add(&mut self, package: &Package, sandbox: &Sandbox, known: &PassedVectors, until: Instant) {
        if package.vectors.is_empty() {
            self.without += 1;
            return;
        }
        self.plugins += 1;
        if let Some(vectors) = known.of(&package.digest) {
            self.vectors += vectors;
            return;
        }
        let before = (self.vectors, self.failed);
        self.run(package, sandbox, until);
        if self.failed == before.1 {
            known.add(&package.digest, self.vectors - before.0);
        }
    }

    fn run(&mut self, package: &Package, sandbox: &Sandbox, until: Instant) {
        let (subject, name) = (Subject::from(package), package.manifest.name.to_string());
        let files = VectorFiles::of_package(Path::new(&name), package.vectors.clone());
        let set = match vectors::read(&files, &subject) {
            Ok(set) => set,
            Err(faults) => {
                let told = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
                return self.fail(format!("{name}: its vectors cannot be read: {told}"));
            }
        };
        let plugin = match sandbox.load(subject.identity.clone(), &subject.component) {
            Ok(plugin) => plugin,
            Err(error) => return self.fail(format!("{name}: {error}")),
        };
        for vector in &set {
            if Instant::now() >= until {
                return self.fail(format!("{name}: the vectors take longer than {TIME_MAX:?}"));
            }
            let report = vectors::report_of(sandbox, &plugin, &subject, vector);
            self.vectors += 1;
            if !report.passes() {
                self.fail(told(&name, &report));
            }
        }
    }

    fn fail(&mut self, line: String) {
        self.failed += 1;
        self.lines.push(line.into());
    }

    fn finding(self) -> Finding {
        let without = match self.without {
            0 => String::new(),
            some => format!("; {} without vectors", counted(some, "plugin")),
        };
        let all = format!(
            "{} of {}",
            counted(self.vectors, "vector"),
            counted(self.plugins, "plugin")
        );
        let (verdict, summary) = match (self.failed, self.plugins) {
            (0, 0) => (Verdict::Skipped, "no plugin has vectors".to_owned()),
            (0, _) => (Verdict::Passed, format!("{all} run here{without}")),
            (failed, _) => (Verdict::Failed, format!("{failed} failed, in {all}{without}")),
        };
        Finding::new(Probe::Vectors, verdict, summary).with(Detail {
            lines: self.lines,
            ..Detail::default()
        })
    }
}

/// A vector that fails. What it expects and what came out shows `transfuse plugin test`.
fn told(plugin: &str, report: &VectorReport) -> String {
    let wrong = report.mismatches.iter().map(|mismatch| match mismatch {
        Mismatch::Value { what, .. } => what.clone(),
        Mismatch::Output { number, .. } => format!("output {number}"),
    });
    let wrong: Vec<String> = wrong.collect();
    format!("{plugin}: `{}` differs in {}", report.name, wrong.join(", "))
}
