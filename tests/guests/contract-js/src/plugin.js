// Uses all of the contract, as MSH-10 says, and writes down what it saw: into a segment of its own for each thing, so that
// the vectors, which are those of Python as well, compare it.

import { Code, Message, ParseError, State, Table, fault, log, reject, transform } from "transfuse";

const bytes = (text) => new TextEncoder().encode(text);
const textOf = (raw) => new TextDecoder().decode(raw);

/** Absent, empty and anything else apart. */
const shown = (value) => (value === undefined ? "absent" : value === "" ? "empty" : value);

/** What an error says it is. */
function codeOf(call) {
  try {
    call();
  } catch (error) {
    return error instanceof ParseError ? `${error.code} at ${error.offset}` : error.code;
  }
  return "no error";
}

/** Makes of each name and value a segment at the end of the message. */
function note(message, facts) {
  for (const [name, value] of Object.entries(facts)) {
    const place = message.insert("ZNO");
    message.setMany([
      [`${place}-1`, name],
      [`${place}-2`, shown(value)],
    ]);
  }
}

function context(exchange, message) {
  exchange.setAttribute("seen", "yes");
  note(message, {
    id: exchange.id,
    interface: exchange.interface,
    arrived: String(exchange.receivedAtMs),
    zone: exchange.timeZone,
    attempt: String(exchange.attempt),
    ward: exchange.attribute("ward"),
    seen: exchange.attribute("seen"),
    nobody: exchange.attribute("nobody"),
  });
}

function reading(_, message) {
  const [family, title] = message.getMany(["PID-5.1", "PID-5.9"]);
  note(message, {
    absent: message.get("PID-40"),
    empty: message.get("PID-2"),
    delete: message.get("PID-6"),
    escaped: message.get("NTE-3"),
    repetition: message.get("PID-3[2].1"),
    family,
    title,
    rows: message.rows("OBX", ["3.1", "5"]).map((row) => row.map(shown).join("=")).join(" "),
    raw: textOf(message.getRaw("PID-3")),
    none: message.getRaw("ZZZ") === undefined ? "absent" : "there",
    counts: ["OBX", "PID-3", "PID-3[1]", "ORDER_OBSERVATION/"].map((path) => message.count(path)).join(","),
    encoded: String(message.encode().length),
    name: message.nameOf("PID-3"),
    datatype: message.datatypeOf("PID-3"),
    codes: message.tableOf("PID-8"),
    undefined: message.nameOf("ZZZ-1"),
  });
}

function groups(_, message) {
  const orders = message.groups("ORDER_OBSERVATION");
  const inOrder = (order) => message.rows(`${order}OBX`, ["5"]).flat().join("+");
  note(message, {
    orders: orders.join(" "),
    results: orders.map(inOrder).join(" "),
    second: message.get("ORDER_OBSERVATION[2]/OBX[1]-3.1"),
    within: message.groups(`${orders[0]}OBSERVATION`).length.toString(),
  });
  message.set(`${message.insert("OBX", "ORDER_OBSERVATION[1]/")}-5`, "added to the first order");
}

function writing(_, message) {
  const copy = message.copy();
  copy.set("PID-5.1", "COPIED");
  message.set("PID-5.2", "A|B&C");
  message.setMany({ "MSH-5": "EHR", "PID-3[3].1": "third" });
  message.setRaw("PID-13", bytes("1^PRN~2"));
  message.clear("PID-11");
  message.remove("PID-3[1]");
  message.remove("NTE");
  message.copyWithin("PID-5", "PID-9");
  message.copyFrom(copy, "PID-5.1", "PID-5.1");
  const made = Message.parse(bytes("MSH|^~\\&|MADE\rPV1|1|I|4EAST^401"));
  message.insert("PV1", "PID");
  message.copyFrom(made, "PV1-3", "PV1-3");
}

function times(_, message) {
  const at = (ambiguous) => String(message.getTime("OBR-7", "", ambiguous).unixMs);
  const born = message.getTime("PID-7");
  note(message, {
    born: `${born.unixMs} ${born.precision}`,
    none: message.getTime("PID-29") === undefined ? "absent" : "there",
    before: at(),
    earlier: at("earlier"),
    later: at("later"),
    elsewhere: String(message.getTime("OBR-7", "Asia/Tokyo").unixMs),
    refused: codeOf(() => message.getTime("OBR-7", "", "reject")),
    noZone: codeOf(() => message.getTime("OBR-7", "Nowhere/Town")),
  });
  message.setTime("OBR-8", { unixMs: 1_772_362_800_250, precision: "minute" });
  message.setTime("OBR-22", { unixMs: 1_772_362_800_250, precision: "fraction" }, "UTC");
}

