//! The parts of the suite, in their order.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use transfuse_package::{Package, RequestedLimits, interfaces};
use transfuse_sandbox::{Blame, Limits, LoadError, Outcome, Sandbox, SandboxSettings, StartError};

use super::{Part, Report, hostile};
use crate::configuration::{Fault, show_duration, show_size};
use crate::layout::counted;
use crate::vectors::{self, Expected, FuzzSettings, Subject, Vector, VectorFiles, VectorReport, told_outcome};

/// How long the fuzzing lasts, and with which seed it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SuiteSettings {
    pub(crate) seed: u64,
    pub(crate) fuzz_time: Duration,
    pub(crate) fuzz_messages_max: u64,
}

/// The suite could not be run. Nothing is known of the plugin.
#[derive(Debug, Error)]
pub(crate) enum SuiteError {
    #[error("the vectors have faults")]
    Vectors(Vec<Fault>),
    #[error("the sandbox cannot be started: {0}")]
    Sandbox(#[from] StartError),
    #[error("the component is no plugin for this engine: {0}")]
    Load(#[from] LoadError),
}

/// Failures that a part lists. The first ones tell what is wrong; more of them only repeat it.
const FAILURES_MAX: usize = 10;

/// The interfaces of the contract begin like this; a plugin may import nothing else.
const CONTRACT: &str = "transfuse:plugin/";

/// Runs the whole suite and tells of each part as it ends. Blocks for as long as the fuzzing lasts, and some seconds.
pub(crate) fn run(
    file: &Path,
    package: &Package,
    settings: SuiteSettings,
    tell: &mut dyn FnMut(&Part),
) -> Result<Report, SuiteError> {
    let ran_at = format!("{:.0}", Timestamp::now());
    let subject = Subject::from(package);
    let files = VectorFiles::of_package(file, package.vectors.clone());
    let set = vectors::read(&files, &subject).map_err(SuiteError::Vectors)?;
    let (first, second) = (sandbox()?, sandbox()?);
    let mut parts = Vec::new();
    let mut add = |part: Part| {
        tell(&part);
        parts.push(part);
    };
    add(imports(package));
    let reports = vectors::run(&first, &subject, &set, &mut |_| {})?;
    add(passing(&reports));
    let again = vectors::run(&second, &subject, &set, &mut |_| {})?;
    add(determinism(&reports, &again));
    // Where the settings are what a vector is about, its plugin fails on every message, broken or not.
    let sound: Vec<Vector> = set.into_iter().filter(|vector| !expects_a_fault(vector)).collect();
    let (part, hostile_reports) = hostile_inputs(&first, &subject, &sound)?;
    add(part);
    add(resources(&reports, &hostile_reports, package.manifest.limits));
    add(fuzzing(&second, &subject, &sound, settings)?);
    Ok(Report::new(package, ran_at, parts))
}

fn expects_a_fault(vector: &Vector) -> bool {
    let expected = vector.expect.as_ref().map(|expect| &expect.expected);
    matches!(expected, Some(Expected::Faulted { .. }))
}

fn sandbox() -> Result<Sandbox, StartError> {
    Sandbox::start(SandboxSettings::default())
}

/// The binary's imports are its true list of capabilities: each must be of the contract, and requested.
fn imports(package: &Package) -> Part {
    let requests = &package.manifest.requests;
    let imports = match interfaces(&package.component) {
        Ok(found) => found.imports,
        Err(error) => return Part::new("imports", "cannot be read".to_owned(), vec![error.to_string()]),
    };
    let fault = |import: &String| {
        let of_contract = import.strip_prefix(CONTRACT);
        let name = of_contract.and_then(|rest| rest.split('@').next());
        match name {
            None => Some(format!("it imports `{import}`, which is not of the contract")),
            Some("tables") if requests.tables.is_empty() => Some("it imports `tables` and requests none".to_owned()),
            Some("state") if !requests.state => Some("it imports `state` and does not request it".to_owned()),
            Some(_) => None,
        }
    };
    let failures = imports.iter().filter_map(fault).collect();
    let summary = format!(
        "{}, all of them of the contract and requested",
        counted(imports.len(), "import")
    );
    Part::new("imports", summary, failures)
}

fn passing(reports: &[VectorReport]) -> Part {
    let failing = || reports.iter().filter(|report| !report.passes());
    let summary = format!(
        "{} of {} pass",
        reports.len() - failing().count(),
        counted(reports.len(), "vector")
    );
    let mut failures: Vec<String> = failing()
        .map(|report| format!("{}: {}", report.name, told_outcome(&report.outcome)))
        .take(FAILURES_MAX)
        .collect();
    if reports.is_empty() {
        failures.push("the package has no vectors: nothing says what it is to do".to_owned());
    }
    Part::new("vectors", summary, failures)
}

/// Two engines that know nothing of each other must come to the same, to the last unit of fuel.
fn determinism(reports: &[VectorReport], again: &[VectorReport]) -> Part {
    let facts = |report: &VectorReport| {
        let fuel = report.cost.map(|cost| cost.fuel);
        let log: Vec<_> = report.log.iter().map(|line| line.text.bytes().clone()).collect();
        (
            told_outcome(&report.outcome),
            report.output_digests(),
            fuel,
            report.state.clone(),
            log,
        )
    };
    let differing = reports
        .iter()
        .zip(again)
        .filter(|(one, other)| facts(one) != facts(other));
    let failures = differing.map(|(one, _)| format!("{} came out differently", one.name));
    let summary = format!(
        "{} twice, on fresh engines: the same outputs, state, log and fuel",
        counted(reports.len(), "vector")
    );
    Part::new("determinism", summary, failures.take(FAILURES_MAX).collect())
}

/// Every hostile message with every vector's configuration, tables and grants.
fn hostile_inputs(
    sandbox: &Sandbox,
    subject: &Subject,
    set: &[Vector],
) -> Result<(Part, Vec<VectorReport>), LoadError> {
    let plugin = sandbox.load(subject.identity.clone(), &subject.component)?;
    let mut reports = Vec::new();
    let (mut failures, mut refused) = (Vec::new(), 0);
    for base in set {
        for (name, message) in hostile::messages(&base.input.encode()) {
            let Some(input) = hostile::parse(message) else {
                refused += 1;
                continue;
            };
            let vector = Vector {
                name: format!("{name}, made of {}", base.name),
                input,
                expect: None,
                ..base.clone()
            };
            let report = vectors::report_of(sandbox, &plugin, subject, &vector);
            failures.extend(unclean(&report));
            reports.push(report);
        }
    }
    let summary = format!(
        "{}, {} failures of the plugin; {refused} more never reach one",
        counted(reports.len(), "message"),
        failures.len(),
    );
    failures.truncate(FAILURES_MAX);
    Ok((Part::new("hostile inputs", summary, failures), reports))
}

/// A fault for which the message is not to blame.
fn unclean(report: &VectorReport) -> Option<String> {
    match &report.outcome {
        Outcome::Faulted(fault) if fault.kind.blame() != Blame::Message => {
            Some(format!("{}: {}", report.name, fault.kind.as_str()))
        }
        _ => None,
    }
}

/// The most that anything used, against what the manifest requests. Time is told and not judged: it is the machine's.
fn resources(reports: &[VectorReport], hostile: &[VectorReport], requested: RequestedLimits) -> Part {
    let defaults = Limits::default();
    let memory_default = u64::try_from(defaults.memory_bytes_max).unwrap_or(u64::MAX);
    let fuel_max = requested.fuel.unwrap_or(defaults.fuel);
    let memory_max = requested.memory_bytes.unwrap_or(memory_default);
    let deadline_ms = requested.deadline_ms.unwrap_or(defaults.deadline_ms);
    let costs = || reports.iter().chain(hostile).filter_map(|report| report.cost);
    let fuel = costs().map(|cost| cost.fuel).max().unwrap_or_default();
    let memory = costs().map(|cost| cost.memory_bytes).max().unwrap_or_default();
    let elapsed_us = costs().map(|cost| cost.elapsed_us).max().unwrap_or_default();
    let mut failures = Vec::new();
    if fuel > fuel_max {
        failures.push(format!("{fuel} fuel, and {fuel_max} are requested"));
    }
    if memory > memory_max {
        failures.push(format!(
            "{} memory, and {} are requested",
            show_size(memory),
            show_size(memory_max)
        ));
    }
    let summary = format!(
        "at most {fuel} of {fuel_max} fuel, {} of {} memory; the slowest message took {elapsed_us} µs of {}",
        show_size(memory),
        show_size(memory_max),
        show_duration(Duration::from_millis(deadline_ms)),
    );
    Part::new("resources", summary, failures)
}

fn fuzzing(sandbox: &Sandbox, subject: &Subject, set: &[Vector], settings: SuiteSettings) -> Result<Part, LoadError> {
    let limits = FuzzSettings {
        seed: settings.seed,
        time: settings.fuzz_time,
        runs_max: settings.fuzz_messages_max,
    };
    let report = vectors::fuzz(sandbox, subject, set, &limits, &mut |_| {})?;
    let mut failures: Vec<String> = report
        .findings
        .iter()
        .map(|finding| format!("message {} of the seed: {}", finding.run, finding.fault.kind.as_str()))
        .take(FAILURES_MAX)
        .collect();
    if report.runs == 0 {
        failures.push("nothing could be run".to_owned());
    }
    let summary = format!(
        "{} changed messages in {} s from seed {}, {} findings",
        report.runs,
        report.elapsed.as_secs(),
        settings.seed,
        report.findings.len(),
    );
    Ok(Part::new("fuzzing", summary, failures))
}
