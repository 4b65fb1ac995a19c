//! What many messages differ in, place by place: `OBX-3.1 changed in 412 of 1,000: GLU -> 2345-7`.

use crate::console::{Palette, Tone};
use crate::control::wire::Words;
use crate::control::wire::differences::{Differences, DifferingPlace, Pair};
use crate::layout::{counted, shortened};
use crate::visible::one_line;

/// Places shown; a mapping that differs in more is better read message by message.
const PLACES_SHOWN_MAX: usize = 20;

/// Pairs of values shown of a place; JSON has all that were kept.
const PAIRS_SHOWN_MAX: usize = 5;

/// Messages named for a pair.
const EXAMPLES_SHOWN_MAX: usize = 2;

/// How much of a value is shown.
const VALUE_WIDTH_MAX: usize = 40;

/// The whole, the most frequent first.
pub(crate) fn differences(found: &Differences, palette: Palette) -> Vec<String> {
    let mut lines = vec![summary(found)];
    for place in found.places.iter().take(PLACES_SHOWN_MAX) {
        lines.push(told_place(place, found.compared, palette));
        lines.extend(
            place
                .pairs
                .iter()
                .take(PAIRS_SHOWN_MAX)
                .map(|pair| told_pair(pair, palette)),
        );
        let more = place.pairs.len().saturating_sub(PAIRS_SHOWN_MAX) as u64 + place.unlisted;
        if more > 0 {
            lines.push(format!("    and {more} more; --json shows those that were kept"));
        }
    }
    let more = found.places.len().saturating_sub(PLACES_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("  and {}; --json shows them", counted(more, "more place")));
    }
    lines
}

/// One line of it.
pub(crate) fn summary(found: &Differences) -> String {
    let Differences {
        compared,
        differing,
        as_expected,
        ..
    } = found;
    let expected = match as_expected {
        0 => String::new(),
        some => format!(", {some} only where that is expected"),
    };
    match differing {
        0 => format!("{} compared, none differs{expected}", messages(*compared)),
        some => format!("{some} of {} differ{expected}", messages(*compared)),
    }
}

fn messages(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "message")
}

fn told_place(place: &DifferingPlace, compared: u64, palette: Palette) -> String {
    let name = palette.paint(Tone::Name, &place.place);
    format!("  {name} changed in {} of {compared}", place.messages)
}

fn told_pair(pair: &Pair, palette: Palette) -> String {
    let examples: Vec<&str> = pair
        .examples
        .iter()
        .take(EXAMPLES_SHOWN_MAX)
        .map(String::as_str)
        .collect();
    let examples = format!("({}: {})", messages(pair.messages), examples.join(" "));
    let [before, after] = [&pair.before, &pair.after].map(|value| told_value(value.as_ref(), VALUE_WIDTH_MAX));
    format!("    {before} -> {after} {}", palette.paint(Tone::Faint, &examples))
}

/// A value on its line, cut to a width.
pub(crate) fn told_value(value: Option<&Words>, width_max: usize) -> String {
    match value {
        Some(words) => shortened(&one_line(words.as_str()), width_max),
        None => "(nothing)".to_owned(),
    }
}
