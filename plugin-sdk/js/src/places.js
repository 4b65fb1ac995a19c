// From a stack of the one file that a plugin is bundled into, to the author's own file and line.
//
// The build leaves here what it knows, ready to be looked up: reading a source map would cost a message's whole fuel.

const PLACES = Symbol.for("transfuse.places");

/**
 * Where in the author's files an error came from, `src/plugin.js:12:5`; `unknown` where the stack leads to none. The
 * SDK's own lines are not known: an error is where the author called it.
 */
export function placeOf(error) {
  const stack = typeof error?.stack === "string" ? error.stack : "";
  const { files, lines } = globalThis[PLACES] ?? { files: [], lines: {} };
  for (const [, line, column] of stack.matchAll(/:(\d+):(\d+)$/gm)) {
    // Columns of a stack count from one, and so do those here.
    const found = lines[line]?.findLast(([from]) => from <= Number(column));
    if (found !== undefined) {
      const [, file, row, col] = found;
      return `${files[file]}:${row}:${col}`;
    }
  }
  return "unknown";
}
