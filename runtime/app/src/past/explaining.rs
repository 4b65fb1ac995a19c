//! Why a value is there: the chain is run again step by step, on the revision and the code tables of then.

mod placing;
mod running;

use std::sync::Arc;

use transfuse_engine::{Detail, Interface, Made, NotRun};
use transfuse_message::{Message, ParseOptions, Path, Payload};
use transfuse_sandbox::{Edit, LookUp};
use transfuse_store::{MessageId, MessageRecord, OutputRecord, ReadError};

use super::{Past, Then, state_of};
use crate::configuration::resolved;

pub(crate) use placing::MadeBy;
pub(crate) use running::Standing;
use running::{At, Ran, standing_at};

/// Rows of code tables that are told for one value.
const ROWS_MAX: usize = 5;

/// Why a value cannot be explained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotExplained {
    #[error("there is no message {0}")]
    Unknown(MessageId),
    #[error("message {0} is not decided yet")]
    Undecided(MessageId),
    #[error("message {id} is not run again: {why}")]
    NotRun { id: MessageId, why: NotRun },
    #[error("message {id} has {count} outputs, and {asked} was asked for")]
    NoSuchOutput { id: MessageId, count: usize, asked: usize },
    #[error("output {} of message {id} is a document ({content_type}), which has no paths", output + 1)]
    Document {
        id: MessageId,
        output: usize,
        content_type: String,
    },
    #[error("it cannot be run again as it was: {0:#}")]
    Gone(anyhow::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Where a value comes from.
#[derive(Debug)]
pub(crate) struct Explanation {
    pub(crate) id: MessageId,
    pub(crate) interface: String,
    pub(crate) revision: u32,
    pub(crate) path: Path,
    /// Which output, from 0.
    pub(crate) output: usize,
    /// The value as it came in.
    pub(crate) input: Option<Standing>,
    /// The value behind each step, as far as the chain got.
    pub(crate) seen: Vec<Seen>,
    /// The last step that changed it; none where it is as it came in.
    pub(crate) maker: Option<Maker>,
    /// Why the chain did not get to its end.
    pub(crate) ended: Option<String>,
    /// The value in what is stored of then; none where there is nothing.
    pub(crate) stored: Option<Standing>,
    /// Why what is told may not be what was.
    pub(crate) doubts: Vec<String>,
}

/// A value behind one step.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) value: Option<Standing>,
    pub(crate) is_changed: bool,
    pub(crate) fuel: u64,
}

/// The step that made a value.
#[derive(Debug)]
pub(crate) struct Maker {
    /// From 0.
    pub(crate) step: usize,
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) digest: String,
    /// The edit that made it, where it is known.
    pub(crate) made: Option<MadeBy>,
    /// Rows that the step got from its code tables, and that hold the value after it.
    pub(crate) rows: Vec<Explained>,
}

/// A row of a code table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explained {
    pub(crate) table: String,
    /// The column by which the step found it, and what it looked for.
    pub(crate) column: String,
    pub(crate) value: Payload,
    pub(crate) digest: String,
    /// From 1, without the header.
    pub(crate) row: usize,
    pub(crate) cells: Vec<String>,
}

impl Past {
    /// Explains one value of one output of a stored message.
    pub(crate) async fn explain(
        self: &Arc<Self>,
        id: MessageId,
        path: Path,
        output: usize,
        live: impl Fn(&str) -> Option<Arc<Interface>>,
    ) -> Result<Explanation, NotExplained> {
        let (past, of_path) = (Arc::clone(self), path.clone());
        let prepared = tokio::task::spawn_blocking(move || past.prepare(id)).await;
        let (record, then) = prepared.map_err(|error| NotExplained::Gone(error.into()))??;
        // The value went through the chain, and then through the steps of the destination that got the output.
        let way = then.way_of(&record, output);
        let state = state_of(live(&record.summary.interface).as_ref());
        let mut explanation = Explanation {
            id,
            interface: record.summary.interface.to_string(),
            revision: then.revision.number(),
            path,
            output,
            input: None,
            seen: Vec::new(),
            maker: None,
            ended: refused_before(&record),
            stored: stored(&then, &record, &of_path, output),
            doubts: doubts(&record),
        };
        if explanation.ended.is_none() {
            let parts = self.run_parts(&then, &way, &record, &of_path, &state).await?;
            let edit = explanation.follow(&then, &way, parts)?;
            if let (Some(maker), Some(edit)) = (&mut explanation.maker, edit) {
                let steps = maker.step + 1;
                let steps = way.steps.get(..steps).unwrap_or(&way.steps);
                maker.made = Some(self.place(&then, &record, steps, edit, &state).await?);
            }
        }
        if explanation.ended.is_none() {
            // It went through its chain, and led nowhere behind it.
            let decision = record.decision.as_ref();
            let fault = decision.and_then(|decision| decision.fault.as_ref());
            let stopped = decision.and_then(|decision| decision.outputs.get(output)?.stopped.as_ref());
            explanation.ended = fault.or(stopped).map(|fault| fault.summary.clone());
        }
        let made = explanation.seen.last().map_or(&explanation.input, |seen| &seen.value);
        if explanation.ended.is_none() && *made != explanation.stored {
            explanation.doubts.push(OTHERWISE.to_owned());
        }
        Ok(explanation)
    }

