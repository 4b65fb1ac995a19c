//! One revision of an interface, able to run messages. It receives and delivers nothing: that is what an interface does with it.

use std::sync::Arc;
use std::time::Duration;

use transfuse_message::{Message, ParseOptions};
use transfuse_sandbox::{Context, Input, State};

use crate::admission::Admission;
use crate::inquiry::Inquiry;
use crate::processing::{Current, Processing};
use crate::routing::Routing;
use crate::settings::InterfaceSettings;

/// How long what is only compared waits, look by look, for a thread that has nothing else to do. What cannot be compared within some
/// milliseconds is not: under load, comparing is the first thing to go.
const LOOKS_MAX: u32 = 20;

/// As short as timers are.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

/// How messages are read, validated, transformed and routed: live in an interface, or on trial.
#[derive(Debug)]
pub struct Revision {
    pub(crate) interface: Arc<str>,
    pub(crate) number: u32,
    pub(crate) parse: ParseOptions,
    pub(crate) time_zone: Arc<str>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) processing: Current,
    pub(crate) routing: Arc<Routing>,
    /// Who is asked while senders wait.
    pub(crate) inquiry: Option<Arc<Inquiry>>,
}

impl Revision {
    /// The part of an interface's settings that decides what becomes of a message.
    #[must_use]
    pub fn new(settings: InterfaceSettings) -> Self {
        Self {
            routing: Arc::new(Routing::of(&settings)),
            inquiry: Inquiry::of(&settings).map(Arc::new),
            interface: settings.name,
            number: settings.revision,
            parse: ParseOptions {
                charset: settings.charset,
                ..ParseOptions::default()
            },
            time_zone: settings.time_zone,
            admission: Arc::new(Admission::new(settings.admission)),
            processing: Current::new(Processing::new(settings.chains, settings.validation)),
        }
    }

    /// The same with another chain or validation: its steps with other versions of their code tables.
    #[must_use]
    pub fn with(&self, processing: Arc<Processing>) -> Self {
        Self {
            interface: Arc::clone(&self.interface),
            number: self.number,
            parse: self.parse.clone(),
            time_zone: Arc::clone(&self.time_zone),
            admission: Arc::clone(&self.admission),
            processing: Current::of(processing),
            routing: Arc::clone(&self.routing),
            inquiry: self.inquiry.clone(),
        }
    }

    /// Takes messages through another chain from now on: its steps with other versions of their code tables. Messages that are
    /// under way end on the one that they began with.
    pub fn renew(&self, processing: Arc<Processing>) {
        self.processing.set(processing);
    }

    /// Its number, which its messages record.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Waits a little until no message needs the processor, and says whether that came.
    pub async fn wait_until_idle(&self) -> bool {
        let is_idle = || self.processing.get().is_idle();
        for _ in 0..LOOKS_MAX {
            if is_idle() {
                return true;
            }
            tokio::time::sleep(LOOK).await;
        }
        is_idle()
    }

    /// What its chain is given.
    pub(crate) fn input(&self, run: Run, message: Message, state: State) -> Input {
        Input {
            message,
            context: Context {
                id: run.id,
                interface: Arc::clone(&self.interface),
                received_at_ms: run.received_at_ms,
                time_zone: Arc::clone(&self.time_zone),
                attempt: run.attempt,
                attributes: Vec::new(),
            },
            state,
        }
    }
}

/// Which run of which message: all that a chain may know of it beside its content.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) received_at_ms: i64,
    /// 1 for the first run of the message.
    pub(crate) attempt: u32,
}
