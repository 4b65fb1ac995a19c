#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::FutureExt as _;

use super::*;

fn inflow(bytes_max: usize) -> Inflow {
    Inflow::new(InflowSettings {
        bytes_max,
        connections_max: 2,
    })
}

fn may_read(account: &mut Account, bytes: usize) -> bool {
    account.cover(bytes).now_or_never().is_some()
}

#[test]
fn what_is_answered_makes_room_for_who_waits() {
    let inflow = inflow(100);
    let (mut first, mut second, mut third) = (inflow.account(), inflow.account(), inflow.account());
    assert!(may_read(&mut first, 80));
    let frame = first.hand_over(80);
    assert!(may_read(&mut second, 40), "one may go beyond");
    assert!(!may_read(&mut third, 40));
    assert_eq!(
        (inflow.now().bytes, inflow.now().waits),
        (100, 2),
        "the rest is set aside"
    );
    drop(frame);
    assert!(may_read(&mut third, 40));
    drop((first, second, third));
    assert_eq!(inflow.now().bytes, 0);
}

#[test]
fn who_goes_beyond_does_so_for_one_frame_that_is_answered_before_the_next_one_may() {
    let inflow = inflow(100);
    let (mut large, mut other) = (inflow.account(), inflow.account());
    assert!(may_read(&mut large, 60));
    assert!(may_read(&mut large, 250), "its own frame is beyond the whole budget");
    let frame = large.hand_over(250);
    assert!(!may_read(&mut large, 120), "a second one");
    assert!(!may_read(&mut other, 40), "it was there first");
    drop(frame);
    assert!(may_read(&mut large, 120));
    assert!(may_read(&mut other, 100), "what it waited for is not set aside for it");
    assert!(!may_read(&mut other, 101), "one at a time");
}

#[test]
fn who_needs_less_meanwhile_takes_no_place_in_the_queue() {
    let inflow = inflow(100);
    let (mut first, mut beyond, mut waiting) = (inflow.account(), inflow.account(), inflow.account());
    assert!(may_read(&mut first, 90));
    assert!(may_read(&mut beyond, 200));
    assert!(!may_read(&mut waiting, 30));
    assert!(waiting.is_waiting());
    assert!(may_read(&mut waiting, 0));
    assert!(!waiting.is_waiting());
    drop(first.hand_over(90));
    assert_eq!(
        inflow.now().bytes,
        0,
        "nothing was given to who did not need it any more"
    );
}

#[test]
fn a_connection_has_a_place_until_it_ends() {
    let inflow = inflow(1);
    let first = inflow.connect().unwrap();
    let _second = inflow.connect().unwrap();
    assert!(inflow.connect().is_none());
    assert_eq!(inflow.now().connections, 2);
    drop(first);
    assert!(inflow.connect().is_some());
}
