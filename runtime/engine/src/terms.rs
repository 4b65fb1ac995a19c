//! What a sender asked to hear, and who owns its message when.

use std::sync::Arc;

use transfuse_message::{Condition, Wanted};
use transfuse_transport::mllp::Release;
use transfuse_transport::tcp::Acknowledging;

use crate::origin::Origin;
use crate::settings::{AckStage, InterfaceSettings, SourceSettings};

/// How an interface answers its senders.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answering {
    stage: AckStage,
    source: Source,
    /// Where the application acknowledgements of the enhanced mode go; none: where the message came from.
    pub(crate) destination: Option<Arc<str>>,
}

/// What a source can tell a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Anything, on the connection; with release 2 of MLLP also that it was stored.
    Connection(Release),
    /// One acknowledgement, which is the response to the request that brought the message.
    Response,
    /// That it was accepted or refused, and no more: by the folder that a file is moved into, by one of two words, or in the
    /// engine itself.
    Verdict,
    /// Nothing.
    Mute,
}

/// What holds between the engine and the sender of one message.
///
/// A message changes hands only by what its sender can hear. One whose sender relies on accept acknowledgements is the
/// engine's once it is durable. Of any other the `ack` stage decides, with one exception: a refusal that nobody hears
/// would leave the message with nobody, so that then, too, the engine keeps it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What can be told of what was asked for.
    wanted: Wanted,
    stage: AckStage,
    source: Source,
    /// Application acknowledgements leave by a destination.
    by_destination: bool,
}

impl Answering {
    pub(crate) fn of(settings: &InterfaceSettings) -> Self {
        Self {
            stage: settings.ack,
            source: match &settings.source {
                SourceSettings::Mllp(listener) => match listener.acknowledging {
                    Acknowledging::Reply => Source::Connection(listener.framing.release()),
                    Acknowledging::Fixed { .. } => Source::Verdict,
                    Acknowledging::Nothing => Source::Mute,
                },
                SourceSettings::Http(_) => Source::Response,
                SourceSettings::Files(_) | SourceSettings::Interface => Source::Verdict,
                SourceSettings::Timer(_) => Source::Mute,
            },
            destination: settings.application_acknowledgements.clone(),
        }
    }

    /// The terms of a message that came from `source`. Another interface hears what became of it whatever the message asks for, and
    /// whatever others hear who send here.
    pub(crate) fn terms_of(&self, wanted: Wanted, source: &str) -> Terms {
        if Origin::read(source).is_none() {
            return self.terms(wanted);
        }
        Terms {
            wanted: Wanted::ORIGINAL,
            stage: self.stage,
            source: Source::Verdict,
            by_destination: false,
        }
    }

    /// The terms of a message that asks for `wanted`. The original mode knows no way back but the one that the message
    /// came. Where there is one response, the application's word is the one that counts.
    pub(crate) fn terms(&self, wanted: Wanted) -> Terms {
        let by_destination = self.destination.is_some() && wanted != Wanted::ORIGINAL;
        let accept = match self.source {
            Source::Connection(_) => wanted.accept,
            Source::Response if by_destination || wanted.application == Condition::Never => wanted.accept,
            Source::Response | Source::Verdict | Source::Mute => Condition::Never,
        };
        Terms {
            wanted: Wanted { accept, ..wanted },
            stage: self.stage,
            source: self.source,
            by_destination,
        }
    }
}

impl Terms {
    /// What the sender is to be told.
    pub(crate) fn wanted(self) -> Wanted {
        self.wanted
    }

    /// Whether the message asks for no more than the original mode gives.
    pub(crate) fn is_original(self) -> bool {
        self.wanted == Wanted::ORIGINAL
    }

    /// Whether the sender relies on accept acknowledgements: on CA, or on hearing no CE and no CR.
    pub(crate) fn commits(self) -> bool {
        self.wanted.accept != Condition::Never
    }

    /// Whether a frame that is stored is told to be, before anything else is.
    pub(crate) fn tells_stored(self) -> bool {
        matches!(self.source, Source::Connection(Release::Two))
    }

    /// Whether the sender is told that its message is the engine's as soon as it is durable.
    pub(crate) fn accepts_on_receipt(self) -> bool {
        self.commits() || self.stage == AckStage::Received
    }

    /// Whether the message has to be durable before anything further happens to it.
    pub(crate) fn needs_receipt(self) -> bool {
        self.accepts_on_receipt() || self.tells_stored() || self.by_destination
    }

    /// Whether what the chain cannot process rests in quarantine, and is not refused.
    pub(crate) fn engine_owns_failures(self) -> bool {
        self.accepts_on_receipt() || !self.hears_refusals()
    }

    /// Whether what cannot even be read rests in quarantine: only where the sender would not hear of it.
    pub(crate) fn engine_owns_unreadable(self) -> bool {
        !self.hears_refusals() && !self.wanted.accept.on_error()
    }

    fn hears_refusals(self) -> bool {
        match self.source {
            Source::Verdict => true,
            Source::Mute => false,
            Source::Connection(_) | Source::Response => self.wanted.application.on_error(),
        }
    }

    /// Whether an application acknowledgement leaves on the connection, if one is due.
    pub(crate) fn on_connection(self) -> bool {
        !self.by_destination
    }

    /// Whether the application acknowledgement follows an answer that was given before.
    pub(crate) fn defers(self) -> bool {
        self.commits() && self.wanted.application != Condition::Never && self.on_connection()
    }
}
