//! The configuration of a step: the mapping's text, and values for the parameters that it names.
//!
//! ```toml
//! config = { mapping = "..", facility = "SZENT_IMRE" }
//! ```
//!
//! In a package made of a mapping the text is part of the package, and a site sets the parameters only.

use std::marker::PhantomData;

use serde::Deserialize;
use serde_json::{Map, Value};
use transfuse_plugin::prelude::*;

use crate::mapping::Mapping;
use crate::problem::shown;
use crate::requests::Requests;
use crate::tables::CodeTable;
use crate::{reach, read, run};

/// A configuration whose mapping was read and checked, for a plugin with the tables `T`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>", bound = "T: CodeTable")]
pub struct Config<T> {
    mapping: Mapping,
    tables: PhantomData<T>,
}

impl<T: CodeTable> Config<T> {
    /// Takes a message through the mapping.
    pub fn run(&self, exchange: &Exchange) -> Outcome {
        run::run::<T>(exchange, &self.mapping)
    }
}

impl<T: CodeTable> TryFrom<Map<String, Value>> for Config<T> {
    type Error = String;

    /// Reads and checks the mapping. The error is for its author: what is wrong, with lines.
    fn try_from(mut given: Map<String, Value>) -> Result<Self, String> {
        let text = match given.remove("mapping") {
            Some(Value::String(text)) => text,
            Some(_) => return Err("`mapping` is the text of the mapping".to_owned()),
            None => return Err("`mapping` is missing: it is the text of the mapping".to_owned()),
        };
        let requests = given.remove("requests").map(Requests::deserialize).transpose();
        let requests = requests.map_err(|error| format!("`requests`: {error}"))?;
        let read = read::read::<T>(&text, &given, requests.as_ref()).map_err(shown)?;
        reach::check(&read.mapping).map_err(shown)?;
        if let Some(requests) = requests {
            read.needs.compare(&requests)?;
        }
        Ok(Self {
            mapping: read.mapping,
            tables: PhantomData,
        })
    }
}