    fn prepare(&self, id: MessageId) -> Result<(MessageRecord, Arc<Then>), NotExplained> {
        let record = self.store.message(id)?.ok_or(NotExplained::Unknown(id))?;
        let decision = record.decision.as_ref().ok_or(NotExplained::Undecided(id))?;
        let then = self.then(&record, decision).map_err(NotExplained::Gone)?;
        Ok((record, then))
    }
}

impl Explanation {
    /// Follows the value through what was run: no step, the first, the first two, and so on. Gives the edit that made it in the
    /// step that changed it last.
    fn follow(&mut self, then: &Then, way: &Way, parts: Vec<Ran>) -> Result<Option<Edit>, NotExplained> {
        if parts.iter().any(|ran| ran.uses_state) {
            self.doubts.push(STATE.to_owned());
        }
        let last = parts.last().filter(|ran| ran.ended.is_none());
        let outputs = last.map(|ran| ran.found.len());
        if let Some(count) = outputs.filter(|count| *count <= way.output) {
            let (id, asked) = (self.id, self.output + 1);
            return Err(NotExplained::NoSuchOutput { id, count, asked });
        }
        let (mut fuel_before, mut edit) = (0, None);
        for (steps, ran) in parts.into_iter().enumerate() {
            if let Some(ended) = ran.ended {
                self.ended = Some(ended);
                return Ok(edit);
            }
            let picked = self.pick(&ran.found, outputs, way);
            let value = self.value_of(picked.and_then(|index| ran.found.get(index)))?;
            match steps
                .checked_sub(1)
                .and_then(|index| Some((index, way.steps.get(index)?)))
            {
                Some((index, step)) => {
                    let rows = value
                        .as_ref()
                        .map(|value| rows(then, step, index, &ran.look_ups, &value.text));
                    let fuel = ran.fuel.saturating_sub(fuel_before);
                    if self.add(index, step, value, rows.unwrap_or_default(), fuel) {
                        edit = self.edit_of(picked, ran.makers);
                    }
                }
                None => self.input = value,
            }
            fuel_before = ran.fuel;
        }
        Ok(edit)
    }

    /// What the output asked for was made of: of one message everything is made, and of as many messages as there are outputs each
    /// makes its own. How many there are is unknown where the chain does not get to its end.
    fn pick(&mut self, found: &[At], outputs: Option<usize>, way: &Way) -> Option<usize> {
        if found.len() != 1 && Some(found.len()) != outputs && !self.is_guessed() {
            self.doubts.push(BRANCHES.to_owned());
        }
        let last = found.len().checked_sub(1)?;
        Some(way.output.min(last))
    }

    fn value_of(&self, at: Option<&At>) -> Result<Option<Standing>, NotExplained> {
        match at {
            None => Ok(None),
            Some(At::Value(value)) => Ok(value.clone()),
            Some(At::Document(content_type)) => Err(NotExplained::Document {
                id: self.id,
                output: self.output,
                content_type: content_type.clone(),
            }),
        }
    }

    /// The edit that made the value of an output; none where it is a guess which output that is.
    fn edit_of(&self, output: Option<usize>, mut makers: Vec<Option<Edit>>) -> Option<Edit> {
        let maker = makers.get_mut(output?)?;
        if self.is_guessed() { None } else { maker.take() }
    }

    fn is_guessed(&self) -> bool {
        self.doubts.iter().any(|doubt| doubt == BRANCHES)
    }

    /// Adds the value behind a step, and says whether the step changed it.
    fn add(
        &mut self,
        index: usize,
        step: &resolved::Step,
        value: Option<Standing>,
        rows: Vec<Explained>,
        fuel: u64,
    ) -> bool {
        let before = self.seen.last().map_or(&self.input, |seen| &seen.value);
        let is_changed = *before != value;
        if is_changed {
            self.maker = Some(Maker {
                step: index,
                plugin: step.plugin.clone(),
                version: step.version.clone(),
                digest: step.digest.clone(),
                made: None,
                rows,
            });
        }
        self.seen.push(Seen {
            plugin: step.plugin.clone(),
            version: step.version.clone(),
            value,
            is_changed,
            fuel,
        });
        is_changed
    }
}

