// Why a plugin does not go on. Each error remembers the place in the author's file that it came from, by its stack.

/** HL7 table 0357. */
export const Code = Object.freeze({
  SegmentSequenceError: "100",
  RequiredFieldMissing: "101",
  DataTypeError: "102",
  TableValueNotFound: "103",
  ValueTooLong: "104",
  NonConformantCardinality: "198",
  OtherHl7Error: "199",
  UnsupportedMessageType: "200",
  UnsupportedEventCode: "201",
  UnsupportedProcessingId: "202",
  UnsupportedVersionId: "203",
  UnknownKeyIdentifier: "204",
  DuplicateKeyIdentifier: "205",
  ApplicationRecordLocked: "206",
  ApplicationInternalError: "207",
});

/** The codes of a path error that are the message's fault; every other one, today's and later ones, is the plugin's. */
const OF_MESSAGE = ["undecodable", "no-escape", "not-a-time", "ambiguous-time", "skipped-time"];

/** The message is not acceptable. */
export class Reject extends Error {
  constructor(code, place, reason) {
    super(reason);
    this.code = code;
    this.path = place?.at;
    this.reason = reason;
  }
}

/** The plugin or its configuration is wrong, in the plugin's own words. */
export class Fault extends Error {
  constructor(kind, text) {
    super(text);
    this.kind = kind;
  }
}

/** A path could not be read or changed. */
export class PathError extends Error {
  constructor({ code, path, text }) {
    super(`${path}: ${text} (${code})`);
    this.kind = "path-error";
    this.code = code;
    this.path = path;
    this.text = text;
  }

  get isFaultOfMessage() {
    return OF_MESSAGE.includes(this.code);
  }
}

/** Bytes that the plugin made are not an HL7 v2 message. */
export class ParseError extends Error {
  constructor({ code, offset, text }) {
    super(`byte ${offset}: ${text} (${code})`);
    this.kind = "parse-error";
    this.code = code;
    this.offset = Number(offset);
    this.text = text;
  }
}

/** A table could not be used. */
export class TableError extends Error {
  constructor({ code, text }) {
    super(`${text} (${code})`);
    this.kind = "table-error";
    this.code = code;
    this.text = text;
  }
}

/** A value could not be kept, or what is kept is not what it is read as. */
export class StateError extends Error {
  constructor({ code, text }) {
    super(`${text} (${code})`);
    this.kind = "state-error";
    this.code = code;
    this.text = text;
  }
}

/** The input is not an HL7 v2 message. */
export class NotHl7 extends Error {
  constructor() {
    super("the input is not an HL7 v2 message");
  }
}

export function reject(code, ...rest) {
  const [place, reason] = rest.length > 1 ? rest : [undefined, rest[0]];
  throw new Reject(text("a rejection's code", code), place, text("a rejection's reason", reason));
}

export function fault(kind, reason) {
  throw new Fault(text("a fault's kind", kind), text("a fault's text", reason));
}

/** What becomes of the message by an error that ends the plugin: a rejection as the host takes it, or none. */
export function rejection(error) {
  if (error instanceof Reject) {
    return { code: error.code, path: error.path, reason: error.reason };
  }
  if (error instanceof PathError && error.isFaultOfMessage) {
    return { code: Code.DataTypeError, path: error.path, reason: error.text };
  }
  if (error instanceof NotHl7) {
    return { code: Code.UnsupportedMessageType, path: undefined, reason: error.message };
  }
  return undefined;
}

/** A kind is a name of the program: what an error calls itself could be made from the message. */
const KIND = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;

/** What sort of trouble an error is, for operational logs. */
export function kindOf(error) {
  const isOwn = [Fault, PathError, ParseError, StateError, TableError].some((Type) => error instanceof Type);
  const kind = isOwn ? error.kind : error instanceof Error ? error.constructor.name : "thrown-value";
  return KIND.test(kind) ? kind : "error";
}

/** Runs a call of the host, whose errors come as values: gives them the type and the place that they have here. */
export function located(Type, call) {
  try {
    return call();
  } catch (error) {
    throw error?.payload === undefined ? error : new Type(error.payload);
  }
}

/**
 * Gives a text back, and refuses what is none: left alone, a forgotten value would be written into the message as
 * `undefined`.
 */
export function text(what, value) {
  if (typeof value !== "string") {
    throw new TypeError(`${what} has to be a string, not ${value === null ? "null" : typeof value}`);
  }
  return value;
}

/** The same for bytes. */
export function bytes(what, value) {
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`${what} has to be a Uint8Array, not ${value === null ? "null" : typeof value}`);
  }
  return value;
}
