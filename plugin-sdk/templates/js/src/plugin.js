// Drops the patient's address, and names the receiver.

import { Code, reject, transform } from "transfuse";

/**
 * Drops the patient's address before the message leaves the hospital. `config.application` is the receiving application,
 * MSH-5, which is left as it came where not set.
 */
export const transformer = transform(
  (exchange, config) => {
    const message = exchange.message();
    if (message.count("PID") === 0) {
      reject(Code.RequiredFieldMissing, { at: "PID" }, "a message without a patient");
    }
    message.clear("PID-11");
    if (config.application !== undefined) {
      message.set("MSH-5", config.application);
    }
    exchange.forward(message);
  },
  { configure },
);

/** What a site may set: `config = { application = "EHR" }` in a step. An unknown key is refused. */
function configure({ application, ...others }) {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new Error(`config.${unknown}: unknown field, expected \`application\``);
  }
  if (application !== undefined && typeof application !== "string") {
    throw new Error("config.application: expected a string");
  }
  return { application };
}
