//! Whether stored messages come out again as they did: identical, different, or not to be verified, and why.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use transfuse_engine::{Change, Detail, Interface, Made, Place, compare};
use transfuse_store::{DecisionRecord, MessageId, MessageRecord, MessageSummary, Query, ReadError};

use super::{Past, Then, state_of};
use crate::configuration::{references, resolved};
use crate::selection::Reasons;
use crate::stored::asked;

/// How long one answer may take; whoever asks goes on with the next one.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Messages that come out differently and are told of in one answer.
const DIFFERENT_MAX: usize = 50;

/// What came of some messages.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// Byte for byte, and with the same fuel.
    pub(crate) identical: u64,
    /// The same results, for other fuel.
    pub(crate) other_fuel: u64,
    /// How many come out differently.
    pub(crate) different: u64,
    /// And some of them.
    pub(crate) listed: Vec<Found>,
    /// Those that cannot be verified.
    pub(crate) not_verifiable: Reasons,
    /// The last message that was looked at; none where there was no other.
    pub(crate) last: Option<MessageId>,
}

/// A message that comes out differently.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: MessageId,
    pub(crate) interface: String,
    pub(crate) revision: u32,
    pub(crate) changes: Vec<Change>,
}

/// What came of one.
enum Verdict {
    Identical,
    OtherFuel,
    Different(Vec<Change>),
    NotVerifiable(String),
}

impl Past {
    /// Runs the messages of a query again, the newest first, for some seconds.
    pub(crate) async fn verify(
        self: &Arc<Self>,
        query: Query,
        live: impl Fn(&str) -> Option<Arc<Interface>>,
    ) -> Result<Verified, ReadError> {
        let until = Instant::now() + TIME_MAX;
        let store = self.store.clone();
        let messages = asked(move || store.messages(&query)).await?;
        let mut verified = Verified::default();
        for message in messages {
            if Instant::now() >= until {
                break;
            }
            verified.last = Some(message.id);
            let (store, id) = (self.store.clone(), message.id);
            let Some(record) = asked(move || store.message(id)).await? else {
                continue;
            };
            let verdict = self.verify_one(record, live(&message.interface)).await;
            verified.add(&message, verdict);
        }
        Ok(verified)
    }

    /// Every decision about it: more than one where somebody had it decided again.
    async fn verify_one(self: &Arc<Self>, record: MessageRecord, live: Option<Arc<Interface>>) -> Verdict {
        if let Some(damage) = record.damage {
            return Verdict::NotVerifiable(damage);
        }
        let mut all = Verdict::NotVerifiable("it is not decided yet".to_owned());
        let afters = record.operations.iter().filter(|one| one.kind.decides());
        let afters: Vec<bool> = afters.map(|one| one.after.is_some()).collect();
        let decisions: Vec<DecisionRecord> = record.earlier.iter().chain(&record.decision).cloned().collect();
        for (number, decision) in decisions.into_iter().enumerate() {
            let one = MessageRecord {
                decision: Some(decision.clone()),
                ..record.clone()
            };
            let is_mixed = number.checked_sub(1).and_then(|before| afters.get(before)) == Some(&true);
            let verdict = if number == 0 && record.summary.repeats.is_some() {
                Verdict::NotVerifiable(DUPLICATE.to_owned())
            } else if is_mixed {
                Verdict::NotVerifiable(MIXED.to_owned())
            } else {
                self.verify_decision(one, decision, live.as_ref()).await
            };
            // Who had it decided again may have wanted it for one destination only.
            let verdict = if number == 0 {
                verdict
            } else {
                verdict.wherever_it_goes()
            };
            all = if number == 0 { verdict } else { all.and(verdict) };
        }
        all
    }

    async fn verify_decision(
        self: &Arc<Self>,
        record: MessageRecord,
        decision: DecisionRecord,
        live: Option<&Arc<Interface>>,
    ) -> Verdict {
        if let Some(why) = not_verifiable(&decision) {
            return Verdict::NotVerifiable(why);
        }
        let (past, of) = (Arc::clone(self), record.clone());
        let then = tokio::task::spawn_blocking(move || past.then(&of, &decision)).await;
        let then = match then {
            Ok(Ok(then)) => then,
            Ok(Err(error)) => return Verdict::NotVerifiable(format!("{error:#}")),
            Err(error) => return Verdict::NotVerifiable(error.to_string()),
        };
        if then.reuses_instances() {
            return Verdict::NotVerifiable("a step of its revision uses instances again".to_owned());
        }
        then.revision.wait_until_idle().await;
        let rerun = match then.revision.rerun(&record, state_of(live)).await {
            Err(why) => return Verdict::NotVerifiable(why.to_string()),
            Ok(rerun) if rerun.is_approximate => return Verdict::NotVerifiable(STATE.to_owned()),
            Ok(rerun) => rerun,
        };
        if let Some(fault) = rerun.made.faults().find(|fault| depends_on_machine(&fault.kind)) {
            return Verdict::NotVerifiable(format!("it ended with `{}` when it was run again", fault.kind));
        }
        match then.compare(&record, &rerun.made, rerun.fuel()) {
            Verdict::Different(_) | Verdict::OtherFuel if then.has_secrets() => {
                Verdict::NotVerifiable(SECRETS.to_owned())
            }
            verdict => verdict,
        }
    }
}

