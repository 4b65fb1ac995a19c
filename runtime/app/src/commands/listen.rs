//! `transfuse listen`: an MLLP receiver for rehearsals, which can also misbehave on request.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use futures_util::FutureExt as _;
use jiff::ZonedDateTime;
use tokio_util::sync::CancellationToken;
use transfuse_message::{
    AcknowledgementCode, AcknowledgementContext, Condition, Finding, Message, ParseOptions, Payload, Severity, Wanted,
    acknowledgement,
};
use transfuse_transport::mllp::{Listener, ListenerSettings, Release};
use transfuse_transport::{Answer, Frame, Handler, Later, Reply};

use crate::configuration::parse_duration;
use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};

/// Receive messages over MLLP, acknowledge them, and show or keep them
///
/// Stands in for a receiver while an interface is rehearsed. Each message is answered with AA, and shown on stdout with
/// one segment a line, or kept as a file of its own in the folder that --out names. To rehearse trouble, it can refuse,
/// dawdle, or hang up: what it refuses and what it hangs up on is not kept.
///
/// A message that asks for it in MSH-15 and MSH-16 is answered in the enhanced mode: CA at once, and AA, or the code of
/// --nak, after the time of --delay on the same connection.
///
/// Example: transfuse listen 127.0.0.1:2576 --out received --drop-every 10
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Address and port to listen on
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Keep each message as a file in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Which MLLP to speak; release 2 says that a message is stored before it is answered
    #[arg(long, default_value_t = 1, value_name = "RELEASE", value_parser = clap::value_parser!(u8).range(1..=2))]
    mllp_release: u8,
    /// Refuse everything with this code
    #[arg(long, value_enum, value_name = "CODE")]
    nak: Option<Refusal>,
    /// Wait this long before each answer
    #[arg(long, default_value = "0ms", value_name = "TIME", value_parser = parse_duration)]
    delay: Duration,
    /// Hang up on every Nth message instead of answering it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    drop_every: Option<u64>,
    /// Stop after so many messages were accepted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// How to refuse.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Refusal {
    /// The message is wrong
    Ae,
    /// The receiver cannot take it now
    Ar,
}

/// The receiver's state, shared by its connections.
struct Receiver {
    out: Option<PathBuf>,
    nak: Option<Refusal>,
    delay: Duration,
    drop_every: Option<u64>,
    count: Option<u64>,
    received: AtomicU64,
    accepted: AtomicU64,
    /// Number of the last file, so that a second run adds to the folder of the first.
    last_file: AtomicU64,
    enough: CancellationToken,
    console: Console,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(arguments, console))?;
    Ok(Exit::Success)
}

async fn serve(arguments: &Arguments, console: Console) -> anyhow::Result<()> {
    let last_file = match &arguments.out {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
            last_number(folder)
        }
        None => 0,
    };
    let receiver = Arc::new(Receiver {
        out: arguments.out.clone(),
        nak: arguments.nak,
        delay: arguments.delay,
        drop_every: arguments.drop_every,
        count: arguments.count,
        received: AtomicU64::new(0),
        accepted: AtomicU64::new(0),
        last_file: AtomicU64::new(last_file),
        enough: CancellationToken::new(),
        console,
    });
    let listener = Listener::bind(ListenerSettings {
        release: release(arguments.mllp_release),
        ..ListenerSettings::new(&arguments.address)
    })
    .await?;
    let address = listener.local_address().to_string();
    console.note(format_args!(
        "listening on {}",
        console.notes_palette().paint(Tone::Name, &address)
    ));
    let enough = receiver.enough.clone();
    tokio::spawn(stop_on_signal(enough.clone()));
    let shared = Arc::clone(&receiver);
    let handler: Handler = Arc::new(move |frame| Arc::clone(&shared).take(frame).boxed());
    listener.serve(handler, enough).await;
    let (seen, accepted) = (&receiver.received, &receiver.accepted);
    console.note(format_args!(
        "{} received, {} accepted",
        seen.load(Ordering::Relaxed),
        accepted.load(Ordering::Relaxed)
    ));
    Ok(())
}

async fn stop_on_signal(enough: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        enough.cancel();
    }
}

impl Receiver {
    async fn take(self: Arc<Self>, frame: Frame) -> Answer {
        let number = self.received.fetch_add(1, Ordering::Relaxed) + 1;
        let message = Message::parse(frame.content.bytes().clone(), &ParseOptions::default());
        let wanted = message
            .as_ref()
            .map_or(Wanted::ORIGINAL, |message| Wanted::of(message, &message.header()));
        if wanted.accept == Condition::Never {
            tokio::time::sleep(self.delay).await;
        }
        if let Some(defect) = frame.defect {
            self.console.note(format_args!("{}: {defect}", frame.source));
            return Answer::Unanswered;
        }
        if self.drop_every.is_some_and(|every| number.is_multiple_of(every)) {
            self.console
                .note(format_args!("{}: hung up on message {number}", frame.source));
            return Answer::Unanswered;
        }
        match message {
            Err(error) => {
                let finding = [finding("100", &error.to_string())];
                let refusing = saying(&format!("L{number}"), wanted, |context| {
                    acknowledgement::refuse_unreadable(
                        frame.content.as_slice(),
                        AcknowledgementCode::AR,
                        &finding,
                        context,
                    )
                });
                Answer::Refused(refusing.into())
            }
            Ok(message) => self.answer(number, &message, &frame.content, wanted),
        }
    }

