//! The rules of what is known of a message as a whole: its groups and findings, its place in a batch, and its text in
//! another character set.

use std::ops::Range;

use transfuse_message::batch::{PartKind, parts};
use transfuse_message::validation::{Level, validate};
use transfuse_message::{Charset, Message, ParseOptions, Path, Unmappable, Value};

use crate::nodes::leaves;

/// Groups lie within the message, and each is found by the path that it tells.
pub(crate) fn check_groups(message: &Message) {
    for group in message.groups().iter() {
        let (path, range) = (group.path(), group.segments());
        assert!(
            range.start < range.end && range.end <= message.segment_count(),
            "{path} is not within the message"
        );
        let text = path.to_string();
        assert!(
            text.parse().is_ok_and(|parsed: Path| parsed == path),
            "{text} is no path"
        );
        let found = message.groups().at(&path);
        let found = found.is_ok_and(|mut found| found.any(|found| found.segments() == range));
        assert!(found, "{path} does not lead to its group");
    }
    let options = ParseOptions {
        charset: Some(message.charset()),
        segments_max: usize::MAX,
    };
    let again = Message::parse(message.encode(), &options);
    assert!(
        again.is_ok_and(|again| shape(&again) == shape(message)),
        "the groups are those of an earlier state"
    );
    let findings = validate(message, &Level::Structure);
    assert!(
        findings.listed().len() <= findings.total(),
        "more findings are listed than there are"
    );
}

fn shape(message: &Message) -> Vec<(String, Range<usize>)> {
    let groups = message.groups().iter();
    groups
        .map(|group| (group.path().to_string(), group.segments()))
        .collect()
}

/// A batch of one message is that message; all parts together are the bytes.
pub(crate) fn check_parts(raw: &[u8], is_message: bool) {
    let parts: Vec<_> = parts(raw.to_vec()).collect();
    let together: Vec<u8> = parts.iter().flat_map(|part| part.bytes.to_vec()).collect();
    assert!(together == raw, "the parts are not the bytes");
    let messages = parts.iter().filter(|part| part.kind == PartKind::Message).count();
    // The end of a frame in the middle of a line, and the headers and trailers of batches, end a part, too, and mean
    // nothing within a message.
    let is_envelope = |kind| !matches!(kind, PartKind::Message | PartKind::Text | PartKind::Filler);
    let is_one = messages == 1 || raw.contains(&0x1c) || parts.iter().any(|part| is_envelope(part.kind));
    assert!(!is_message || is_one, "one message is {messages} parts");
}

/// In UTF-8, which lacks nothing, every leaf has the same text.
pub(crate) fn check_recoding(message: &Message) {
    let Ok(recoded) = message.to_charset(Charset::UTF_8, Unmappable::Fault) else {
        return;
    };
    assert_eq!(
        recoded.segment_count(),
        message.segment_count(),
        "another character set has other segments"
    );
    let is_kept = |path: &Path| {
        // MSH-18 and MSH-20 say the character set.
        let field = path.field().map_or(0, |field| field.field());
        path.segment() != "MSH" || !matches!(field, 18 | 20)
    };
    for (path, _) in leaves(message).iter().filter(|(path, _)| is_kept(path)) {
        let (ours, theirs) = (message.get(path), recoded.get(path));
        let text = |value: &Value<'_>| value.as_option().map(str::to_owned);
        let is_same = ours.as_ref().ok().map(text) == theirs.as_ref().ok().map(text);
        assert!(ours.is_err() || is_same, "{path} has another text in UTF-8");
    }
}
