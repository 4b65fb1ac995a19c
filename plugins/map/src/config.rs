//! The configuration of a step: the mapping's text, and values for the parameters that it names.
//!
//! ```toml
//! config = { mapping = "..", facility = "SZENT_IMRE" }
//! ```
//!
//! In a package made of a mapping the text is part of the package, and a site sets the parameters only.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::mapping::Mapping;
use crate::problem::shown;
use crate::reach;
use crate::read::{self, Tables};
use crate::requests::Requests;

/// A configuration whose mapping was read and checked.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Config {
    mapping: Mapping,
}

impl Config {
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }
}

impl TryFrom<Map<String, Value>> for Config {
    type Error = String;

    fn try_from(mut given: Map<String, Value>) -> Result<Self, String> {
        let text = match given.remove("mapping") {
            Some(Value::String(text)) => text,
            Some(_) => return Err("`mapping` is the text of the mapping".to_owned()),
            None => return Err("`mapping` is missing: it is the text of the mapping".to_owned()),
        };
        let requests = given.remove("requests").map(Requests::deserialize).transpose();
        let requests = requests.map_err(|error| format!("`requests`: {error}"))?;
        // Whoever builds a package has none of the tables of the sites that will use it.
        let tables = if requests.is_some() { Tables::Unknown } else { Tables::Granted };
        let read = read::read(&text, &given, tables).map_err(shown)?;
        reach::check(&read.mapping).map_err(shown)?;
        if let Some(requests) = requests {
            read.needs.compare(&requests)?;
        }
        Ok(Self { mapping: read.mapping })
    }
}
