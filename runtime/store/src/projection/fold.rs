//! Entries into changes.

use std::sync::Arc;

use super::changes::{
    Changes, DeliveryChange, MessageChange, NewDelivery, NewMessage, NewRuling, QueueEvent, Settled, StageCounts,
};
use super::names::Names;
use crate::delivery::deliveries;
use crate::journal::{Address, Entry, Event, MessageEvent, Ruling};
use crate::{Arrival, Decision, DeliveryStage, MessageId, Settlement, Stage, StateChange, StoredFault};

impl Changes {
    /// Adds one entry.
    pub(super) fn fold(&mut self, names: &mut Names, position: i64, entry: Entry) {
        self.entries += 1;
        let at_ms = entry.at_ms;
        match entry.event {
            Event::Message(event) => self.fold_message(names, position, at_ms, event),
            Event::ChainAttempted { message, attempt } => {
                let change = self.message(message);
                change.attempts = change.attempts.max(Some(attempt));
            }
            Event::DeliveryAttempted { delivery, fault } => {
                self.fold_queue_event(names, &delivery, position, Some((fault.clone(), at_ms)));
                let change = self.delivery(&delivery);
                change.attempts += 1;
                change.last_fault = Some(fault);
            }
            Event::DeliverySettled { delivery, settlement } => {
                self.fold_settlement(names, position, at_ms, &delivery, settlement);
            }
            Event::EngineStarted { .. } | Event::EngineStopped => {}
        }
    }

    fn fold_message(&mut self, names: &mut Names, position: i64, at_ms: i64, event: MessageEvent) {
        let MessageEvent { id, arrival, ruling } = event;
        self.last_message = self.last_message.max(id.as_i64());
        if let Some(arrival) = arrival {
            let interface = names.interface(&arrival.interface);
            self.count(interface, Stage::Received, 1);
            self.message(id).arrival = Some(new_message(interface, position, arrival));
        }
        if let Some(ruling) = ruling {
            let interface = names.interface(&ruling.interface);
            self.count(interface, Stage::Received, -1);
            self.count(interface, ruling.decision.stage(), 1);
            self.fold_deliveries(names, position, at_ms, id, &ruling);
            self.fold_state(interface, ruling.decision.state());
            self.message(id).ruling = Some(new_ruling(position, at_ms, ruling));
        }
    }

    fn fold_deliveries(&mut self, names: &mut Names, position: i64, at_ms: i64, message: MessageId, ruling: &Ruling) {
        for planned in deliveries(ruling.first_delivery, ruling.decision.outputs()) {
            let queue = names.queue(&ruling.interface, planned.destination);
            self.queues.entry(queue).or_default().pending += 1;
            let id = planned.id.as_i64();
            self.last_delivery = self.last_delivery.max(id);
            let queued = NewDelivery {
                message: message.as_i64(),
                queue,
                output: planned.index,
                at_ms,
                position,
            };
            self.deliveries.entry(id).or_default().queued = Some(queued);
        }
    }

    fn fold_state(&mut self, interface: i64, changes: &[StateChange]) {
        for change in changes {
            let state = self.states.entry((interface, Arc::clone(&change.plugin))).or_default();
            state.schema_version = change.schema_version;
            state.values.extend(change.values.iter().cloned());
        }
    }

    fn fold_settlement(
        &mut self,
        names: &mut Names,
        position: i64,
        at_ms: i64,
        delivery: &Address,
        settlement: Settlement,
    ) {
        let (stage, fault) = match settlement {
            Settlement::Delivered { .. } => (DeliveryStage::Delivered, None),
            Settlement::Quarantined { fault } => (DeliveryStage::Quarantined, Some(fault.summary)),
        };
        let queue = names.queue(&delivery.interface, &delivery.destination);
        let counts = self.queues.entry(queue).or_default();
        counts.pending -= 1;
        match stage {
            DeliveryStage::Queued => {}
            DeliveryStage::Delivered => counts.delivered += 1,
            DeliveryStage::Quarantined => counts.quarantined += 1,
        }
        self.fold_queue_event(names, delivery, position, fault.clone().map(|fault| (fault, at_ms)));
        let change = self.delivery(delivery);
        change.settled = Some(Settled { stage, at_ms, position });
        change.last_fault = fault.or(change.last_fault.take());
    }

    fn fold_queue_event(&mut self, names: &mut Names, delivery: &Address, position: i64, fault: Option<(String, i64)>) {
        let queue = names.queue(&delivery.interface, &delivery.destination);
        self.queues.entry(queue).or_default().last_event = Some(QueueEvent { position, fault });
    }

    fn message(&mut self, id: MessageId) -> &mut MessageChange {
        self.messages.entry(id.as_i64()).or_default()
    }

    fn delivery(&mut self, delivery: &Address) -> &mut DeliveryChange {
        self.deliveries.entry(delivery.delivery.as_i64()).or_default()
    }

    fn count(&mut self, interface: i64, stage: Stage, by: i64) {
        let counts: &mut StageCounts = self.interfaces.entry(interface).or_default();
        let index = usize::try_from(stage.code()).unwrap_or_default();
        if let Some(count) = counts.get_mut(index) {
            *count += by;
        }
    }
}

fn new_message(interface: i64, position: i64, arrival: Arrival) -> NewMessage {
    NewMessage {
        interface,
        revision: arrival.revision,
        received_at_ms: arrival.received_at_ms,
        position,
        source: arrival.source,
        control_id: arrival.control_id,
        message_type: arrival.message_type,
    }
}

fn new_ruling(position: i64, at_ms: i64, ruling: Ruling) -> NewRuling {
    let deliveries = ruling.decision.deliveries();
    let stage = ruling.decision.stage();
    let fault = match ruling.decision {
        Decision::Refused { fault, .. } | Decision::Quarantined { fault, .. } => Some(fault),
        Decision::Processed { .. } | Decision::Filtered { .. } => None,
    };
    let (fault_kind, fault_summary) = fault.map(|StoredFault { kind, summary, .. }| (kind, summary)).unzip();
    NewRuling {
        stage,
        revision: ruling.revision,
        at_ms,
        position,
        first_delivery: (deliveries > 0).then_some(ruling.first_delivery.as_i64()),
        deliveries,
        fault_kind,
        fault_summary,
    }
}
