// What a plugin keeps between messages: a small keyed store of its own, for each interface.

import * as host from "#host/state";
import { StateError, bytes, located, text } from "./errors.js";

/** All keys that a plugin may have, unless its interface allows more. */
const KEYS_MAX = 10_000;

export const State = Object.freeze({
  get: (key) => host.get(keyText(key)),
  set: (key, value) => located(StateError, () => host.set(keyText(key), bytes("a value to keep", value))),
  remove: (key) => host.remove(keyText(key)),
  keys: (prefix = "", after = "", limit = KEYS_MAX) => host.keys(text("a prefix", prefix), text("a key", after), limit),
  schemaVersion: () => host.schemaVersion(),
  getJson,
  setJson: (key, value) => State.set(key, new TextEncoder().encode(json(key, value))),
});

function getJson(key) {
  const kept = State.get(key);
  if (kept === undefined) {
    return undefined;
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(kept));
  } catch {
    throw new StateError({ code: "json", text: "what is kept is no JSON" });
  }
}

function json(key, value) {
  return text(`what is to be kept as ${key}`, JSON.stringify(value));
}

function keyText(key) {
  return text("a key", key);
}
