// What stands in for the engine where there is none: in Node.js, for unit tests of a plugin's own functions.
//
// Their modules can be imported, `reject` and `log` work, and whatever asks the engine for a message, a table or something
// kept says that there is none. `transfuse/testing` runs the whole plugin.

function missing() {
  throw new Error("there is no engine here: run the plugin by `transfuse/testing`, or with `transfuse plugin test`");
}

/** A line of the log goes where a test's own lines go. */
export function write(level, line) {
  console[level](line);
}

/** Outside, the clock and everything else ambient are those of Node.js. */
export function setClock() {}

export const Message = Object.freeze({ parse: missing });
export const Table = Object.freeze({ open: missing });

export { missing as get, missing as keys, missing as raise, missing as remove, missing as schemaVersion, missing as set };