    /// Keeps the message unless it is to be refused, and answers it in the mode that it asks for. In the enhanced mode a
    /// receiver takes the message first and refuses it then.
    fn answer(&self, number: u64, message: &Message, content: &Payload, wanted: Wanted) -> Answer {
        if self.nak.is_none()
            && let Err(error) = self.keep(message, content)
        {
            self.console.note(format_args!("{error:#}"));
            return Answer::Unanswered;
        }
        let last = self.application_answer(number, message, wanted);
        let answer = if wanted.accept == Condition::Never {
            Reply::from(last)
        } else {
            let now = wanted
                .accept
                .on_success()
                .then(|| saying(&format!("L{number}"), wanted, |context| committing(message, context)));
            let delay = self.delay;
            let later = Later::new(async move {
                tokio::time::sleep(delay).await;
                last
            });
            Reply {
                now: now.unwrap_or_default(),
                later: Some(later),
            }
        };
        if self.nak.is_some() {
            return Answer::Refused(answer);
        }
        let accepted = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        if self.count.is_some_and(|count| accepted >= count) {
            self.enough.cancel();
        }
        Answer::Accepted(answer)
    }

    /// What the application says, as far as the message wants to hear it.
    fn application_answer(&self, number: u64, message: &Message, wanted: Wanted) -> Payload {
        let control_id = format!("L{number}A");
        match self.nak {
            None if wanted.application.on_success() => {
                saying(&control_id, wanted, |context| accepting(message, context))
            }
            Some(refusal) if wanted.application.on_error() => {
                let finding = [finding("207", "refused on request of the rehearsal")];
                saying(&control_id, wanted, |context| {
                    acknowledgement::refuse(message, refusal.code(), &finding, context)
                })
            }
            _ => Payload::default(),
        }
    }

    fn keep(&self, message: &Message, content: &Payload) -> anyhow::Result<()> {
        let Some(folder) = &self.out else {
            let text = message.charset().decode(content.as_slice());
            let text = text.unwrap_or_else(|| content.lossy_text()).replace('\r', "\n");
            return self.console.result(text).context("cannot write the message");
        };
        let number = self.last_file.fetch_add(1, Ordering::Relaxed) + 1;
        let path = folder.join(format!(
            "{number:06}-{}.hl7",
            file_name_part(message.header().control_id())
        ));
        fs::write(&path, content.as_slice()).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

impl Refusal {
    fn code(self) -> AcknowledgementCode {
        match self {
            Self::Ae => AcknowledgementCode::AE,
            Self::Ar => AcknowledgementCode::AR,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a rehearsal has no store; what it accepts, it has written already"
)]
fn accepting(message: &Message, answer: &AcknowledgementContext<'_>) -> bytes::Bytes {
    acknowledgement::accept(message, answer)
}

#[expect(clippy::disallowed_methods, reason = "as above")]
fn committing(message: &Message, answer: &AcknowledgementContext<'_>) -> bytes::Bytes {
    acknowledgement::commit(message, answer)
}

/// In the original mode an acknowledgement has no MSH-15 and 16, in the enhanced mode it asks for nothing.
fn saying(
    control_id: &str,
    wanted: Wanted,
    write: impl FnOnce(&AcknowledgementContext<'_>) -> bytes::Bytes,
) -> Payload {
    let at = ZonedDateTime::now();
    Payload::from(write(&AcknowledgementContext {
        control_id,
        at: &at,
        asks: (wanted != Wanted::ORIGINAL).then_some(Wanted::NOTHING),
    }))
}

fn finding(code: &str, text: &str) -> Finding {
    Finding {
        path: None,
        code: code.to_owned(),
        severity: Severity::Error,
        text: Payload::from(text.to_owned()),
    }
}

pub(super) fn release(number: u8) -> Release {
    match number {
        2 => Release::Two,
        _ => Release::One,
    }
}

/// The longest part of a control id that goes into a file name.
const NAME_PART_BYTES_MAX: usize = 64;

/// Letters, digits, hyphens and underscores; a control id may hold anything else.
fn file_name_part(control_id: &str) -> String {
    let sound = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    control_id
        .chars()
        .take(NAME_PART_BYTES_MAX)
        .map(|one| if sound(one) { one } else { '_' })
        .collect()
}

/// The highest number of a file in the folder, 0 where there is none.
fn last_number(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let numbers = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.split('-').next()?.parse::<u64>().ok()
    });
    numbers.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_id_cannot_lead_a_file_name_astray() {
        assert_eq!(file_name_part("../../etc/passwd"), "______etc_passwd");
        assert_eq!(file_name_part("LAB-1_ő"), "LAB-1__");
    }
}
