// OBX-8: abnormal flags as HL7 table 0078 has them.

import { log } from "transfuse";
import { DELETE, listed } from "./observations.js";

/** HL7 table 0078 (2.9), with what 2.3 had. */
const FLAGS = (
  "< > A AA AC B D DET H HH HM HU I IND L LL LU MS N ND NEG NR NS POS QCF R RR S SDD SYN-R SYN-S TOX U VS W WR null"
).split(" ");

/** Words that analysers send instead, in lower case. */
const WORDS = new Map([
  ["abnormal", "A"],
  ["alacsony", "L"],
  ["high", "H"],
  ["kóros", "A"],
  ["low", "L"],
  ["magas", "H"],
  ["norm", "N"],
  ["normal", "N"],
  ["normál", "N"],
  ["ok", "N"],
]);

/** Signs that analysers send beside numbers. Beside anything else `+` says positive and not high, so it is left alone. */
const SIGNS = new Map([
  ["+", "H"],
  ["++", "HH"],
  ["+++", "HH"],
  ["-", "L"],
  ["--", "LL"],
  ["---", "LL"],
]);

export function normalizeFlags(observations) {
  const edits = [];
  const unknown = [];
  for (const { path, isNumber, flags } of observations) {
    for (const [index, flag] of flags.entries()) {
      if (flag === "" || flag === DELETE) {
        continue;
      }
      const standard = standardFlag(flag, isNumber);
      if (standard === undefined) {
        unknown.push(flag);
      } else if (standard !== flag) {
        edits.push([`${path}-8[${index + 1}].1.1`, standard]);
      }
    }
  }
  if (unknown.length > 0) {
    log.warn(`abnormal flags that are not in HL7 table 0078 stay as they came: ${listed(unknown)}`);
  }
  return edits;
}

/** The flag of table 0078 that is meant; `undefined` where that is not known. */
function standardFlag(given, isNumber) {
  const flag = given.trim();
  const lower = flag.toLowerCase();
  const known = FLAGS.find((one) => one === flag) ?? FLAGS.find((one) => one.toLowerCase() === lower);
  return known ?? WORDS.get(lower) ?? (isNumber ? SIGNS.get(lower) : undefined);
}
