//! What a revision makes of a message: its chain, the routing of what that forwards, and then the steps of each destination.
//!
//! The chain decides about the message, and with it what the sender hears. The steps of a destination decide about what goes there and
//! nothing else: what they reject, and where they fail, is stopped on its way to this one destination, and rests in quarantine as
//! its delivery. They run before the decision is durable, so that the journal holds what goes out and a delivery needs no plugin.

use std::sync::Arc;

use transfuse_message::Message;
use transfuse_sandbox::{Chain, Content, Outcome, Output, State, StateWrites};
use transfuse_store::StoredFault;

use crate::acknowledge::Given;
use crate::detail::{Detail, Ending};
use crate::inquiry::Question;
use crate::plan::Trouble;
use crate::processing::Processing;
use crate::rerun::Decided;
use crate::revision::{Revision, Run};
use crate::routing::{NoSuchDestination, Routed, seal};

/// A message that went through all of it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Result<Decided, Box<Trouble>>,
    /// What the plugins keep of it: those of the chain, and of the destinations for which it was not stopped.
    pub(crate) state: Vec<StateWrites>,
    /// All steps that ran, those of destinations behind those of the chain.
    pub(crate) detail: Detail,
    /// What is to be asked of a destination.
    pub(crate) question: Option<Question>,
    /// What the sender is told, where it was asked.
    pub(crate) given: Option<Given>,
}

/// The steps of destinations on their way through the outputs of one message.
struct Passage<'r> {
    revision: &'r Revision,
    run: Run,
    /// What plugins find kept: as it was before the message, with what it has changed by now.
    state: State,
    ran: Vec<StateWrites>,
    detail: Detail,
}

impl Revision {
    /// Takes a message through chain, routing and the steps of the destinations that it is routed to.
    pub(crate) async fn process(&self, processing: &Processing, run: Run, message: Message, state: State) -> Ran {
        let report = processing.run(self.input(run.clone(), message, state.clone())).await;
        let detail = Detail::of(&report);
        let forwarded = match report.outcome {
            Outcome::Forwarded(outputs) => {
                let routed = self.routing.route(outputs, &report.attributes);
                routed.map_err(|why| Box::new(Trouble::unroutable(&self.interface, why)))
            }
            Outcome::Filtered { reason, .. } => {
                return Ran {
                    outcome: Ok(Decided::Filtered(reason)),
                    state: report.state,
                    detail,
                    question: None,
                    given: None,
                };
            }
            Outcome::Rejected { rejection, step } => Err(Box::new(Trouble::rejected(rejection, step))),
            Outcome::Faulted(fault) => Err(Box::new(Trouble::faulted(fault))),
        };
        let mut passage = Passage {
            revision: self,
            run,
            state,
            ran: report.state,
            detail,
        };
        let (mut question, inquiry) = (None, self.inquiry.as_ref());
        let outcome = match forwarded {
            Ok(routed) => {
                let mut outputs = seal(passage.through(processing, routed).await);
                question = inquiry.and_then(|inquiry| inquiry.take(&mut outputs));
                Ok(Decided::Processed(outputs))
            }
            Err(trouble) => Err(trouble),
        };
        Ran {
            outcome,
            state: passage.ran,
            detail: passage.detail,
            question,
            given: None,
        }
    }
}

impl Passage<'_> {
    /// Each output to the destinations without steps as it is, and to the others as their steps make it. One after the other, since
    /// all share what is kept between messages.
    async fn through(&mut self, processing: &Processing, routed: Vec<Routed>) -> Vec<Routed> {
        if processing.has_no_destination_steps() {
            return routed;
        }
        self.state.apply(&self.ran);
        let mut made = Vec::with_capacity(routed.len());
        for output in routed {
            let has_steps = |name: &Arc<str>| processing.destination_steps(name).is_some();
            let (with_steps, without): (Vec<_>, Vec<_>) = output.destinations.iter().cloned().partition(has_steps);
            if !without.is_empty() || with_steps.is_empty() {
                made.push(Routed {
                    content: output.content.clone(),
                    destinations: without,
                    stopped: None,
                });
            }
            for destination in with_steps {
                if let Some(chain) = processing.destination_steps(&destination) {
                    made.extend(self.to(&destination, chain, &output.content).await);
                }
            }
        }
        made
    }

    /// What the steps of one destination make of one output.
    async fn to(&mut self, destination: &Arc<str>, chain: &Chain, content: &Content) -> Vec<Routed> {
        let stopped = |trouble: Trouble| {
            vec![Routed {
                content: content.clone(),
                destinations: vec![Arc::clone(destination)],
                stopped: Some(stop_of(trouble, destination)),
            }]
        };
        let Content::Message(message) = content else {
            return stopped(Trouble::document_for_steps());
        };
        let input = self
            .revision
            .input(self.run.clone(), message.clone(), self.state.clone());
        let report = chain.run(input).await;
        let (routed, ending) = match report.outcome.clone() {
            Outcome::Forwarded(outputs) => match outputs.iter().find_map(|output| elsewhere(output, destination)) {
                None => (to_one(outputs, destination), Ending::Forwarded),
                Some(named) => {
                    let trouble = Trouble::no_such_destination(&self.revision.interface, named);
                    (stopped(trouble), Ending::Stopped)
                }
            },
            Outcome::Filtered { reason, .. } => (Vec::new(), Ending::Filtered(reason)),
            Outcome::Rejected { rejection, step } => (stopped(Trouble::rejected(rejection, step)), Ending::Stopped),
            Outcome::Faulted(fault) => (stopped(Trouble::faulted(fault)), Ending::Stopped),
        };
        if !matches!(ending, Ending::Stopped) {
            self.state.apply(&report.state);
            self.ran.extend(report.state.iter().cloned());
        }
        self.detail.add(destination, &report, &ending);
        routed
    }
}

fn to_one(outputs: Vec<Output>, destination: &Arc<str>) -> Vec<Routed> {
    let routed = outputs.into_iter().map(|Output { content, .. }| Routed {
        content,
        destinations: vec![Arc::clone(destination)],
        stopped: None,
    });
    routed.collect()
}

/// The first destination that an output names beside the one whose steps made it.
fn elsewhere(output: &Output, destination: &Arc<str>) -> Option<NoSuchDestination> {
    let named = output.to.iter().find(|name| ***name != **destination)?;
    Some(NoSuchDestination {
        named: named.clone(),
        known: vec![Arc::clone(destination)],
    })
}

fn stop_of(trouble: Trouble, destination: &str) -> StoredFault {
    let fault = trouble.stored();
    let replay = format!(
        "once the cause is gone, in `[[destinations.steps]]` of `{destination}` or in the message, \
         `transfuse messages replay ID --to {destination}` delivers it"
    );
    StoredFault {
        summary: format!("stopped by the steps of `{destination}`: {}", fault.summary),
        hint: Some(
            fault
                .hint
                .map_or_else(|| replay.clone(), |hint| format!("{hint}; {replay}")),
        ),
        ..fault
    }
}

impl Trouble {
    /// A destination's steps were written for messages; what they would have taken out of a document must not go out.
    fn document_for_steps() -> Self {
        Self::internal(
            "document-for-steps",
            "it is a document, and steps take messages".to_owned(),
            Some("route documents to a destination without steps".to_owned()),
        )
    }
}
