//! `transfuse messages explain`: why a value is there.

use clap::Args as ClapArgs;
use transfuse_message::Path;
use transfuse_store::MessageId;

use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::Words;
use crate::control::wire::past::{ExplainedStep, Explanation, ExplanationQuery, MadeBy, MadeByEdit};
use crate::failure::{Exit, Outcome};
use crate::layout::{short_digest, shortened};
use crate::story::differences::told_value;
use crate::visible::one_line;

/// Say which step of the chain made a value, and of what
///
/// The message is run again on the revision that decided it, with the code tables of that moment, step by step: the value before and
/// after each of them, the plugin and version that made it, the line of its mapping or of its source where that is known, and the
/// rows of code tables that it got and that hold the value.
///
/// What is shown is patient data.
///
/// Example: transfuse messages explain 20261123-000001 OBX-3.1 examples/lab-results
#[derive(Debug, ClapArgs)]
pub(crate) struct Arguments {
    /// The message's id, as `messages list` shows it
    #[arg(value_name = "ID")]
    id: MessageId,
    /// The value, such as `OBX-3.1` or `OBX[2]-6`
    #[arg(value_name = "PATH")]
    path: Path,
    #[command(flatten)]
    engine: Engine,
    /// Of this output, where the chain makes several
    #[arg(long, value_name = "N", default_value_t = 1)]
    output: usize,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// How much of a value is shown.
const VALUE_WIDTH_MAX: usize = 60;

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let query = ExplanationQuery {
        path: arguments.path.to_string(),
        output: Some(arguments.output),
    };
    let found = arguments
        .engine
        .ask(async |client| client.explain(arguments.id, &query).await)?;
    if arguments.json {
        console.json(&found)?;
    } else {
        console.result(told(&found, console.palette()).join("\n"))?;
    }
    Ok(Exit::Success)
}

fn told(found: &Explanation, palette: Palette) -> Vec<String> {
    let path = palette.paint(Tone::Strong, &found.path).to_string();
    let value = found.steps.last().map_or(&found.input, |step| &step.value);
    let mut lines = vec![
        format!(
            "{path} of {}, output {}: {}",
            found.id,
            found.output,
            side(value.as_ref())
        ),
        format!("{}, revision {}", found.interface, found.revision),
        String::new(),
    ];
    lines.extend(told_values(found, value.as_ref()));
    lines.extend(
        found
            .ended
            .iter()
            .map(|ended| format!("  {}", palette.paint(Tone::Bad, ended))),
    );
    lines.push(String::new());
    match &found.made_by {
        Some(maker) => lines.extend(told_maker(maker)),
        None if found.ended.is_none() => lines.push("no step changed it: it is as it came in".to_owned()),
        None => {}
    }
    lines.extend(
        found
            .doubts
            .iter()
            .map(|doubt| format!("{} {doubt}", palette.paint(Tone::Odd, "but:"))),
    );
    lines
}

/// The value at each place, below each other.
fn told_values(found: &Explanation, value: Option<&Words>) -> Vec<String> {
    let mut values = vec![("as it came in".to_owned(), side(found.input.as_ref()))];
    values.extend(found.steps.iter().enumerate().map(|(index, step)| {
        let name = format!("step {}, {} {}", index + 1, step.plugin, step.version);
        (name, told_step(step))
    }));
    if found.ended.is_none() && found.stored.as_ref() != value {
        values.push(("as it is stored".to_owned(), side(found.stored.as_ref())));
    }
    let width = values.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, told)| format!("  {name:width$}  {told}");
    values.into_iter().map(line).collect()
}

fn told_step(step: &ExplainedStep) -> String {
    if step.changed {
        side(step.value.as_ref())
    } else {
        "unchanged".to_owned()
    }
}

/// What a plugin says of its place is what its author wants to be told, so that its source is not needed then.
fn told_edit(edit: &MadeByEdit) -> Vec<String> {
    let path = shortened(&one_line(&edit.path), VALUE_WIDTH_MAX);
    let deed = match edit.deed.as_str() {
        "set" => format!("it set {path}"),
        "copy" => format!("it copied to {path}"),
        "clear" => format!("it cleared {path}"),
        "insert" => format!("it put in {path}, which moves what stands behind it"),
        "remove" => format!("it took out {path}, which moves what stands behind it"),
        "parse" => "it made the message of bytes".to_owned(),
        other => format!("{other} {path}"),
    };
    if let Some(context) = &edit.context {
        let context = shortened(&one_line(context.as_str()), VALUE_WIDTH_MAX);
        let quote = edit
            .quote
            .iter()
            .map(|quote| format!("    {}", one_line(quote.as_str())));
        return std::iter::once(format!("  {deed}: {context}")).chain(quote).collect();
    }
    let function = edit.function.iter().map(|function| format!(" in {function}"));
    let line = edit.line.iter().map(|line| format!(" at {line}"));
    vec![format!("  {deed}{}", function.chain(line).collect::<String>())]
}

fn told_maker(maker: &MadeBy) -> Vec<String> {
    let digest = short_digest(&maker.digest);
    let mut lines = vec![format!(
        "made by step {}: {} {} ({digest})",
        maker.step, maker.plugin, maker.version
    )];
    lines.extend(maker.edit.iter().flat_map(told_edit));
    if maker.rows.is_empty() {
        lines.push("  no row that it got from a code table holds the value".to_owned());
    }
    for row in &maker.rows {
        let cells: Vec<String> = row.cells.iter().map(|cell| one_line(cell.as_str())).collect();
        let asked = shortened(&one_line(row.value.as_str()), VALUE_WIDTH_MAX);
        let digest = short_digest(&row.digest);
        lines.push(format!(
            "  it asked {} ({digest}) for `{}` {asked}:",
            row.table, row.column
        ));
        lines.push(format!("    row {}: {}", row.row, cells.join("; ")));
    }
    lines
}

fn side(value: Option<&Words>) -> String {
    match value {
        Some(words) if words.as_str().is_empty() => "(empty)".to_owned(),
        _ => told_value(value, VALUE_WIDTH_MAX),
    }
}
