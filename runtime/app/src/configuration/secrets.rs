//! `secret:NAME`: values that stand in no file of the site and in no revision, and are read where a chain is made.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::document::Located;
use super::section::Section;
use super::{name, suggest};

/// What a text begins with that stands for a secret.
pub(super) const PREFIX: &str = "secret:";

/// The largest secret: a certificate chain with its key fits ten times.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Where the secrets of an environment come from. A clone is the same list; values are read anew each time.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecretSources(Arc<Sources>);

#[derive(Debug, Default)]
struct Sources {
    /// None of a site that knows no environments.
    environment: Option<String>,
    by_name: BTreeMap<String, Origin>,
}

/// Where one secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    File(PathBuf),
    Variable(String),
}

/// The value of a secret. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// Why a secret has no value. No text of these holds a part of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("`secret:{0}` stands for a secret, and the site has no environment that could name its place")]
    NoEnvironment(String),
    #[error("the environment `{environment}` has no secret `{name}`")]
    Unknown {
        name: String,
        environment: String,
        /// "Did you mean", or what there is.
        hints: Vec<String>,
    },
    #[error("the secret `{name}` cannot be read from `{file}`: {reason}", file = file.display())]
    File {
        name: String,
        file: PathBuf,
        reason: String,
    },
    #[error("the secret `{name}` is to come from the variable `{variable}`, which {reason}")]
    Variable {
        name: String,
        variable: String,
        reason: &'static str,
    },
}

/// A place of a configuration that stands for a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// A JSON pointer.
    pub(crate) pointer: String,
    pub(crate) name: String,
}

impl SecretSources {
    pub(super) fn new(environment: Option<&str>, by_name: BTreeMap<String, Origin>) -> Self {
        Self(Arc::new(Sources {
            environment: environment.map(str::to_owned),
            by_name,
        }))
    }

    /// The value of a secret as it is now. Blocks on the disk.
    pub(crate) fn get(&self, name: &str) -> Result<Secret, SecretError> {
        let Some(environment) = &self.0.environment else {
            return Err(SecretError::NoEnvironment(name.to_owned()));
        };
        match self.0.by_name.get(name) {
            Some(Origin::File(file)) => from_file(file).map_err(|reason| SecretError::File {
                name: name.to_owned(),
                file: file.clone(),
                reason,
            }),
            Some(Origin::Variable(variable)) => from_variable(variable).map_err(|reason| SecretError::Variable {
                name: name.to_owned(),
                variable: variable.clone(),
                reason,
            }),
            None => {
                let names: Vec<&str> = self.0.by_name.keys().map(String::as_str).collect();
                Err(SecretError::Unknown {
                    name: name.to_owned(),
                    environment: environment.clone(),
                    hints: suggest::hints(name, "secret", &names),
                })
            }
        }
    }

    /// A configuration with the values of its secrets, which must not be shown or kept.
    pub(crate) fn fill(&self, config: &Value) -> Result<Value, SecretError> {
        let mut filled = config.clone();
        for Reference { pointer, name } in references(config) {
            let Secret(value) = self.get(&name)?;
            if let Some(place) = filled.pointer_mut(&pointer) {
                *place = Value::String(value);
            }
        }
        Ok(filled)
    }
}

impl Secret {
    /// As a transport takes it, which shows it nowhere either.
    pub(crate) fn for_transport(&self) -> transfuse_transport::Secret {
        self.0.clone().into()
    }

    /// As the value of a header; none where it holds what cannot stand there.
    pub(crate) fn header(&self) -> Option<hyper::header::HeaderValue> {
        hyper::header::HeaderValue::from_str(&self.0).ok()
    }
}

impl SecretError {
    /// What to do about it.
    pub(crate) fn hints(&self) -> Vec<String> {
        match self {
            Self::NoEnvironment(name) => vec![format!(
                "write `{name} = {{ file = \"/run/secrets/{name}\" }}` under `[secrets]` in `environments/NAME.toml`, and \
                 choose that with `--environment NAME`"
            )],
            Self::Unknown {
                name,
                environment,
                hints,
            } => {
                let mut hints = hints.clone();
                hints.push(format!(
                    "`environments/{environment}.toml` says where each comes from: `{name} = {{ file = \
                     \"/run/secrets/{name}\" }}` under `[secrets]`"
                ));
                hints
            }
            Self::File { .. } => vec![
                "the file holds the value and nothing else; the engine's user has to be able to read it".to_owned(),
            ],
            Self::Variable { .. } => vec!["variables are those that the engine was started with".to_owned()],
        }
    }
}

/// Nobody sees a secret by accident.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// The places of a configuration that stand for secrets, whole texts always: a part of a text is none.
pub(crate) fn references(config: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(config, "", &mut found);
    found
}

