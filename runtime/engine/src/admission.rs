//! Whether a message may come in at all: whether it is meant for this environment, and whether its sender is known here.
//!
//! Both are asked of MSH alone, before anything is promised. So what is turned away never was an application's to accept, and
//! the sender hears AR or CR as for bytes that are no message.

use transfuse_message::{Finding, Message, Path, Payload, Severity};
use transfuse_transport::net;

use crate::settings::{AdmissionSettings, AllowedSender};

/// Who and what an interface lets in.
#[derive(Debug)]
pub(crate) struct Admission {
    settings: AdmissionSettings,
    places: Option<Places>,
}

/// Why a message is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwelcome {
    /// MSH-11 is empty, where it decides.
    NoProcessingId,
    /// MSH-11 names another kind of system than this one.
    OtherEnvironment,
    /// MSH-3 names no application that may send here.
    UnknownApplication,
    /// MSH-3 does, but MSH-4 is not where that application stands.
    UnknownFacility,
}

/// The components of MSH-3 and MSH-4.
#[derive(Debug)]
struct Places {
    application: [Path; COMPONENTS],
    facility: [Path; COMPONENTS],
}

/// Namespace id, universal id and its type: what HL7 calls a hierarchic designator.
const COMPONENTS: usize = 3;

impl Admission {
    pub(crate) fn new(settings: AdmissionSettings) -> Self {
        let places = (!settings.senders.is_empty()).then(Places::new).flatten();
        Self { settings, places }
    }

    /// From where connections are taken; none for everywhere.
    pub(crate) fn peers(&self) -> &[net::Network] {
        &self.settings.peers
    }

    /// Why a message stays outside; none for one that may come in.
    pub(crate) fn refuses(&self, message: &Message) -> Option<Unwelcome> {
        self.environment(message).or_else(|| self.sender(message))
    }

    fn environment(&self, message: &Message) -> Option<Unwelcome> {
        let taken = &self.settings.processing_ids;
        if taken.is_empty() {
            return None;
        }
        let header = message.header();
        match header.processing_id() {
            "" => Some(Unwelcome::NoProcessingId),
            id if taken.iter().any(|one| one == id) => None,
            _ => Some(Unwelcome::OtherEnvironment),
        }
    }

    fn sender(&self, message: &Message) -> Option<Unwelcome> {
        let senders = &self.settings.senders;
        if senders.is_empty() {
            return None;
        }
        // Without places nobody can be recognised, and then nobody is let in.
        let Some(places) = &self.places else {
            return Some(Unwelcome::UnknownApplication);
        };
        let application = written(message, &places.application);
        let mut known = senders
            .iter()
            .filter(|sender| is_named(&sender.application, &application))
            .peekable();
        if known.peek().is_none() {
            return Some(Unwelcome::UnknownApplication);
        }
        let facility = written(message, &places.facility);
        let stands_there = |sender: &AllowedSender| {
            let expected = sender.facility.as_ref();
            expected.is_none_or(|expected| is_named(expected, &facility))
        };
        (!known.any(stands_there)).then_some(Unwelcome::UnknownFacility)
    }
}

impl Places {
    fn new() -> Option<Self> {
        let field = |number: u32| {
            let path = |component: usize| format!("MSH-{number}.{}", component + 1).parse().ok();
            let paths: Vec<Path> = (0..COMPONENTS).map(path).collect::<Option<_>>()?;
            paths.try_into().ok()
        };
        Some(Self {
            application: field(3)?,
            facility: field(4)?,
        })
    }
}

/// A designator as it stands in a message; components that are absent or no text are empty.
fn written(message: &Message, places: &[Path; COMPONENTS]) -> [String; COMPONENTS] {
    places.each_ref().map(|place| {
        let value = message.get(place).ok();
        value
            .and_then(|value| value.as_option().map(str::to_owned))
            .unwrap_or_default()
    })
}

/// Whether a designator is the one that is expected: `LAB` is a namespace id, and with a caret it is all of it.
fn is_named(expected: &str, found: &[String; COMPONENTS]) -> bool {
    if !expected.contains('^') {
        return found.first().is_some_and(|namespace| namespace == expected);
    }
    let mut parts = expected
        .split('^')
        .map(str::to_owned)
        .chain(std::iter::repeat(String::new()));
    found.iter().all(|part| parts.next().as_ref() == Some(part))
}

