// Notes for the people who run the interface, kept with the message.

import { write } from "#host/log";
import { text } from "./errors.js";

export const log = Object.freeze({
  debug: (line) => write("debug", text("a line of the log", line)),
  info: (line) => write("info", text("a line of the log", line)),
  warn: (line) => write("warn", text("a line of the log", line)),
  error: (line) => write("error", text("a line of the log", line)),
});
