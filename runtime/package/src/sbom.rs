//! What a plugin is made of: a `CycloneDX` document that comes out alike for the same plugin.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::build::Dependency;
use crate::digest::hexadecimal;
use crate::manifest::Manifest;

/// The document. It holds no time and no name of a machine, and its serial number is derived from the rest.
#[must_use]
pub(crate) fn write(manifest: &Manifest, component_digest: &str, dependencies: &[Dependency]) -> String {
    let mut dependencies = dependencies.to_vec();
    dependencies.sort();
    dependencies.dedup();
    let components: Vec<Value> = dependencies.iter().map(component).collect();
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": subject(manifest, component_digest) },
        "components": components,
    });
    let serial = serial_number(&document.to_string());
    if let Some(document) = document.as_object_mut() {
        document.insert("serialNumber".to_owned(), serial.into());
    }
    document.to_string()
}

fn subject(manifest: &Manifest, component_digest: &str) -> Value {
    let digits = component_digest.trim_start_matches(crate::digest::ALGORITHM);
    json!({
        "type": "application",
        "bom-ref": format!("{}@{}", manifest.name, manifest.version),
        "group": manifest.name.vendor(),
        "name": manifest.name.name(),
        "version": manifest.version.to_string(),
        "description": manifest.description,
        "licenses": [{ "expression": manifest.licence }],
        "hashes": [{ "alg": "SHA-256", "content": digits }],
    })
}

fn component(dependency: &Dependency) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": dependency.to_string(),
        "name": dependency.name,
        "version": dependency.version,
        "purl": dependency.to_string(),
    });
    if let (Some(component), Some(licence)) = (component.as_object_mut(), &dependency.licence) {
        component.insert("licenses".to_owned(), json!([{ "expression": licence }]));
    }
    component
}

/// A UUID of the version that leaves its content to us (RFC 9562, version 8).
fn serial_number(text: &str) -> String {
    let digits = hexadecimal(&Sha256::digest(text.as_bytes()));
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let (one, two, three, four, five) = (part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32));
    format!("urn:uuid:{one}-{two}-8{three}-8{four}-{five}")
}

/// What an SBOM says, in the form that people are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SbomSummary {
    /// Libraries with name, version and licence, in the document's order.
    pub libraries: Vec<(String, String, Option<String>)>,
}

impl SbomSummary {
    /// Reads a `CycloneDX` document in JSON; nothing where it is none.
    #[must_use]
    pub fn read(document: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(document).ok()?;
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let libraries = document.get("components")?.as_array()?.iter().filter_map(|component| {
            let licence = component.pointer("/licenses/0/expression").and_then(Value::as_str);
            Some((
                text(component, "name")?,
                text(component, "version").unwrap_or_default(),
                licence.map(str::to_owned),
            ))
        });
        Some(Self {
            libraries: libraries.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;
    use crate::build::Registry;

    fn dependency(name: &str, licence: Option<&str>) -> Dependency {
        Dependency {
            registry: Registry::Cargo,
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
        }
    }

    fn manifest() -> Manifest {
        Manifest::parse("name = \"acme/own\"\nversion = \"0.1.0\"\ndescription = \"d\"\nlicence = \"MIT\"\ncontract = \"1.0\"\naccepts = [\"*\"]\n").unwrap()
    }

    #[test]
    fn a_document_says_what_is_in_it_and_the_order_of_finding_does_not_show() {
        let serde = dependency("serde", Some("MIT OR Apache-2.0"));
        let syn = dependency("syn", None);
        let one = write(&manifest(), "sha256:aa", &[syn.clone(), serde.clone(), serde.clone()]);
        assert_eq!(one, write(&manifest(), "sha256:aa", &[serde, syn]));
        let document: Value = serde_json::from_str(&one).unwrap();
        assert_eq!(document["bomFormat"], "CycloneDX");
        assert_eq!(document["metadata"]["component"]["hashes"][0]["content"], "aa");
        assert_eq!(document["components"][0]["purl"], "pkg:cargo/serde@1.0.0");
        assert_eq!(
            document["components"][0]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        let summary = SbomSummary::read(&one).unwrap();
        assert_eq!(summary.libraries.len(), 2);
        assert_eq!(summary.libraries.get(1).unwrap().2, None);
    }

    #[test]
    fn a_serial_number_is_a_uuid_and_follows_the_content() {
        let serial = |digest: &str| {
            let document: Value = serde_json::from_str(&write(&manifest(), digest, &[])).unwrap();
            document["serialNumber"].as_str().unwrap().to_owned()
        };
        let one = serial("sha256:aa");
        assert_ne!(one, serial("sha256:bb"));
        let uuid = one.strip_prefix("urn:uuid:").unwrap();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(uuid.split('-').nth(2).unwrap().starts_with('8'));
    }
}
