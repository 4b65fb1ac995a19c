//! The dossier: what a certification means, on one page that a hospital can read and print.

use std::fmt::Write as _;

use transfuse_package::trust::CertifiedGrants;

use super::Report;

/// Everything is in the page: it must read the same in ten years, on a machine without a network.
const STYLE: &str = "\
body{font:15px/1.45 Georgia,serif;max-width:46em;margin:2em auto;padding:0 1em;color:#111}\
h1{font-size:1.5em;margin-bottom:.1em}h2{font-size:1.05em;margin:1.4em 0 .4em}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.35em .6em .35em 0;\
border-top:1px solid #ccc}code{font:.85em monospace;word-break:break-all}.seal{border:2px solid #111;padding:.6em 1em}\
@media print{body{margin:0;max-width:none}}";

/// What a part of the suite asks, in a hospital's words.
const QUESTIONS: [(&str, &str); 6] = [
    ("imports", "Can it reach anything outside the engine?"),
    ("vectors", "Does it do what its maker says?"),
    ("determinism", "Does it always come to the same result?"),
    ("hostile inputs", "What does it do with broken messages?"),
    ("resources", "What does it use?"),
    ("fuzzing", "Was it tried with messages that nobody thought of?"),
];

/// The page. `report_digest` is that of the full report, `until` a moment, `key_id` the certifier's.
pub(crate) fn dossier(report: &Report, report_digest: &str, until: &str, key_id: &str) -> String {
    let mut page = String::new();
    let title = escaped(&report.package);
    // Writing to a string has no way to fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Certificate of {title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n<p>{}</p>\n\
         <p class=\"seal\">Passed <b>{}</b> on {}, for contract {}, with {}.<br>\
         Certified until <b>{}</b> by the key <code>{}</code>.</p>\n",
        escaped(&report.description),
        escaped(report.suite),
        escaped(&report.ran_at),
        escaped(&report.contract),
        escaped(&report.engine),
        escaped(until),
        escaped(key_id),
    );
    page.push_str("<h2>What it needs to be allowed</h2>\n<ul>\n");
    for line in in_words(&report.grants) {
        let _ = writeln!(page, "<li>{}</li>", escaped(&line));
    }
    page.push_str("</ul>\n<h2>What was tested</h2>\n<table>\n");
    for part in &report.parts {
        let question = QUESTIONS.iter().find(|(name, _)| *name == part.name);
        let question = question.map_or(part.name, |(_, question)| question);
        let _ = writeln!(
            page,
            "<tr><th>{}</th><td>{}</td><td>{}</td></tr>",
            escaped(question),
            escaped(&part.summary),
            if part.passed { "passed" } else { "failed" },
        );
    }
    let _ = write!(
        page,
        "</table>\n<h2>What this page is about</h2>\n<p>The package <code>{}</code>, and no other one of that name. Its full \
         report has the digest <code>{}</code>. The page itself is not signed: <code>transfuse plugin verify</code> shows \
         whether the package in your hands carries this certificate.</p>\n</body></html>\n",
        escaped(&report.digest),
        escaped(report_digest),
    );
    page
}

/// Grants as people say them.
fn in_words(grants: &CertifiedGrants) -> Vec<String> {
    let fields = |patterns: &[String]| {
        if patterns.iter().any(|pattern| pattern == "*") {
            "the whole message".to_owned()
        } else {
            patterns.join(", ")
        }
    };
    let mut lines = Vec::new();
    if !grants.read.is_empty() {
        lines.push(format!("It reads {}.", fields(&grants.read)));
    }
    if grants.write.is_empty() {
        lines.push("It changes nothing in a message.".to_owned());
    } else {
        lines.push(format!("It changes {}.", fields(&grants.write)));
    }
    if !grants.tables.is_empty() {
        lines.push(format!("It looks into the code tables {}.", grants.tables.join(", ")));
    }
    if grants.state {
        lines.push("It remembers things from one message to the next.".to_owned());
    }
    if grants.create {
        lines.push("It makes messages of its own.".to_owned());
    }
    lines.push("It reaches no network, no file and no clock: no plugin can.".to_owned());
    lines
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certification::Part;

    #[test]
    fn a_page_needs_nothing_from_outside_and_text_stays_text() {
        let report = Report {
            suite: super::super::SUITE,
            package: "acme/mapper@1.0.0".to_owned(),
            description: "<script>alert(1)</script>".to_owned(),
            digest: "sha256:00".to_owned(),
            contract: "1.0".to_owned(),
            engine: "transfuse".to_owned(),
            ran_at: "2026-03-01T12:00:00Z".to_owned(),
            grants: CertifiedGrants::default(),
            parts: vec![Part::new("vectors", "3 of 3 pass".to_owned(), Vec::new())],
        };
        let page = dossier(&report, "sha256:11", "2027-03-01T00:00:00Z", "00ff");
        assert!(
            !page.contains("<script") && !page.contains("http") && !page.contains("src="),
            "{page}"
        );
        for text in [
            "sha256:00",
            "sha256:11",
            "3 of 3 pass",
            "Does it do what its maker says?",
            "2027-03-01",
        ] {
            assert!(page.contains(text), "{text}");
        }
    }
}
