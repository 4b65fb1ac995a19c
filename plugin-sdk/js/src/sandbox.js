// The ambient parts of JavaScript, as they are where the same message has to give the same result.
//
// The engine inside a plugin has a clock that stands still and a chance that falls alike for each message. Neither is
// what an author expects who finds them there, and neither would be noticed before it did harm.

import { log } from "./log.js";

const EngineDate = Date;
let arrivedAtMs = 0;

/** From now on it is the moment at which the message arrived: the only clock that a plugin has. */
export function setClock(receivedAtMs) {
  arrivedAtMs = receivedAtMs;
}

function ArrivalDate(...parts) {
  if (new.target === undefined) {
    return new EngineDate(arrivedAtMs).toString();
  }
  return Reflect.construct(EngineDate, parts.length === 0 ? [arrivedAtMs] : parts, new.target);
}
Object.setPrototypeOf(ArrivalDate, EngineDate);
ArrivalDate.prototype = EngineDate.prototype;
ArrivalDate.prototype.constructor = ArrivalDate;
ArrivalDate.now = () => arrivedAtMs;
globalThis.Date = ArrivalDate;

function refuse(holder, name, reason) {
  if (holder?.[name] !== undefined) {
    Object.defineProperty(holder, name, {
      configurable: true,
      value() {
        throw new Error(`${name}: ${reason}`);
      },
    });
  }
}

const CHANCE = "a plugin has no randomness, because the same message has to give the same result";
const WAITING = "a plugin cannot wait: it has said what becomes of the message when its function returns";
refuse(Math, "random", CHANCE);
refuse(globalThis.crypto, "getRandomValues", CHANCE);
refuse(globalThis.crypto, "randomUUID", CHANCE);
refuse(globalThis, "fetch", "a plugin has no network");
refuse(globalThis, "setTimeout", WAITING);
refuse(globalThis, "setInterval", WAITING);

/** What a program writes for itself would go nowhere; it goes to the message's log. */
function lines(level) {
  return (...values) => log[level](values.map(String).join(" "));
}

globalThis.console = {
  debug: lines("debug"),
  error: lines("error"),
  info: lines("info"),
  log: lines("info"),
  warn: lines("warn"),
};
