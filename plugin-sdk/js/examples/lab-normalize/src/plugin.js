// Laboratory results (ORU^R01) in the hospital's vocabulary: the same as `plugins/lab-normalize` in Rust, and held to the
// same test vectors.
//
// Values are never converted, and everything else, Z segments included, stays as it came, byte for byte.

import { Code, log, reject, transform } from "transfuse";
import { configure } from "./config.js";
import { normalizeCodes } from "./codes.js";
import { normalizeFlags } from "./flags.js";
import { normalizeNames } from "./names.js";
import { readObservations } from "./observations.js";
import { normalizeUnits } from "./units.js";

/** Puts a laboratory result into the hospital's vocabulary. */
function labNormalize(exchange, config) {
  const message = exchange.message();
  const [code, event] = message.getMany(["MSH-9.1.1", "MSH-9.2.1"]);
  if (code !== "ORU" || event !== "R01") {
    passOrReject(exchange, message, config);
    return;
  }
  const observations = readObservations(message);
  // Collected, so that one call sets them all.
  message.setMany([
    ...receiver(config),
    ...normalizeNames(message, config.name_case),
    ...normalizeCodes(observations, config),
    ...normalizeUnits(observations),
    ...normalizeFlags(observations),
  ]);
  exchange.forward(message);
}

export const transformer = transform(labNormalize, { configure });

/** Handing on unseen what this plugin was not made for would look like success, so the site has to ask for it. */
function passOrReject(exchange, message, config) {
  if (!config.pass_others) {
    reject(Code.UnsupportedMessageType, { at: "MSH-9" }, "only laboratory results (ORU^R01) are taken here");
  }
  log.debug("not an ORU^R01: passed on as it came");
  exchange.forward(message);
}

function receiver({ application, facility }) {
  const edits = [
    ["MSH-5", application],
    ["MSH-6", facility],
  ];
  return edits.filter(([, name]) => name !== undefined);
}
