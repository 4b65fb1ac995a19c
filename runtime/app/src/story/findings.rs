//! What validation found, one line each.

use super::one_line;
use crate::console::{Palette, Tone};
use crate::control::wire;
use crate::layout::counted;

/// Findings shown; the first ones are the worst, and have the cause of the others.
const FINDINGS_SHOWN_MAX: usize = 50;

pub(super) fn findings(decision: &wire::Decision, palette: Palette) -> Vec<String> {
    let shown = decision.findings.iter().take(FINDINGS_SHOWN_MAX);
    let mut lines: Vec<String> = shown.map(|finding| line(finding, palette)).collect();
    let unlisted = usize::try_from(decision.findings_unlisted).unwrap_or(usize::MAX);
    let more = decision
        .findings
        .len()
        .saturating_sub(FINDINGS_SHOWN_MAX)
        .saturating_add(unlisted);
    if more > 0 {
        lines.push(format!("  and {}", counted(more, "more finding")));
    }
    lines
}

fn line(finding: &wire::Finding, palette: Palette) -> String {
    let wire::Finding {
        path,
        code,
        severity,
        text,
    } = finding;
    let tone = match severity.as_str() {
        "error" => Tone::Bad,
        "warning" => Tone::Odd,
        _ => Tone::Faint,
    };
    let place = path.as_deref().unwrap_or("message");
    let severity = palette.paint(tone, severity);
    format!("{severity} {code} {place}: {}", one_line(text.as_str()))
}