function tables(_, message) {
  const wards = Table.open("wards");
  const row = wards.find("theirs", "4E");
  const many = wards.findMany("theirs", ["5W", "9X"]);
  note(message, {
    columns: wards.columns.join(","),
    row: row.cells.join(","),
    cell: row.get("ours"),
    many: many.map((found) => found?.get("ours") ?? "missing").join(","),
    noColumn: codeOf(() => wards.find("nobody", "4E")),
    noCell: codeOf(() => row.get("nobody")),
  });
}

function state(_, message) {
  const before = State.get("count");
  State.setJson("count", State.getJson("count") + 1);
  State.set("patient/2", bytes("two"));
  State.set("patient/1", bytes("one"));
  State.remove("old");
  note(message, {
    before: textOf(before),
    after: textOf(State.get("count")),
    none: State.get("old") === undefined ? "absent" : "there",
    keys: Array.from(State.keys("patient/")).join(","),
    schema: String(State.schemaVersion()),
    badKey: codeOf(() => State.set("", bytes("x"))),
    tooLarge: codeOf(() => State.set("large", new Uint8Array(70_000))),
  });
}

function errors(_, message) {
  note(message, {
    malformed: codeOf(() => message.get("PID-5-1")),
    composite: codeOf(() => message.get("PID-5")),
    header: codeOf(() => message.set("MSH-1", "#")),
    group: codeOf(() => message.get("NO_SUCH_GROUP/OBX-1")),
    frame: codeOf(() => message.set("PID-5.1", "\u001c")),
    noTime: codeOf(() => message.getTime("PID-5.1")),
    noHeader: codeOf(() => Message.parse(bytes("PID|1"))),
    delimiters: codeOf(() => Message.parse(bytes("MSH||||"))),
  });
}

function documents(exchange, message) {
  const document = exchange.document();
  const whole = document.bytes();
  note(message, { type: document.contentType, length: String(document.length), begins: textOf(whole.slice(0, 3)) });
  exchange.forwardDocument("text/csv", bytes(`${message.get("PID-3.1")};${whole.length}\n`), ["biobank"]);
  exchange.forwardTo(message, ["ehr", "archive"]);
  exchange.forward(Message.parse(bytes("MSH|^~\\&|MADE\rPV1|1|I")));
}

function logging(_, message) {
  log.debug("begun");
  log.info("filed");
  log.warn("odd");
  log.error(`wrong: ${message.get("PID-5.1")}`);
}

/** What goes on, when this returns, to be forwarded. */
const NOTING = { CONTEXT: context, ERRORS: errors, GROUPS: groups, LOG: logging, READ: reading, STATE: state };
Object.assign(NOTING, { TABLES: tables, TIMES: times, WRITE: writing });

/** What ends the message for itself. */
const ENDING = {
  BOTH: (exchange, message) => void (exchange.forward(message), exchange.filter("forwarded as well")),
  DOCUMENT: documents,
  FAULT: () => fault("no-ward", "the ward is not known"),
  FILTER: (exchange) => exchange.filter("not wanted"),
  FORGET: () => undefined,
  LEAF: (_, message) => void message.get("PID-5"),
  NOTIME: (_, message) => void message.getTime("PID-5.1"),
  QUOTA: () => State.set("large", new Uint8Array(70_000)),
  REJECT: () => reject(Code.UnknownKeyIdentifier, { at: "PID-3" }, "nobody has this number"),
  REFUSE: () => reject("SITE-7", "not today"),
  STATELESS: () => (State.set("count", bytes("9")), reject(Code.OtherHl7Error, "nothing of this is kept")),
  THROW: () => JSON.parse("{"),
};

export const transformer = transform((exchange) => {
  const message = exchange.message();
  const deed = message.get("MSH-10");
  if (ENDING[deed] !== undefined) {
    ENDING[deed](exchange, message);
    return;
  }
  NOTING[deed](exchange, message);
  exchange.forward(message);
});