impl Unwelcome {
    /// What the journal calls it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::NoProcessingId | Self::OtherEnvironment => "wrong-environment",
            Self::UnknownApplication | Self::UnknownFacility => "unknown-sender",
        }
    }

    /// For operators, without a value of the message.
    pub(crate) fn summary(self) -> &'static str {
        match self {
            Self::NoProcessingId => {
                "101 at MSH-11: the message does not say whether it is production, training or debugging"
            }
            Self::OtherEnvironment => "202 at MSH-11: the message is not meant for this environment",
            Self::UnknownApplication => "103 at MSH-3: the sending application is not one of those that may send here",
            Self::UnknownFacility => "103 at MSH-4: the sending application may send here, but not from this facility",
        }
    }

    /// Where it can be changed.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::NoProcessingId | Self::OtherEnvironment => {
                "`processing_ids` of the environment's file says what fits it"
            }
            Self::UnknownApplication | Self::UnknownFacility => {
                "`senders` of the interface's source lists who may send"
            }
        }
    }

    /// What the sender hears, with its code of table 0357. An application that is not in the list is a value that is not in a
    /// table (0361 and 0362), which is what 103 means.
    pub(crate) fn finding(self) -> Finding {
        let (code, path, text) = match self {
            Self::NoProcessingId => ("101", "MSH-11", "the processing id is missing"),
            Self::OtherEnvironment => ("202", "MSH-11", "this processing id is not taken here"),
            Self::UnknownApplication => ("103", "MSH-3", "this application may not send here"),
            Self::UnknownFacility => ("103", "MSH-4", "this facility may not send here"),
        };
        Finding {
            path: Some(path.to_owned()),
            code: code.to_owned(),
            severity: Severity::Error,
            text: Payload::from(text),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use transfuse_message::ParseOptions;

    use super::*;

    fn message(application: &str, facility: &str, processing_id: &str) -> Message {
        let text =
            format!("MSH|^~\\&|{application}|{facility}|EHR|B|20261123143700||ORU^R01|1|{processing_id}|2.5.1\r");
        Message::parse(text.into_bytes(), &ParseOptions::default()).expect("a message")
    }

    fn of_ids(ids: &[&str], processing_id: &str) -> Option<Unwelcome> {
        let settings = AdmissionSettings {
            processing_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            ..AdmissionSettings::default()
        };
        Admission::new(settings).refuses(&message("LAB", "A", processing_id))
    }

    fn of_sender(senders: &[(&str, Option<&str>)], application: &str, facility: &str) -> Option<Unwelcome> {
        let sender = |(application, facility): &(&str, Option<&str>)| AllowedSender {
            application: (*application).to_owned(),
            facility: facility.map(str::to_owned),
        };
        let settings = AdmissionSettings {
            senders: senders.iter().map(sender).collect(),
            ..AdmissionSettings::default()
        };
        Admission::new(settings).refuses(&message(application, facility, "P"))
    }

    #[test]
    fn the_first_component_of_msh_11_decides_where_something_is_asked_of_it() {
        assert_eq!(of_ids(&[], "P"), None);
        assert_eq!(of_ids(&[], ""), None);
        assert_eq!(of_ids(&["T"], "T"), None);
        assert_eq!(of_ids(&["T", "D"], "D^A"), None);
        assert_eq!(of_ids(&["T"], "P^T"), Some(Unwelcome::OtherEnvironment));
        assert_eq!(of_ids(&["T"], "t"), Some(Unwelcome::OtherEnvironment));
        assert_eq!(of_ids(&["T"], ""), Some(Unwelcome::NoProcessingId));
        assert_eq!(of_ids(&["T"], "^T"), Some(Unwelcome::NoProcessingId));
    }

    #[test]
    fn a_sender_is_known_by_its_namespace_or_by_all_of_its_designator() {
        assert_eq!(of_sender(&[], "ANY", ""), None);
        assert_eq!(of_sender(&[("LAB", None)], "LAB^1.2.3^ISO", "ANYWHERE"), None);
        assert_eq!(of_sender(&[("LAB^1.2.3^ISO", None)], "LAB^1.2.3^ISO", ""), None);
        assert_eq!(of_sender(&[("^1.2.3^ISO", None)], "^1.2.3^ISO", ""), None);
        assert_eq!(of_sender(&[("LAB^", None)], "LAB", ""), None);
        for (expected, found) in [
            ("LAB", "LABOR"),
            ("LAB", ""),
            ("LAB", "^LAB"),
            ("LAB^1.2.3^ISO", "LAB"),
            ("LAB", "lab"),
        ] {
            assert_eq!(
                of_sender(&[(expected, None)], found, ""),
                Some(Unwelcome::UnknownApplication),
                "{expected} {found}"
            );
        }
    }

    #[test]
    fn a_facility_counts_only_beside_its_own_application() {
        let senders = [("LAB", Some("NORTH")), ("RIS", Some("SOUTH")), ("RIS", Some("WEST"))];
        assert_eq!(of_sender(&senders, "LAB", "NORTH"), None);
        assert_eq!(of_sender(&senders, "RIS", "WEST"), None);
        assert_eq!(of_sender(&senders, "LAB", "SOUTH"), Some(Unwelcome::UnknownFacility));
        assert_eq!(of_sender(&senders, "LAB", ""), Some(Unwelcome::UnknownFacility));
        assert_eq!(
            of_sender(&senders, "PACS", "NORTH"),
            Some(Unwelcome::UnknownApplication)
        );
    }
}