const STATE: &str = "its plugins use what they keep between messages";

const DUPLICATE: &str = "it had been accepted before, and went through no chain";

const MIXED: &str = "it was replayed behind steps of another revision";

/// Said only of what comes out differently.
const SECRETS: &str = "its configuration holds secrets, which may have been others then";

/// Faults that another run may not meet, or meet elsewhere.
fn depends_on_machine(kind: &str) -> bool {
    kind == "deadline" || kind == "host-broken"
}

/// What the record itself says.
fn not_verifiable(decision: &DecisionRecord) -> Option<String> {
    let detail = match Detail::open(decision.detail.as_slice()) {
        Ok(detail) => detail,
        Err(error) => return Some(error.to_string()),
    };
    if detail.steps.iter().any(|step| step.access.state) {
        return Some(STATE.to_owned());
    }
    if let Some(exchange) = &detail.exchange {
        return Some(format!("the answer of `{}` went into it", exchange.destination));
    }
    let stops = decision.outputs.iter().filter_map(|output| output.stopped.as_ref());
    let mut faults = decision.fault.iter().chain(stops);
    if let Some(fault) = faults.find(|fault| depends_on_machine(&fault.kind)) {
        return Some(format!("`{}` depends on the machine", fault.kind));
    }
    let ran = !detail.steps.is_empty() || !detail.findings.is_empty();
    (ran && detail.engine != Detail::ENGINE).then(|| match detail.engine.as_str() {
        "" => "an engine that did not record its version decided it".to_owned(),
        version => format!("another engine decided it, {version}"),
    })
}

impl Then {
    fn reuses_instances(&self) -> bool {
        let mut steps = self.resolved.all_steps();
        steps.any(|step| matches!(step.instances, resolved::Instances::Reuse(_)))
    }

    fn has_secrets(&self) -> bool {
        let mut steps = self.resolved.all_steps();
        steps.any(|step| !references(&step.config).is_empty())
    }

    fn compare(&self, record: &MessageRecord, made: &Made, fuel: u64) -> Verdict {
        let recorded = self.revision.recorded(record);
        let changes = recorded.map(|recorded| compare(&recorded, made)).unwrap_or_default();
        let detail = record
            .decision
            .as_ref()
            .map(|decision| Detail::open(decision.detail.as_slice()));
        let before: u64 = match detail {
            Some(Ok(detail)) => detail.steps.iter().map(|step| step.fuel).sum(),
            _ => fuel,
        };
        match (changes.is_empty(), before == fuel) {
            (true, true) => Verdict::Identical,
            (true, false) => Verdict::OtherFuel,
            (false, _) => Verdict::Different(changes),
        }
    }
}

impl Verdict {
    /// What two decisions about one message come to: that which says most against them.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Different(mut changes), Self::Different(more)) => {
                changes.extend(more);
                Self::Different(changes)
            }
            (one, other) if one.weight() >= other.weight() => one,
            (_, other) => other,
        }
    }

    fn weight(&self) -> u8 {
        match self {
            Self::Identical => 0,
            Self::OtherFuel => 1,
            Self::NotVerifiable(_) => 2,
            Self::Different(_) => 3,
        }
    }

    /// The same where only the outputs matter.
    fn wherever_it_goes(self) -> Self {
        let Self::Different(mut changes) = self else {
            return self;
        };
        changes.retain(|change| change.place != Place::Destinations);
        if changes.is_empty() {
            Self::Identical
        } else {
            Self::Different(changes)
        }
    }
}

impl Verified {
    fn add(&mut self, message: &MessageSummary, verdict: Verdict) {
        match verdict {
            Verdict::Identical => self.identical += 1,
            Verdict::OtherFuel => self.other_fuel += 1,
            Verdict::Different(changes) => {
                self.different += 1;
                if self.listed.len() < DIFFERENT_MAX {
                    self.listed.push(Found {
                        id: message.id,
                        interface: message.interface.to_string(),
                        revision: message.revision,
                        changes,
                    });
                }
            }
            Verdict::NotVerifiable(why) => self.not_verifiable.add(message.id, &why),
        }
    }
}
