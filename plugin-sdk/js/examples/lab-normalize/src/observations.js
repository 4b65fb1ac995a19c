// What the plugin reads of each OBX, in one call for the whole message.

/** HL7's delete marker: a value to be removed at the receiver, and none itself. */
export const DELETE = '""';

/** How often OBX-8 may repeat, by the standard (2.3 to 2.7). Further repetitions stay as they came. */
const FLAGS_MAX = 5;

/** How many names a line of the log holds. */
const LISTED_MAX = 20;

const FLAGS = Array.from({ length: FLAGS_MAX }, (_, index) => `8[${index + 1}].1.1`);

/** Subcomponents are named, so that a code with parts is read by its first one and not refused. */
const FIELDS = ["2.1.1", "3.1.1", "3.2.1", "3.3.1", "3.4.1", "3.5.1", "3.6.1", "6.1.1", ...FLAGS];

/** Every OBX of the message, as far as this plugin looks at it. Absent and empty are both "": neither has a value. */
export function readObservations(message) {
  return message.rows("OBX", FIELDS).map((row, index) => {
    const [valueType, code, text, system, otherCode, otherText, otherSystem, unit, ...flags] = row.map((leaf) => leaf ?? "");
    return {
      path: `OBX[${index + 1}]`,
      isNumber: valueType === "NM" || valueType === "SN",
      code: { code, text, system },
      alternate: { code: otherCode, text: otherText, system: otherSystem },
      unit,
      flags,
      /** The unit that the code table has for this code; set by codes.js. */
      tableUnit: "",
    };
  });
}

/** Names for a line of the log: each once, and no more of them than a person would read. */
export function listed(names) {
  const once = [...new Set(names)];
  const more = once.length - LISTED_MAX;
  const shown = once.slice(0, LISTED_MAX).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
