//! The nodes of a message, found by its counts, and found again by splitting its bytes.

use std::collections::BTreeMap;

use transfuse_message::{Delimiters, Message, Path};

/// The most leaves of one message that are looked at, so that an input of a thousand separators stays quick.
const LEAVES_MAX: usize = 300;

/// The names of the segments, with their occurrence, in order; lines that are none are left out.
pub(crate) fn segments(message: &Message) -> Vec<(String, &[u8])> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let mut found = Vec::new();
    for segment in message.segments().filter(|segment| !segment.name().is_empty()) {
        let occurrence = seen.entry(segment.name()).or_default();
        *occurrence += 1;
        found.push((format!("{}[{occurrence}]", segment.name()), segment.raw()));
    }
    found
}

/// Every leaf by its full path, and the bytes that splitting the segment at its separators gives.
pub(crate) fn leaves(message: &Message) -> Vec<(Path, Vec<u8>)> {
    let mut found = Vec::new();
    for (segment, raw) in segments(message) {
        if found.len() < LEAVES_MAX {
            leaves_of(&segment, raw, message.delimiters(), &mut found);
        }
    }
    found
}

fn leaves_of(segment: &str, raw: &[u8], delimiters: Delimiters, found: &mut Vec<(Path, Vec<u8>)>) {
    let is_header = segment.starts_with("MSH");
    let fields = raw.split(|byte| *byte == delimiters.field).skip(1);
    for (number, field) in (1..).zip(fields) {
        // MSH-1 is the separator itself, and MSH-2 is not divided by what it defines.
        let number = if is_header { number + 1 } else { number };
        if is_header && number == 2 {
            continue;
        }
        for (repetition, repeated) in parts(field, delimiters.repetition) {
            for (component, composed) in parts(repeated, Some(delimiters.component)) {
                for (subcomponent, leaf) in parts(composed, delimiters.subcomponent) {
                    let path = format!("{segment}-{number}[{repetition}].{component}.{subcomponent}");
                    found.extend(path.parse().ok().map(|path| (path, leaf.to_vec())));
                    if found.len() >= LEAVES_MAX {
                        return;
                    }
                }
            }
        }
    }
}

fn parts(bytes: &[u8], separator: Option<u8>) -> impl Iterator<Item = (u32, &[u8])> {
    (1..).zip(bytes.split(move |byte| Some(*byte) == separator))
}
