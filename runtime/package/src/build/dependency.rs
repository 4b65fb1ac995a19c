//! What is compiled into a component besides the plugin's own sources.

use std::fmt;

/// Somebody else's code in a component: one release of one package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency {
    /// Where its name is to be looked up.
    pub registry: Registry,
    /// Its name there.
    pub name: String,
    /// Its version, as its makers write it.
    pub version: String,
    /// Its licence as an SPDX expression, where it states one.
    pub licence: Option<String>,
}

/// Where the name of a dependency means something, by the types of package URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Registry {
    /// Crates.
    Cargo,
    /// Packages of Node.
    Npm,
    /// Packages of Python.
    Pypi,
    /// Nowhere but in its own project.
    Generic,
}

impl Registry {
    /// The type in a package URL: `pkg:cargo/..`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Generic => "generic",
        }
    }
}

/// As a package URL: `pkg:npm/%40scope/name@1.0.0`.
impl fmt::Display for Dependency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry,
            name,
            version,
            ..
        } = self;
        let name = name.replace('@', "%40");
        let version = version.replace('+', "%2B");
        write!(formatter, "pkg:{}/{name}@{version}", registry.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Dependency, Registry};

    #[test]
    fn a_dependency_has_a_package_url() {
        let shown = |registry, name: &str, version: &str| {
            let (name, version) = (name.to_owned(), version.to_owned());
            Dependency {
                registry,
                name,
                version,
                licence: None,
            }
            .to_string()
        };
        assert_eq!(shown(Registry::Cargo, "serde", "1.0.2"), "pkg:cargo/serde@1.0.2");
        assert_eq!(
            shown(Registry::Npm, "@own/codes", "2.0.0"),
            "pkg:npm/%40own/codes@2.0.0"
        );
        assert_eq!(
            shown(Registry::Generic, "engine", "1.0+a"),
            "pkg:generic/engine@1.0%2Ba"
        );
    }
}
