//! The transcripts of the documentation, executed: what a page shows is what happens.
//!
//! A block that begins with ```` ```console ```` holds commands after `$ ` and what they print on standard output. `...`
//! stands for anything within a line, and for any lines where it stands alone.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use transfuse_harness::{Engine, Site, binary};

/// The addresses of the example, which a page may name and a test must not use.
const LISTENS: &str = "127.0.0.1:2575";
const RECEIVES: &str = "127.0.0.1:2576";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One command and the lines that it is said to print.
#[derive(Debug, Default)]
struct Shown {
    command: String,
    prints: Vec<String>,
}

fn transcript(page: &str) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), shown.last_mut()) {
                (Some(command), _) => shown.push(Shown {
                    command: command.to_owned(),
                    prints: Vec::new(),
                }),
                (None, Some(last)) => last.prints.push(line.to_owned()),
                (None, None) => {}
            },
            _ => {}
        }
    }
    shown
}

/// Whether a line fits one with `...` in it.
fn fits(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    let mut pieces = pattern.split("...").map(str::trim).peekable();
    let first = pieces.next().unwrap_or_default();
    let Some(after) = rest.trim().strip_prefix(first) else {
        return false;
    };
    rest = after;
    while let Some(piece) = pieces.next() {
        match rest.rfind(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
        if pieces.peek().is_none() && !piece.is_empty() && !rest.trim().is_empty() {
            return false;
        }
    }
    pattern.contains("...") || rest.trim().is_empty()
}

/// Whether the lines fit the patterns; a pattern of `...` alone takes any number of them.
fn all_fit(lines: &[&str], patterns: &[String]) -> bool {
    match (patterns.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((pattern, others)), _) if pattern.trim() == "..." => {
            (0..=lines.len()).any(|skipped| all_fit(lines.get(skipped..).unwrap_or_default(), others))
        }
        (None, Some(_)) | (Some(_), None) => false,
        (Some((pattern, others)), Some((line, rest))) => fits(line, pattern) && all_fit(rest, others),
    }
}

fn example() -> Site {
    let site = Site::new().expect("a site");
    site.copy_from(&root().join("examples/lab-results"))
        .expect("the example is copied");
    let file = site.path().join("interfaces/lab-results.toml");
    let text = fs::read_to_string(&file).expect("the example's interface");
    // Nobody listens on port 1, which is what the page says of the receiver.
    fs::write(
        file,
        text.replace(LISTENS, "127.0.0.1:0").replace(RECEIVES, "127.0.0.1:1"),
    )
    .expect("the interface is written");
    site
}

#[test]
fn the_admins_page_shows_what_happens() {
    let site = example();
    let engine = Engine::start(&site.path()).expect("the example starts");
    let address = engine.address("lab-results").expect("an address");
    let work = tempfile::tempdir().expect("a scratch folder");
    std::os::unix::fs::symlink(site.path(), work.path().join("site")).expect("the page's name for the site");
    hold("runtime/README.md", 4, work.path(), &|command| {
        command.replace(LISTENS, &address)
    });
    engine.stop().expect("a clean stop");
}

#[test]
fn the_authors_page_shows_what_happens() {
    hold("plugin-sdk/README.md", 3, &root(), &str::to_owned);
}

/// Runs every command of a page in `folder`, and compares what it prints with what the page shows.
fn hold(page: &str, commands_min: usize, folder: &Path, adapt: &dyn Fn(&str) -> String) {
    let binary = binary().expect("the binary");
    let programs = binary.parent().expect("a folder of the binary").to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let text = fs::read_to_string(root().join(page)).expect("the page");
    let transcript = transcript(&text);
    let count = transcript.len();
    assert!(count >= commands_min, "{page} shows only {count} commands");
    for Shown { command, prints } in transcript {
        let command = adapt(&command);
        let output = Command::new("bash")
            .args(["-c", &command])
            .current_dir(folder)
            .env("PATH", &path)
            .env(
                "CARGO_TARGET_DIR",
                programs.parent().expect("a profile's folder lies in the target folder"),
            )
            .env("NO_COLOR", "1")
            .output()
            .expect("bash runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<&str> = printed.lines().collect();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            all_fit(&lines, &prints),
            "$ {command}\nprinted\n{printed}{said}\ninstead of\n{}",
            prints.join("\n")
        );
    }
}

#[test]
fn three_dots_stand_for_anything_and_nothing_else_does() {
    let patterns = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(all_fit(&["AA  X 1 ms  a.hl7"], &patterns("AA  X ... a.hl7")));
    assert!(!all_fit(&["AA  X 1 ms  b.hl7"], &patterns("AA  X ... a.hl7")));
    assert!(all_fit(&["one", "two", "three"], &patterns("...\nthree")));
    assert!(!all_fit(&["one", "two", "three"], &patterns("...\ntwo")));
    assert!(!all_fit(&["one"], &patterns("one\ntwo")));
}
