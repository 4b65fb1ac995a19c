// HL7 v2 messages by path. The host holds the message; this is a handle of it.

import { Message as HostMessage } from "#host/hl7v2";
import { ParseError, PathError, bytes, located, text } from "./errors.js";
import { hold } from "./handles.js";

const HOST = Symbol("host");

export class Message {
  /** Only the SDK makes one: from an exchange, or by `Message.parse`. */
  constructor(host) {
    this[HOST] = hold(host);
  }

  static parse(raw) {
    return new Message(located(ParseError, () => HostMessage.parse(bytes("a message", raw))));
  }

  copy() {
    return new Message(this[HOST].copy());
  }

  get(path) {
    return located(PathError, () => this[HOST].get(pathText(path)));
  }

  getMany(paths) {
    return located(PathError, () => this[HOST].getMany(Array.from(paths, pathText)));
  }

  rows(segment, fields) {
    return located(PathError, () => this[HOST].rows(pathText(segment), Array.from(fields, pathText)));
  }

  getRaw(path) {
    return located(PathError, () => this[HOST].getRaw(pathText(path)));
  }

  set(path, value) {
    located(PathError, () => this[HOST].set(pathText(path), valueText(path, value)));
  }

  setMany(values) {
    const pairs = typeof values[Symbol.iterator] === "function" ? values : Object.entries(values);
    const checked = Array.from(pairs, ([path, value]) => [pathText(path), valueText(path, value)]);
    located(PathError, () => this[HOST].setMany(checked));
  }

  setRaw(path, value) {
    located(PathError, () => this[HOST].setRaw(pathText(path), bytes(`the value for ${path}`, value)));
  }

  copyFrom(source, sourcePath, path) {
    located(PathError, () => this[HOST].copyFrom(hostMessage(source), pathText(sourcePath), pathText(path)));
  }

  copyWithin(sourcePath, path) {
    this.copyFrom(this, sourcePath, path);
  }

  clear(path) {
    located(PathError, () => this[HOST].clear(pathText(path)));
  }

  count(path) {
    return located(PathError, () => this[HOST].count(pathText(path)));
  }

  insert(segment, after = "") {
    return located(PathError, () => this[HOST].insert(pathText(segment), pathText(after)));
  }

  remove(path) {
    located(PathError, () => this[HOST].remove(pathText(path)));
  }

  groups(group) {
    return located(PathError, () => this[HOST].groups(pathText(group)));
  }

  nameOf(path) {
    return located(PathError, () => this[HOST].nameOf(pathText(path)));
  }

  datatypeOf(path) {
    return located(PathError, () => this[HOST].datatypeOf(pathText(path)));
  }

  tableOf(path) {
    return located(PathError, () => this[HOST].tableOf(pathText(path)));
  }

  getTime(path, zone = "", ambiguous = "before") {
    const found = located(PathError, () => this[HOST].getTime(pathText(path), zone, ambiguous));
    return found && { unixMs: Number(found[0]), precision: found[1] };
  }

  setTime(path, { unixMs, precision }, zone = "") {
    located(PathError, () => this[HOST].setTime(pathText(path), BigInt(unixMs), text("a precision", precision), zone));
  }

  encode() {
    return this[HOST].encode();
  }
}

/** The host's handle of a message of the SDK. */
export function hostMessage(message) {
  if (!(message instanceof Message)) {
    throw new TypeError("a message is expected here, as `exchange.message()` gives it");
  }
  return message[HOST];
}

function pathText(path) {
  return text("a path", path);
}

function valueText(path, value) {
  return text(`the value for ${path}`, value);
}
