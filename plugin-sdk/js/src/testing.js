// A plugin's messages in its own unit tests: each runs through the component, in the sandbox of the `transfuse` program.
//
// That program is the one that `TRANSFUSE` names, or else the one on the path. It builds the plugin where its sources have
// changed; compiled code is kept in the plugin's `target/compiled`, unless `TRANSFUSE_CACHE` names another folder.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";

/** The most that the program may answer: outputs of a plugin are limited to less. */
const ANSWER_BYTES_MAX = 256 << 20;

/** The one vector that a run makes. */
const VECTOR = "message";

/** What the message's surroundings are called in a vector's `[context]`. */
const CONTEXT = {
  attempt: "attempt",
  attributes: "attributes",
  charset: "charset",
  interface: "interface",
  receivedAt: "received_at",
  timeZone: "time_zone",
};

export function run(plugin, message, given = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "transfuse-test-"));
  try {
    writeVector(folder, message, given);
    const [vector] = answer([plugin, "--vectors", folder]).vectors;
    return new Report(vector);
  } finally {
    rmSync(folder, { force: true, recursive: true });
  }
}

export function vectorTests(plugin, { vectors } = {}) {
  const folder = vectors ?? path.join(plugin, "vectors");
  const names = readdirSync(folder).filter((name) => existsSync(path.join(folder, name, "vector.toml")));
  // All of them run at once, when the first is asked for.
  let answered;
  const reports = () => (answered ??= answer([plugin, ...(vectors === undefined ? [] : ["--vectors", vectors])]).vectors);
  describe(`vectors of ${plugin}`, () => {
    for (const name of names.sort()) {
      test(name, () => {
        const vector = reports().find((one) => one.name === name);
        if (!vector?.passes) {
          throw new Error(`${vector?.outcome}\n${JSON.stringify(vector?.mismatches, undefined, 2)}`);
        }
      });
    }
  });
}

/** What a plugin did with a message. */
class Report {
  constructor({ found, fuel }) {
    Object.assign(this, found, { fuel: fuel ?? undefined });
    this.outputs = (found.outputs ?? []).map((output) => new Output(output));
  }

  forwardedOnce() {
    if (this.outcome !== "forwarded" || this.outputs.length !== 1) {
      throw new Error(`one forwarded message is expected, this happened: ${JSON.stringify(this, undefined, 2)}`);
    }
    return this.outputs[0].text;
  }
}

/** A message or document that the plugin sent on. */
class Output {
  constructor({ content: { encoding, text }, content_type, to }) {
    // Bytes that are not UTF-8 come as one character each.
    this.bytes = new Uint8Array(Buffer.from(text, encoding === "utf-8" ? "utf8" : "latin1"));
    this.contentType = content_type ?? undefined;
    this.to = to;
  }

  get text() {
    const text = new TextDecoder().decode(this.bytes);
    return this.contentType === undefined ? text.replace(/\r$/, "").replaceAll("\r", "\n") : text;
  }

  /** For a report that is shown. */
  toJSON() {
    return { text: this.text, contentType: this.contentType, to: this.to };
  }
}

function answer(given) {
  const program = process.env.TRANSFUSE ?? "transfuse";
  const compiled = path.resolve(given[0], "target", "compiled");
  const done = spawnSync(program, ["plugin", "test", "--json", ...given], {
    encoding: "utf8",
    env: { TRANSFUSE_CACHE: compiled, ...process.env },
    maxBuffer: ANSWER_BYTES_MAX,
  });
  if (done.error !== undefined) {
    throw new Error(`${program} cannot be run (${done.error.message}): name it in the variable TRANSFUSE`);
  }
  try {
    return JSON.parse(done.stdout);
  } catch {
    throw new Error(done.stderr.trim());
  }
}

/** A vector that expects nothing: what came out is told of it. */
function writeVector(folder, message, { config = {}, grants, state = {}, tables = {}, ...context }) {
  const unknown = Object.keys(context).find((name) => CONTEXT[name] === undefined);
  if (unknown !== undefined) {
    throw new TypeError(`a run takes no \`${unknown}\`; it takes config, grants, state, tables, ${Object.keys(CONTEXT).join(", ")}`);
  }
  const named = Object.entries(context).map(([name, value]) => [CONTEXT[name], value]);
  const vector = {
    description: "a unit test",
    ...(Object.keys(tables).length > 0 && { tables: Object.keys(tables) }),
    config,
    context: Object.fromEntries(named),
    state,
    ...(grants !== undefined && { grants }),
  };
  const place = path.join(folder, VECTOR);
  mkdirSync(place);
  writeFileSync(path.join(place, "vector.toml"), Object.entries(vector).map(line).join(""));
  writeFileSync(path.join(place, "input.bin"), typeof message === "string" ? segments(message) : message);
  mkdirSync(path.join(folder, "tables"));
  for (const [name, rows] of Object.entries(tables)) {
    const cells = (row) => `${row.map((cell) => `"${String(cell).replaceAll('"', '""')}"`).join(",")}\n`;
    writeFileSync(path.join(folder, "tables", `${name}.csv`), rows.map(cells).join(""));
  }
}

/** One segment a line, however the text is indented. */
function segments(text) {
  const lines = text.split(/[\r\n]+/).map((one) => one.trimStart());
  return lines.filter((one) => one !== "").join("\r");
}

function line([name, value]) {
  return `${name} = ${toml(value)}\n`;
}

/** A value as TOML writes it: texts as JSON does, and a table in one line. */
function toml(value) {
  if (Array.isArray(value)) {
    return `[${value.map(toml).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    return `{ ${entries.map(([name, one]) => `${JSON.stringify(name)} = ${toml(one)}`).join(", ")} }`;
  }
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}
