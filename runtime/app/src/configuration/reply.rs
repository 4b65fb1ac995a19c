//! `reply`: a destination is asked while the sender waits, and what it answers is the reply.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::acknowledgement::refuse_unknown;
use super::destination;
use super::document::Located;
use super::interface::refuse_too_many;
use super::quantity::milliseconds;
use super::resolved::{
    Acknowledge, Acknowledgement, DestinationWire, NoReplyCode, Reply, SettledBy, Source, SourceWire, TcpSource,
};
use super::section::Section;
use super::step::{self, Surroundings};

/// What the value begins with: there may be other ways to a reply.
const PREFIX: &str = "destination:";

const HINT: &str = "write `reply = \"destination:NAME\"`, with the name of one of the `[[destinations]]`";

/// From what a test wants to what a person who waits puts up with.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_mins(2);

/// Below the thirty seconds after which senders commonly give up, and long enough for a system that looks something up.
const TIMEOUT: Duration = Duration::from_secs(10);

const TEXT: &str = "the system that has to answer does not";

/// How long the text of ERR-8 may be: HL7 has 250 characters.
const TEXT_CHARACTERS_MAX: usize = 250;

/// The rest of the interface, as far as it matters to a reply.
pub(super) struct Around<'a> {
    pub(super) source: Option<&'a Source>,
    pub(super) destinations: &'a [destination::Written],
    pub(super) has_duplicates: bool,
}

/// A reply as far as it could be read.
#[derive(Default)]
pub(super) struct Written {
    pub(super) steps: Vec<step::Places>,
    /// Whether the file asks for one.
    pub(super) is_asked: bool,
    /// None where something that is needed is missing or wrong.
    pub(super) resolved: Option<Reply>,
}

pub(super) fn read(file: &mut Section<'_>, around: &Around<'_>, surroundings: &Surroundings<'_>) -> Written {
    let from = file.text("reply");
    let timeout = file.duration("reply_timeout", &TIMEOUTS);
    let no_reply = file.section("no_reply", "`no_reply`").map(no_reply);
    let sections = file.sections("reply_steps", "`[[reply_steps]]`");
    refuse_too_many(sections.len(), "steps", file);
    let Some(from) = from else {
        let asked = sections.first().map(|section| section.place().clone());
        let asked = asked.or_else(|| {
            let mut keys = ["reply_timeout", "no_reply"].into_iter();
            keys.find(|key| file.has(key)).map(|key| file.place_of(key))
        });
        if let Some(place) = asked {
            let message = "`reply` is missing: whose answer it is about";
            file.faults().at_with_hint(&place, message, HINT);
        }
        return Written::default();
    };
    let Some(name) = from.value.strip_prefix(PREFIX) else {
        let message = format!("`reply` is `{}`, which names no destination", from.value);
        file.faults().at_with_hint(&from.place, message, HINT);
        return Written::default();
    };
    let destination = Located {
        value: name.to_owned(),
        place: from.place.clone(),
    };
    refuse_misfits(file, &destination, around);
    let named = step::Named::Own(name);
    let steps = sections.into_iter();
    let steps: Vec<_> = steps.map(|section| step::read(section, &named, surroundings)).collect();
    let places = steps.iter().map(|step| step.places.clone()).collect();
    let steps = steps.into_iter().map(|step| step.resolved).collect::<Option<Vec<_>>>();
    let (code, text) = no_reply.unwrap_or_else(|| (NoReplyCode::AR, TEXT.to_owned()));
    Written {
        steps: places,
        is_asked: true,
        resolved: steps.map(|steps| Reply {
            destination: destination.value,
            timeout_ms: milliseconds(timeout.unwrap_or(TIMEOUT)),
            code,
            text,
            steps,
        }),
    }
}

/// What the sender is told where no answer comes.
fn no_reply(mut section: Section<'_>) -> (NoReplyCode, String) {
    let codes = [("AR", NoReplyCode::AR), ("AE", NoReplyCode::AE)];
    let code = section
        .choice("code", &codes)
        .map_or(NoReplyCode::AR, |code| code.value);
    let text = section.text("text");
    if let Some(text) = &text
        && text.value.chars().count() > TEXT_CHARACTERS_MAX
    {
        let message = format!("`text` has more than {TEXT_CHARACTERS_MAX} characters, which ERR-8 has at most");
        section.faults().at(&text.place, message);
    }
    section.finish();
    (code, text.map_or_else(|| TEXT.to_owned(), |text| text.value))
}

/// A reply goes back the way that its message came, and once: whatever stands against that is told here.
fn refuse_misfits(file: &Section<'_>, destination: &Located<String>, around: &Around<'_>) {
    let refuse = |message: &str, hint: &str| file.faults().at_with_hint(&destination.place, message.to_owned(), hint);
    let names = around.destinations.iter().filter_map(|one| one.name.as_ref());
    refuse_unknown(
        destination,
        "destination",
        names.map(|name| name.value.as_str()),
        file.faults(),
    );
    let mut resolved = around.destinations.iter().filter_map(|one| one.resolved.as_ref());
    if let Some(asked) = resolved.find(|one| one.name == destination.value)
        && !answers(&asked.wire)
    {
        refuse(
            &format!("`{}` gives no answer that could be the reply", destination.value),
            "ask a destination of the type `mllp` or `http`, or of the type `tcp` with acknowledgements of HL7, that is settled \
             by its answer",
        );
    }
    if around.has_duplicates {
        refuse(
            "a message that comes again has to be answered again, and `[duplicates]` would only acknowledge it",
            "leave one of the two out",
        );
    }
    let Some(source) = around.source else { return };
    if !hears_replies(&source.wire) {
        refuse(
            "nobody waits for a reply at this source",
            "take messages with `type = \"mllp\"` or `\"http\"`, or `\"tcp\"` with acknowledgements of HL7",
        );
    }
    if source.ack == Acknowledge::Received {
        refuse(
            "with `ack = \"received\"` the sender is answered before anybody is asked",
            "write `ack = \"processed\"`, or leave it out",
        );
    }
    if source.application_acknowledgements.is_some() {
        refuse(
            "the reply goes back on the connection, and `application_acknowledgements` sends it elsewhere",
            "leave one of the two out",
        );
    }
}

fn answers(wire: &DestinationWire) -> bool {
    match wire {
        DestinationWire::Mllp { settled_by, .. } => *settled_by != SettledBy::Transport,
        DestinationWire::Tcp(tcp) => {
            tcp.acknowledgement == Acknowledgement::Hl7 && tcp.settled_by != SettledBy::Transport
        }
        DestinationWire::Http(_) => true,
        DestinationWire::Files { .. } | DestinationWire::Interface { .. } => false,
    }
}

fn hears_replies(wire: &SourceWire) -> bool {
    match wire {
        SourceWire::Mllp { .. } | SourceWire::Http(_) => true,
        SourceWire::Tcp(TcpSource { acknowledgement, .. }) => *acknowledgement == Acknowledgement::Hl7,
        SourceWire::Files { .. } | SourceWire::Timer(_) | SourceWire::Interface => false,
    }
}
