//! Parts of a chain run again, and what stands at a path behind each.

use std::sync::Arc;

use transfuse_message::{Message, Path, Payload};
use transfuse_sandbox::{Content, Edit, LookUp, Outcome, Question, Report, State};
use transfuse_store::MessageRecord;

use super::super::{Past, Then};
use super::{NotExplained, Way};
use crate::configuration::resolved::Step;

/// What a part of the chain comes to.
pub(super) struct Ran {
    /// What stands at the path of each output.
    pub(super) found: Vec<At>,
    pub(super) ended: Option<String>,
    pub(super) fuel: u64,
    pub(super) uses_state: bool,
    pub(super) look_ups: Vec<LookUp>,
    /// For each output, the edit of the last step that made what stands at the path.
    pub(super) makers: Vec<Option<Edit>>,
}

/// What stands at the path of an output.
pub(super) enum At {
    /// The value; none where there is nothing.
    Value(Option<Standing>),
    /// It is a document, of this media type.
    Document(String),
}

/// What stands at a path. Two are the same where they are written the same.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    written: Payload,
    /// The text in the message's character set; as it is written, where it is none.
    pub(crate) text: Payload,
}

impl Past {
    /// Runs no step, the first, the first two, and so on, as far as the chain gets.
    pub(super) async fn run_parts(
        self: &Arc<Self>,
        then: &Arc<Then>,
        way: &Way,
        record: &MessageRecord,
        path: &Path,
        state: &State,
    ) -> Result<Vec<Ran>, NotExplained> {
        let mut parts = Vec::new();
        for count in 0..=way.steps.len() {
            let steps = way.steps.get(..count).unwrap_or(&way.steps);
            let ran = self.run_part(then, record, steps, path, state).await?;
            let has_ended = ran.ended.is_some();
            parts.push(ran);
            if has_ended {
                break;
            }
        }
        Ok(parts)
    }

    /// Runs some steps, with a question.
    pub(super) async fn run_steps(
        self: &Arc<Self>,
        then: &Arc<Then>,
        record: &MessageRecord,
        steps: &[Step],
        state: &State,
        question: Question,
    ) -> Result<Report, NotExplained> {
        let (past, of, steps) = (Arc::clone(self), Arc::clone(then), steps.to_vec());
        let chain = tokio::task::spawn_blocking(move || of.parts.chain(&past.sandbox, &steps));
        let chain = chain.await.map_err(|error| NotExplained::Gone(error.into()))?;
        let chain = chain.map_err(|error| NotExplained::Gone(error.into()))?;
        let report = then.revision.rerun_chain(record, &chain, state.clone(), question).await;
        report.map_err(|why| NotExplained::NotRun {
            id: record.summary.id,
            why,
        })
    }

    /// Runs some steps, and looks at what they come to.
    async fn run_part(
        self: &Arc<Self>,
        then: &Arc<Then>,
        record: &MessageRecord,
        steps: &[Step],
        path: &Path,
        state: &State,
    ) -> Result<Ran, NotExplained> {
        let question = Question::MadeAt(path.clone());
        let report = self.run_steps(then, record, steps, state, question).await?;
        let trace = report.trace.unwrap_or_default();
        let (found, ended) = match report.outcome {
            Outcome::Forwarded(outputs) => {
                let found = outputs.iter().map(|output| match &output.content {
                    Content::Message(message) => At::Value(standing_at(message, path)),
                    Content::Document(document) => At::Document(document.content_type.clone()),
                });
                (found.collect(), None)
            }
            Outcome::Filtered { step, .. } => (Vec::new(), Some(format!("step {} filtered the message", step + 1))),
            Outcome::Rejected { rejection, step } => (Vec::new(), Some(rejection.summary(step))),
            Outcome::Faulted(fault) => (Vec::new(), Some(fault.to_string())),
        };
        Ok(Ran {
            found,
            ended,
            fuel: report.steps.iter().map(|step| step.fuel).sum(),
            uses_state: report.steps.iter().any(|step| step.access.state),
            look_ups: trace.look_ups,
            makers: trace.makers,
        })
    }
}

/// What stands at a path; none where that is nothing.
pub(super) fn standing_at(message: &Message, path: &Path) -> Option<Standing> {
    let written = message.get_raw(path).ok().flatten()?;
    let text = message
        .charset()
        .decode(&written)
        .map(|text| Payload::from(text.into_owned()));
    let written = Payload::from(written.into_owned());
    Some(Standing {
        text: text.unwrap_or_else(|| written.clone()),
        written,
    })
}

impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}
