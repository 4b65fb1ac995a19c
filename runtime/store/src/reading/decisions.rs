//! What the journal has of a decision.

use std::sync::Arc;

use super::{DecisionRecord, OutputRecord};
use crate::journal::Ruling;
use crate::{Decision, NewOutput, Sealed};

/// A decision that was made from what so many edits had left.
pub(super) fn decision_record(at_ms: i64, edits: usize, ruling: Ruling) -> DecisionRecord {
    let empty = DecisionRecord {
        at_ms,
        revision: ruling.revision,
        outputs: Vec::new(),
        reason: None,
        code: None,
        fault: None,
        detail: Sealed::default(),
        edits,
    };
    let (record, outputs, detail) = match ruling.decision {
        Decision::Processed { outputs, detail, .. } => (empty, outputs, detail),
        Decision::Filtered {
            reason,
            outputs,
            detail,
            ..
        } => {
            let reason = Some(reason);
            (DecisionRecord { reason, ..empty }, outputs, detail)
        }
        Decision::Refused {
            code,
            fault,
            outputs,
            detail,
        } => {
            let (code, fault) = (Some(code), Some(fault));
            (DecisionRecord { code, fault, ..empty }, outputs, detail)
        }
        Decision::Quarantined { fault, outputs, detail } => {
            let fault = Some(fault);
            (DecisionRecord { fault, ..empty }, outputs, detail)
        }
    };
    DecisionRecord {
        outputs: outputs.into_iter().map(output_record).collect(),
        detail,
        ..record
    }
}

fn output_record(output: NewOutput) -> OutputRecord {
    let destinations: Vec<Arc<str>> = output.destinations;
    OutputRecord {
        content: output.content,
        content_type: output.content_type,
        destinations,
        stopped: output.stopped,
    }
}
