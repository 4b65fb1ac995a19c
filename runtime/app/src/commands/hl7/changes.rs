//! What differs between two messages, told field by field with the names of the fields.

use serde::Serialize;
use transfuse_message::{Difference, Message, Path};

use super::names::Names;
use crate::console::Palette;
use crate::control::wire;
use crate::layout::shortened;
use crate::story;

/// How wide a column of paths grows; what is longer pushes the rest to the right.
const PATH_WIDTH_MAX: usize = 14;

/// Names are cut here, so that values have room.
const NAME_WIDTH_MAX: usize = 40;

/// One place that differs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Change {
    #[serde(flatten)]
    difference: wire::Difference,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The differences that are not at or below an ignored path. Names are those of either message's version.
pub(crate) fn changes(
    differences: Vec<Difference>,
    before: Option<&Message>,
    after: &Message,
    ignored: &[Path],
) -> Vec<Change> {
    differences
        .into_iter()
        .filter_map(|difference| {
            // A line that is not a segment has no path, and cannot be left out.
            let path = difference.path.parse::<Path>().ok();
            if path
                .as_ref()
                .is_some_and(|path| ignored.iter().any(|one| one.covers(path)))
            {
                return None;
            }
            let name = path.and_then(|path| {
                Names::full(after, &path).or_else(|| before.and_then(|before| Names::full(before, &path)))
            });
            Some(Change {
                difference: wired(difference),
                name,
            })
        })
        .collect()
}

/// The changes as lines.
pub(crate) fn lines(changes: &[Change], palette: Palette) -> Vec<String> {
    let widths = changes.iter().map(|change| change.difference.path.chars().count());
    let width = widths.max().unwrap_or_default().min(PATH_WIDTH_MAX);
    let told: Vec<_> = changes.iter().map(|change| change.told(width)).collect();
    story::all_differences(&told, palette)
}

fn wired(difference: Difference) -> wire::Difference {
    let words =
        |payload: Option<transfuse_message::Payload>| payload.map(|payload| payload.lossy_text().into_owned().into());
    wire::Difference {
        path: difference.path,
        before: words(difference.before),
        after: words(difference.after),
    }
}

impl Change {
    /// The difference with its name behind the path.
    fn told(&self, width: usize) -> wire::Difference {
        let path = &self.difference.path;
        let name = self.name.as_deref().map(|name| shortened(name, NAME_WIDTH_MAX));
        wire::Difference {
            path: name.map_or_else(|| path.clone(), |name| format!("{path:width$}  {name}")),
            ..self.difference.clone()
        }
    }
}
