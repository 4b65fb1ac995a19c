//! Lanes: which messages keep their order among themselves, and which of them wait for a person.
//!
//! A message belongs to some lanes, to all of them or to none. Whoever lets messages go on asks [`Precedence`] whose turn it
//! is; what may not go on at all, because something before it in its lane is in quarantine, is found by [`HeldLanes`].

mod held;
mod precedence;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use held::HeldLanes;
pub use precedence::Precedence;

/// The lanes of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lanes {
    /// All of them: it is behind everything before it, and in front of everything after it but what belongs to none.
    #[default]
    All,
    /// These.
    Of {
        /// What the messages are ordered by. Where two are ordered by something else, the later one waits.
        order: u32,
        /// By number: sorted, each once, and at least one.
        numbers: Arc<[u32]>,
    },
    /// None: it waits for nobody, and only what belongs to all lanes waits for it.
    None,
}

/// What becomes of a message's lanes when it, or a delivery of it, is put into quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFault {
    /// Others go on.
    #[default]
    Continue,
    /// What is behind it in its lanes waits for a person.
    HoldLanes,
    /// What is behind it in the interface does.
    HoldInterface,
}

/// What waits behind something in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) lanes: Lanes,
    /// At every destination, and not only at the one of the delivery that is in quarantine.
    pub(crate) is_everywhere: bool,
}

/// Lanes that one message may belong to. Real messages name a patient by a handful of identifiers, and merges twice as many;
/// what names more belongs to all lanes, which is slower and never out of order.
const LANES_OF_MESSAGE_MAX: usize = 64;

impl Lanes {
    /// The lanes of these numbers; all where there is none, or there are too many to be told apart.
    #[must_use]
    pub fn of(order: u32, mut numbers: Vec<u32>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() || numbers.len() > LANES_OF_MESSAGE_MAX {
            Self::All
        } else {
            Self::Of {
                order,
                numbers: numbers.into(),
            }
        }
    }

    /// As the files hold them: nothing for all, otherwise the order and the numbers, which are none for none.
    pub(crate) fn stored(&self) -> Option<Vec<u32>> {
        match self {
            Self::All => None,
            Self::Of { order, numbers } => Some([&[*order], &**numbers].concat()),
            Self::None => Some(Vec::new()),
        }
    }

    pub(crate) fn of_stored(numbers: Option<Vec<u32>>) -> Self {
        match numbers {
            None => Self::All,
            Some(stored) => match stored.split_first() {
                None => Self::None,
                Some((order, numbers)) => Self::Of {
                    order: *order,
                    numbers: numbers.into(),
                },
            },
        }
    }

    /// The same as a column of a table.
    pub(crate) fn column(&self) -> Option<Vec<u8>> {
        let numbers = self.stored()?;
        Some(numbers.into_iter().flat_map(u32::to_le_bytes).collect())
    }

    pub(crate) fn of_column(column: Option<Vec<u8>>) -> Self {
        let numbers = |bytes: Vec<u8>| {
            let (whole, _) = bytes.as_chunks::<4>();
            whole.iter().copied().map(u32::from_le_bytes).collect()
        };
        Self::of_stored(column.map(numbers))
    }
}

impl OnFault {
    /// What waits behind a message of these lanes; none where nothing does.
    pub(crate) fn behind_message(self, lanes: &Lanes) -> Option<Holding> {
        let holding = self.behind_delivery(lanes)?;
        Some(Holding {
            is_everywhere: true,
            ..holding
        })
    }

    /// What waits behind one delivery of it.
    pub(crate) fn behind_delivery(self, lanes: &Lanes) -> Option<Holding> {
        let (lanes, is_everywhere) = match self {
            Self::Continue => return None,
            Self::HoldLanes if *lanes == Lanes::None => return None,
            Self::HoldLanes => (lanes.clone(), false),
            Self::HoldInterface => (Lanes::All, true),
        };
        Some(Holding { lanes, is_everywhere })
    }
}
