//! Which acknowledgements a message asks for.

use super::read;
use crate::{Header, Message};

/// What a message asks to be told, and by whom: MSH-15 and MSH-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// When it wants to be told whether it is in safe storage (CA, CE, CR).
    pub accept: Condition,
    /// When it wants to be told what the application made of it (AA, AE, AR).
    pub application: Condition,
}

/// When an acknowledgement is wanted, table 0155.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `AL`.
    Always,
    /// `NE`.
    Never,
    /// `ER`: only where something went wrong.
    OnError,
    /// `SU`: only where nothing did.
    OnSuccess,
}

impl Wanted {
    /// The original mode: one acknowledgement, the application's. It is what NE and AL ask for, and what a message asks
    /// for that says nothing.
    pub const ORIGINAL: Self = Self {
        accept: Condition::Never,
        application: Condition::Always,
    };

    /// Nothing at all.
    pub const NOTHING: Self = Self {
        accept: Condition::Never,
        application: Condition::Never,
    };

    /// What a message asks for. In the enhanced mode, where one of the two fields is valued, the other one asks for
    /// nothing when it is empty; `""` is empty. A value that table 0155 does not have counts as AL: its sender wants
    /// something, and whoever hears too much can ignore it, but who waits for what never comes stands still.
    ///
    /// An acknowledgement asks for no application acknowledgement, whatever it says, and an accept acknowledgement for
    /// nothing at all: two systems that acknowledge acknowledgements never stop.
    ///
    /// `header` is the message's own: whoever asks has most often read it already.
    #[must_use]
    pub fn of(message: &Message, header: &Header) -> Self {
        let fields = (
            Condition::of(header.accept_acknowledgement()),
            Condition::of(header.application_acknowledgement()),
        );
        let wanted = match fields {
            (None, None) => Self::ORIGINAL,
            (accept, application) => Self {
                accept: accept.unwrap_or(Condition::Never),
                application: application.unwrap_or(Condition::Never),
            },
        };
        match (is_acknowledgement(message, header), wanted) {
            (false, wanted) => wanted,
            (true, _) if is_accept_acknowledgement(message) => Self::NOTHING,
            (true, wanted) => Self {
                application: Condition::Never,
                ..wanted
            },
        }
    }

    /// What bytes that could not be parsed ask for, as far as the header that they may begin with can be told.
    #[must_use]
    pub fn of_unreadable(raw: &[u8]) -> Self {
        super::write::header_of(raw).map_or(Self::ORIGINAL, |message| Self::of(&message, &message.header()))
    }
}

impl Condition {
    /// The code of table 0155.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "AL",
            Self::Never => "NE",
            Self::OnError => "ER",
            Self::OnSuccess => "SU",
        }
    }

    /// Whether it is wanted where nothing went wrong.
    #[must_use]
    pub fn on_success(self) -> bool {
        matches!(self, Self::Always | Self::OnSuccess)
    }

    /// Whether it is wanted where something did.
    #[must_use]
    pub fn on_error(self) -> bool {
        matches!(self, Self::Always | Self::OnError)
    }

    /// None where the field is empty.
    fn of(field: &str) -> Option<Self> {
        let code = field.trim();
        if code.is_empty() || code == "\"\"" {
            return None;
        }
        let known = [Self::Always, Self::Never, Self::OnError, Self::OnSuccess];
        let known = known.into_iter().find(|one| code.eq_ignore_ascii_case(one.as_str()));
        Some(known.unwrap_or(Self::Always))
    }
}

impl Message {
    /// Whether the message is a general acknowledgement: MSH-9 says ACK, or MCF as the delayed acknowledgement was
    /// called up to 2.2; or it says nothing and there is an MSA. The answers of an application (RSP, ORR, ADR and so
    /// on) carry an MSA too, and are messages all the same: they have content that somebody has to take.
    #[must_use]
    pub fn is_acknowledgement(&self) -> bool {
        is_acknowledgement(self, &self.header())
    }
}

fn is_acknowledgement(message: &Message, header: &Header) -> bool {
    match header.message_code().trim() {
        "ACK" | "MCF" => true,
        "" => read(message).is_ok(),
        _ => false,
    }
}

fn is_accept_acknowledgement(message: &Message) -> bool {
    read(message).is_ok_and(|answer| answer.code.is_commit())
}
