//! Entries into changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changes::{
    Changes, DecidedAnew, DeliveryChange, MessageChange, Named, NewDelivery, NewLaneHold, NewMessage, NewOperation,
    NewRuling, QueueEvent, Replaced, Settled, StageCounts, StateChanges,
};
use super::names::Names;
use crate::delivery::{Planned, deliveries};
use crate::journal::{Address, Entry, Event, MessageEvent, Ruling};
use crate::lanes::Holding;
use crate::operation::{Action, Operation, OperationKind, Redecision};
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
            Event::DeliverySettled {
                delivery,
                settlement,
                holds,
            } => {
                if let Some(holding) = holds {
                    self.fold_delivery_hold(names, position, at_ms, &delivery, &settlement, holding);
                }
                self.fold_settlement(names, position, at_ms, &delivery, settlement);
            }
            Event::Operated(operation) => {
                self.operation = Some(self.fold_operation(names, position, at_ms, *operation));
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
            self.fold_state((interface, &ruling.interface), ruling.decision.state());
            self.fold_message_hold(interface, position, at_ms, id, &ruling);
            if ruling.repeats.is_some() {
                *self.repeats.entry(interface).or_default() += 1;
            }
            self.named.extend(ruling.sender.clone().map(|sender| Named {
                message: id.as_i64(),
                sender,
                is_refused: ruling.decision.stage() == Stage::Refused,
            }));
            self.message(id).ruling = Some(new_ruling(position, at_ms, ruling));
        }
    }

    fn fold_deliveries(&mut self, names: &mut Names, position: i64, at_ms: i64, message: MessageId, ruling: &Ruling) {
        let planned = deliveries(ruling.first_delivery, ruling.decision.outputs());
        self.fold_planned(names, position, at_ms, message, ruling, planned);
    }

    fn fold_planned<'a>(
        &mut self,
        names: &mut Names,
        position: i64,
        at_ms: i64,
        message: MessageId,
        ruling: &Ruling,
        planned: impl Iterator<Item = Planned<'a>>,
    ) {
        let interface = names.interface(&ruling.interface);
        for planned in planned {
            let queue = names.queue(&ruling.interface, planned.destination);
            let id = planned.id.as_i64();
            match &planned.output.stopped {
                Some(fault) => self.fold_stopped(names, position, at_ms, message, ruling, &planned, fault),
                None => self.queues.entry(queue).or_default().pending += 1,
            }
            self.last_delivery = self.last_delivery.max(id);
            let queued = NewDelivery {
                message: message.as_i64(),
                queue,
                output: planned.index,
                at_ms,
                position,
                revision: ruling.revision,
                is_held: names.holds.contains(&(interface, ruling.revision)),
                lanes: ruling.lanes.clone(),
            };
            self.deliveries.entry(id).or_default().queued = Some(queued);
        }
    }

    /// A delivery that is in quarantine from the beginning, and what waits behind it.
    #[expect(clippy::too_many_arguments, reason = "an entry is told by what it is made of")]
    fn fold_stopped(
        &mut self,
        names: &mut Names,
        position: i64,
        at_ms: i64,
        message: MessageId,
        ruling: &Ruling,
        planned: &Planned<'_>,
        fault: &StoredFault,
    ) {
        let delivery = Address {
            delivery: planned.id,
            message,
            interface: Arc::clone(&ruling.interface),
            destination: Arc::clone(planned.destination),
        };
        let settlement = Settlement::Quarantined { fault: fault.clone() };
        if let Some(holding) = &ruling.holds {
            self.fold_delivery_hold(names, position, at_ms, &delivery, &settlement, holding.clone());
        }
        // What was never queued is settled all the same: the sum is right.
        let queue = names.queue(&ruling.interface, planned.destination);
        self.queues.entry(queue).or_default().pending += 1;
        self.fold_settlement(names, position, at_ms, &delivery, settlement);
    }

    /// Its new deliveries are changes like those of any decision; the rest is done to the rows that there are.
    fn fold_operation(&mut self, names: &mut Names, position: i64, at_ms: i64, operation: Operation) -> NewOperation {
        let interface = names.interface(&operation.interface);
        let (kind, revision) = (operation.action.kind(), operation.action.revision());
        match kind {
            OperationKind::Held => {
                names.holds.insert((interface, revision));
            }
            OperationKind::Released => {
                names.holds.remove(&(interface, revision));
            }
            _ => {}
        }
        let decided = operation
            .redecision()
            .map(|made| self.fold_redecision(names, position, at_ms, made));
        let message = operation.message().map(MessageId::as_i64);
        let closing = match operation.action {
            Action::GivenUp(closing) => Some(closing),
            _ => None,
        };
        NewOperation {
            position,
            at_ms,
            interface,
            kind,
            revision,
            operator: operation.operator,
            message,
            closing,
            decided,
        }
    }

    fn fold_redecision(&mut self, names: &mut Names, position: i64, at_ms: i64, made: &Redecision) -> DecidedAnew {
        let new = made.deliveries().filter(|planned| made.is_new(planned.id));
        self.fold_planned(names, position, at_ms, made.message, &made.ruling, new);
        let replaced = made.deliveries().filter(|planned| !made.is_new(planned.id));
        let new_deliveries = made.new_deliveries();
        DecidedAnew {
            message: made.message.as_i64(),
            stage: made.ruling.decision.stage(),
            first_new: (new_deliveries > 0).then(|| made.ruling.first_delivery.as_i64()),
            new_deliveries,
            replaced: replaced
                .map(|planned| Replaced {
                    delivery: planned.id.as_i64(),
                    output: planned.index,
                })
                .collect(),
            dropped: made.dropped.iter().map(|id| id.as_i64()).collect(),
            taken_up: made.replaced.iter().map(|id| id.as_i64()).collect(),
        }
    }

    fn fold_message_hold(&mut self, interface: i64, position: i64, at_ms: i64, message: MessageId, ruling: &Ruling) {
        if let (Some(holding), Decision::Quarantined { fault, .. }) = (&ruling.holds, &ruling.decision) {
            self.lane_holds.push(NewLaneHold {
                position,
                interface,
                queue: None,
                message: message.as_i64(),
                from_delivery: ruling.holds_from().as_i64(),
                lanes: holding.lanes.clone(),
                at_ms,
                why: fault.summary.clone(),
            });
        }
    }

    fn fold_delivery_hold(
        &mut self,
        names: &mut Names,
        position: i64,
        at_ms: i64,
        delivery: &Address,
        settlement: &Settlement,
        holding: Holding,
    ) {
        let queue = names.queue(&delivery.interface, &delivery.destination);
        let why = match settlement {
            Settlement::Quarantined { fault } => fault.summary.clone(),
            Settlement::Delivered { .. } => String::new(),
        };
        self.lane_holds.push(NewLaneHold {
            position,
            interface: names.interface(&delivery.interface),
            queue: (!holding.is_everywhere).then_some(queue),
            message: delivery.message.as_i64(),
            from_delivery: delivery.delivery.as_i64(),
            lanes: holding.lanes,
            at_ms,
            why,
        });
    }

    fn fold_state(&mut self, (interface, name): (i64, &Arc<str>), changes: &[StateChange]) {
        for change in changes {
            let state = self.states.entry((interface, Arc::clone(&change.plugin)));
            let state = state.or_insert_with(|| StateChanges {
                interface: Arc::clone(name),
                schema_version: change.schema_version,
                values: BTreeMap::new(),
            });
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
            DeliveryStage::Delivered => {
                counts.delivered += 1;
                counts.last_delivered = counts.last_delivered.max(delivery.delivery.as_i64());
            }
            DeliveryStage::Quarantined => counts.quarantined += 1,
            DeliveryStage::Queued | DeliveryStage::Held | DeliveryStage::Discarded | DeliveryStage::Replaced => {}
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
        digest: arrival.digest,
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
        repeats: ruling.repeats.map(MessageId::as_i64),
    }
}
