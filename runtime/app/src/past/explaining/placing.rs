//! Where a plugin made a value: the line of its source, and what it says itself.

use std::sync::Arc;

use transfuse_sandbox::{Deed, Edit, Place, Question, Raised, State};
use transfuse_store::MessageRecord;

use super::super::{Past, Then};
use super::NotExplained;
use crate::configuration::resolved::Step;

/// The edit that made a value.
#[derive(Debug)]
pub(crate) struct MadeBy {
    pub(crate) deed: Deed,
    /// As the plugin wrote it; empty for a message that was made of bytes.
    pub(crate) path: String,
    /// What the stack says; none where nothing on it is known to be the plugin's.
    pub(crate) place: Option<Place>,
    /// What the plugin itself says, as far as it does not go on where the edit is refused.
    pub(crate) raised: Option<Raised>,
    /// The line of the step's configuration that it names with that.
    pub(crate) quote: Option<String>,
}

impl Past {
    /// Runs the steps up to the one that made it twice more: once up to the edit, and once with the edit refused.
    pub(super) async fn place(
        self: &Arc<Self>,
        then: &Arc<Then>,
        record: &MessageRecord,
        steps: &[Step],
        edit: Edit,
        state: &State,
    ) -> Result<MadeBy, NotExplained> {
        let mut asked = Vec::new();
        for question in [Question::PlaceOf(edit.number), Question::WordsOf(edit.number)] {
            let report = self.run_steps(then, record, steps, state, question).await?;
            asked.push(report.trace.unwrap_or_default());
        }
        let place = asked.iter().find_map(|trace| trace.place.clone());
        let raised = asked.into_iter().find_map(|trace| trace.words);
        let step = steps.last();
        let said = raised.as_ref().map(|raised| raised.context.lossy_text());
        Ok(MadeBy {
            deed: edit.deed,
            path: edit.path,
            place,
            quote: step.zip(said).and_then(|(step, said)| quoted(&step.config, &said)),
            raised,
        })
    }
}

/// The line of a text in a configuration that `line 12 of the mapping` is about.
fn quoted(config: &serde_json::Value, said: &str) -> Option<String> {
    let (number, key) = said.strip_prefix("line ")?.split_once(" of the ")?;
    let number = number.parse::<usize>().ok()?.checked_sub(1)?;
    let line = config.get(key)?.as_str()?.lines().nth(number)?;
    Some(line.trim().to_owned())
}

impl MadeBy {
    /// File and line: what the stack says in the plugin's own source, and otherwise what the plugin raised, where that is a place.
    pub(crate) fn line(&self) -> Option<&str> {
        let of_stack = self.place.as_ref().and_then(|place| place.line.as_deref());
        let raised = self.raised.as_ref().map(|raised| raised.location.as_str());
        of_stack.or(raised.filter(|location| location.contains(':')))
    }

    /// The function on the stack. Where the plugin raised a line and the stack has none, it is one of the interpreter's.
    pub(crate) fn function(&self) -> Option<&str> {
        let place = self.place.as_ref()?;
        let is_interpreted = place.line.is_none() && self.line().is_some();
        place.function.as_deref().filter(|_| !is_interpreted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(place: Option<(&str, Option<&str>)>, location: Option<&str>) -> MadeBy {
        MadeBy {
            deed: Deed::Set,
            path: "OBX-3.1".to_owned(),
            place: place.map(|(function, line)| Place {
                function: Some(function.to_owned()),
                line: line.map(str::to_owned),
            }),
            raised: location.map(|location| Raised {
                location: location.to_owned(),
                context: Vec::new().into(),
            }),
            quote: None,
        }
    }

    #[test]
    fn the_stack_comes_before_what_is_raised_and_an_interpreters_function_is_nobodys() {
        let both = made(Some(("normalize", Some("src/codes.rs:7"))), Some("src/lib.rs:3:1"));
        assert_eq!(
            (both.function(), both.line()),
            (Some("normalize"), Some("src/codes.rs:7"))
        );
        let stripped = made(Some(("normalize", None)), None);
        assert_eq!((stripped.function(), stripped.line()), (Some("normalize"), None));
        let interpreted = made(Some(("PyEval_EvalCode", None)), Some("src/plugin.py:12"));
        assert_eq!(
            (interpreted.function(), interpreted.line()),
            (None, Some("src/plugin.py:12"))
        );
        let silent = made(None, Some("unknown"));
        assert_eq!((silent.function(), silent.line()), (None, None));
    }

    #[test]
    fn a_line_of_the_configuration_is_quoted_where_it_is_named() {
        let config = serde_json::json!({ "mapping": "[[rules]]\n  set = 1\n", "table": 7 });
        assert_eq!(quoted(&config, "line 2 of the mapping").as_deref(), Some("set = 1"));
        for other in [
            "line 3 of the mapping",
            "line 0 of the mapping",
            "line 1 of the table",
            "line 1 of the end",
            "mapping",
        ] {
            assert_eq!(quoted(&config, other), None, "{other}");
        }
    }
}
