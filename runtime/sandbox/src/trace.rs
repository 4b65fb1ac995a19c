//! How a value came about: what a traced run is asked, and what it finds.
//!
//! The host owns the messages, so it sees which edit made a value, whatever was inserted or removed before. Where the plugin stood
//! is asked by running once more and ending the run at that edit: the stack is then read as that of any plugin that fails. What a
//! plugin itself says of its place, such as the line of a mapping, is asked by refusing the edit: what it then raises names
//! the place, in every language. So nothing is noted while a message passes, and a plugin need not know of it.

use transfuse_message::{Message, Path, Payload};

use crate::outcome::LookUp;

/// What a traced run is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Which edit of the last step made what stands at this path of each output.
    MadeAt(Path),
    /// Where in its source the plugin asks for the edit of this number. The run ends there, with
    /// [`FaultKind::Halted`](crate::FaultKind::Halted).
    PlaceOf(u32),
    /// What the plugin raises when the edit of this number is refused.
    WordsOf(u32),
}

/// What a traced run found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The rows that tables were asked for, in order.
    pub look_ups: Vec<LookUp>,
    /// The answer to [`Question::MadeAt`], for each output of the last step that ran; none where the value is as it came in, or where
    /// too much was edited to tell.
    pub makers: Vec<Option<Edit>>,
    /// The answer to [`Question::PlaceOf`], as far as the component tells.
    pub place: Option<Place>,
    /// The answer to [`Question::WordsOf`]; none where the plugin raised nothing of it at once.
    pub words: Option<Raised>,
}

/// What a plugin did to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Its number among those of the whole run, from 0: the same whenever the run is made again.
    pub number: u32,
    /// What it did.
    pub deed: Deed,
    /// Where, as the plugin wrote it; empty for a message that was made of bytes.
    pub path: String,
}

/// What an edit does. The set may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deed {
    /// Sets a value, a time or a node.
    Set,
    /// Copies a node from elsewhere.
    Copy,
    /// Empties a node.
    Clear,
    /// Puts a segment in. What stood behind it has another number then.
    Insert,
    /// Takes a segment or a repetition out. What stood behind it has another number then.
    Remove,
    /// Makes a message of bytes.
    Parse,
}

/// A place in a plugin's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The function, as its author wrote it.
    pub function: Option<String>,
    /// File and line, such as `src/lib.rs:57`; none without debug information.
    pub line: Option<String>,
}

/// What a plugin raised when an edit was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// Where in its source it says it was, such as `src/plugin.js:12:5`; empty where it does not.
    pub location: String,
    /// What it says in front of the refusal, such as `line 12 of the mapping`; empty where it says nothing. May hold patient data.
    pub context: Payload,
}

/// A traced run under way.
#[derive(Default)]
pub(crate) struct Tracing {
    question: Option<Question>,
    pub(crate) found: Trace,
    edits: u32,
    /// The call of the host at which an edit was refused.
    refused_at: Option<u64>,
}

/// What is to become of an edit.
pub(crate) enum Turn {
    /// It is done.
    Do,
    /// It is done, and what stands at the path before and after is compared.
    Watch(Path),
    /// The run ends.
    Halt,
    /// The plugin is told that it cannot be.
    Refuse,
}

/// What stands for what would be wrong with a path. A plugin gives it back in what it raises.
pub(crate) const REFUSAL: &str = "refused once, to see who asks for it";

/// The code of a refusal: one of those that are the plugin's fault, which no SDK makes a rejection of.
pub(crate) const REFUSAL_CODE: &str = "unsupported";

/// Edits that are watched. Each costs looking for a value twice, which nobody is charged for; the largest messages have some for
/// each of their segments.
const WATCHED_MAX: u32 = 20_000;

/// The longest context of a refusal that is kept: a sentence.
const CONTEXT_BYTES_MAX: usize = 200;

impl Deed {
    /// The word, such as `set`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Copy => "copy",
            Self::Clear => "clear",
            Self::Insert => "insert",
            Self::Remove => "remove",
            Self::Parse => "parse",
        }
    }
}

impl Tracing {
    pub(crate) fn of(question: Question) -> Self {
        Self {
            question: Some(question),
            ..Self::default()
        }
    }

