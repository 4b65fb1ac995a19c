//! OBX-3: local codes become LOINC.
//!
//! The code table has the columns `local` and `loinc`, and where the site keeps them `display` (the name beside the
//! LOINC code) and `unit` (what the analyser means where it sends none). A local code is looked up exactly as it came.
//!
//! ```text
//! OBX|1|NM|GLU^Glükóz^SYNLAB           becomes
//! OBX|1|NM|14749-6^Glucose [Moles/volume] in Serum or Plasma^LN^GLU^Glükóz^SYNLAB
//! ```

use transfuse_plugin::prelude::*;
use transfuse_plugin::tables::Row;

use crate::config::{Config, OnUnknownCode};
use crate::observation::{Coding, Observation};
use crate::{DELETE, Edits, listed};

/// How HL7 table 0396 names LOINC.
const LOINC: &str = "LN";

/// How HL7 table 0396 names a code system of the sender's own, where the sender did not name it.
const LOCAL: &str = "L";

pub(crate) fn normalize(observations: &mut [Observation], config: &Config, edits: &mut Edits) -> Result<(), Stop> {
    let mut local: Vec<&mut Observation> = observations
        .iter_mut()
        .filter(|observation| is_local(observation))
        .collect();
    if local.is_empty() {
        return Ok(());
    }
    let codes: Vec<&str> = local.iter().map(|observation| observation.code.code.as_str()).collect();
    let rows = Table::open(&config.table)?.find_many("local", &codes)?;
    let mut unknown = Vec::new();
    for (observation, row) in local.iter_mut().zip(&rows) {
        match row
            .as_ref()
            .map(Loinc::of)
            .transpose()?
            .filter(|loinc| !loinc.code.is_empty())
        {
            Some(loinc) => replace(observation, &loinc, edits),
            None => unknown.push(&**observation),
        }
    }
    handle_unknown(&unknown, config)
}

fn is_local(observation: &Observation) -> bool {
    let Coding { code, system, .. } = &observation.code;
    !code.is_empty() && code != DELETE && system != LOINC
}

/// One row of the table.
struct Loinc<'row> {
    code: &'row str,
    display: &'row str,
    unit: &'row str,
}

impl<'row> Loinc<'row> {
    fn of(row: &'row Row) -> Result<Self, Stop> {
        Ok(Self {
            code: row.get("loinc")?,
            display: row.get("display").unwrap_or_default(),
            unit: row.get("unit").unwrap_or_default(),
        })
    }
}

fn replace(observation: &mut Observation, loinc: &Loinc<'_>, edits: &mut Edits) {
    loinc.unit.clone_into(&mut observation.table_unit);
    let Observation {
        path,
        code: local,
        alternate,
        ..
    } = &*observation;
    let display = if loinc.display.is_empty() {
        &local.text
    } else {
        loinc.display
    };
    let system = if local.system.is_empty() { LOCAL } else { &local.system };
    let mut set = |component: u8, value: &str| edits.push((format!("{path}-3.{component}"), value.to_owned()));
    for (component, value) in (1..).zip([loinc.code, display, LOINC, &local.code, &local.text, system]) {
        set(component, value);
    }
    if alternate.code.is_empty() {
        return;
    }
    if alternate.system != LOINC {
        // The place of a second alternate, from 2.7 on; a receiver of an older version ignores components it has none of.
        for (component, value) in (10..).zip([&alternate.code, &alternate.text, &alternate.system]) {
            set(component, value);
        }
    } else if alternate.code != loinc.code {
        log::warn!(
            "{path}-3: the sender's LOINC {} gave way to the table's {}",
            alternate.code,
            loinc.code
        );
    }
}

fn handle_unknown(unknown: &[&Observation], config: &Config) -> Result<(), Stop> {
    let Some(first) = unknown.first() else { return Ok(()) };
    if config.on_unknown_code == OnUnknownCode::Reject {
        reject!(Code::TableValueNotFound, at format!("{}-3", first.path), "no LOINC code is known for {}", first.code.code);
    }
    let codes: Vec<&str> = unknown
        .iter()
        .map(|observation| observation.code.code.as_str())
        .collect();
    log::warn!("table {} has no LOINC code for {}", config.table, listed(&codes));
    Ok(())
}
