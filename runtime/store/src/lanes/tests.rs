#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{DeliveryId, MessageId};

const ORDER: u32 = 1;

/// Whether a later one has to wait for an earlier one: the rule itself.
fn waits_for(later: &Lanes, earlier: &Lanes) -> bool {
    match (later, earlier) {
        (Lanes::None, _) => false,
        (Lanes::All, _) | (_, Lanes::All) => true,
        (_, Lanes::None) => false,
        (Lanes::Of { numbers: own, .. }, Lanes::Of { numbers: others, .. }) => {
            own.iter().any(|number| others.contains(number))
        }
    }
}

fn lanes() -> impl Strategy<Value = Lanes> {
    prop_oneof![
        6 => prop::collection::vec(0..5_u32, 1..3).prop_map(|numbers| Lanes::of(ORDER, numbers)),
        1 => Just(Lanes::All),
        1 => Just(Lanes::None),
    ]
}

/// Who is due by the rule, of those that are there.
fn due(there: &[(i64, Lanes)]) -> BTreeSet<i64> {
    let is_due = |index: usize, lanes: &Lanes| {
        let mut earlier = there.iter().take(index);
        !earlier.any(|(_, other)| waits_for(lanes, other))
    };
    let found = there.iter().enumerate();
    found
        .filter(|(index, (_, lanes))| is_due(*index, lanes))
        .map(|(_, (id, _))| *id)
        .collect()
}

proptest! {
    /// Whatever comes and goes, those are due that have nothing before them which they wait for.
    #[test]
    fn whose_turn_it_is_follows_from_the_rule(steps in prop::collection::vec((lanes(), any::<bool>(), any::<prop::sample::Index>()), 1..80)) {
        let mut precedence = Precedence::default();
        let (mut there, mut told): (Vec<(i64, Lanes)>, BTreeSet<i64>) = (Vec::new(), BTreeSet::new());
        for (id, (lanes, comes, which)) in (0..).zip(steps) {
            if comes || told.is_empty() {
                there.push((id, lanes.clone()));
                if precedence.enter(id, lanes) {
                    told.insert(id);
                }
            } else {
                let gone = *which.get(&told.iter().copied().collect::<Vec<_>>());
                told.remove(&gone);
                there.retain(|(id, _)| *id != gone);
                for next in precedence.leave(gone) {
                    prop_assert!(told.insert(next), "told twice");
                }
            }
            prop_assert_eq!(&told, &due(&there));
        }
    }

    /// Nothing goes on that is behind a hold, or behind what waits for one; and everything else does.
    #[test]
    fn what_waits_follows_from_the_holds(ids in prop::collection::vec(lanes(), 1..40), held in prop::collection::vec((0..40_i64, lanes()), 0..4)) {
        let mut lanes_held = HeldLanes::default();
        let mut before: Vec<(i64, Lanes)> = Vec::new();
        for (from, lanes) in held {
            lanes_held.add(DeliveryId::from_i64(from), MessageId::from_i64(from), &lanes);
            if lanes != Lanes::None {
                before.push((from, lanes));
            }
        }
        for (id, lanes) in (0..).zip(ids) {
            let waits = before.iter().any(|(from, other)| *from <= id && waits_for(&lanes, other));
            prop_assert_eq!(lanes_held.takes(DeliveryId::from_i64(id), &lanes), waits);
            if waits {
                before.push((id, lanes));
            }
        }
    }
}

#[test]
fn a_released_message_holds_nothing_any_more_and_others_do() {
    let message = MessageId::from_i64;
    let lane = |number| Lanes::of(ORDER, vec![number]);
    let mut held = HeldLanes::default();
    held.add(DeliveryId::from_i64(3), message(1), &lane(1));
    held.add(DeliveryId::from_i64(3), message(2), &lane(2));
    assert!(held.takes(DeliveryId::from_i64(4), &Lanes::of(ORDER, vec![1, 3])));
    held.release(Some(message(1)));
    held.begin_anew();
    assert!(!held.takes(DeliveryId::from_i64(4), &Lanes::of(ORDER, vec![1, 3])));
    assert!(!held.takes(DeliveryId::from_i64(2), &lane(2)), "it came before");
    assert!(held.takes(DeliveryId::from_i64(5), &lane(2)));
    held.release(None);
    held.begin_anew();
    assert!(!held.takes(DeliveryId::from_i64(5), &lane(2)));
}

#[test]
fn lanes_come_back_from_a_column() {
    for lanes in [Lanes::All, Lanes::None, Lanes::of(ORDER, vec![7, u32::MAX, 7])] {
        assert_eq!(Lanes::of_column(lanes.column()), lanes);
    }
    assert_eq!(Lanes::of(ORDER, Vec::new()), Lanes::All);
    let many = (0..=u32::try_from(LANES_OF_MESSAGE_MAX).expect("a small number")).collect();
    assert_eq!(Lanes::of(ORDER, many), Lanes::All);
}

#[test]
fn what_is_ordered_by_something_else_is_behind_all_that_was() {
    let other = |number| Lanes::of(ORDER + 1, vec![number]);
    let own = |number| Lanes::of(ORDER, vec![number]);
    let mut precedence = Precedence::default();
    assert!(precedence.enter(1, own(1)) && precedence.enter(2, own(2)));
    assert!(!precedence.enter(3, other(3)) && !precedence.enter(4, other(4)));
    assert_eq!(precedence.leave(1), Vec::<i64>::new());
    assert_eq!(precedence.leave(2), [3]);
    assert_eq!(precedence.leave(3), [4]);
    assert!(precedence.enter(5, other(3)), "the others are gone");

    let mut held = HeldLanes::default();
    held.add(DeliveryId::from_i64(2), MessageId::from_i64(1), &own(1));
    assert!(!held.takes(DeliveryId::from_i64(1), &other(3)) && !held.takes(DeliveryId::from_i64(2), &own(2)));
    assert!(held.takes(DeliveryId::from_i64(3), &other(3)));
    assert!(
        held.takes(DeliveryId::from_i64(4), &own(2)),
        "it is behind one that may be of its patient"
    );
}