fn collect(value: &Value, pointer: &str, found: &mut Vec<Reference>) {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix(PREFIX) {
                found.push(Reference {
                    pointer: pointer.to_owned(),
                    name: name.to_owned(),
                });
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                collect(element, &format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(keys) => {
            for (key, value) in keys {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(value, &format!("{pointer}/{key}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `[secrets]` of an environment. What is wrong is told without the lines: somebody may have written a secret into them.
pub(super) fn read(sections: Vec<(Located<String>, Section<'_>)>, site: &Path) -> BTreeMap<String, Origin> {
    let mut origins = BTreeMap::new();
    for (name, section) in sections {
        if !name::is_sound(&name.value) {
            unshown(
                &section,
                &name,
                format!("`{}` cannot name a secret", name.value),
                name::RULE,
            );
        } else if let Some(origin) = origin(section, &name, site) {
            origins.insert(name.value, origin);
        }
    }
    origins
}

/// How a secret is written.
pub(super) const EXAMPLE: &str = "write where the value comes from, `{ file = \"/run/secrets/NAME\" }` or `{ variable = \"NAME\" }`, and never the value";

fn origin(mut section: Section<'_>, name: &Located<String>, site: &Path) -> Option<Origin> {
    let keys = section.keys();
    let [key] = keys.as_slice() else {
        unshown(
            &section,
            name,
            format!("the secret `{}` needs one place", name.value),
            EXAMPLE,
        );
        return None;
    };
    match key.value.as_str() {
        "file" => Some(Origin::File(site.join(section.path("file")?.value))),
        "variable" => Some(Origin::Variable(section.required_text("variable")?.value)),
        other => {
            let message = format!("the secret `{}` cannot come from `{other}`", name.value);
            unshown(&section, name, message, EXAMPLE);
            None
        }
    }
}

fn unshown(section: &Section<'_>, name: &Located<String>, message: String, hint: &str) {
    let place = &name.place;
    section
        .faults()
        .in_row(place.file(), place.position().line, message, hint);
}

fn from_file(file: &Path) -> Result<Secret, String> {
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let read = opened.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    })?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        return Err(format!("it is larger than {} KiB", SECRET_BYTES_MAX >> 10));
    }
    // Editors and `echo` end a line that is none of the value's.
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(Secret(value.to_owned()))
}

fn from_variable(variable: &str) -> Result<Secret, &'static str> {
    match std::env::var(variable) {
        Ok(value) if value.is_empty() => Err("is empty"),
        Ok(value) => Ok(Secret(value)),
        Err(std::env::VarError::NotPresent) => Err("is not set"),
        Err(std::env::VarError::NotUnicode(_)) => Err("is not UTF-8 text"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn sources(files: &[(&str, &str)]) -> (tempfile::TempDir, SecretSources) {
        let folder = tempfile::tempdir().unwrap();
        let mut by_name = BTreeMap::new();
        for (name, content) in files {
            let file = folder.path().join(name);
            std::fs::write(&file, content).unwrap();
            by_name.insert((*name).to_owned(), Origin::File(file));
        }
        (folder, SecretSources::new(Some("test"), by_name))
    }

    #[test]
    fn whole_texts_stand_for_secrets_wherever_they_are() {
        let config = json!({
            "a": "secret:one", "b": { "c/d": ["x", "secret:two"] }, "secret:key": "a secret:three", "n": 1
        });
        let mut found: Vec<(String, String)> = references(&config)
            .into_iter()
            .map(|one| (one.pointer, one.name))
            .collect();
        found.sort();
        let expected = [("/a", "one"), ("/b/c~1d/1", "two")];
        assert_eq!(
            found,
            expected.map(|(pointer, name)| (pointer.to_owned(), name.to_owned()))
        );
    }

    #[test]
    fn a_configuration_is_filled_with_what_the_files_hold_now() {
        let (folder, sources) = sources(&[("one", "first\n"), ("two", "with space \r\n")]);
        let config = json!({ "a": "secret:one", "b": ["secret:two"], "c": "plain" });
        let filled = sources.fill(&config).unwrap();
        assert_eq!(filled, json!({ "a": "first", "b": ["with space "], "c": "plain" }));
        std::fs::write(folder.path().join("one"), "second").unwrap();
        let filled = sources.fill(&config).unwrap();
        assert_eq!(filled.get("a").unwrap(), "second");
    }

    #[test]
    fn a_secret_without_a_value_says_why_and_shows_nothing() {
        let (folder, sources) = sources(&[("empty", "\n"), ("password", "CANARY")]);
        std::fs::write(folder.path().join("password"), [0xff, b'C']).unwrap();
        let told = |name: &str| sources.get(name).unwrap_err().to_string();
        assert!(told("empty").ends_with("it is empty"), "{}", told("empty"));
        assert!(
            told("password").ends_with("it is not UTF-8 text"),
            "{}",
            told("password")
        );
        let unknown = sources.get("pasword").unwrap_err();
        assert_eq!(unknown.to_string(), "the environment `test` has no secret `pasword`");
        assert_eq!(unknown.hints().first().unwrap(), "did you mean `password`?");
        std::fs::remove_file(folder.path().join("empty")).unwrap();
        assert!(told("empty").contains("No such file"), "{}", told("empty"));
        let none = SecretSources::default().get("password").unwrap_err();
        assert!(matches!(none, SecretError::NoEnvironment(_)));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let (_folder, sources) = sources(&[("one", "CANARY")]);
        assert_eq!(format!("{:?}", sources.get("one").unwrap()), "Secret");
    }
}
