//! Which interfaces run, for those that hand something over to another one.

use std::sync::{Arc, Weak};

use dashmap::DashMap;

use crate::door::Door;

/// The doors of all interfaces that run, by name. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doors(Arc<DashMap<Arc<str>, Weak<Door>>>);

impl Doors {
    /// From now on the interface can be handed something.
    pub(crate) fn add(&self, interface: &Arc<str>, door: &Arc<Door>) {
        self.0.insert(Arc::clone(interface), Arc::downgrade(door));
    }

    /// It ends.
    pub(crate) fn remove(&self, interface: &str) {
        self.0.remove(interface);
    }

    /// The way into an interface; none where there is none of that name.
    pub(crate) fn of(&self, interface: &str) -> Option<Arc<Door>> {
        self.0.get(interface)?.upgrade()
    }
}
