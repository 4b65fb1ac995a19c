//! The transcripts of the documentation, executed: what a page shows is what happens.
//!
//! A block that begins with ```` ```console ```` holds commands after `$ `, their further lines after `> `, and what they print
//! on standard output. `...` stands for anything within a line, and for any lines where it stands alone. The exit code is 0,
//! unless `(exit code N)` says another one at the end. A page that runs an engine does so with `transfuse run SITE &`.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use transfuse_harness::{Engine, Site, binary, wait_until};

/// The addresses of the example, which a page may name and a test must not use.
const LISTENS: &str = "127.0.0.1:2575";
const RECEIVES: &str = "127.0.0.1:2576";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A delivery, and what is printed of it.
const LIMIT: Duration = Duration::from_secs(30);

/// One command, the lines that it is said to print, and how it is said to end.
#[derive(Debug, Default)]
struct Shown {
    command: String,
    prints: Vec<String>,
    code: i32,
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
                    ..Shown::default()
                }),
                (None, Some(last)) => last.add(line),
                (None, None) => {}
            },
            _ => {}
        }
    }
    shown
}

impl Shown {
    fn add(&mut self, line: &str) {
        let code = line.strip_prefix("(exit code ").and_then(|rest| rest.strip_suffix(')'));
        if let Some(code) = code {
            self.code = code.parse().expect("an exit code is a number");
        } else if line.starts_with('>') && self.prints.is_empty() {
            self.command.push('\n');
            self.command
                .push_str(line.trim_start_matches('>').trim_start_matches(' '));
        } else {
            self.prints.push(line.to_owned());
        }
    }

    /// Whether a command has done what is shown.
    fn fits(&self, output: &std::process::Output) -> bool {
        let printed = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<&str> = printed.lines().collect();
        output.status.code() == Some(self.code) && all_fit(&lines, &self.prints)
    }
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

#[test]
fn the_vendors_page_shows_what_happens() {
    let work = tempfile::tempdir().expect("a scratch folder");
    let mut engine: Option<(Engine, String)> = None;
    let page = commands("plugins/README.md", 15);
    assert!(
        page.iter().any(|shown| site_that_runs(shown).is_some()),
        "no engine runs"
    );
    for shown in page {
        if let Some(site) = site_that_runs(&shown) {
            let started = Engine::start(&work.path().join(site)).expect("the page's site starts");
            let address = started.address("admissions").expect("an address");
            let said = started.said().replace(&address, LISTENS);
            let lines: Vec<&str> = said.lines().collect();
            let anything = std::iter::once("...".to_owned());
            let patterns: Vec<String> = anything.chain(shown.prints).collect();
            assert!(all_fit(&lines, &patterns), "{said} instead of {patterns:?}");
            engine = Some((started, address));
            continue;
        }
        match &engine {
            // Any port is as good as the page's, until it is known which one it is.
            None => run(&shown.on("127.0.0.1:0"), work.path()),
            Some((_, address)) => run(&shown.on(address), work.path()),
        }
    }
    let (engine, _) = engine.expect("an engine");
    engine.stop().expect("a clean stop");
}

/// The site of `transfuse run SITE &`.
fn site_that_runs(shown: &Shown) -> Option<&str> {
    shown.command.strip_prefix("transfuse run ")?.strip_suffix(" &")
}

impl Shown {
    /// The same with another address in place of the page's.
    fn on(self, address: &str) -> Self {
        let prints = self.prints.iter().map(|line| line.replace(LISTENS, address));
        Self {
            command: self.command.replace(LISTENS, address),
            prints: prints.collect(),
            code: self.code,
        }
    }
}

/// Runs every command of a page in `folder`, and compares what it prints with what the page shows.
fn hold(page: &str, commands_min: usize, folder: &Path, adapt: &dyn Fn(&str) -> String) {
    for shown in commands(page, commands_min) {
        let command = adapt(&shown.command);
        run(&Shown { command, ..shown }, folder);
    }
}

/// What a page shows; a page that lost its commands holds nothing.
fn commands(page: &str, commands_min: usize) -> Vec<Shown> {
    let text = fs::read_to_string(root().join(page)).expect("the page");
    let transcript = transcript(&text);
    let count = transcript.len();
    assert!(count >= commands_min, "{page} shows only {count} commands");
    transcript
}

/// Runs one command; what looks at a delivery is run until that has arrived.
fn run(shown: &Shown, folder: &Path) {
    let binary = binary().expect("the binary");
    let programs = binary.parent().expect("a folder of the binary").to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let target = programs.parent().expect("a profile's folder lies in the target folder");
    let output = || {
        Command::new("bash")
            .args(["-c", &shown.command])
            .current_dir(folder)
            .env("PATH", &path)
            .env("CARGO_TARGET_DIR", target)
            .env("NO_COLOR", "1")
            .output()
            .expect("bash runs")
    };
    let mut last = output();
    if shown.command.contains("site/out/") {
        let delivered = wait_until("a delivery", LIMIT, || {
            last = output();
            shown.fits(&last).then_some(())
        });
        delivered.unwrap_or_else(|error| panic!("{error}: {}", told(shown, &last)));
    }
    assert!(shown.fits(&last), "{}", told(shown, &last));
}

fn told(shown: &Shown, output: &std::process::Output) -> String {
    format!(
        "$ {}\nended with {} and printed\n{}{}\ninstead of {}\n{}",
        shown.command,
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        shown.code,
        shown.prints.join("\n")
    )
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
