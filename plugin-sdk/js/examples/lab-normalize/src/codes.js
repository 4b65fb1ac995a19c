// OBX-3: local codes become LOINC.
//
// The code table has the columns `local` and `loinc`, and where the site keeps them `display` (the name beside the LOINC
// code) and `unit` (what the analyser means where it sends none). A local code is looked up exactly as it came.
//
//   OBX|1|NM|GLU^Glükóz^SYNLAB           becomes
//   OBX|1|NM|14749-6^Glucose [Moles/volume] in Serum or Plasma^LN^GLU^Glükóz^SYNLAB

import { Code, Table, log, reject } from "transfuse";
import { DELETE, listed } from "./observations.js";

/** How HL7 table 0396 names LOINC. */
const LOINC = "LN";

/** How HL7 table 0396 names a code system of the sender's own, where the sender did not name it. */
const LOCAL = "L";

/** Gives what to set, and tells each observation the unit that the table has for it. */
export function normalizeCodes(observations, config) {
  const local = observations.filter(isLocal);
  if (local.length === 0) {
    return [];
  }
  const rows = Table.open(config.table).findMany(
    "local",
    local.map((observation) => observation.code.code),
  );
  const edits = [];
  const unknown = [];
  for (const [index, observation] of local.entries()) {
    const loinc = loincOf(rows[index]);
    if (loinc.code === "") {
      unknown.push(observation);
    } else {
      observation.tableUnit = loinc.unit;
      edits.push(...replacement(observation, loinc));
    }
  }
  handleUnknown(unknown, config);
  return edits;
}

function isLocal({ code: { code, system } }) {
  return code !== "" && code !== DELETE && system !== LOINC;
}

function loincOf(row) {
  const optional = (column) => (row?.has(column) ? row.get(column) : "");
  return { code: row?.get("loinc") ?? "", display: optional("display"), unit: optional("unit") };
}

function replacement({ path, code: local, alternate }, loinc) {
  const set = (first, values) => values.map((value, index) => [`${path}-3.${first + index}`, value]);
  const edits = set(1, [loinc.code, loinc.display || local.text, LOINC, local.code, local.text, local.system || LOCAL]);
  if (alternate.code === "") {
    return edits;
  }
  if (alternate.system !== LOINC) {
    // The place of a second alternate, from 2.7 on; a receiver of an older version ignores components it has none of.
    return [...edits, ...set(10, [alternate.code, alternate.text, alternate.system])];
  }
  if (alternate.code !== loinc.code) {
    log.warn(`${path}-3: the sender's LOINC ${alternate.code} gave way to the table's ${loinc.code}`);
  }
  return edits;
}

function handleUnknown(unknown, config) {
  if (unknown.length === 0) {
    return;
  }
  const codes = unknown.map((observation) => observation.code.code);
  if (config.on_unknown_code === "reject") {
    reject(Code.TableValueNotFound, { at: `${unknown[0].path}-3` }, `no LOINC code is known for ${codes[0]}`);
  }
  log.warn(`table ${config.table} has no LOINC code for ${listed(codes)}`);
}
