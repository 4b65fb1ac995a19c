//! Doing a rule on each segment, group or repetition, on a segment that is added, and on the parts of a message.

use minijinja::Value;
use transfuse_plugin::prelude::*;

use super::{Flow, Run};
use crate::mapping::{Name, Rule};
use crate::path::{Frame, Path};
use crate::tables::CodeTable;

impl<'a, T: CodeTable> Run<'a, T> {
    pub(super) fn each(&mut self, rule: &'a Rule, path: &Path, may_take_out: bool) -> Result<Flow, Stop> {
        if path.is_group() {
            return self.each_group(rule, path);
        }
        let whole = self.resolve(path);
        let all = self.message.count(&whole)?;
        // The rule may take out what it is at: what follows moves up, and is next.
        let (mut at, mut there_are) = (1, all);
        for number in 1..=all {
            let here = format!("{whole}[{at}]");
            let frame = match path.field {
                Some(field) => Frame::Field {
                    name: path.segment.clone(),
                    field,
                    at: here,
                },
                None => Frame::Segment {
                    name: path.segment.clone(),
                    at: here,
                },
            };
            if self.within(frame, number, rule)? == Flow::Ended {
                return Ok(Flow::Ended);
            }
            let before = there_are;
            if may_take_out {
                there_are = self.message.count(&whole)?;
            }
            if there_are >= before {
                at += 1;
            }
        }
        Ok(Flow::Next)
    }

    fn each_group(&mut self, rule: &'a Rule, path: &Path) -> Result<Flow, Stop> {
        let groups = self.message.groups(self.resolve(path))?;
        for (number, at) in (1..).zip(groups) {
            if self.within(Frame::Group { at }, number, rule)? == Flow::Ended {
                return Ok(Flow::Ended);
            }
        }
        Ok(Flow::Next)
    }

    fn within(&mut self, frame: Frame, number: u32, rule: &'a Rule) -> Result<Flow, Stop> {
        let variables = self.variables.len();
        self.frames.push(frame);
        self.variables.push((Name::from("number"), Value::from(number)));
        let flow = self.body(rule);
        self.variables.truncate(variables);
        self.frames.pop();
        flow
    }

    pub(super) fn added(&mut self, rule: &'a Rule, segment: &str, after: Option<&Path>) -> Result<Flow, Stop> {
        if let Some(when) = &rule.when
            && !when.evaluate(self)?.is_true()
        {
            return self.rules(&rule.otherwise);
        }
        let after = after.map(|after| self.last_of(after)).transpose()?;
        let at = self.message.insert(segment, after.unwrap_or_default())?;
        let variables = self.variables.len();
        self.frames.push(Frame::Segment {
            name: segment.to_owned(),
            at,
        });
        let flow = self.statements(rule);
        self.variables.truncate(variables);
        self.frames.pop();
        flow
    }

    /// The last of the segments that a path without a number names, because a segment added after `OBX` comes after all
    /// of them; within a for-each over them it is the one at hand.
    fn last_of(&self, path: &Path) -> Result<String, Stop> {
        let whole = self.resolve(path);
        if path.is_group() || whole.ends_with(']') {
            return Ok(whole);
        }
        let count = self.message.count(&whole)?;
        Ok(format!("{whole}[{}]", count.max(1)))
    }

    /// A message for each group or segment, with the others taken out of it. A message that has none goes on whole.
    pub(super) fn parts(&mut self, rule: &'a Rule, path: &Path, segments: &[String]) -> Result<Flow, Stop> {
        let places = self.places(path)?;
        if places.is_empty() {
            return Ok(Flow::Next);
        }
        self.refuse_strangers(path, &places, segments)?;
        let whole = self.message.clone();
        self.is_part = true;
        let mut number = 0;
        for kept in 0..places.len() {
            self.message = whole.clone();
            for (_, place) in places.iter().enumerate().rev().filter(|(index, _)| *index != kept) {
                self.take_out(path, place, segments)?;
            }
            number += 1;
            let variables = self.variables.len();
            self.variables.push((Name::from("number"), Value::from(number)));
            if self.body(rule)? == Flow::Next {
                self.done = Some(self.exchange.forward(&self.message)?);
            }
            self.variables.truncate(variables);
        }
        if self.done.is_none() {
            self.done = Some(self.exchange.filter("every part of the message was filtered")?);
        }
        Ok(Flow::Ended)
    }

    fn places(&self, path: &Path) -> Result<Vec<String>, Stop> {
        let whole = self.resolve(path);
        if path.is_group() {
            return Ok(self.message.groups(whole)?);
        }
        let count = self.message.count(&whole)?;
        Ok((1..=count).map(|number| format!("{whole}[{number}]")).collect())
    }

    /// A segment that the rule does not name would stay behind in every part, and be taken for a part's own.
    fn refuse_strangers(&self, path: &Path, groups: &[String], segments: &[String]) -> Result<(), Stop> {
        for group in groups.iter().filter(|_| path.is_group()) {
            let mut named = 0;
            for segment in segments {
                named += self.message.count(format!("{group}{segment}"))?;
            }
            let all = self.message.count(group)?;
            if named != all {
                let text =
                    format!("{group} has {all} segments, of which `segments` names {named}: name the others too");
                return Err(Stop::fault("mapping-error", text));
            }
        }
        Ok(())
    }

    /// From the last segment to the first: without the one that begins it, a group is no longer found.
    fn take_out(&mut self, path: &Path, place: &str, segments: &[String]) -> Result<(), Stop> {
        if !path.is_group() {
            return Ok(self.message.remove(place)?);
        }
        for segment in segments.iter().rev() {
            for number in (1..=self.message.count(format!("{place}{segment}"))?).rev() {
                self.message.remove(format!("{place}{segment}[{number}]"))?;
            }
        }
        Ok(())
    }
}
