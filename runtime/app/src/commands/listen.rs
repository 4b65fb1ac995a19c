//! `transfuse listen`: a receiver for rehearsals over MLLP or HTTP, which can also misbehave on request.

mod trouble;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use futures_util::FutureExt as _;
use jiff::ZonedDateTime;
use tokio_util::sync::CancellationToken;
use transfuse_message::{
    AcknowledgementCode, AcknowledgementContext, Condition, Finding, Message, ParseOptions, Payload, Severity, Wanted,
    acknowledgement,
};
use transfuse_transport::mllp::{Listener, ListenerSettings, Release};
use transfuse_transport::tcp::Framing;
use transfuse_transport::{Answer, Frame, Handler, Later, Reply, http};

use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};
use trouble::{Refusal, Trouble, Troubles};

/// Receive messages over MLLP or HTTP, acknowledge them, and show or keep them
///
/// Stands in for a receiver while an interface is rehearsed. Each message is answered with AA, and shown on stdout with
/// one segment a line, or kept as a file of its own in the folder that --out names. To rehearse trouble, it can refuse,
/// dawdle, hang up, fall silent or talk nonsense, at every Nth message of all; what it does not accept is not kept.
///
/// A message that asks for it in MSH-15 and MSH-16 is answered in the enhanced mode: CA at once, and AA, or the code of
/// --nak, after the time of --delay on the same connection.
///
/// With --http a message is the body of a POST at any path, and its answer the body of the response: 200 with AA, 422 with
/// AE, 500 with AR. Where it would hang up it says 503 instead.
///
/// Example: transfuse listen 127.0.0.1:2576 --delay 5s --nak AR:207 --nak-every 3 --drop-every 10
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Address and port to listen on
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Keep each message as a file in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Speak HTTP instead of MLLP
    #[arg(long, conflicts_with = "mllp_release")]
    http: bool,
    /// Which MLLP to speak; release 2 says that a message is stored before it is answered
    #[arg(long, default_value_t = 1, value_name = "RELEASE", value_parser = clap::value_parser!(u8).range(1..=2))]
    mllp_release: u8,
    #[command(flatten)]
    troubles: Troubles,
    /// Stop after so many messages were accepted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// What is no HL7, as an answer.
const NONSENSE: &str = "HTTP/1.1 400 Bad Request";

/// The control id of a message that nobody has sent.
const ASTRAY: &str = "ASTRAY";

/// The receiver's state, shared by its connections.
struct Receiver {
    out: Option<PathBuf>,
    troubles: Troubles,
    count: Option<u64>,
    received: AtomicU64,
    accepted: AtomicU64,
    /// Number of the last file, so that a second run adds to the folder of the first.
    last_file: AtomicU64,
    enough: CancellationToken,
    console: Console,
    /// Over HTTP an answer that says nothing would accept.
    is_http: bool,
}

/// What is listened with.
enum Ear {
    Mllp(Box<Listener>),
    Http(Box<http::Listener>),
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
        troubles: arguments.troubles.clone(),
        count: arguments.count,
        received: AtomicU64::new(0),
        accepted: AtomicU64::new(0),
        last_file: AtomicU64::new(last_file),
        enough: CancellationToken::new(),
        console,
        is_http: arguments.http,
    });
    let ear = Ear::open(arguments).await?;
    let address = ear.address();
    console.note(format_args!(
        "listening on {}",
        console.notes_palette().paint(Tone::Name, &address)
    ));
    let enough = receiver.enough.clone();
    tokio::spawn(stop_on_signal(enough.clone()));
    let shared = Arc::clone(&receiver);
    let handler: Handler = Arc::new(move |frame| Arc::clone(&shared).take(frame).boxed());
    match ear {
        Ear::Mllp(listener) => listener.serve(handler, enough).await,
        Ear::Http(listener) => listener.serve(handler, enough).await,
    }
    let (seen, accepted) = (&receiver.received, &receiver.accepted);
    console.note(format_args!(
        "{} received, {} accepted",
        seen.load(Ordering::Relaxed),
        accepted.load(Ordering::Relaxed)
    ));
    Ok(())
}

