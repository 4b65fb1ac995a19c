// Drops the patient's address, and names the receiver.

import { Code, reject, transform } from "transfuse";

/** What a site may set: `config = { application = "EHR" }` in a step. */
interface Config {
  /** The receiving application, MSH-5. Left as it came where not set. */
  readonly application: string | undefined;
}

/** Drops the patient's address before the message leaves the hospital. */
export const transformer = transform(
  (exchange, config: Config) => {
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

/** Checks a configuration. An unknown key is refused. */
function configure({ application, ...others }: Record<string, unknown>): Config {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new Error(`config.${unknown}: unknown field, expected \`application\``);
  }
  if (application !== undefined && typeof application !== "string") {
    throw new Error("config.application: expected a string");
  }
  return { application };
}