/// What an output went through, and which it is of those that came out there.
pub(super) struct Way {
    pub(super) steps: Vec<resolved::Step>,
    pub(super) output: usize,
}

impl Then {
    /// The way of an output that was recorded: the chain, and behind it the steps of the destination that got it.
    fn way_of(&self, record: &MessageRecord, output: usize) -> Way {
        let mut steps = self.resolved.steps.clone();
        let outputs = record.decision.as_ref().map(|decision| decision.outputs.as_slice());
        let outputs = outputs.unwrap_or_default();
        let Some(asked) = outputs.get(output) else {
            return Way { steps, output };
        };
        // What goes to several destinations goes to none with steps.
        let with_steps = |one: &OutputRecord| {
            let mut all = self.resolved.destinations.iter();
            let name = one.destinations.first()?;
            all.find(|one| *one.name == **name && !one.steps.is_empty())
        };
        let destination = with_steps(asked);
        let before = outputs.iter().take(output).filter(|one| with_steps(one) == destination);
        let output = before.count();
        steps.extend(destination.into_iter().flat_map(|one| one.steps.iter().cloned()));
        Way { steps, output }
    }
}

/// What a step got from its code tables and that holds a value: each row once.
fn rows(then: &Then, step: &resolved::Step, index: usize, look_ups: &[LookUp], value: &Payload) -> Vec<Explained> {
    let mut found: Vec<Explained> = Vec::new();
    for look_up in look_ups.iter().filter(|look_up| look_up.step == index) {
        let mut grants = step.grants.tables.iter();
        let grant = grants.find(|grant| grant.name == look_up.table);
        let Some((grant, table)) = grant.and_then(|grant| Some((grant, then.parts.table(&grant.digest)?))) else {
            continue;
        };
        let cells = table.rows.get(look_up.row).cloned().unwrap_or_default();
        let explained = Explained {
            table: look_up.table.clone(),
            column: look_up.column.clone(),
            value: look_up.value.clone(),
            digest: grant.digest.clone(),
            row: look_up.row + 1,
            cells,
        };
        if explained.holds(value) && !found.contains(&explained) {
            found.push(explained);
        }
    }
    found.truncate(ROWS_MAX);
    found
}

impl Explained {
    fn holds(&self, value: &Payload) -> bool {
        self.cells
            .iter()
            .any(|cell| !cell.is_empty() && cell.as_bytes() == value.as_slice())
    }
}

const STATE: &str = "its plugins use what they keep between messages, and find what is kept now";

const OTHERWISE: &str = "what is stored is not what this run made";

const BRANCHES: &str = "a step makes several messages of one, and which of them became this output is a guess";

/// The value in what was made then.
fn stored(then: &Then, record: &MessageRecord, path: &Path, output: usize) -> Option<Standing> {
    let Made::Processed(outputs) = then.revision.recorded(record)? else {
        return None;
    };
    let content = outputs.get(output)?.content.bytes().clone();
    let message = Message::parse(content, &ParseOptions::default()).ok()?;
    standing_at(&message, path)
}

/// Why no step decided about it: it may not come in, or is not what the interface asks for.
fn refused_before(record: &MessageRecord) -> Option<String> {
    if let Some(first) = record.summary.repeats.filter(|_| record.earlier.is_empty()) {
        return Some(format!("no step decided about it: it is a duplicate of {first}"));
    }
    let decision = record.decision.as_ref()?;
    let fault = decision.fault.as_ref()?;
    let has_run = Detail::open(decision.detail.as_slice()).is_ok_and(|detail| !detail.steps.is_empty());
    (!has_run).then(|| format!("no step decided about it: {}", fault.summary))
}

/// What a person should know before believing it.
fn doubts(record: &MessageRecord) -> Vec<String> {
    let detail = record
        .decision
        .as_ref()
        .map(|decision| Detail::open(decision.detail.as_slice()));
    let mut doubts = match detail {
        Some(Ok(detail)) if detail.steps.is_empty() || detail.engine == Detail::ENGINE => Vec::new(),
        Some(Ok(_)) => vec!["another version of the engine decided it".to_owned()],
        Some(Err(error)) => vec![error.to_string()],
        None => Vec::new(),
    };
    let mut decided = record.operations.iter().filter(|one| one.kind.decides());
    if let Some(after) = decided.next_back().and_then(|one| one.after) {
        doubts.push(format!(
            "its first {} were those of revision {}, and are run here as its own",
            crate::layout::counted(usize::try_from(after.steps).unwrap_or(usize::MAX), "step"),
            after.revision
        ));
    }
    doubts
}
