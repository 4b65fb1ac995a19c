//! Finding groups by the steps of a path.

use super::{Group, Groups, Node};
use crate::PathError;
use crate::path::GroupStep;
use crate::schema::{Element, Structure, all};

impl Groups {
    /// The segments of the group that the steps lead to; none where the message has no such group.
    pub(in crate::message) fn range(&self, steps: &[GroupStep]) -> Result<Option<std::ops::Range<usize>>, PathError> {
        let found = self.find(steps)?;
        Ok(found.and_then(|index| self.node(index)).map(Node::segments))
    }

    /// The groups that the steps lead to: all of the last name where that has no occurrence.
    pub(super) fn find_all(&self, steps: &[GroupStep]) -> Result<&[u32], PathError> {
        let Some((last, before)) = steps.split_last() else {
            return Ok(&[]);
        };
        let scope = self.find(before)?;
        let found = scope.map_or(&[][..], |scope| self.named(scope, last.name()));
        self.check(steps, found)?;
        if !last.has_occurrence() {
            return Ok(found);
        }
        let index = place(last);
        Ok(found.get(index..).map_or(&[], |rest| rest.get(..1).unwrap_or_default()))
    }

    /// The groups that the steps stand for, where a step without a number stands for all of its name; the message itself
    /// where there are no steps. Steps that the structure does not have stand for none.
    pub(crate) fn all(&self, steps: &[GroupStep]) -> Vec<Group<'_>> {
        let mut found = vec![0];
        for step in steps {
            let named = found.iter().flat_map(|within| {
                let named = self.named(*within, step.name());
                match step.given_occurrence() {
                    Some(_) => named
                        .get(place(step)..)
                        .map_or(&[][..], |rest| rest.get(..1).unwrap_or_default()),
                    None => named,
                }
            });
            found = named.map(|index| *index as usize).collect();
        }
        found.dedup();
        found.into_iter().map(|index| Group { groups: self, index }).collect()
    }

    /// The node that the steps lead to, the message itself where there are none.
    fn find(&self, steps: &[GroupStep]) -> Result<Option<usize>, PathError> {
        let mut at = Some(0);
        for step in steps {
            let named = at.map_or(&[][..], |at| self.named(at, step.name()));
            at = named.get(place(step)).map(|index| *index as usize);
        }
        if at.is_none() || self.structure.is_none() {
            self.check(steps, &[])?;
        }
        Ok(at)
    }

    /// All groups of a name within a node, at any depth, in document order.
    fn named(&self, within: usize, name: &str) -> &[u32] {
        let number = self
            .structure
            .and_then(|structure| structure.plan().groups().iter().position(|known| *known == name));
        let places = number.and_then(|number| self.by_name.get(number));
        let (Some(places), Some(node)) = (places, self.node(within)) else {
            return &[];
        };
        let start = places.partition_point(|place| (*place as usize) <= within);
        let end = places.partition_point(|place| *place < node.after);
        places.get(start..end).unwrap_or_default()
    }

    /// Where nothing was found: whether the structure has such groups at all.
    fn check(&self, steps: &[GroupStep], found: &[u32]) -> Result<(), PathError> {
        if !found.is_empty() || steps.is_empty() {
            return Ok(());
        }
        match self.structure {
            Some(structure) => check(structure, steps),
            None => Err(PathError::Unsupported {
                reason: "a path through groups, because MSH-9 names no message structure that is known; name the segment \
                         and its occurrence, as in OBX[3]-5",
            }),
        }
    }
}

impl Group<'_> {
    /// How many groups of a name are within it, at any depth.
    pub(crate) fn count_within(&self, name: &str) -> usize {
        self.groups.named(self.index, name).len()
    }
}

fn place(step: &GroupStep) -> usize {
    usize::try_from(step.occurrence()).unwrap_or(usize::MAX) - 1
}

fn check(structure: &'static Structure, steps: &[GroupStep]) -> Result<(), PathError> {
    let mut possible: Vec<&[Element]> = vec![&structure.elements];
    for step in steps {
        let inner: Vec<_> = possible
            .iter()
            .flat_map(|elements| all(elements))
            .filter(|element| element.is_group())
            .collect();
        let named: Vec<_> = inner
            .iter()
            .copied()
            .filter(|group| group.name == step.name())
            .collect();
        if named.is_empty() {
            return Err(PathError::NoSuchGroup {
                group: step.name().into(),
                structure: structure.name,
                known: listed(&inner),
            });
        }
        possible = named.iter().map(|group| group.elements.as_slice()).collect();
    }
    Ok(())
}

fn listed(groups: &[&Element]) -> Box<str> {
    let mut names: Vec<_> = groups.iter().map(|group| group.name).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ").into()
    }
}
