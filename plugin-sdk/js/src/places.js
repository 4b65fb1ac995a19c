// From a stack of the one file that a plugin is bundled into, to the author's own file and line.
//
// The build leaves the bundle's source map here: the names of the files, and the mappings as source maps write them,
// which are read only when something went wrong.

const SOURCES = Symbol.for("transfuse.sources");
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The SDK's own files: an error is where the author called them. */
const SDK = "transfuse:";

/** Where in the author's files an error came from, `src/plugin.js:12:5`; `unknown` where the stack leads to none. */
export function placeOf(error) {
  const stack = typeof error?.stack === "string" ? error.stack : "";
  for (const [, line, column] of stack.matchAll(/:(\d+):(\d+)$/gm)) {
    const place = original(Number(line), Number(column));
    if (place !== undefined && !place.startsWith(SDK)) {
      return place;
    }
  }
  return "unknown";
}

function original(line, column) {
  const { files, mappings } = globalThis[SOURCES] ?? { files: [], mappings: "" };
  let [file, row, col] = [0, 0, 0];
  for (const [index, segments] of mappings.split(";").entries()) {
    let [at, found] = [0, undefined];
    for (const segment of segments === "" ? [] : segments.split(",")) {
      const [toColumn, toFile, toRow, toCol] = numbers(segment);
      at += toColumn;
      if (toFile !== undefined) {
        [file, row, col] = [file + toFile, row + toRow, col + toCol];
      }
      // Columns of a stack count from one, those of a source map from nothing.
      if (index + 1 === line && at < column && toFile !== undefined) {
        found = `${files[file]}:${row + 1}:${col + 1}`;
      }
    }
    if (index + 1 === line) {
      return found;
    }
  }
  return undefined;
}

/** The numbers of one segment: five bits in each digit, a sixth where more follow, the sign in the last bit. */
function numbers(segment) {
  const all = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits < 32) {
      all.push(value & 1 ? -(value >> 1) : value >> 1);
      [value, shift] = [0, 0];
    }
  }
  return all;
}
