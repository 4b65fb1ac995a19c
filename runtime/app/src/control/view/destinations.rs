//! How destinations stand, for the wire.

use transfuse_engine::{DestinationStanding, HeldDelivery, OpenCircuit};

use super::super::wire::destinations as wire;
use super::time;

pub(crate) fn standing(standing: DestinationStanding) -> wire::Standing {
    let DestinationStanding {
        circuit,
        held,
        last_answer,
    } = standing;
    let (last_answer, last_answer_at) = last_answer
        .map(|last| (last.kind.to_string(), time(last.at_ms)))
        .unzip();
    wire::Standing {
        circuit: circuit.map(|open| circuit_of(&open)),
        waiting_for_a_word: held.into_iter().map(waiting).collect(),
        last_answer,
        last_answer_at,
    }
}

fn circuit_of(open: &OpenCircuit) -> wire::Circuit {
    wire::Circuit {
        open_since: time(open.since_ms),
        next_attempt_at: time(open.next_attempt_ms),
        failures: open.failures,
    }
}

fn waiting(held: HeldDelivery) -> wire::Waiting {
    wire::Waiting {
        message: held.message.to_string(),
        since: time(held.since_ms),
        why: held.why,
    }
}
