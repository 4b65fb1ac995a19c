//! Transcripts of commands, compared with files.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a command did: its exit code and both streams, with what changes from run to run masked.
pub(crate) struct Transcript(String);

/// What to mask: `9` stands for a digit, `+` after it for more of them, `_` for any number of spaces.
const MASKS: [(&str, &str); 8] = [
    ("9999-99-99 99:99:99.999", "[TIME]"),
    ("99999999-999999", "[ID]"),
    ("127.0.0.1:9+", "[ADDRESS]"),
    ("_9+.9+ ms", " [N] ms"),
    ("_9+ ms", " [N] ms"),
    ("9+.99 s, 9+ messages/s", "[N] s, [N] messages/s"),
    ("9+ fuel", "[N] fuel"),
    ("process 9+, running for 9+ s", "process [N], running for [N] s"),
];

impl Transcript {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::new(&command.output().unwrap())
    }

    pub(crate) fn new(output: &Output) -> Self {
        let mut text = format!("exit code {}\n", output.status.code().unwrap());
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                write!(text, "--- {name}\n{}", String::from_utf8_lossy(bytes)).unwrap();
            }
        }
        let masked = MASKS.iter().fold(without_digests(&text), |text, (pattern, name)| {
            mask(&text, pattern, name)
        });
        Self(masked)
    }

    pub(crate) fn replacing(self, text: &str, name: &str) -> Self {
        Self(self.0.replace(text, name))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// What differs from the file; with BLESS set, the file is rewritten instead.
    pub(crate) fn difference_to(&self, file: &Path) -> Option<String> {
        if std::env::var_os("BLESS").is_some() {
            fs::write(file, &self.0).unwrap();
        }
        let expected = fs::read_to_string(file).unwrap_or_default();
        (expected != self.0).then(|| {
            let file = file.display();
            format!(
                "{file} expects\n{expected}\nand it is\n{}\nRun again with BLESS=1 where that is right.",
                self.0
            )
        })
    }
}

pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_transfuse")
}

pub(crate) fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Digests change with every build of a plugin, and are not what these tests are about.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "sha256:[DIGEST]" + part.trim_start_matches(|c: char| c.is_ascii_hexdigit())
    })
}

fn mask(text: &str, pattern: &str, name: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    let mut after_digit = false;
    while let Some(first) = rest.chars().next() {
        // A match begins at the first digit of a number, never within it.
        let length = if after_digit && first.is_ascii_digit() {
            None
        } else {
            match_length(rest, pattern)
        };
        if let Some(length) = length {
            masked.push_str(name);
            rest = &rest[length..];
            after_digit = false;
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
            after_digit = first.is_ascii_digit();
        }
    }
    masked
}

fn match_length(text: &str, pattern: &str) -> Option<usize> {
    let mut rest = text;
    for sign in pattern.chars() {
        match sign {
            '9' => rest = rest.strip_prefix(|c: char| c.is_ascii_digit())?,
            '_' => rest = rest.trim_start_matches(' '),
            '+' => rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()),
            other => rest = rest.strip_prefix(other)?,
        }
    }
    Some(text.len() - rest.len())
}

#[test]
fn masks_match_whole_numbers_only() {
    assert_eq!(mask("took 12.5 ms, 7 ms", "9+.9+ ms", "[N] ms"), "took [N] ms, 7 ms");
    assert_eq!(mask("id 20261123-000001 x", "99999999-999999", "[ID]"), "id [ID] x");
    assert_eq!(mask("v12.5 ms", "9+ ms", "[N]"), "v12.[N]");
    assert_eq!(mask("a    12 ms", "_9+ ms", " [N] ms"), "a [N] ms");
}

/// A folder to work in, as a person at a terminal does.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, with the folders that it lies in.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.0.path());
        command.stdin(Stdio::null()).output().unwrap()
    }
}

/// The exit code and both streams.
pub(crate) fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
