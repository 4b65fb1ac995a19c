//! Whose turn it is.

use std::collections::{HashMap, HashSet};

use super::Lanes;

/// Who waits for whom: each knows how many are before it, and who is directly behind it.
///
/// Ids are the caller's own. They enter in their order, and leave when they are due: nothing is before them then.
#[derive(Debug, Default)]
pub struct Precedence {
    waiting: HashMap<i64, Place>,
    /// What those in `last_of` are ordered by.
    order: u32,
    /// The last of each lane since the last one of all lanes.
    last_of: HashMap<u32, i64>,
    /// The last of all lanes.
    last_of_all: Option<i64>,
    /// Those of no lane since the last one of all.
    loose: HashSet<i64>,
}

#[derive(Debug)]
struct Place {
    lanes: Lanes,
    before: usize,
    behind: Vec<i64>,
}

impl Precedence {
    /// Takes the next one in, and says whether it is due. Where others are ordered by something else, it is behind all of them.
    pub fn enter(&mut self, id: i64, lanes: Lanes) -> bool {
        let lanes = self.comparable(lanes);
        let before = match &lanes {
            Lanes::None => {
                self.loose.insert(id);
                0
            }
            Lanes::Of { numbers, .. } => {
                let mut before = self.last_of_all.map_or(0, |last| self.put_behind(last, id));
                for number in numbers.iter() {
                    let last = self.last_of.insert(*number, id);
                    before += last.map_or(0, |last| self.put_behind(last, id));
                }
                before
            }
            Lanes::All => {
                let last_of = std::mem::take(&mut self.last_of);
                let loose = std::mem::take(&mut self.loose);
                let last_of_all = self.last_of_all.replace(id);
                let all = last_of.into_values().chain(loose).chain(last_of_all);
                all.map(|last| self.put_behind(last, id)).sum()
            }
        };
        let place = Place {
            lanes,
            before,
            behind: Vec::new(),
        };
        self.waiting.insert(id, place);
        before == 0
    }

    /// Lets one that is due go, and gives those that are due because of that.
    pub fn leave(&mut self, id: i64) -> Vec<i64> {
        let Some(Place { lanes, mut behind, .. }) = self.waiting.remove(&id) else {
            return Vec::new();
        };
        match lanes {
            Lanes::None => {
                self.loose.remove(&id);
            }
            Lanes::Of { numbers, .. } => {
                for number in numbers.iter() {
                    if self.last_of.get(number) == Some(&id) {
                        self.last_of.remove(number);
                    }
                }
            }
            Lanes::All if self.last_of_all == Some(id) => self.last_of_all = None,
            Lanes::All => {}
        }
        // One that is behind in two lanes stands here twice, and is due with the last of them.
        behind.retain(|next| {
            self.waiting.get_mut(next).is_some_and(|next| {
                next.before -= 1;
                next.before == 0
            })
        });
        behind
    }

    fn comparable(&mut self, lanes: Lanes) -> Lanes {
        let Lanes::Of { order, .. } = &lanes else { return lanes };
        let before = std::mem::replace(&mut self.order, *order);
        if before == self.order || self.last_of.is_empty() {
            lanes
        } else {
            Lanes::All
        }
    }

    /// Puts one behind another, and gives how many more are before it.
    fn put_behind(&mut self, last: i64, id: i64) -> usize {
        self.waiting.get_mut(&last).map_or(0, |last| {
            last.behind.push(id);
            1
        })
    }
}
