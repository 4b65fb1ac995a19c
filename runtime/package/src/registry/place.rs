//! Where a package lies in a registry: `registry.example:5000/acme/mapper:1.0.0`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use oci_client::Reference;
use thiserror::Error;

/// A name in a registry, with a tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    reference: Reference,
    /// The reference parser supplies `latest`, which no release of a plugin is called.
    has_version: bool,
}

/// A text is no place in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no place in a registry: write REGISTRY/NAME:VERSION, such as registry.example/acme/mapper:1.0.0 ({reason})"
)]
pub struct PlaceError {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Place {
    /// Whether a tag or a digest was written.
    #[must_use]
    pub fn has_version(&self) -> bool {
        self.has_version
    }

    /// The same name with a version as its tag. A tag has no `+`.
    #[must_use]
    pub fn with_version(&self, version: &semver::Version) -> Self {
        let tag = version.to_string().replace('+', "_");
        let (registry, repository) = (self.reference.registry(), self.reference.repository());
        Self {
            reference: Reference::with_tag(registry.to_owned(), repository.to_owned(), tag),
            has_version: true,
        }
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The same repository at a digest.
    pub(super) fn at_digest(&self, digest: &str) -> Reference {
        let (registry, repository) = (self.reference.registry(), self.reference.repository());
        Reference::with_digest(registry.to_owned(), repository.to_owned(), digest.to_owned())
    }

    /// The tag under which the referrers of a digest are listed, where the registry keeps no list itself.
    pub(super) fn at_referrers_of(&self, digest: &str) -> Reference {
        let (registry, repository) = (self.reference.registry(), self.reference.repository());
        Reference::with_tag(registry.to_owned(), repository.to_owned(), digest.replace(':', "-"))
    }

    /// Whether the registry is on this machine.
    pub(super) fn is_local(&self) -> bool {
        let registry = self.reference.registry();
        let host = match registry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, _)) => host,
            None => registry.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason: &str| PlaceError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        // Without this, a name without a registry would mean one on the other side of the world.
        let (registry, rest) = text.split_once('/').ok_or_else(|| refused("it names no registry"))?;
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(refused("it names no registry"));
        }
        let reference = Reference::from_str(text).map_err(|error| refused(&error.to_string()))?;
        Ok(Self {
            reference,
            has_version: rest.contains([':', '@']),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_version {
            return formatter.write_str(&self.reference.whole());
        }
        write!(
            formatter,
            "{}/{}",
            self.reference.registry(),
            self.reference.repository()
        )
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_registry_on_this_machine_is_told_from_one_elsewhere() {
        let is_local = |text: &str| text.parse::<Place>().unwrap().is_local();
        for local in [
            "127.0.0.1:5000/a/b:1",
            "localhost/a/b:1",
            "localhost:5000/a:1",
            "127.8.8.8:1/a:1",
        ] {
            assert!(is_local(local), "{local}");
        }
        for elsewhere in [
            "registry.example/a/b:1",
            "127.0.0.1.example:80/a:1",
            "localhost.example/a:1",
            "10.0.0.1:5000/a:1",
        ] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_name_without_a_registry_is_refused_and_not_looked_up_anywhere() {
        for text in [
            "acme/mapper:1.0.0",
            "mapper",
            "acme/mapper@^1",
            "registry.example/",
            "registry.example/A:1",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_version_becomes_a_tag() {
        let place: Place = "registry.example/acme/mapper".parse().unwrap();
        assert!(!place.has_version());
        assert_eq!(place.to_string(), "registry.example/acme/mapper");
        let tagged = place.with_version(&"1.0.0+build.7".parse().unwrap());
        assert_eq!(tagged.to_string(), "registry.example/acme/mapper:1.0.0_build.7");
        assert!(tagged.has_version());
        assert!("registry.example:5000/a:1".parse::<Place>().unwrap().has_version());
        assert!(!"registry.example:5000/a".parse::<Place>().unwrap().has_version());
    }
}
