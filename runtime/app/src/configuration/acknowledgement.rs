//! The keys of acknowledgements: which MLLP a peer speaks, where acknowledgements go, and what settles a delivery.

use std::time::Duration;

use super::destination;
use super::document::Located;
use super::fault::Faults;
use super::quantity::milliseconds;
use super::resolved::{MllpRelease, SettledBy};
use super::section::Section;
use super::suggest;

/// What settles a delivery, as far as the file says it.
#[derive(Debug, Default)]
pub(super) struct Settling {
    pub(super) by: SettledBy,
    /// The interface that another file has to have.
    pub(super) at: Option<Located<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Answer,
    Accept,
    Application,
    Transport,
}

/// Long enough for an application that works through its own queue; a receiver that confirms by hand needs more.
const APPLICATION_TIMEOUT: Duration = Duration::from_mins(1);

const ONE_MILLISECOND: Duration = Duration::from_millis(1);
const ONE_DAY: Duration = Duration::from_hours(24);

pub(super) fn release(section: &mut Section<'_>) -> MllpRelease {
    match section.count("mllp_release", &(1..=2)) {
        Some(2) => MllpRelease::Two,
        _ => MllpRelease::One,
    }
}

pub(super) fn settling(section: &mut Section<'_>) -> Settling {
    let choices = [
        ("answer", By::Answer),
        ("accept", By::Accept),
        ("application", By::Application),
        ("transport", By::Transport),
    ];
    let by = section.choice("settled_by", &choices).map_or(By::Answer, |by| by.value);
    let timeout = section.duration("application_timeout", &(ONE_MILLISECOND..=ONE_DAY));
    let at = section.text("acknowledged_at");
    if by != By::Application && (timeout.is_some() || at.is_some()) {
        section.faults().at_with_hint(
            section.place(),
            "`application_timeout` and `acknowledged_at` are about an application acknowledgement, which this \
             destination does not wait for",
            "write `settled_by = \"application\"` as well, or leave them out",
        );
    }
    let settled_by = match by {
        By::Answer => SettledBy::Answer,
        By::Accept => SettledBy::Accept,
        By::Application => SettledBy::Application {
            timeout_ms: milliseconds(timeout.unwrap_or(APPLICATION_TIMEOUT)),
            at: at.as_ref().map(|name| name.value.clone()),
        },
        By::Transport => SettledBy::Transport,
    };
    Settling { by: settled_by, at }
}

/// Refuses steps at the destination that takes acknowledgements: those go out as they are.
pub(super) fn refuse_steps(name: &Located<String>, destinations: &[destination::Written], faults: &Faults) {
    let mut destinations = destinations.iter().filter_map(destination::Written::places);
    let steps = destinations
        .find(|(found, _)| *found == name.value)
        .map(|(_, steps)| steps);
    if let Some(first) = steps.as_ref().and_then(|steps| steps.first()) {
        faults.at_with_hint(
            &first.step,
            format!(
                "`{}` takes the application acknowledgements, which no step may change",
                name.value
            ),
            "give the outputs that need these steps a destination of their own",
        );
    }
}

/// Refuses a name that nothing has.
pub(super) fn refuse_unknown<'n>(
    name: &Located<String>,
    kind: &'static str,
    known: impl Iterator<Item = &'n str>,
    faults: &Faults,
) {
    let known: Vec<&str> = known.collect();
    if known.contains(&name.value.as_str()) {
        return;
    }
    let message = format!("there is no {kind} `{}`", name.value);
    faults.at_with_hints(&name.place, message, suggest::hints(&name.value, kind, &known));
}
