// What a site may set: `config = { facility = "SZENT_IMRE", name_case = "title" }` in a step.

const KEYS = {
  /** The receiving application, MSH-5. Left as it came where not set. */
  application: { type: "string" },
  /** The receiving facility, MSH-6. Left as it came where not set. */
  facility: { type: "string" },
  /** The code table, see codes.js. */
  table: { type: "string", usual: "lab-codes" },
  /** What becomes of a code that the table does not have: it stays with a warning, or the message is rejected. */
  on_unknown_code: { type: "string", usual: "keep", words: ["keep", "reject"] },
  /** How names in PID-5 are written: as they came, `Szabó-Nagy`, or `SZABÓ-NAGY`. */
  name_case: { type: "string", usual: "keep", words: ["keep", "title", "upper"] },
  /** Whether messages other than ORU^R01 are passed on as they came, instead of being rejected. */
  pass_others: { type: "boolean", usual: false },
};

/** Checks the configuration and fills in what is usual. Every key may be left out; an unknown one is refused. */
export function configure(given) {
  const unknown = Object.keys(given).find((key) => !(key in KEYS));
  if (unknown !== undefined) {
    throw new Error(`config.${unknown}: unknown, expected one of ${Object.keys(KEYS).join(", ")}`);
  }
  const entries = Object.entries(KEYS).map(([key, rule]) => [key, checked(key, rule, given[key])]);
  return Object.fromEntries(entries);
}

function checked(key, { type, usual, words }, value = usual) {
  if (value !== undefined && typeof value !== type) {
    throw new Error(`config.${key}: expected a ${type}, not a ${typeof value}`);
  }
  if (words !== undefined && !words.includes(value)) {
    throw new Error(`config.${key}: unknown word ${value}, expected one of ${words.join(", ")}`);
  }
  return value;
}
