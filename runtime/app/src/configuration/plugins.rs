//! The packages that a site finds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use semver::VersionReq;
use transfuse_package::{FindError, Library, OpenError};

use super::document::Located;
use super::fault::Faults;
use super::suggest;
use crate::parts::Component;

/// A library of packages, and those that steps asked for.
#[derive(Debug)]
pub(super) struct Plugins {
    library: Result<Library, OpenError>,
    /// By name and requirement: a package is read and hashed once, however many steps use it.
    found: RefCell<HashMap<(String, String), Component>>,
}

impl Plugins {
    pub(super) fn open(folder: PathBuf) -> Self {
        Self {
            library: Library::open(folder),
            found: RefCell::default(),
        }
    }

    /// The newest version that fits, or else faults at the step's own lines.
    pub(super) fn find(
        &self,
        plugin: &Located<String>,
        version: &Located<VersionReq>,
        faults: &Faults,
    ) -> Option<Component> {
        let key = (plugin.value.clone(), version.value.to_string());
        if let Some(component) = self.found.borrow().get(&key) {
            return Some(component.clone());
        }
        match &self.library {
            Err(error) => {
                let hint = "build plugins into it with `transfuse plugin build FOLDER --out DIR`";
                faults.at_with_hint(
                    &plugin.place,
                    format!("there is no plugin `{}`: {error}", plugin.value),
                    hint,
                );
                None
            }
            Ok(library) => match library.find(&plugin.value, &version.value) {
                Ok(package) => {
                    let component = Component::from(package);
                    self.found.borrow_mut().insert(key, component.clone());
                    Some(component)
                }
                Err(error) => {
                    report(error, plugin, version, faults);
                    None
                }
            },
        }
    }

    /// Everything that was found.
    pub(super) fn into_found(self) -> impl Iterator<Item = Component> {
        self.found.into_inner().into_values()
    }
}

fn report(error: FindError, plugin: &Located<String>, version: &Located<VersionReq>, faults: &Faults) {
    match error {
        FindError::NotAName(message) => faults.at(&plugin.place, message),
        FindError::NoSuchPlugin { folder, exist, .. } => {
            let exist: Vec<&str> = exist.iter().map(String::as_str).collect();
            let message = format!("there is no plugin `{}` in `{}`", plugin.value, folder.display());
            faults.at_with_hints(&plugin.place, message, suggest::hints(&plugin.value, "plugin", &exist));
        }
        FindError::NoSuchVersion { exist, .. } => {
            let exist: Vec<&str> = exist.iter().map(String::as_str).collect();
            let message = format!("no version of `{}` fits `{}`", plugin.value, version.value);
            faults.at_with_hint(&version.place, message, suggest::existing("version", &exist));
        }
        other => faults.at(
            &plugin.place,
            format!("the plugin `{}` cannot be used: {other}", plugin.value),
        ),
    }
}
