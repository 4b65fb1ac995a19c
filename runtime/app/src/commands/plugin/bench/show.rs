//! What was measured, for people: a table of messages for each plugin, and one that compares several plugins.

use super::{Measured, Report};
use crate::configuration::show_size;
use crate::console::{Console, Palette, Tone};
use crate::layout::{Cell, counted, table};

/// One plugin and its messages.
pub(super) fn report(report: &Report, console: Console) -> std::io::Result<()> {
    let palette = console.palette();
    let head = format!("{} {}", report.plugin, report.version);
    let facts = format!(
        "component {}, compiled in {:.1} ms",
        component_size(report),
        report.compile_ms
    );
    console.result(format_args!(
        "{}  {}",
        palette.paint(Tone::Strong, &head),
        palette.paint(Tone::Faint, &facts)
    ))?;
    let mut rows = vec![heading(&[
        "MESSAGE", "BYTES", "FRESH", "REUSED", "FUEL", "MEMORY", "ROUNDS",
    ])];
    rows.extend(report.messages.iter().map(|one| {
        vec![
            Cell::new(&*one.name),
            Cell::number(one.bytes as u64),
            Cell::right(format!("{:.1} µs", one.fresh_us)),
            Cell::right(format!("{:.1} µs", one.reused_us)),
            Cell::number(one.fuel),
            Cell::right(show_size(one.memory_bytes)),
            Cell::number(one.fresh_rounds as u64),
        ]
    }));
    write(&rows, palette, console)?;
    let remade = report.messages.iter().filter(|one| one.remade > one.reused_rounds / 2);
    let names: Vec<&str> = remade.map(|one| one.name.as_str()).collect();
    if !names.is_empty() {
        console.note(format_args!(
            "an instance is seldom used again after {}: the plugin keeps handles of it, fails, or grows",
            names.join(", ")
        ));
    }
    Ok(())
}

/// Figures of which nobody reads the sixteenth digit.
#[expect(clippy::cast_precision_loss, reason = "sizes and fuel are far below 2^53")]
fn figure(number: u64) -> f64 {
    number as f64
}

/// What a plugin costs with the messages that all were measured with.
struct Average {
    fresh_us: f64,
    reused_us: f64,
    fuel: f64,
}

/// All plugins, each beside the first one.
pub(super) fn comparison(reports: &[Report], console: Console) -> std::io::Result<()> {
    let palette = console.palette();
    let common: Vec<&str> = names(reports);
    let averages: Vec<Average> = reports.iter().map(|report| average(report, &common)).collect();
    let (Some(first), Some(base), false) = (reports.first(), averages.first(), common.is_empty()) else {
        console.note("there is no message that all of them were measured with");
        return Ok(());
    };
    let messages = counted(common.len(), "message");
    console.result("")?;
    console.result(palette.paint(
        Tone::Strong,
        &format!("on average of {messages}, and how many times the first one's that is"),
    ))?;
    let titles = [
        "PLUGIN",
        "COMPONENT",
        "",
        "COMPILED IN",
        "",
        "FRESH",
        "",
        "REUSED",
        "",
        "FUEL",
        "",
    ];
    let bytes = |report: &Report| figure(report.component_bytes as u64);
    let mut rows = vec![heading(&titles)];
    for (report, average) in reports.iter().zip(&averages) {
        let pairs = [
            (component_size(report), bytes(report) / bytes(first)),
            (
                format!("{:.0} ms", report.compile_ms),
                report.compile_ms / first.compile_ms,
            ),
            (format!("{:.0} µs", average.fresh_us), average.fresh_us / base.fresh_us),
            (
                format!("{:.0} µs", average.reused_us),
                average.reused_us / base.reused_us,
            ),
            (format!("{:.0}", average.fuel), average.fuel / base.fuel),
        ];
        let cells = pairs.into_iter().flat_map(|(figure, times)| {
            [
                Cell::right(figure),
                Cell::right(format!("×{times:.1}")).tone(Tone::Faint),
            ]
        });
        let name = Cell::new(report.path.display().to_string());
        rows.push(std::iter::once(name).chain(cells).collect());
    }
    write(&rows, palette, console)
}

/// The messages that every plugin was measured with.
fn names(reports: &[Report]) -> Vec<&str> {
    let has = |report: &Report, name: &str| report.messages.iter().any(|one| one.name == name);
    let of_first = reports
        .first()
        .map(|report| report.messages.as_slice())
        .unwrap_or_default();
    let names = of_first.iter().map(|one| one.name.as_str());
    names
        .filter(|name| reports.iter().all(|report| has(report, name)))
        .collect()
}

fn average(report: &Report, names: &[&str]) -> Average {
    let measured = || report.messages.iter().filter(|one| names.contains(&one.name.as_str()));
    let of = |cost: &dyn Fn(&Measured) -> f64| measured().map(cost).sum::<f64>() / figure(names.len() as u64);
    Average {
        fresh_us: of(&|one| one.fresh_us),
        reused_us: of(&|one| one.reused_us),
        fuel: of(&|one| figure(one.fuel)),
    }
}

fn component_size(report: &Report) -> String {
    show_size(report.component_bytes.div_ceil(1024) as u64 * 1024)
}

fn heading(titles: &[&str]) -> Vec<Cell> {
    let cells = titles.iter().enumerate().map(|(index, title)| {
        let cell = if index == 0 {
            Cell::new(*title)
        } else {
            Cell::right(*title)
        };
        cell.tone(Tone::Faint)
    });
    cells.collect()
}

fn write(rows: &[Vec<Cell>], palette: Palette, console: Console) -> std::io::Result<()> {
    table(rows, palette).iter().try_for_each(|line| console.result(line))
}
