//! One thing at a time, many times.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use transfuse_harness::observation;
use transfuse_message::{Message, ParseOptions};
use transfuse_package::Library;
use transfuse_plugin::testing::{End, Input as NativeInput};
use transfuse_sandbox::{
    Chain, Context, FieldPatterns, Grants, Input, Instances, Limits, Outcome, PluginIdentity, Sandbox, SandboxSettings,
    State, Step, Table,
};

/// Gives the mean of one round, with a library of plugins.
type Measurement = fn(&Path) -> Result<Duration>;

/// What is measured here, by name.
pub(crate) const MEASUREMENTS: &[(&str, Measurement)] = &[
    ("parse a 1 KB observation", parse),
    ("parse it and read twelve fields", read),
    ("redact by a plugin, fresh instance", redact),
    ("lab-normalize by a plugin, fresh instance", normalize),
    ("lab-normalize natively, parse included", normalize_natively),
];

const CONFIG: &str = r#"{"application":"EHR","facility":"SZENT_IMRE","name_case":"title"}"#;
const COLUMNS: [&str; 4] = ["local", "loinc", "display", "unit"];
const CODES: [[&str; 4]; 3] = [
    ["GLU", "14749-6", "Glucose [Moles/volume] in Serum or Plasma", "mmol/L"],
    ["K", "2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L"],
    ["HGB", "718-7", "Hemoglobin [Mass/volume] in Blood", "g/L"],
];

/// The mean time of a round, after a tenth of the rounds to warm up.
fn mean(rounds: u32, mut round: impl FnMut() -> Result<()>) -> Result<Duration> {
    for _ in 0..rounds / 10 {
        round()?;
    }
    let started = Instant::now();
    for _ in 0..rounds {
        round()?;
    }
    Ok(started.elapsed() / rounds)
}

fn message() -> Result<Message> {
    Ok(Message::parse(observation("BENCH"), &ParseOptions::default())?)
}

fn parse(_: &Path) -> Result<Duration> {
    let raw = bytes::Bytes::from(observation("BENCH"));
    mean(200_000, || {
        let message = Message::parse(black_box(raw.clone()), &ParseOptions::default())?;
        ensure!(message.segments().count() == 11, "the parse lost segments");
        Ok(())
    })
}

fn read(_: &Path) -> Result<Duration> {
    let raw = bytes::Bytes::from(observation("BENCH"));
    let paths = [
        "MSH-9.1",
        "MSH-9.2",
        "MSH-10",
        "PID-3.1",
        "PID-5.1",
        "PID-5.2",
        "PID-7",
        "OBR-4.1",
        "OBX[1]-3.1",
        "OBX[2]-5",
        "OBX[3]-6",
        "ZLB-2",
    ];
    let paths: Vec<transfuse_message::Path> = paths
        .iter()
        .map(|path| path.parse())
        .collect::<std::result::Result<_, _>>()?;
    mean(100_000, || {
        let message = Message::parse(black_box(raw.clone()), &ParseOptions::default())?;
        for path in &paths {
            ensure!(message.get(path)?.as_option().is_some(), "{path} is not there");
        }
        Ok(())
    })
}

fn chain(library: &Path, name: &str, config: &str, grants: Grants) -> Result<Chain> {
    let sandbox = Sandbox::start(SandboxSettings::default())?;
    let package = Library::open(library)?.find(name, &"^1".parse()?)?;
    let identity = PluginIdentity {
        name: Arc::from(name),
        version: Arc::from(package.manifest.version.to_string()),
        digest: Arc::from(package.digest.as_str()),
        component_digest: Arc::from(package.component_digest.as_str()),
    };
    let plugin = sandbox.load(identity, &package.component)?;
    let rows = CODES.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
    let table = Table::new("lab-codes", "sha256:bench", COLUMNS.map(str::to_owned).to_vec(), rows)?;
    let step = Step {
        plugin,
        config: config.into(),
        grants,
        limits: Limits::default(),
        instances: Instances::Fresh,
        tables: vec![Arc::new(table)],
        has_secrets: false,
        state_schema: 1,
    };
    Ok(sandbox.chain(vec![step])?)
}

fn through(chain: &Chain) -> Result<Duration> {
    let message = message()?;
    let context = Context {
        id: "20261123-000001".to_owned(),
        interface: Arc::from("bench"),
        received_at_ms: 1_795_425_300_000,
        time_zone: Arc::from("Europe/Budapest"),
        attempt: 1,
        attributes: Vec::new(),
    };
    mean(20_000, || {
        let report = chain.run_blocking(Input {
            message: message.clone(),
            context: context.clone(),
            state: State::default(),
        });
        ensure!(
            matches!(&report.outcome, Outcome::Forwarded(outputs) if outputs.len() == 1),
            "{:?}",
            report.outcome
        );
        Ok(())
    })
}

fn redact(library: &Path) -> Result<Duration> {
    let grants = Grants {
        write: FieldPatterns::parse(&["PID-11"])?,
        ..Grants::default()
    };
    through(&chain(library, "transfuse/redact", "", grants)?)
}

pub(crate) fn normalize(library: &Path) -> Result<Duration> {
    let grants = Grants {
        read: FieldPatterns::parse(&["*"])?,
        write: FieldPatterns::parse(&["PID-5", "OBX-3", "OBX-6", "OBX-8", "MSH-5", "MSH-6"])?,
        tables: vec!["lab-codes".to_owned()],
        ..Grants::default()
    };
    through(&chain(library, "transfuse/lab-normalize", CONFIG, grants)?)
}

fn normalize_natively(_: &Path) -> Result<Duration> {
    let text = observation("BENCH");
    mean(20_000, || {
        let input = NativeInput::bytes(text.as_bytes())
            .config(CONFIG)
            .table("lab-codes", COLUMNS, &CODES);
        let report = input.run(lab_normalize::lab_normalize);
        let End::Forwarded(outputs) = &report.end else {
            anyhow::bail!("{:?}", report.end)
        };
        let output = outputs.first().context("one output")?;
        ensure!(
            String::from_utf8_lossy(&output.raw).contains("14749-6"),
            "the code was not translated"
        );
        Ok(())
    })
}
