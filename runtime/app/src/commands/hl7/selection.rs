//! Which nodes of a message are asked for.

use transfuse_message::{Message, Path, PathError};

use super::paths;

/// What a tree shows.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Only these; everything where there is none.
    chosen: Option<Vec<Chosen>>,
    /// Nodes without a value too.
    pub(super) empty: bool,
    /// Nodes of any number of parts.
    pub(super) full: bool,
}

/// One path, as far as it can be compared with a node of a known segment.
#[derive(Debug)]
struct Chosen {
    /// The segments that its groups hold, in order; none for a path without groups, which speaks for itself.
    segments: Option<Vec<usize>>,
    /// What is asked of them; none for everything.
    path: Option<Path>,
}

impl Selection {
    /// The selection of these paths in one message; of all of it where there are none.
    ///
    /// # Errors
    ///
    /// Where a path leads through a group that the message's structure does not have.
    pub(super) fn of(message: &Message, paths: &[Path]) -> Result<Self, PathError> {
        let chosen = paths
            .iter()
            .map(|path| Chosen::of(message, path))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            chosen: (!chosen.is_empty()).then_some(chosen),
            ..Self::default()
        })
    }

    /// The same, with nodes that have no value, and with nodes of any number of parts.
    pub(super) fn showing(self, empty: bool, full: bool) -> Self {
        Self { empty, full, ..self }
    }

    /// Whether the node at `path` in the segment of this index is asked for, with what lies in it.
    pub(super) fn takes(&self, segment: usize, path: &str, is_leaf: bool) -> bool {
        let covers = |outer: &Path| {
            if is_leaf {
                paths::covers_leaf(outer, path)
            } else {
                path.parse().is_ok_and(|inner| outer.covers(&inner))
            }
        };
        let takes = |one: &Chosen| one.is_in(segment) && one.path.as_ref().is_none_or(covers);
        self.chosen.as_ref().is_none_or(|chosen| chosen.iter().any(takes))
    }

    /// Whether anything of a segment can be asked for.
    pub(super) fn touches(&self, segment: usize, path: &str) -> bool {
        let Some(chosen) = &self.chosen else { return true };
        let found: Option<Path> = path.parse().ok();
        chosen.iter().any(|one| {
            let fits = match (&one.path, &found) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(outer), Some(found)) => {
                    let occurrence = outer.given_occurrence();
                    outer.segment() == found.segment() && occurrence.is_none_or(|wanted| wanted == found.occurrence())
                }
            };
            fits && one.is_in(segment)
        })
    }
}

impl Chosen {
    fn of(message: &Message, path: &Path) -> Result<Self, PathError> {
        if path.groups().is_empty() {
            return Ok(Self {
                segments: None,
                path: Some(path.clone()),
            });
        }
        let text = path.to_string();
        let (groups, rest) = text.rsplit_once('/').unwrap_or(("", &text));
        let mut segments = Vec::new();
        for group in message.groups().at(&format!("{groups}/").parse()?)? {
            let range = group.segments();
            let within = message.segments().enumerate().take(range.end).skip(range.start);
            let named = within.filter(|(_, view)| path.is_group() || view.name() == path.segment());
            let indices = named.map(|(index, _)| index);
            match path.given_occurrence() {
                Some(wanted) => segments.extend(indices.skip(wanted as usize - 1).take(1)),
                None => segments.extend(indices),
            }
        }
        Ok(Self {
            segments: Some(segments),
            path: if path.is_group() { None } else { Some(anywhere(rest)?) },
        })
    }

    fn is_in(&self, segment: usize) -> bool {
        let listed = self
            .segments
            .as_ref()
            .map(|segments| segments.binary_search(&segment).is_ok());
        listed.unwrap_or(true)
    }
}

/// `OBX-5` of `OBX[2]-5`: the number counts within the group, and the segments are known already.
fn anywhere(path: &str) -> Result<Path, PathError> {
    let name: String = path.chars().take(3).collect();
    let field = path.split_once('-').map(|(_, field)| format!("-{field}"));
    format!("{name}{}", field.unwrap_or_default()).parse()
}
