//! From a finding to a vector that may be published.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use transfuse_message::{Message, ParseOptions};
use transfuse_sandbox::{Outcome as Ended, Plugin, Sandbox};

use super::keep::{self, Facts, Kept};
use crate::commands::plugin::subject::sandbox;
use crate::console::Console;
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::vectors::{Extent, Subject, Synthetic, Vector, message_text, report_of, synthetic};

/// Makes a vector of a finding. `vectors` is the folder that it goes to.
pub(super) fn promote(
    name: &str,
    findings: &Path,
    vectors: Option<&Path>,
    subject: &Subject,
    known: &[Vector],
    console: Console,
) -> Outcome {
    let Kept { facts, message } = keep::read(findings, name)?;
    let Some(vectors) = vectors else {
        return Err(anyhow::anyhow!("a package cannot take another vector"))
            .hint("promote the finding in the plugin's source folder, or into the one that --vectors names");
    };
    let Some(base) = known.iter().find(|vector| vector.name == facts.vector) else {
        return Err(anyhow::anyhow!("the vector `{}`, which it was made with, is no more", facts.vector).into());
    };
    let sandbox = sandbox()?;
    let trial = Trial {
        plugin: sandbox.load(subject.identity.clone(), &subject.component)?,
        sandbox,
        subject,
        base,
        facts: &facts,
    };
    let Some(message) = trial.read(&message).filter(|message| trial.fails(message)) else {
        return Err(anyhow::anyhow!("the plugin does not fail on `{name}` any more"))
            .hint("it was repaired, or depends on something else: look for it again");
    };
    let published = trial.published(&message)?;
    let folder = write(vectors, name, &facts, base, &published)?;
    if published.replaced.is_empty() {
        console.note("nothing was replaced: it was made of vectors only, which hold invented people");
    } else {
        console.note(format_args!(
            "replaced letters and digits in {}",
            published.replaced.join(", ")
        ));
    }
    console.result(folder.display())?;
    Ok(Exit::Success)
}

/// A finding that is run again.
struct Trial<'t> {
    sandbox: Sandbox,
    plugin: Plugin,
    subject: &'t Subject,
    base: &'t Vector,
    facts: &'t Facts,
}

impl Trial<'_> {
    fn read(&self, message: &[u8]) -> Option<Message> {
        let declared = Message::parse(message.to_vec(), &ParseOptions::default()).ok()?;
        let of_base = Message::parse(self.base.input.encode(), &ParseOptions::default()).ok()?;
        if of_base.charset() == self.base.input.charset() {
            return Some(declared);
        }
        let options = ParseOptions {
            charset: Some(self.base.input.charset()),
            ..ParseOptions::default()
        };
        Message::parse(message.to_vec(), &options).ok()
    }

    /// Whether the plugin fails as it did: in the same way, in the same place.
    fn fails(&self, message: &Message) -> bool {
        let vector = Vector {
            input: message.clone(),
            ..self.base.clone()
        };
        let Ended::Faulted(fault) = report_of(&self.sandbox, &self.plugin, self.subject, &vector).outcome else {
            return false;
        };
        let is_there = match (&self.facts.location, &fault.location) {
            (Some(one), Some(other)) => one == other,
            _ => self.facts.detail == fault.detail,
        };
        fault.kind.as_str() == self.facts.kind && is_there
    }

    /// The message as it may be published.
    fn published(&self, message: &Message) -> Result<Synthetic, Failure> {
        if !self.facts.is_of_corpus {
            return Ok(Synthetic {
                message: message.encode().to_vec(),
                replaced: Vec::new(),
            });
        }
        let extents = [Extent::Everything, Extent::AllButCodes];
        let synthetics = extents.into_iter().map(|extent| synthetic(message, extent));
        let still_fails = |one: &Synthetic| self.read(&one.message).is_some_and(|message| self.fails(&message));
        synthetics.into_iter().find(still_fails).map_or_else(
            || {
                Err(anyhow::anyhow!(
                    "the plugin fails on the content itself: with letters and digits replaced it does not"
                ))
                .hint("write a message with invented content that shows the same, and make a vector of it by hand")
            },
            Ok,
        )
    }
}

/// Writes the vector beside the others, and gives its folder.
fn write(
    vectors: &Path,
    name: &str,
    facts: &Facts,
    base: &Vector,
    published: &Synthetic,
) -> anyhow::Result<std::path::PathBuf> {
    let folder = vectors.join(format!("found-{name}"));
    let cannot = || format!("cannot write the vector `{}`", folder.display());
    fs::create_dir(&folder).with_context(cannot)?;
    match message_text(&published.message) {
        Some(text) => fs::write(folder.join("input.hl7"), text),
        None => fs::write(folder.join("input.bin"), &published.message),
    }
    .with_context(cannot)?;
    // The setting of the vector that it was made with: everything that its file says before what it expects.
    let text = fs::read_to_string(vectors.join(&base.name).join("vector.toml")).with_context(cannot)?;
    let description = format!("Found by fuzzing: the plugin failed ({}), {}", facts.kind, facts.detail);
    fs::write(folder.join("vector.toml"), with_description(&text, &description)).with_context(cannot)?;
    Ok(folder)
}

/// A vector's text with another description, and with nothing that is expected.
fn with_description(text: &str, description: &str) -> String {
    let mut lines = vec![format!("description = {}", toml::Value::from(description))];
    let mut is_expected = false;
    for line in text.lines() {
        if line.starts_with('[') {
            is_expected = line.trim() == "[expect]" || line.starts_with("[expect.") || line.starts_with("[[expect.");
        }
        let is_description = line.trim_start().starts_with("description") || line.starts_with('#');
        if !is_expected && !is_description {
            lines.push(line.to_owned());
        }
    }
    let mut text = lines.join("\n").trim_end().to_owned();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_stays_and_what_was_expected_goes() {
        let text =
            "# why\ndescription = \"x\"\ntables = [\"t\"]\n\n[config]\na = 1\n\n[expect]\noutcome = \"filtered\"\n";
        assert_eq!(
            with_description(text, "new"),
            "description = \"new\"\ntables = [\"t\"]\n\n[config]\na = 1\n"
        );
    }
}