impl Ear {
    async fn open(arguments: &Arguments) -> anyhow::Result<Self> {
        if arguments.http {
            let settings = http::ListenerSettings {
                // Whoever is to wait in vain waits for its own patience.
                answer_timeout: Duration::from_hours(1),
                ..http::ListenerSettings::new(&arguments.address)
            };
            return Ok(Self::Http(Box::new(http::Listener::bind(settings, None).await?)));
        }
        let settings = ListenerSettings {
            framing: Framing::Mllp(release(arguments.mllp_release)),
            ..ListenerSettings::new(&arguments.address)
        };
        Ok(Self::Mllp(Box::new(Listener::bind(settings).await?)))
    }

    fn address(&self) -> String {
        match self {
            Self::Mllp(listener) => listener.local_address().to_string(),
            Self::Http(listener) => listener.local_address().to_string(),
        }
    }
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
            tokio::time::sleep(self.troubles.delay).await;
        }
        if let Some(defect) = frame.defect {
            self.console.note(format_args!("{}: {defect}", frame.source));
            return Answer::Unanswered;
        }
        let refusal = match self.troubles.of(number) {
            Trouble::None => None,
            Trouble::Refuse(refusal) => Some(refusal),
            trouble => {
                let answer = self.misbehave(number, &trouble, &frame, message.ok());
                if self.is_http && trouble == Trouble::Silence {
                    self.enough.cancelled().await;
                    return Answer::Unanswered;
                }
                return answer;
            }
        };
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
            Ok(message) => self.answer(number, &message, &frame.content, wanted, refusal.as_ref()),
        }
    }

    /// No answer that settles anything, and a word about it for whoever watches.
    fn misbehave(&self, number: u64, trouble: &Trouble, frame: &Frame, message: Option<Message>) -> Answer {
        let (what, answer) = match (trouble, message) {
            (Trouble::Silence, _) => ("silent about", Answer::Accepted(Payload::default().into())),
            (Trouble::Garbage, _) => (
                "talked nonsense about",
                Answer::Accepted(Payload::from(NONSENSE).into()),
            ),
            (Trouble::Astray, Some(mut message)) => {
                if let Ok(control_id) = "MSH-10".parse() {
                    // Every message has the field; one that keeps its own id is answered as usual.
                    let _ = message.set(&control_id, ASTRAY);
                }
                let reply = saying(&format!("L{number}"), Wanted::ORIGINAL, |context| {
                    accepting(&message, context)
                });
                ("answered for another than", Answer::Accepted(reply.into()))
            }
            _ => ("hung up on", Answer::Unanswered),
        };
        self.console
            .note(format_args!("{}: {what} message {number}", frame.source));
        answer
    }

    /// Keeps the message unless it is to be refused, and answers it in the mode that it asks for. In the enhanced mode a
    /// receiver takes the message first and refuses it then.
    fn answer(
        &self,
        number: u64,
        message: &Message,
        content: &Payload,
        wanted: Wanted,
        refusal: Option<&Refusal>,
    ) -> Answer {
        if refusal.is_none()
            && let Err(error) = self.keep(message, content)
        {
            self.console.note(format_args!("{error:#}"));
            return Answer::Unanswered;
        }
        let last = application_answer(number, message, wanted, refusal);
        let answer = if wanted.accept == Condition::Never {
            Reply::from(last)
        } else {
            let now = wanted
                .accept
                .on_success()
                .then(|| saying(&format!("L{number}"), wanted, |context| committing(message, context)));
            let delay = self.troubles.delay;
            let later = Later::new(async move {
                tokio::time::sleep(delay).await;
                last
            });
            Reply {
                now: now.unwrap_or_default(),
                later: Some(later),
            }
        };
        match refusal {
            // Over HTTP the status says whether the message or the moment is to blame.
            Some(refusal) if refusal.code == AcknowledgementCode::AR => return Answer::Failed(answer),
            Some(_) => return Answer::Refused(answer),
            None => {}
        }
        let accepted = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        if self.count.is_some_and(|count| accepted >= count) {
            self.enough.cancel();
        }
        Answer::Accepted(answer)
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

/// What the application says, as far as the message wants to hear it.
fn application_answer(number: u64, message: &Message, wanted: Wanted, refusal: Option<&Refusal>) -> Payload {
    let control_id = format!("L{number}A");
    match refusal {
        None if wanted.application.on_success() => saying(&control_id, wanted, |context| accepting(message, context)),
        Some(Refusal { code, error }) if wanted.application.on_error() => {
            let finding = [finding(error, "refused on request of the rehearsal")];
            saying(&control_id, wanted, |context| {
                acknowledgement::refuse(message, *code, &finding, context)
            })
        }
        _ => Payload::default(),
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
