//! What would become of a stored message: its chain is run, and nothing is decided, kept or delivered.

use std::sync::Arc;

use transfuse_message::Message;
use transfuse_sandbox::{Context, Input, Outcome};
use transfuse_store::MessageRecord;

use crate::interface::Interface;
use crate::plan::KILLED_THE_ENGINE;
use crate::processing::Processing;
use crate::received::Content;
use crate::settings::OnFinding;

/// How a rehearsal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehearsal {
    /// The message would be forwarded, or end on purpose.
    Passes,
    /// It would be refused or quarantined again.
    Fails,
    /// It was not run: the engine died while its chain ran, and must not again.
    NotRun,
}

impl Interface {
    /// Takes a stored message through `processing`, off the message path. What its plugins kept is what they keep now, and
    /// what they would write is dropped.
    pub async fn rehearse(&self, record: &MessageRecord, processing: &Processing) -> Rehearsal {
        let fault = record.decision.as_ref().and_then(|decision| decision.fault.as_ref());
        if fault.is_some_and(|fault| fault.kind == KILLED_THE_ENGINE) {
            return Rehearsal::NotRun;
        }
        let raw = record.raw.bytes().clone().into();
        let Content::Readable(message) = Content::parse(raw, None, &self.parse) else {
            return Rehearsal::Fails;
        };
        if self.admission.refuses(&message).is_some() {
            return Rehearsal::Fails;
        }
        if processing.judge(&message).await.action != OnFinding::Pass {
            return Rehearsal::Fails;
        }
        let report = processing.run(self.input_again(record, message)).await;
        let passes = match report.outcome {
            Outcome::Forwarded(outputs) => self.route(outputs).is_ok(),
            Outcome::Filtered { .. } => true,
            Outcome::Rejected { .. } | Outcome::Faulted(_) => false,
        };
        if passes { Rehearsal::Passes } else { Rehearsal::Fails }
    }

    fn input_again(&self, record: &MessageRecord, message: Message) -> Input {
        Input {
            message,
            context: Context {
                id: record.summary.id.to_string(),
                interface: Arc::clone(&self.name),
                received_at_ms: record.summary.received_at_ms,
                time_zone: Arc::clone(&self.time_zone),
                attempt: record.summary.attempts.saturating_add(1),
                attributes: Vec::new(),
            },
            state: self.keeping.as_ref().map(|keeping| keeping.state()).unwrap_or_default(),
        }
    }
}
