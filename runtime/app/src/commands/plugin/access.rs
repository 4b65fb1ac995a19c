//! `transfuse plugin access`: what a plugin touched in production, against what it is granted.

use clap::Args;
use transfuse_package::{PluginName, Version};

use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::access::{AccessQuery, GrantList, InterfaceAccess, PluginAccess, Touched, VersionAccess};
use crate::failure::{Exit, Outcome};
use crate::layout::{self, Cell, counted, short_digest};
use crate::story;

/// Show what a plugin touched in the messages of a running engine, and which of its grants it never used
///
/// For each version and interface: the fields that it read and changed, the code tables that it opened and the destinations that
/// it named, in how many messages, since when and until when. Then the grants of its steps that no message ever made use of,
/// and the smallest grants under which it could have done the same: what an admin needs to narrow them. A grant that is used
/// once a year is never used until then, so look at how long the figures go back.
///
/// Counted from the journal, over the life of the data folder; an engine counts within some seconds, and this command waits for
/// it. Fields are named, and no value of a message is kept or shown.
///
/// Example: transfuse plugin access transfuse/lab-normalize examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The plugin, or one version of it
    #[arg(value_name = "NAME[@VERSION]", value_parser = named)]
    plugin: (String, Option<String>),
    #[command(flatten)]
    engine: Engine,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

fn named(text: &str) -> Result<(String, Option<String>), String> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let refused = || "write VENDOR/NAME or VENDOR/NAME@VERSION, such as transfuse/redact@1.0.0".to_owned();
    name.parse::<PluginName>().map_err(|_| refused())?;
    if let Some(version) = version {
        version.parse::<Version>().map_err(|_| refused())?;
    }
    Ok((name.to_owned(), version.map(str::to_owned)))
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let (plugin, version) = arguments.plugin.clone();
    let query = AccessQuery {
        plugin: Some(plugin.clone()),
        version,
    };
    let found = arguments.engine.ask(async |client| client.access(&query).await)?;
    if arguments.json {
        console.json(&found)?;
        return Ok(Exit::Success);
    }
    let palette = console.palette();
    if found.versions.is_empty() {
        console.note(format_args!("no message has been through {plugin}"));
    } else {
        console.result(told(&found, palette).join("\n"))?;
    }
    if found.behind > 0 {
        console.note("the newest journal entries are not counted yet; ask again");
    }
    Ok(Exit::Success)
}

fn told(found: &PluginAccess, palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    for version in &found.versions {
        let VersionAccess {
            plugin,
            version,
            digest,
            interfaces,
        } = version;
        let name = format!("{plugin} {version}");
        let digest = short_digest(digest);
        lines.push(format!(
            "{}  {}",
            palette.paint(Tone::Strong, &name),
            palette.paint(Tone::Faint, &digest)
        ));
        for one in interfaces {
            lines.extend(of_interface(one, palette));
        }
    }
    lines
}

fn of_interface(one: &InterfaceAccess, palette: Palette) -> Vec<String> {
    let messages = counted(usize::try_from(one.messages).unwrap_or(usize::MAX), "message");
    let since = one.first_at.as_deref().map(story::local_time).unwrap_or_default();
    let mut lines = vec![String::new(), format!("{}: {messages} since {since}", one.interface)];
    lines.extend(layout::table(&rows(one), palette));
    if one.unlisted > 0 {
        lines.push(format!(
            "and {} times what is not listed: it touches too much to tell",
            one.unlisted
        ));
    }
    if let Some(never) = &one.never_used {
        let told = granted(never).unwrap_or_else(|| "nothing".to_owned());
        lines.push(format!("{} {told}", palette.paint(Tone::Odd, "never used:")));
    } else {
        lines.push("this version does not run there now".to_owned());
    }
    let needed = granted(&one.needed).unwrap_or_default();
    lines.push(format!(
        "{} grants = {{ {needed} }}",
        palette.paint(Tone::Name, "what it did needs:")
    ));
    lines
}

fn rows(one: &InterfaceAccess) -> Vec<Vec<Cell>> {
    let faint = |name: &str| Cell::new(name).tone(Tone::Faint);
    let mut rows = vec![vec![
        faint("TOUCHED"),
        faint(""),
        Cell::right("MESSAGES").tone(Tone::Faint),
        faint("SINCE"),
        faint("LAST"),
    ]];
    let lists = [
        ("read", &one.read),
        ("changed", &one.written),
        ("opened", &one.tables),
        ("named", &one.to),
    ];
    for (verb, list) in lists {
        rows.extend(list.iter().map(|touched| row(verb, touched)));
    }
    let flags = [
        ("read", "the message whole", one.everything),
        ("made", "an output itself", one.create),
        ("used", "its state", one.state),
    ];
    let flags = flags.into_iter().filter(|(.., messages)| *messages > 0);
    rows.extend(flags.map(|(verb, what, messages)| vec![Cell::new(verb), Cell::new(what), Cell::number(messages)]));
    rows
}

fn row(verb: &str, touched: &Touched) -> Vec<Cell> {
    vec![
        Cell::new(verb),
        Cell::new(&touched.name).tone(Tone::Strong),
        Cell::number(touched.messages),
        Cell::new(story::local_time(&touched.first_at)),
        Cell::new(story::local_time(&touched.last_at)),
    ]
}

/// As an interface's file has them; none where there are none.
fn granted(grants: &GrantList) -> Option<String> {
    let lists = [
        ("tables", &grants.tables),
        ("read", &grants.read),
        ("write", &grants.write),
        ("to", &grants.to),
    ];
    let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
    let lists = lists.map(|(key, names)| {
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("{key} = [{}]", names.join(", "))
    });
    let flags = [("create", grants.create), ("state", grants.state)];
    let flags = flags.into_iter().filter(|(_, is_granted)| *is_granted);
    let all: Vec<String> = lists.chain(flags.map(|(key, _)| format!("{key} = true"))).collect();
    (!all.is_empty()).then(|| all.join(", "))
}
