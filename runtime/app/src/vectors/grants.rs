//! `[grants]`: what a vector's plugin may touch, where that is not what its manifest requests.

use transfuse_package::Requests;
use transfuse_sandbox::{FieldPatternError, FieldPatterns, Grants};

use crate::configuration::{Located, Section};

/// Grants as they are written. What is absent is as the manifest requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WrittenGrants {
    pub(crate) read: Option<Vec<String>>,
    pub(crate) write: Option<Vec<String>>,
    pub(crate) tables: Option<Vec<String>>,
    /// The destinations that the plugin may name. No manifest knows those, so that without this key it may name none.
    pub(crate) to: Option<Vec<String>>,
    pub(crate) create: Option<bool>,
    pub(crate) state: Option<bool>,
}

impl WrittenGrants {
    /// What these grants come to for a plugin that requests `requests`.
    pub(crate) fn resolve(&self, requests: &Requests) -> Result<Grants, FieldPatternError> {
        Ok(Grants {
            read: FieldPatterns::parse(self.read.as_ref().unwrap_or(&requests.read))?,
            write: FieldPatterns::parse(self.write.as_ref().unwrap_or(&requests.write))?,
            tables: self.tables(requests).to_vec(),
            to: self.to.clone(),
            create: self.create.unwrap_or(requests.create),
            state: self.state.unwrap_or(requests.state),
        })
    }

    /// The tables that the plugin may open.
    pub(super) fn tables<'g>(&'g self, requests: &'g Requests) -> &'g [String] {
        self.tables.as_ref().unwrap_or(&requests.tables)
    }
}

/// Reads `[grants]`. Patterns that are none are told with their place.
pub(super) fn read(section: Option<Section<'_>>) -> WrittenGrants {
    let Some(mut section) = section else {
        return WrittenGrants::default();
    };
    let mut patterns = |key| {
        let written = section.texts(key)?;
        for pattern in &written {
            if let Err(error) = FieldPatterns::parse(&[&pattern.value]) {
                section.faults().at(&pattern.place, error.to_string());
            }
        }
        Some(values(written))
    };
    let (read, write) = (patterns("read"), patterns("write"));
    let grants = WrittenGrants {
        read,
        write,
        tables: section.texts("tables").map(values),
        to: section.texts("to").map(values),
        create: section.flag("create"),
        state: section.flag("state"),
    };
    section.finish();
    grants
}

fn values(texts: Vec<Located<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}