    /// Counts an edit, and says what is to become of it. `call` is the number of the host call that asks for it.
    pub(crate) fn next(&mut self, call: u64) -> (u32, Turn) {
        let number = self.edits;
        self.edits = self.edits.saturating_add(1);
        let turn = match &self.question {
            Some(Question::MadeAt(path)) if number < WATCHED_MAX => Turn::Watch(path.clone()),
            Some(Question::PlaceOf(asked)) if *asked == number => Turn::Halt,
            Some(Question::WordsOf(asked)) if *asked == number => {
                self.refused_at = Some(call);
                Turn::Refuse
            }
            _ => Turn::Do,
        };
        (number, turn)
    }

    /// Begins a step, whose outputs are new.
    pub(crate) fn begin_step(&mut self) {
        self.found.makers.clear();
    }

    /// Notes an output and the last edit that made its value.
    pub(crate) fn note_output(&mut self, maker: Option<&Edit>) {
        let is_known = self.edits <= WATCHED_MAX;
        self.found.makers.push(maker.filter(|_| is_known).cloned());
    }

    /// Notes what a plugin raises, where it is about the refusal: raised by the very next call, and with its words.
    pub(crate) fn hear(&mut self, call: u64, location: &str, text: &str) {
        let is_next = self.refused_at.is_some_and(|at| at + 1 == call);
        if let (true, Some((context, _))) = (is_next, text.split_once(REFUSAL)) {
            self.found.words = Some(Raised {
                location: location.to_owned(),
                context: said_before(context).into(),
            });
        }
    }

    /// What a repetition must find as it was.
    pub(crate) fn checkpoint(&self) -> (u32, usize, usize) {
        (self.edits, self.found.look_ups.len(), self.found.makers.len())
    }

    pub(crate) fn restore(&mut self, (edits, look_ups, makers): (u32, usize, usize)) {
        self.edits = edits;
        self.found.look_ups.truncate(look_ups);
        self.found.makers.truncate(makers);
    }
}

/// What a plugin says in front of `PATH: `, which every SDK writes in front of the words of an error.
fn said_before(context: &str) -> String {
    let context = context.trim_end().trim_end_matches(':');
    let Some((said, _path)) = context.rsplit_once(": ") else {
        return String::new();
    };
    let end = said.floor_char_boundary(CONTEXT_BYTES_MAX);
    said.get(..end).unwrap_or_default().to_owned()
}

/// What stands at a path, as it is written; none where that is nothing.
pub(crate) fn standing_at(message: &Message, path: &Path) -> Option<Vec<u8>> {
    let written = message.get_raw(path).ok().flatten()?;
    Some(written.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_raised_at_once_and_with_the_words_of_the_refusal_is_heard() {
        let heard = |call, text: &str| {
            let mut tracing = Tracing::of(Question::WordsOf(1));
            assert!(matches!(tracing.next(3), (0, Turn::Do)));
            assert!(matches!(tracing.next(7), (1, Turn::Refuse)));
            tracing.hear(call, "src/lib.rs:3", text);
            tracing.found.words
        };
        let raised = |context: &str| {
            Some(Raised {
                location: "src/lib.rs:3".to_owned(),
                context: Payload::from(context.to_owned()),
            })
        };
        let error = format!("OBX[2]-3.1: {REFUSAL} ({REFUSAL_CODE})");
        assert_eq!(heard(8, &error), raised(""));
        let placed = format!("line 12 of the mapping: {error}");
        assert_eq!(heard(8, &placed), raised("line 12 of the mapping"));
        assert_eq!(heard(9, &placed), None, "it has done something else first");
        assert_eq!(heard(8, "line 12 of the mapping: it is broken"), None);
    }

    #[test]
    fn beyond_what_is_watched_nothing_is_told() {
        let mut tracing = Tracing::of(Question::MadeAt("OBX-3.1".parse().unwrap_or_else(|_| unreachable!())));
        let edit = Edit {
            number: 0,
            deed: Deed::Set,
            path: "OBX-3.1".to_owned(),
        };
        for call in 0..WATCHED_MAX {
            assert!(matches!(tracing.next(u64::from(call)), (_, Turn::Watch(_))));
        }
        tracing.note_output(Some(&edit));
        assert!(matches!(tracing.next(0), (WATCHED_MAX, Turn::Do)));
        tracing.note_output(Some(&edit));
        assert_eq!(tracing.found.makers, [Some(edit), None]);
    }
}
