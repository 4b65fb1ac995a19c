//! Rejections: the message is not acceptable, and its sender is told why.

use std::fmt::{self, Display};

/// Why the plugin does not accept the message. It becomes the ERR segment of the negative acknowledgement.
///
/// ```
/// use transfuse_plugin::prelude::*;
///
/// fn birth_date(message: &Message) -> Result<String, Stop> {
///     let date = message.get("PID-7.1")?.filter(|date| !date.is_empty());
///     Ok(date.ok_or(Reject::new(Code::RequiredFieldMissing, "no date of birth").at("PID-7"))?)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a rejection counts when it is returned"]
pub struct Reject {
    code: Code,
    path: Option<String>,
    reason: String,
}

/// What sort of trouble a message has: HL7 table 0357.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// 100: the segments are not in the order, or not those, that the message type asks for.
    SegmentSequenceError,
    /// 101: a required field is missing.
    RequiredFieldMissing,
    /// 102: a field holds something else than its data type allows.
    DataTypeError,
    /// 103: a value is not in the code table that it should come from.
    TableValueNotFound,
    /// 104: a value is too long.
    ValueTooLong,
    /// 198: too many or too few of something.
    NonConformantCardinality,
    /// 199: none of the others.
    OtherHl7Error,
    /// 200: this interface does not take messages of this type.
    UnsupportedMessageType,
    /// 201: this interface does not take this trigger event.
    UnsupportedEventCode,
    /// 202: test, production and training are not to be mixed.
    UnsupportedProcessingId,
    /// 203: this interface does not take this version of HL7.
    UnsupportedVersionId,
    /// 204: the patient, order or account is not known.
    UnknownKeyIdentifier,
    /// 205: the patient, order or account exists already.
    DuplicateKeyIdentifier,
    /// 206: the record is locked; the same message may succeed later.
    ApplicationRecordLocked,
    /// 207: something went wrong that is not the message's fault.
    ApplicationInternalError,
    /// A code that the site has agreed on with the sender.
    Other(String),
}

impl Reject {
    /// A rejection of the message as a whole. The reason is for the people at the sender; it may quote the message,
    /// because it goes to no log.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            path: None,
            reason: reason.into(),
        }
    }

    /// The same, about one place in the message.
    pub fn at(self, path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..self
        }
    }

    /// What sort of trouble it is.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Where in the message; none where it is about the message as a whole.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// What is wrong, for the people at the sender.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Code {
    /// The code as table 0357 has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::SegmentSequenceError => "100",
            Self::RequiredFieldMissing => "101",
            Self::DataTypeError => "102",
            Self::TableValueNotFound => "103",
            Self::ValueTooLong => "104",
            Self::NonConformantCardinality => "198",
            Self::OtherHl7Error => "199",
            Self::UnsupportedMessageType => "200",
            Self::UnsupportedEventCode => "201",
            Self::UnsupportedProcessingId => "202",
            Self::UnsupportedVersionId => "203",
            Self::UnknownKeyIdentifier => "204",
            Self::DuplicateKeyIdentifier => "205",
            Self::ApplicationRecordLocked => "206",
            Self::ApplicationInternalError => "207",
            Self::Other(code) => code,
        }
    }
}

impl Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Ends the function with a rejection.
///
/// ```
/// use transfuse_plugin::prelude::*;
///
/// #[transform]
/// fn only_results(exchange: &Exchange) -> Outcome {
///     let message = exchange.message()?;
///     let [code, control_id] = message.get_many(["MSH-9.1", "MSH-10"])?;
///     if control_id.is_none_or(|id| id.is_empty()) {
///         reject!(Code::RequiredFieldMissing, at "MSH-10", "no control id");
///     }
///     if code.as_deref() != Some("ORU") {
///         reject!(Code::UnsupportedMessageType, "{code:?} is not a result");
///     }
///     exchange.forward(message)
/// }
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __reject {
    ($code:expr, at $path:expr, $($reason:tt)+) => {
        return ::core::result::Result::Err(::core::convert::From::from(
            $crate::Reject::new($code, ::std::format!($($reason)+)).at($path),
        ))
    };
    ($code:expr, $($reason:tt)+) => {
        return ::core::result::Result::Err(::core::convert::From::from(
            $crate::Reject::new($code, ::std::format!($($reason)+)),
        ))
    };
}
#[doc(inline)]
pub use __reject as reject;
