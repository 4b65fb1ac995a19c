// Misbehaves as MSH-10 says, in two files, so that a fault has to be led back to the right one.

import { type Exchange, type Message, Code, fault, log, reject, transform } from "transfuse";
import { file } from "./records.ts";

/** What each control id begins with. */
const DEEDS: Record<string, (exchange: Exchange, message: Message, name: string) => void> = {
  CHANCE: () => void Math.random(),
  COMPOSITE: (_, message) => void message.get("PID-5"),
  FILTER: (exchange) => exchange.filter("not wanted"),
  OWN: (_, __, name) => fault("no-bed", `no bed for ${name}`),
  REJECT: (_, __, name) => reject(Code.UnknownKeyIdentifier, { at: "PID-5" }, `nobody knows ${name}`),
  THROW: (_, __, name) => file(name),
};

export const transformer = transform((exchange) => {
  const message = exchange.message();
  const [controlId = "", name = ""] = message.getMany(["MSH-10", "PID-5.1.1"]);
  const deed = Object.entries(DEEDS).find(([word]) => controlId.startsWith(word))?.[1];
  if (deed !== undefined) {
    deed(exchange, message, name);
    return;
  }
  console.log(`filed ${name}`);
  log.debug(new Date(exchange.receivedAtMs).toISOString());
  message.setMany({ "MSH-6": Date.now() === exchange.receivedAtMs ? "ARRIVED" : "NEVER" });
  exchange.forward(message);
});
