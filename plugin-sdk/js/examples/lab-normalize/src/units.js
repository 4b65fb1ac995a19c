// OBX-6: units as UCUM writes them. The number beside it is never touched: only spellings of the same unit are joined.

import { log } from "transfuse";
import { DELETE, listed } from "./observations.js";

/**
 * Spellings that analysers send, and what UCUM writes.
 *
 * Case matters, because it carries meaning: `g/l` is grams per litre, but `G/l` in a Hungarian laboratory is giga per
 * litre. What could be either (`G/L`, `MU/L`) is not in the list and stays as it came.
 */
const SPELLINGS = new Map([
  ["mmol/l", "mmol/L"],
  ["MMOL/L", "mmol/L"],
  ["umol/l", "umol/L"],
  ["UMOL/L", "umol/L"],
  ["µmol/l", "umol/L"],
  ["µmol/L", "umol/L"],
  ["μmol/l", "umol/L"],
  ["μmol/L", "umol/L"],
  ["mikromol/l", "umol/L"],
  ["nmol/l", "nmol/L"],
  ["NMOL/L", "nmol/L"],
  ["pmol/l", "pmol/L"],
  ["PMOL/L", "pmol/L"],
  ["g/l", "g/L"],
  ["g/dl", "g/dL"],
  ["G/DL", "g/dL"],
  ["mg/l", "mg/L"],
  ["mg/dl", "mg/dL"],
  ["MG/DL", "mg/dL"],
  ["ug/l", "ug/L"],
  ["µg/l", "ug/L"],
  ["µg/L", "ug/L"],
  ["μg/l", "ug/L"],
  ["μg/L", "ug/L"],
  ["ng/ml", "ng/mL"],
  ["NG/ML", "ng/mL"],
  ["pg/ml", "pg/mL"],
  ["PG/ML", "pg/mL"],
  ["u/l", "U/L"],
  ["U/l", "U/L"],
  ["IU/l", "[IU]/L"],
  ["IU/L", "[IU]/L"],
  ["NE/l", "[IU]/L"],
  ["mIU/l", "m[IU]/L"],
  ["mIU/L", "m[IU]/L"],
  ["IU/ml", "[IU]/mL"],
  ["IU/mL", "[IU]/mL"],
  ["G/l", "10*9/L"],
  ["Giga/l", "10*9/L"],
  ["10^9/l", "10*9/L"],
  ["10^9/L", "10*9/L"],
  ["10E9/L", "10*9/L"],
  ["x10^9/L", "10*9/L"],
  ["T/l", "10*12/L"],
  ["Tera/l", "10*12/L"],
  ["10^12/l", "10*12/L"],
  ["10^12/L", "10*12/L"],
  ["10E12/L", "10*12/L"],
  ["x10^12/L", "10*12/L"],
  ["fl", "fL"],
  ["FL", "fL"],
  ["PG", "pg"],
  ["l/l", "L/L"],
  ["ml/min", "mL/min"],
  ["ML/MIN", "mL/min"],
  ["mm/ó", "mm/h"],
  ["MM/H", "mm/h"],
  ["sec", "s"],
]);

export function normalizeUnits(observations) {
  const edits = [];
  const differing = [];
  for (const { path, isNumber, unit: given, tableUnit } of observations) {
    if (given === DELETE) {
      continue;
    }
    const unit = given.trim();
    const tidy = unit === "" && isNumber ? tableUnit : (SPELLINGS.get(unit) ?? unit);
    if (tidy !== unit) {
      edits.push([`${path}-6.1.1`, tidy]);
    }
    if (tableUnit !== "" && tidy !== "" && tidy !== tableUnit) {
      differing.push(`${path}-6 is ${tidy} where the table has ${tableUnit}`);
    }
  }
  if (differing.length > 0) {
    log.warn(listed(differing));
  }
  return edits;
}
