//! `transfuse send`: a sender over MLLP or HTTP for rehearsals and for the first minute of a new interface.

mod conversation;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc;
use transfuse_transport::http;
use transfuse_transport::mllp::{Sender, SenderSettings};
use transfuse_transport::tcp::Framing;

use crate::configuration::parse_duration;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::Words;
use crate::failure::{Exit, Failure, Outcome};
use crate::samples::{self, Sample};
use crate::visible;
use conversation::Told;

/// Send message files over MLLP or HTTP, and show each acknowledgement
///
/// A file may hold many messages; each begins at a line that begins with MSH. Line feeds become the carriage returns
/// that HL7 asks for. Messages are sent in order over one connection, each after the answer to the one before.
/// The exit code is 1 when any message was refused or not answered.
///
/// A message whose MSH-15 and MSH-16 ask for the enhanced mode is waited for as it asks: CA first, and then AA, AE or AR
/// if that comes on the same connection within the time of --await.
///
/// Where ADDRESS is a URL, or with --http, each message is posted there, and the response is its answer.
///
/// Example: transfuse send 127.0.0.1:2575 examples/lab-results/messages/lab/*.hl7
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Host and port of the receiver, or a URL
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Files with messages
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Send everything this many times
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    repeat: u32,
    /// Use this many connections at once; more than one gives up order
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Send at most this many messages a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Wait this long for each answer
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = parse_duration)]
    timeout: Duration,
    /// Wait this long for an application acknowledgement that follows an accept acknowledgement
    #[arg(long = "await", default_value = "5s", value_name = "TIME", value_parser = parse_duration)]
    patience: Duration,
    /// Which MLLP the receiver speaks
    #[arg(long, default_value_t = 1, value_name = "RELEASE", value_parser = clap::value_parser!(u8).range(1..=2))]
    mllp_release: u8,
    /// Speak HTTP instead of MLLP; a URL as the address says so too
    #[arg(long, conflicts_with = "mllp_release")]
    http: bool,
    /// Over HTTP, show the bearer token that this file holds
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    #[command(flatten)]
    tls: tls::Arguments,
    /// Write the results as JSON
    #[arg(long)]
    json: bool,
}

/// How many messages one call sends at most; beyond it, this is a load generator's work.
const MESSAGES_MAX: usize = 1_000_000;

/// How many results are listed line by line; of more, only those that were not accepted are.
const LISTED_MAX: usize = 200;

/// Results on their way to the terminal. A slow terminal slows the sending down; nothing piles up.
const RESULTS_QUEUED_MAX: usize = 256;

/// What became of one message.
#[derive(Debug, Serialize)]
pub(crate) struct SentMessage {
    file: PathBuf,
    number: usize,
    control_id: String,
    /// CA where an application acknowledgement followed it, or was to.
    commit: Option<String>,
    /// AA, AE, AR, CA, CE or CR: the last one; none where no usable answer came.
    code: Option<String>,
    /// What the receiver says, or why there is no answer.
    text: Words,
    milliseconds: f64,
    accepted: bool,
    #[serde(skip)]
    label: String,
}

#[derive(Serialize)]
struct Report {
    sent: usize,
    accepted: usize,
    seconds: f64,
    messages: Vec<SentMessage>,
}

/// What the connections share: which message is next, and when it is due.
struct Plan {
    samples: Vec<Sample>,
    total: usize,
    next: AtomicUsize,
    began: Instant,
    /// None: as fast as answers come.
    pause: Option<Duration>,
    partner: Partner,
    /// For what follows an accept acknowledgement.
    patience: Duration,
}

/// How the receiver is spoken to.
enum Partner {
    Mllp(Box<SenderSettings>),
    Http(Box<http::SenderSettings>),
}

/// A connection to it.
enum Line<'a> {
    Mllp(Box<Sender>, &'a SenderSettings),
    Http(Box<http::Sender>),
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let plan = Arc::new(plan(arguments)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(send_all(&plan, arguments, console))?;
    if arguments.json {
        console.json(&report)?;
    } else {
        console.note(summary(&report, console.notes_palette()));
    }
    Ok(if report.accepted == report.sent {
        Exit::Success
    } else {
        Exit::Failure
    })
}

fn plan(arguments: &Arguments) -> Result<Plan, Failure> {
    let mut samples = Vec::new();
    for file in &arguments.files {
        samples.extend(samples::read(file)?);
    }
    let repeat = usize::try_from(arguments.repeat).unwrap_or(usize::MAX);
    let total = samples.len().saturating_mul(repeat);
    if total > MESSAGES_MAX {
        return Err(anyhow::anyhow!("that would be {total} messages; at most {MESSAGES_MAX} are sent").into());
    }
    Ok(Plan {
        samples,
        total,
        next: AtomicUsize::new(0),
        began: Instant::now(),
        pause: arguments.rate.map(|rate| Duration::from_secs(1) / rate),
        partner: Partner::of(arguments)?,
        patience: arguments.patience,
    })
}

impl Partner {
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let address = &arguments.address;
        if arguments.http || address.contains("://") {
            return Ok(Self::Http(Box::new(over_http(arguments)?)));
        }
        if arguments.token.is_some() {
            return Err(anyhow::anyhow!("`--token` is shown over HTTP only").into());
        }
        Ok(Self::Mllp(Box::new(SenderSettings {
            reply_timeout: arguments.timeout,
            framing: Framing::Mllp(super::listen::release(arguments.mllp_release)),
            tls: arguments.tls.settings(address)?,
            ..SenderSettings::new(address)
        })))
    }

    fn line(&self) -> Option<Line<'_>> {
        Some(match self {
            Self::Mllp(settings) => Line::Mllp(Box::new(Sender::new((**settings).clone())), settings),
            Self::Http(settings) => Line::Http(Box::new(http::Sender::new(settings)?)),
        })
    }
}

