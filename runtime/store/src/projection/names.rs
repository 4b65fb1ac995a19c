//! Interfaces and queues by number: rows name them in a byte or two. And what later entries depend on: holds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::Connection;

/// The numbers of interfaces and queues, given in the order in which the journal first names them.
#[derive(Debug, Default)]
pub(super) struct Names {
    interfaces: HashMap<Arc<str>, Interface>,
    queues: i64,
    /// Interface and revision: what that revision makes is held.
    pub(super) holds: HashSet<(i64, u32)>,
    /// Named since the last transaction: number, name.
    pub(super) new_interfaces: Vec<(i64, Arc<str>)>,
    /// Number, interface, destination.
    pub(super) new_queues: Vec<(i64, i64, Arc<str>)>,
}

#[derive(Debug)]
struct Interface {
    number: i64,
    queues: HashMap<Arc<str>, i64>,
}

impl Names {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut names = Self::default();
        let mut by_number = HashMap::new();
        let mut statement = connection.prepare("SELECT id, name FROM interfaces ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (number, name): (i64, Arc<str>) = (row.get(0)?, row.get(1)?);
            names.interfaces.insert(
                name.clone(),
                Interface {
                    number,
                    queues: HashMap::new(),
                },
            );
            by_number.insert(number, name);
        }
        let mut statement = connection.prepare("SELECT id, interface, destination FROM queues ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (number, interface): (i64, i64) = (row.get(0)?, row.get(1)?);
            names.queues = names.queues.max(number);
            let interface = by_number
                .get(&interface)
                .and_then(|name| names.interfaces.get_mut(name));
            if let Some(interface) = interface {
                interface.queues.insert(row.get(2)?, number);
            }
        }
        let mut statement = connection.prepare("SELECT interface, revision FROM holds")?;
        let holds = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        names.holds = holds.collect::<Result<_, _>>()?;
        Ok(names)
    }

    pub(super) fn interface(&mut self, name: &Arc<str>) -> i64 {
        self.find(name).number
    }

    pub(super) fn queue(&mut self, interface: &Arc<str>, destination: &Arc<str>) -> i64 {
        let next = self.queues + 1;
        let interface = self.find(interface);
        if let Some(number) = interface.queues.get(destination) {
            return *number;
        }
        interface.queues.insert(destination.clone(), next);
        let new = (next, interface.number, destination.clone());
        self.queues = next;
        self.new_queues.push(new);
        next
    }

    fn find(&mut self, name: &Arc<str>) -> &mut Interface {
        let next = i64::try_from(self.interfaces.len()).unwrap_or(i64::MAX) + 1;
        self.interfaces.entry(name.clone()).or_insert_with(|| {
            self.new_interfaces.push((next, name.clone()));
            Interface {
                number: next,
                queues: HashMap::new(),
            }
        })
    }
}
