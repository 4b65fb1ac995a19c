//! Which segment of one message corresponds to which of the other.

use std::collections::HashMap;
use std::ops::Range;

use super::Line;

/// The largest table of pairs that is weighed one against the other, in a stretch where nothing is equal. Stretches
/// that are larger are paired by name and order, in linear time.
const WEIGHED_PAIRS_MAX: usize = 4_096;

/// How much of a segment is looked at when two are weighed, in bytes: enough for the identifying fields of every
/// segment, and no document.
const WEIGHED_BYTES_MAX: usize = 512;

/// A segment and its counterpart, or one without.
pub(super) enum Pair<'a> {
    Both(Line<'a>, Line<'a>),
    Before(Line<'a>),
    After(Line<'a>),
}

/// Pairs the segments of two messages, each once and in order.
///
/// Equal segments at both ends correspond. Between them, segments that both sides hold once are fixed points; in the
/// stretches between those, small ones are paired so that most fields agree, large ones by name.
pub(super) fn align<'a>(before: &[Line<'a>], after: &[Line<'a>]) -> Vec<Pair<'a>> {
    let mut pairs = Vec::with_capacity(before.len().max(after.len()));
    let (mut left, mut right) = (0, 0);
    for (anchor_left, anchor_right) in anchors(before, after) {
        stretch(
            slice(before, left..anchor_left),
            slice(after, right..anchor_right),
            &mut pairs,
        );
        (left, right) = (anchor_left, anchor_right);
    }
    stretch(
        slice(before, left..before.len()),
        slice(after, right..after.len()),
        &mut pairs,
    );
    pairs
}

fn slice<T>(all: &[T], range: Range<usize>) -> &[T] {
    all.get(range).unwrap_or_default()
}

/// Positions of segments that both sides hold exactly once: the longest series of them that is in order on both.
fn anchors(before: &[Line<'_>], after: &[Line<'_>]) -> Vec<(usize, usize)> {
    let (left, right) = (unique(before), unique(after));
    let mut common: Vec<_> = left
        .iter()
        .filter_map(|(raw, left)| Some(((*left)?, (*right.get(raw)?)?)))
        .collect();
    common.sort_unstable();
    longest_increasing(&common)
}

/// Where each segment stands, or `None` for one that occurs more than once.
fn unique<'a>(lines: &[Line<'a>]) -> HashMap<&'a [u8], Option<usize>> {
    let mut positions = HashMap::with_capacity(lines.len());
    for (position, line) in lines.iter().enumerate() {
        positions
            .entry(line.raw())
            .and_modify(|known| *known = None)
            .or_insert(Some(position));
    }
    positions
}

/// The longest series whose second numbers increase, of pairs that are sorted by the first (patience sorting).
fn longest_increasing(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut tails: Vec<usize> = Vec::new();
    let mut previous = Vec::with_capacity(pairs.len());
    let second = |index: usize| pairs.get(index).map_or(0, |pair| pair.1);
    for (index, pair) in pairs.iter().enumerate() {
        let place = tails.partition_point(|tail| second(*tail) < pair.1);
        previous.push(place.checked_sub(1).and_then(|below| tails.get(below).copied()));
        match tails.get_mut(place) {
            Some(tail) => *tail = index,
            None => tails.push(index),
        }
    }
    let mut series = Vec::with_capacity(tails.len());
    let mut at = tails.last().copied();
    while let Some(index) = at {
        series.extend(pairs.get(index));
        at = previous.get(index).copied().flatten();
    }
    series.reverse();
    series
}

/// Pairs what lies between two fixed points; the first of them is part of it.
fn stretch<'a>(before: &[Line<'a>], after: &[Line<'a>], pairs: &mut Vec<Pair<'a>>) {
    let equal = |(left, right): &(&Line<'a>, &Line<'a>)| left.raw() == right.raw();
    let both = |(left, right): (&Line<'a>, &Line<'a>)| Pair::Both(*left, *right);
    let head = before.iter().zip(after).take_while(equal).count();
    pairs.extend(before.iter().zip(after).take(head).map(both));
    let (before, after) = (slice(before, head..before.len()), slice(after, head..after.len()));
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(equal).count();
    let (before, before_tail) = before.split_at(before.len() - tail);
    let (after, after_tail) = after.split_at(after.len() - tail);
    let names_agree = before.len() == after.len() && before.iter().map(Line::name).eq(after.iter().map(Line::name));
    if names_agree {
        pairs.extend(before.iter().zip(after).map(both));
    } else if before.len() * after.len() <= WEIGHED_PAIRS_MAX {
        weigh(before, after, pairs);
    } else {
        pair_by_name(before, after, pairs);
    }
    pairs.extend(before_tail.iter().zip(after_tail).map(both));
}