fn over_http(arguments: &Arguments) -> Result<http::SenderSettings, Failure> {
    let text = match arguments.address.as_str() {
        url if url.contains("://") => url.to_owned(),
        address if arguments.tls.is_asked_for() => format!("https://{address}/"),
        address => format!("http://{address}/"),
    };
    let url: http::Url = text.parse().with_context(|| format!("`{text}` cannot be sent to"))?;
    if arguments.tls.is_asked_for() && !url.is_secure() {
        return Err(Failure::from(anyhow::anyhow!("the URL asks for no TLS")).hinted("write `https://`"));
    }
    let tls = arguments.tls.settings(url.address())?;
    let mut settings = http::SenderSettings::new(url);
    settings.limits.reply_timeout = arguments.timeout;
    settings.tls = tls.unwrap_or_default();
    if let Some(file) = &arguments.token {
        let token = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let token = http::Authentication::Bearer(token.trim_end().to_owned().into());
        settings.credentials = Some(http::Credentials::Fixed(token));
    }
    Ok(settings)
}

async fn send_all(plan: &Arc<Plan>, arguments: &Arguments, console: Console) -> anyhow::Result<Report> {
    let (results, mut finished) = mpsc::channel(RESULTS_QUEUED_MAX);
    for _ in 0..arguments.connections {
        tokio::spawn(send_some(Arc::clone(plan), results.clone()));
    }
    drop(results);
    let mut report = Report {
        sent: 0,
        accepted: 0,
        seconds: 0.0,
        messages: Vec::new(),
    };
    while let Some(message) = finished.recv().await {
        report.sent += 1;
        report.accepted += usize::from(message.accepted);
        if arguments.json {
            report.messages.push(message);
        } else if plan.total <= LISTED_MAX || !message.accepted {
            console
                .result(message.lines(console.palette()).join("\n"))
                .context("cannot write the results")?;
        }
    }
    report.seconds = plan.began.elapsed().as_secs_f64();
    Ok(report)
}

/// One connection: takes the next message that nobody has taken, until there are none.
async fn send_some(plan: Arc<Plan>, results: mpsc::Sender<SentMessage>) {
    let Some(mut line) = plan.partner.line() else { return };
    loop {
        let index = plan.next.fetch_add(1, Ordering::Relaxed);
        if index >= plan.total {
            return;
        }
        let Some(sample) = plan.samples.get(index % plan.samples.len()) else {
            return;
        };
        if let Some(pause) = plan.pause {
            let due = plan.began + pause * u32::try_from(index).unwrap_or(u32::MAX);
            tokio::time::sleep_until(due.into()).await;
        }
        let began = Instant::now();
        let told = match &mut line {
            Line::Mllp(sender, settings) => conversation::hold(sender, sample, settings, plan.patience).await,
            Line::Http(sender) => conversation::post(sender, sample).await,
        };
        if results
            .send(SentMessage::new(sample, told, began.elapsed()))
            .await
            .is_err()
        {
            return;
        }
    }
}

impl SentMessage {
    /// Sends one message and waits for what becomes of it.
    pub(crate) async fn exchange(sample: &Sample, sender: &mut Sender) -> Self {
        let began = Instant::now();
        let told = conversation::ask(sender, sample).await;
        Self::new(sample, told, began.elapsed())
    }

    /// AA, AE and so on; none where no usable answer came.
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The acknowledgement with what it is about, and below it what the receiver said.
    pub(crate) fn lines(&self, palette: Palette) -> Vec<String> {
        let tone = if self.accepted { Tone::Good } else { Tone::Bad };
        let codes = match (self.commit.as_deref(), self.code()) {
            (Some(commit), Some(code)) if commit != code => format!("{commit} {code}"),
            (_, code) => code.unwrap_or("--").to_owned(),
        };
        let first = format!(
            "{}  {:<20} {:>9.1} ms  {}",
            palette.paint(tone, &codes),
            self.control_id,
            self.milliseconds,
            palette.paint(Tone::Faint, &self.label),
        );
        std::iter::once(first)
            .chain(said(self.text.as_str()).map(|line| format!("    {line}")))
            .collect()
    }

    fn new(sample: &Sample, told: Told, elapsed: Duration) -> Self {
        Self {
            file: sample.file.clone(),
            number: sample.number,
            control_id: sample.control_id.clone(),
            accepted: told.is_accepted,
            commit: told.commit.map(|code| code.to_string()),
            code: told.code.map(|code| code.to_string()),
            text: told.text.into(),
            milliseconds: (elapsed.as_secs_f64() * 1e6).round() / 1e3,
            label: sample.label(),
        }
    }
}

/// The lines of an answer. MSA-3 often repeats what ERR says better.
fn said(text: &str) -> impl Iterator<Item = String> {
    let lines: Vec<String> = text.lines().map(visible::one_line).collect();
    let repeated = |line: &String| lines.iter().any(|other| other != line && other.contains(line.as_str()));
    let kept: Vec<String> = lines
        .iter()
        .filter(|line| !line.is_empty() && !repeated(line))
        .cloned()
        .collect();
    kept.into_iter()
}

fn summary(report: &Report, palette: Palette) -> String {
    let refused = report.sent - report.accepted;
    let refused = if refused == 0 {
        "none".to_owned()
    } else {
        palette.paint(Tone::Bad, &refused).to_string()
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people to read, of at most a million messages"
    )]
    let rate = report.sent as f64 / report.seconds.max(1e-6);
    let Report {
        sent,
        accepted,
        seconds,
        ..
    } = report;
    format!("{sent} sent, {accepted} accepted, {refused} refused or unanswered; {seconds:.2} s, {rate:.0} messages/s")
}
