// What the host has given for one message: handles that are counted there, and that an engine with a collector would let
// go whenever it likes. An instance that keeps one is not used again, and its next message pays for a new one.

const DISPOSE = Symbol.dispose ?? Symbol.for("dispose");

let held = [];

/** A handle, to be let go with the message. */
export function hold(handle) {
  held.push(handle);
  return handle;
}

/** Leaves those that there are to the plugin: it may have opened a table before the first message. */
export function keep() {
  held = [];
}

/** Lets all handles go: what is behind them belongs to a message that is over. */
export function letGo() {
  const handles = held;
  held = [];
  for (const handle of handles) {
    handle[DISPOSE]?.();
  }
}
