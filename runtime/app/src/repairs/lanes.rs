//! Lanes that are held because something of theirs is in quarantine.

use transfuse_store::{HeldLaneList, MessageId, Operator};

use super::{RepairError, Repairs};

/// Held lanes that are listed, each with a count of what waits behind it: more than anybody works through by hand.
const LISTED_MAX: usize = 100;

impl Repairs {
    /// What holds lanes, of one interface or of all.
    pub(crate) async fn held_lanes(&self, interface: Option<String>) -> Result<HeldLaneList, RepairError> {
        self.ask(move |store| store.held_lanes(interface.as_deref(), LISTED_MAX))
            .await
    }

    /// Lets the lanes of one message go on, or all that are held, and gives how many holds that ends.
    pub(crate) async fn release_lanes(
        &self,
        interface: &str,
        message: Option<MessageId>,
        operator: &Operator,
    ) -> Result<u64, RepairError> {
        let _one = self.one.lock().await;
        let before = self.holding(interface, message).await?;
        if before == 0 {
            return Err(RepairError::NothingHeld {
                interface: interface.to_owned(),
            });
        }
        self.store.release_lanes(interface, message, operator).await?;
        tracing::info!(
            interface,
            message = message.map(|message| message.to_string()),
            author = operator.author,
            reason = operator.reason,
            "held lanes go on"
        );
        Ok(before)
    }

    pub(super) async fn holding(&self, interface: &str, message: Option<MessageId>) -> Result<u64, RepairError> {
        let interface = interface.to_owned();
        self.ask(move |store| store.lane_holds(&interface, message)).await
    }
}
