//! A field in all segments of a name and in all its repetitions, as lanes and conditions ask for it.

use transfuse_message::{FieldPath, Path, PathError};

/// Repetitions that are looked at. A patient has a handful of identifiers; a field with more decides nothing.
pub(crate) const REPETITIONS_MAX: u32 = 16;

/// The field that a path names in all segments; none where it names none, or says which of them.
pub(crate) fn field(path: &Path, text: &str) -> Option<FieldPath> {
    path.field().filter(|_| path.groups().is_empty() && !text.contains('['))
}

/// The component that it names, and the subcomponent, as they are written behind a field; none of a whole field.
pub(crate) fn part(field: FieldPath) -> Option<String> {
    let component = field.component()?;
    Some(match field.subcomponent() {
        None => format!(".{component}"),
        Some(subcomponent) => format!(".{component}.{subcomponent}"),
    })
}

/// These parts of a field, for each repetition in turn.
pub(crate) fn leaves(field: FieldPath, repetitions: u32, parts: &[String]) -> Result<Vec<FieldPath>, PathError> {
    let number = field.field();
    let leaves = (1..=repetitions).flat_map(|repetition| {
        let leaf = move |part: &String| format!("{number}[{repetition}]{part}").parse();
        parts.iter().map(leaf)
    });
    leaves.collect()
}
