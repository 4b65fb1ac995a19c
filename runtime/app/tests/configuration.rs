//! What `transfuse check` says of site folders: each folder of `configuration/` is a site, and its `expected.txt` holds
//! the exit code and every word. `BLESS=1 cargo test -p transfuse --test configuration` rewrites what is expected.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configuration");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

/// Exit code and both streams, as somebody sees them who stands in the site folder.
fn transcript(case: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_transfuse"));
    command.current_dir(case).args(["check", "."]);
    let plugins = transfuse_harness::plugins().unwrap();
    // Cases about finding plugins bring a library of their own, or say that there is none.
    if !case.join("plugins").exists() && !case.ends_with("no-plugins-folder") {
        command.arg("--plugins").arg(&plugins);
    }
    let output = command.output().unwrap();
    let mut text = format!("exit code {}\n", output.status.code().unwrap());
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            write!(text, "--- {name}\n{}", String::from_utf8_lossy(bytes)).unwrap();
        }
    }
    without_digests(&text.replace(&plugins.display().to_string(), "[PLUGINS]"))
}

/// Digests change with every build of a plugin, and are not what these tests are about.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "sha256:[DIGEST]" + part.trim_start_matches(|c: char| c.is_ascii_hexdigit())
    })
}

#[test]
fn every_site_is_told_its_faults_or_what_would_run() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = transcript(&case);
        let expected = case.join("expected.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != found {
            eprintln!("{}\n{found}", case.display());
            wrong.push(case);
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong:?} differ; look at the output above, and run again with BLESS=1 where it is right"
    );
}
