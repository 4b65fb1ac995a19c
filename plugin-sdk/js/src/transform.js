// From an author's function to what the host calls.

import { raise } from "#host/faults";
import { kindOf, rejection } from "./errors.js";
import { Exchange } from "./exchange.js";
import { keep, letGo } from "./handles.js";
import { placeOf } from "./places.js";
import { setClock } from "#ambient";

const NO_CONFIGURATION = "this plugin takes no configuration: remove `config` from the step";

export function transform(run, { configure } = {}) {
  if (typeof run !== "function") {
    throw new TypeError("transform takes the function that is called for each message");
  }
  if (run.constructor.name === "AsyncFunction") {
    throw new TypeError("a plugin's function cannot be async: it has to be done when it returns");
  }
  let config;
  return {
    init(bytes) {
      const given = JSON.parse(new TextDecoder().decode(bytes));
      config = configure === undefined ? accepted(given, run) : configured(given, configure);
      keep();
    },
    transform(exchange) {
      try {
        const own = new Exchange(exchange);
        setClock(own.receivedAtMs);
        finish(run(own, config));
      } catch (error) {
        stop(error);
      } finally {
        letGo();
      }
    },
  };
}

/** A plugin whose function has no second argument takes no configuration: a step that gives one is mistaken. */
function accepted(given, run) {
  if (run.length < 2 && Object.keys(given).length > 0) {
    throw NO_CONFIGURATION;
  }
  return given;
}

/** The host takes a text for what is wrong with the configuration. */
function configured(given, configure) {
  try {
    return configure(given);
  } catch (error) {
    throw error instanceof Error ? error.message : String(error);
  }
}

function finish(result) {
  if (typeof result?.then === "function") {
    throw new TypeError("a plugin's function cannot return a promise: it has to be done when it returns");
  }
}

/** The host takes a rejection as a value; a fault ends the instance here. */
function stop(error) {
  const rejected = rejection(error);
  if (rejected !== undefined) {
    throw rejected;
  }
  const message = error instanceof Error ? error.message : String(error);
  raise(kindOf(error), placeOf(error), message);
}