/// Pairs segments of the same name so that the sum of what agrees is the largest.
fn weigh<'a>(before: &[Line<'a>], after: &[Line<'a>], pairs: &mut Vec<Pair<'a>>) {
    let width = after.len() + 1;
    // The best sum for what remains from (left, right) on, in rows of `width`.
    let mut best = vec![0_usize; (before.len() + 1) * width];
    let sum = |best: &[usize], left: usize, right: usize| best.get(left * width + right).copied().unwrap_or_default();
    for (left, line) in before.iter().enumerate().rev() {
        for (right, other) in after.iter().enumerate().rev() {
            let paired = agreement(line, other).map(|weight| weight + sum(&best, left + 1, right + 1));
            let apart = sum(&best, left + 1, right).max(sum(&best, left, right + 1));
            if let Some(place) = best.get_mut(left * width + right) {
                *place = paired.unwrap_or_default().max(apart);
            }
        }
    }
    let (mut left, mut right) = (0, 0);
    while let (Some(line), Some(other)) = (before.get(left), after.get(right)) {
        let paired = agreement(line, other).map(|weight| weight + sum(&best, left + 1, right + 1));
        if paired == Some(sum(&best, left, right)) {
            pairs.push(Pair::Both(*line, *other));
            (left, right) = (left + 1, right + 1);
        } else if sum(&best, left + 1, right) >= sum(&best, left, right + 1) {
            pairs.push(Pair::Before(*line));
            left += 1;
        } else {
            pairs.push(Pair::After(*other));
            right += 1;
        }
    }
    pairs.extend(before.iter().skip(left).map(|line| Pair::Before(*line)));
    pairs.extend(after.iter().skip(right).map(|line| Pair::After(*line)));
}

/// How well two segments of one name agree: more for each field that is equal and not empty.
fn agreement<'a>(left: &Line<'a>, right: &Line<'a>) -> Option<usize> {
    if left.name() != right.name() {
        return None;
    }
    // The separator is the byte after the name.
    let separator = left.raw().get(3).copied();
    let fields = |line: &Line<'a>| {
        let beginning = line
            .raw()
            .get(..line.raw().len().min(WEIGHED_BYTES_MAX))
            .unwrap_or_default();
        beginning.split(move |byte| Some(*byte) == separator).skip(1)
    };
    let equal = fields(left)
        .zip(fields(right))
        .filter(|(left, right)| !left.is_empty() && left == right);
    Some(1 + 2 * equal.count())
}

/// Walks both sides, pairing segments of one name; one whose name does not come any more on the other side stands
/// alone.
fn pair_by_name<'a>(before: &[Line<'a>], after: &[Line<'a>], pairs: &mut Vec<Pair<'a>>) {
    let (mut left_rest, mut right_rest) = (counts(before), counts(after));
    let (mut left, mut right) = (before.iter().peekable(), after.iter().peekable());
    while let (Some(line), Some(other)) = (left.peek().copied(), right.peek().copied()) {
        let comes_right = right_rest.get(line.name()).is_some_and(|count| *count > 0);
        let comes_left = left_rest.get(other.name()).is_some_and(|count| *count > 0);
        let take_left = line.name() == other.name() || !comes_right || comes_left;
        let take_right = line.name() == other.name() || (comes_right && !comes_left);
        if take_left {
            left.next();
            left_rest.entry(line.name()).and_modify(|count| *count -= 1);
        }
        if take_right {
            right.next();
            right_rest.entry(other.name()).and_modify(|count| *count -= 1);
        }
        pairs.push(match (take_left, take_right) {
            (true, true) => Pair::Both(*line, *other),
            (true, false) => Pair::Before(*line),
            (false, _) => Pair::After(*other),
        });
    }
    pairs.extend(left.map(|line| Pair::Before(*line)));
    pairs.extend(right.map(|line| Pair::After(*line)));
}

fn counts<'a>(lines: &[Line<'a>]) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for line in lines {
        *counts.entry(line.name()).or_default() += 1;
    }
    counts
}
