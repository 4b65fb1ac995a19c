//! Interfaces that feed each other: whether all of them are there, and whether a message would come back.

use std::collections::{BTreeMap, BTreeSet};

use super::acknowledgement::refuse_unknown;
use super::fault::Faults;
use super::interface::Read;
use super::resolved::Interface;

/// Refuses what is handed over to an interface that is nowhere, and what would come back to where it came from.
pub(super) fn check(read: &[Read], faults: &Faults) {
    for to in read.iter().flat_map(|read| &read.claims.feeds) {
        refuse_unknown(to, "interface", read.iter().map(|read| read.name.as_str()), faults);
    }
    let feeds = read.iter().map(|read| {
        let to = read.claims.feeds.iter().map(|to| to.value.as_str());
        (read.name.as_str(), to.collect())
    });
    if let Some(cycle) = cycle_of(feeds.collect()) {
        let pair = cycle.first().zip(cycle.get(1));
        let place = pair.and_then(|(from, to)| {
            let from = read.iter().find(|read| read.name == *from)?;
            from.claims.feeds.iter().find(|one| one.value == *to)
        });
        if let Some(place) = place {
            faults.at_with_hint(&place.place, told(&cycle), HINT);
        }
    }
    for lonely in read.iter().filter_map(|one| {
        let mut feeds = read.iter().flat_map(|other| &other.claims.feeds);
        let place = one.claims.waits_for_others.as_ref()?;
        (!feeds.any(|to| to.value == one.name)).then_some(place)
    }) {
        faults.warn(
            lonely,
            "no interface hands anything over to this one",
            "write `type = \"interface\"` and `to` in a destination of the one that feeds it",
        );
    }
}

/// What to do about a cycle.
pub(crate) const HINT: &str = "let one of them end elsewhere: what goes round would never stop";

/// The interfaces through which a message would come back to where it came from, in order, the first again at the end; none where it
/// never does.
pub(crate) fn cycle<'i>(interfaces: impl Iterator<Item = &'i Interface>) -> Option<Vec<String>> {
    let feeds = interfaces.map(|one| (one.name.as_str(), one.feeds().collect()));
    cycle_of(feeds.collect())
}

/// `messages would go round: lab -> billing -> lab`.
pub(crate) fn told(cycle: &[String]) -> String {
    format!("messages would go round: {}", cycle.join(" -> "))
}

/// Takes away what leads nowhere, again and again; from what is left every way leads into a cycle.
fn cycle_of(mut feeds: BTreeMap<&str, Vec<&str>>) -> Option<Vec<String>> {
    loop {
        let left: BTreeSet<&str> = feeds.keys().copied().collect();
        feeds.retain(|_, to| to.iter().any(|name| left.contains(name)));
        if feeds.len() == left.len() {
            break;
        }
    }
    let mut way: Vec<&str> = vec![feeds.keys().next()?];
    loop {
        let last = way.last()?;
        let next = feeds.get(last)?.iter().find(|name| feeds.contains_key(*name))?;
        if let Some(first) = way.iter().position(|name| name == next) {
            let round = way.iter().skip(first).chain([next]);
            return Some(round.map(ToString::to_string).collect());
        }
        way.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(feeds: &[(&'static str, &[&'static str])]) -> Option<String> {
        let feeds = feeds.iter().map(|(from, to)| (*from, to.to_vec()));
        cycle_of(feeds.collect()).map(|cycle| cycle.join(" "))
    }

    #[test]
    fn a_cycle_is_told_as_it_goes_round_and_what_only_leads_there_is_not_a_part_of_it() {
        assert_eq!(
            cycle(&[("a", &["b"]), ("b", &["c", "d"]), ("c", &[]), ("d", &["c"])]),
            None
        );
        assert_eq!(cycle(&[("a", &["a"])]).as_deref(), Some("a a"));
        assert_eq!(
            cycle(&[("a", &["b"]), ("b", &["z", "c"]), ("c", &["b"]), ("z", &[])]).as_deref(),
            Some("b c b")
        );
        assert_eq!(cycle(&[("a", &["nowhere"])]), None);
    }
}
