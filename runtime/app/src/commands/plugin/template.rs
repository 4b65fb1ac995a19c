//! The files that a new plugin begins with, from `plugin-sdk/templates`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::new::Language;

/// What is filled into a template.
pub(super) struct Template<'t> {
    /// vendor/name.
    pub(super) plugin: &'t str,
    /// The name without its vendor.
    pub(super) name: &'t str,
    pub(super) language: Language,
    /// Where the SDK for Rust lies; for Rust only.
    pub(super) sdk: Option<PathBuf>,
}

/// A file of a template: its path in the new folder, and its text.
type File = (&'static str, &'static str);

macro_rules! file {
    ($path:literal from $place:literal) => {
        (
            $path,
            include_str!(concat!("../../../../../plugin-sdk/templates/", $place)),
        )
    };
}

/// What plugins in all languages begin with.
const COMMON: &[File] = &[
    file!("plugin.toml" from "common/plugin.toml"),
    file!("config.schema.json" from "common/config.schema.json"),
    file!("README.md" from "common/README.md"),
    file!(".gitignore" from "common/gitignore"),
    file!("vectors/drops-the-address/vector.toml" from "common/vectors/drops-the-address/vector.toml"),
    file!("vectors/drops-the-address/input.hl7" from "common/vectors/drops-the-address/input.hl7"),
    file!("vectors/drops-the-address/expected.hl7" from "common/vectors/drops-the-address/expected.hl7"),
    file!("vectors/no-patient/vector.toml" from "common/vectors/no-patient/vector.toml"),
    file!("vectors/no-patient/input.hl7" from "common/vectors/no-patient/input.hl7"),
];

const RUST: &[File] = &[
    file!("Cargo.toml" from "rust/Cargo.toml"),
    file!("src/lib.rs" from "rust/src/lib.rs"),
];

const JS: &[File] = &[
    file!("package.json" from "js/package.json"),
    file!("src/plugin.js" from "js/src/plugin.js"),
    file!("test/plugin.test.js" from "js/test/plugin.test.js"),
];

const TS: &[File] = &[
    file!("package.json" from "js/package.json"),
    file!("src/plugin.ts" from "ts/src/plugin.ts"),
    file!("test/plugin.test.js" from "js/test/plugin.test.js"),
];

const PYTHON: &[File] = &[
    file!("pyproject.toml" from "python/pyproject.toml"),
    file!("src/plugin.py" from "python/src/plugin.py"),
];

/// The file that the plugin is in.
pub(super) fn source(language: Language) -> &'static str {
    match language {
        Language::Rust => "src/lib.rs",
        Language::Js => "src/plugin.js",
        Language::Ts => "src/plugin.ts",
        Language::Python => "src/plugin.py",
    }
}

impl Template<'_> {
    /// The files by their paths in the new folder.
    pub(super) fn files(&self) -> anyhow::Result<Vec<(PathBuf, String)>> {
        let own = match self.language {
            Language::Rust => RUST,
            Language::Js => JS,
            Language::Ts => TS,
            Language::Python => PYTHON,
        };
        let filled = COMMON
            .iter()
            .chain(own)
            .map(|(path, text)| (PathBuf::from(path), self.fill(text)));
        let mut files: Vec<_> = filled.collect();
        if let Some(lock) = self.lock()? {
            files.push(("Cargo.lock".into(), lock));
        }
        Ok(files)
    }

    /// The versions of crates that the SDK is tested with, where it lies in a checkout: nothing newer has to be fetched.
    fn lock(&self) -> anyhow::Result<Option<String>> {
        let lock = self.sdk.as_deref().and_then(Path::parent).and_then(Path::parent);
        let lock = lock
            .map(|checkout| checkout.join("Cargo.lock"))
            .filter(|lock| lock.is_file());
        let read = lock.map(|lock| fs::read_to_string(&lock).with_context(|| format!("reading `{}`", lock.display())));
        read.transpose()
    }

    fn fill(&self, text: &str) -> String {
        let sdk = self
            .sdk
            .as_deref()
            .map(|sdk| sdk.display().to_string())
            .unwrap_or_default();
        let filled = [
            ("{{plugin}}", self.plugin),
            ("{{name}}", self.name),
            ("{{language}}", self.language.title()),
            ("{{source}}", source(self.language)),
            ("{{sdk}}", &sdk),
            ("{{build}}\n", &self.build()),
            ("{{notes}}\n", self.notes()),
        ];
        filled
            .iter()
            .fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
    }

    /// The manifest's section that says what to build. Rust says it in Cargo.toml.
    fn build(&self) -> String {
        let language = match self.language {
            Language::Rust => return String::new(),
            Language::Js => "javascript",
            Language::Ts => "typescript",
            Language::Python => "python",
        };
        format!(
            "\n[build]\nlanguage = \"{language}\"\nsource = \"{}\"\n",
            source(self.language)
        )
    }

    fn notes(&self) -> &'static str {
        match self.language {
            Language::Rust => "\nUnit tests in `src/lib.rs` run without the engine: `cargo test`.\n",
            Language::Js | Language::Ts => {
                "\nUnit tests are in `test/`, and run by `npm test`, which first lays the SDK into `node_modules/transfuse`, where \
                 editors\nfind it too; `transfuse plugin sdk .` does the same.\n"
            }
            Language::Python => {
                "\nEditors find the SDK in `target/plugin-build/python/sdk` after the first build. A plugin has Python's standard \
                 library,\nbut no clock, no files and no network, and everything that it imports is imported at the top of its \
                 modules.\n"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use transfuse_package::Manifest;

    use super::*;

    #[test]
    fn every_template_is_filled_and_its_manifest_is_sound() {
        for language in [Language::Rust, Language::Js, Language::Ts, Language::Python] {
            let template = Template {
                plugin: "acme/no-address",
                name: "no-address",
                language,
                sdk: None,
            };
            let files = template.files().unwrap();
            for (path, text) in &files {
                assert!(!text.contains("{{"), "{}: {text}", path.display());
            }
            let text = |name: &str| {
                files
                    .iter()
                    .find(|(path, _)| path == Path::new(name))
                    .map(|(_, text)| text.as_str())
            };
            let manifest = Manifest::parse(text("plugin.toml").unwrap()).unwrap();
            assert_eq!(manifest.name.as_str(), "acme/no-address");
            assert!(text(source(language)).is_some());
        }
    }
}
