//! What was found out about a revision: by gates as they are passed, and by whatever has been kept.

use super::differences::differences;
use crate::console::{Palette, Tone};
use crate::control::wire::evidence::{Chosen, Detail, Evidence, Gate};
use crate::visible::one_line;

/// Lines of one finding that are shown; JSON has all.
const LINES_SHOWN_MAX: usize = 20;

/// What one gate has found.
pub(crate) fn gate(gate: &Gate, palette: Palette) -> Vec<String> {
    let name = palette.paint(Tone::Name, &gate.name);
    let verdict = palette.paint(tone(&gate.verdict), &gate.verdict);
    let mut lines = vec![format!("  gate {name}: {verdict}: {}", one_line(&gate.summary))];
    lines.extend(detail(&gate.detail, palette));
    lines
}

/// What was kept, in one line, and what it was about.
pub(crate) fn evidence(kept: &Evidence, palette: Palette) -> Vec<String> {
    let what = match kept.revision {
        Some(number) => format!("revision {number}"),
        None => format!("no revision ({})", crate::layout::short_digest(&kept.digest)),
    };
    let at = palette.paint(Tone::Faint, &kept.at);
    let kind = palette.paint(Tone::Name, &kept.kind);
    let verdict = palette.paint(tone(&kept.verdict), &kept.verdict);
    let (summary, author) = (one_line(&kept.summary), one_line(&kept.author));
    let mut lines = vec![format!("{at} {what} {kind} {verdict}: {summary}, by {author}")];
    // What was waived says why by itself.
    if matches!(kept.verdict.as_str(), "failed" | "begun") && !kept.detail.reason.is_empty() {
        lines.push(format!("    wanted: {}", one_line(&kept.detail.reason)));
    }
    lines.extend(detail(&kept.detail, palette));
    lines
}

/// Which messages were run, and why others were not.
fn chosen(chosen: &Chosen) -> Vec<String> {
    let Chosen {
        search, matched, ran, ..
    } = chosen;
    let match_ = if *matched == 1 { "matches" } else { "match" };
    let at_least = if chosen.is_more { "at least " } else { "" };
    let search = one_line(search.as_str());
    let mut lines = vec![format!("    chosen: {search}: {at_least}{matched} {match_}, {ran} run")];
    lines.extend(chosen.not_run.iter().map(|reason| {
        let examples = match reason.examples.as_slice() {
            [] => String::new(),
            some => format!(" ({})", some.join(" ")),
        };
        format!("    {} not run: {}{examples}", reason.messages, reason.why)
    }));
    lines
}

fn detail(detail: &Detail, palette: Palette) -> Vec<String> {
    let mut lines: Vec<String> = detail.chosen.iter().flat_map(chosen).collect();
    let shown = detail.lines.iter().take(LINES_SHOWN_MAX);
    lines.extend(shown.map(|line| format!("    {}", one_line(line.as_str()))));
    let more = detail.lines.len().saturating_sub(LINES_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("    and {more} more; --json shows them"));
    }
    if let Some(found) = detail.differences.as_ref().filter(|found| !found.places.is_empty()) {
        // The first line sums them up, as the finding itself has done.
        lines.extend(
            differences(found, palette)
                .into_iter()
                .skip(1)
                .map(|line| format!("  {line}")),
        );
    }
    lines
}

fn tone(verdict: &str) -> Tone {
    match verdict {
        "passed" => Tone::Good,
        "failed" => Tone::Bad,
        "skipped" => Tone::Faint,
        _ => Tone::Odd,
    }
}
