/**
 * Plugins for Transfuse in JavaScript and TypeScript.
 *
 * ```js
 * import { transform } from "transfuse";
 *
 * /** Drops the patient's address before the message leaves the hospital. *\/
 * export const transformer = transform((exchange) => {
 *   const message = exchange.message();
 *   message.clear("PID-11");
 *   exchange.forward(message);
 * });
 * ```
 *
 * @module
 */

/** What the engine calls. A plugin exports one of these under the name `transformer`. */
export interface Transformer {
  /** Called by the engine, once for each instance. */
  init(config: Uint8Array): void;
  /** Called by the engine for each message. */
  transform(exchange: unknown): void;
}

/**
 * Makes a plugin of the function that is called for each message.
 *
 * The function has to call `forward`, `forwardTo` or `filter`, or to throw: a plugin that does nothing has lost a
 * message, and that is a fault. It cannot be async.
 *
 * A second argument of the function receives the step's configuration. Without it, a configuration is refused.
 *
 * What the function throws is sorted by whose fault it is: what `reject` throws, and what the message is to blame for
 * (bytes that are not text in its character set, a text that is no time, a delimiter in a value for a message that names
 * no escape character), becomes a rejection; everything else is a fault of the plugin, with the line of your source.
 */
export function transform(run: (exchange: Exchange) => void): Transformer;
export function transform<Config>(
  run: (exchange: Exchange, config: Config) => void,
  options?: {
    /**
     * Checks the step's configuration (the parsed JSON, `{}` where there is none) and gives what the function receives.
     * Called once, before the first message. What it throws keeps the interface from starting, and its text is shown to
     * the person who wrote the configuration: name the key.
     */
    configure?: (config: Record<string, unknown>) => Config;
  },
): Transformer;

/** One message on its way through a chain: its context, its input, and where its outcome goes. */
export interface Exchange {
  /** The message's id in the engine: the same for every step and every attempt. */
  readonly id: string;
  /** The name of the interface. */
  readonly interface: string;
  /**
   * When the message arrived, in milliseconds since 1970-01-01 UTC: the only clock a plugin has, so that running the
   * same message again gives the same result. `Date.now()` says the same.
   */
  readonly receivedAtMs: number;
  /** The time zone of the source, as an IANA name such as `Europe/Budapest`. */
  readonly timeZone: string;
  /** 1 for the first run of this message, more where it is run again. */
  readonly attempt: number;
  /** A value that an earlier step or the source left; `undefined` where nobody did. */
  attribute(name: string): string | undefined;
  /** Leaves a value for later steps and for routing. */
  setAttribute(name: string, value: string): void;
  /** The message that came in, as a copy of the plugin's own. Throws `NotHl7` where the input is something else. */
  message(): Message;
  /**
   * What came in as bytes, whatever it is; `undefined` where there is nothing. The interface grants it with
   * `read = ["*"]`.
   */
  document(): Document | undefined;
  /**
   * Sends the message, as it is now, to the next step or, from the last one, to every destination whose routing rules
   * fit. May be called several times; outputs keep their order.
   */
  forward(message: Message): void;
  /** As `forward`, to the destinations named and no others. The interface grants each name. */
  forwardTo(message: Message, destinations: Iterable<string>): void;
  /**
   * Sends bytes of the plugin's own making, such as a CSV line or a report, to the destinations named, or to every
   * destination that routes by no message type where none is. The content type is a media type, such as `text/csv`. The
   * interface grants it with `create`, and each name with `to`. Only the last step of a chain may do it.
   */
  forwardDocument(contentType: string, body: Uint8Array, destinations?: Iterable<string>): void;
  /** Ends this message here on purpose: it is recorded as filtered, and acknowledged as accepted. */
  filter(reason: string): void;
}

/** What came in, as bytes. */
export interface Document {
  /** Its media type: `x-application/hl7-v2+er7` for HL7 v2, `application/octet-stream` where nobody knows. */
  readonly contentType: string;
  /** How many bytes it has. */
  readonly length: number;
  /** All of it. */
  bytes(): Uint8Array;
}

/**
 * A message that the engine holds, read and changed by path.
 *
 * Paths follow HL7's own notation and count from one: `PID-5.1` is a component, `PID-3[2].1` the second repetition,
 * `OBX[3]-5` the third OBX. An omitted occurrence or repetition is the first. Groups of the message's structure may
 * stand before the segment: `ORDER_OBSERVATION[2]/OBX-5`, see `groups`.
 *
 * A *leaf* is a node without parts of its own in the message at hand. Where a field holds one component, `PID-5`,
 * `PID-5.1` and `PID-5.1.1` are the same leaf; asking `PID-5` for a composite is an error, because a value would be lost
 * without anybody noticing. So a plugin that must cope with every sender reads `PID-5.1.1`.
 *
 * Absent (`undefined`), empty (`""`) and the delete marker (`'""'`) stay apart.
 *
 * Each call crosses from the plugin to the engine: for many values there are `getMany`, `rows` and `setMany`. Each
 * throws a `PathError` where the path is none or the node is not as the call needs it.
 */
export class Message {
  private constructor(host: unknown);
  /** Parses bytes that the plugin made. Forwarding the result needs the grant `create`. Throws a `ParseError`. */
  static parse(raw: Uint8Array): Message;
  /** A second message with the same content, to be changed on its own. Cheap: both share what neither has changed. */
  copy(): Message;
  /** The decoded text of one leaf. */
  get(path: string): string | undefined;
  /** The decoded text of several leaves in one call: `const [family, given] = message.getMany(["PID-5.1", "PID-5.2"])`. */
  getMany<const Paths extends readonly string[]>(paths: Paths): { -readonly [Index in keyof Paths]: string | undefined };
  /**
   * For each segment of a name, in order, the decoded text of the leaves asked for, in one call:
   * `for (const [code, unit] of message.rows("OBX", ["3.1.1", "6.1.1"]))`. The name may stand in a group:
   * `ORDER_OBSERVATION[2]/OBX`.
   */
  rows<const Fields extends readonly string[]>(
    segment: string,
    fields: Fields,
  ): { -readonly [Index in keyof Fields]: string | undefined }[];
  /**
   * The bytes of any node as they stand in the message, escapes and character set included. A path that is only a segment
   * gives the whole segment without its terminator. Needs the grant to read everything.
   */
  getRaw(path: string): Uint8Array | undefined;
  /**
   * Puts text into a leaf, escaping what the message's delimiters ask for. Missing fields, repetitions and components on
   * the way there are made; a missing segment is not: see `insert`. Where the node had parts, they are replaced.
   */
  set(path: string, value: string): void;
  /**
   * Many of `set` in one call, in order, from pairs or from an object: `message.setMany({ "MSH-5": "EHR" })`. Stops at the
   * first error; what came before it stays set.
   */
  setMany(values: Iterable<readonly [path: string, value: string]> | Record<string, string>): void;
  /** Puts encoded bytes into any node, delimiters and escapes and all. Segment terminators are refused. */
  setRaw(path: string, value: Uint8Array): void;
  /**
   * Copies a node of another message without its bytes visiting the plugin. Both paths name nodes of the same kind:
   * field to field, component to component, segment to segment.
   */
  copyFrom(source: Message, sourcePath: string, path: string): void;
  /** As `copyFrom`, within this message. */
  copyWithin(sourcePath: string, path: string): void;
  /** Empties a node; the nodes after it keep their places. Clearing what is absent does nothing. */
  clear(path: string): void;
  /**
   * How many there are: segments of a name for `OBX`, repetitions for `PID-3`, components for `PID-3[2]`; 0 where the node
   * is absent.
   */
  count(path: string): number;
  /**
   * Adds an empty segment after the one that `after` names (`OBX[2]`), and gives its path (`OBX[3]`). A group
   * (`ORDER_OBSERVATION[2]/`) adds at its end; without `after`, the end of the message.
   */
  insert(segment: string, after?: string): string;
  /** Takes a whole segment or repetition out; what follows moves up. */
  remove(path: string): void;
  /**
   * The groups of a name in the order of the message, as paths to be put before a segment's:
   * ``for (const order of message.groups("ORDER_OBSERVATION")) message.get(`${order}OBR-4.1`)``. Groups within one of them
   * are asked for by its path: ``message.groups(`${order}OBSERVATION`)``.
   */
  groups(group: string): string[];
  /**
   * What HL7 calls a field, component or subcomponent in the message's version: `Patient Identifier List` for `PID-3`;
   * `undefined` where the version does not define it.
   */
  nameOf(path: string): string | undefined;
  /**
   * The datatype of a field, component or subcomponent: `CX` for `PID-3`; `undefined` where the version does not define it.
   * For `OBX-5` it is the one that `OBX-2` names, and `varies` where that names none.
   */
  datatypeOf(path: string): string | undefined;
  /**
   * The number of the HL7 table that the codes of a field, component or subcomponent are of: `0001` for `PID-8`;
   * `undefined` where there is none.
   */
  tableOf(path: string): string | undefined;
  /**
   * The moment at which the timestamp (DTM, DT, TS) at a path begins; `undefined` where the node is absent, empty or `""`.
   *
   * A timestamp with an offset is read by it. One without is read in `zone`, an IANA name such as `Europe/Budapest`, or
   * where that is empty in the interface's own.
   */
  getTime(path: string, zone?: string, ambiguous?: AmbiguousTime): Moment | undefined;
  /**
   * Puts a moment into a leaf as a timestamp, as clocks in `zone` show it (in the interface's own where that is empty),
   * with the offset where it has an hour.
   */
  setTime(path: string, moment: Moment, zone?: string): void;
  /** The whole message as bytes. Untouched parts come out exactly as they went in. Needs the grant to read everything. */
  encode(): Uint8Array;
}

/** A moment, and how precisely it is known. */
export interface Moment {
  /** Milliseconds since 1970-01-01 UTC at which it begins. */
  readonly unixMs: number;
  /** How precise it was written, or is to be written. */
  readonly precision: Precision;
}

/** How precise a time is. `fraction` is written as milliseconds. A later engine may know more of them. */
export type Precision = "year" | "month" | "day" | "hour" | "minute" | "second" | "fraction";

/**
 * What becomes of a local time that the zone has twice, when clocks are set back, or skips, when they are set forward: as
 * if the clock had not been changed yet (`before`, the default), the earlier or the later moment in both cases, or an
 * error of the message, which rejects it.
 */
export type AmbiguousTime = "before" | "earlier" | "later" | "reject";

/** One version of one code table, fixed for the whole message: a new version takes effect between messages. */
export class Table {
  private constructor(host: unknown);
  /** Opens a table that the interface grants by this name. The manifest requests it. Throws a `TableError`. */
  static open(name: string): Table;
  /** The names of the columns, in the order of the file. */
  readonly columns: readonly string[];
  /** The first row whose `column` equals `value` exactly; `undefined` where no row does. */
  find(column: string, value: string): Row | undefined;
  /** The same for many values in one call, in the order asked. */
  findMany(column: string, values: Iterable<string>): (Row | undefined)[];
}

/** One row of a table. */
export interface Row {
  /** The cells, in the order of the columns. */
  readonly cells: readonly string[];
  /** Whether the table has a column. */
  has(column: string): boolean;
  /** The cell of a column. Throws a `TableError` where there is no such column. */
  get(column: string): string;
}

/**
 * What the plugin keeps between messages. The manifest requests it with `state = true`, and the interface grants it.
 *
 * Reads see what this message's own chain has written so far. Writes become durable together with the message's outcome,
 * and are dropped where it is rejected or where any step of its chain faults: so a message that is sent again is never
 * counted twice. The messages of an interface whose plugins keep state run one after the other.
 */
export const State: {
  /** The value of a key; `undefined` where there is none. */
  readonly get: (key: string) => Uint8Array | undefined;
  /** Puts a value in place of the one that is there. Throws a `StateError` where there is no room. */
  readonly set: (key: string, value: Uint8Array) => void;
  /** Takes a key out. One that is not there stays so. */
  readonly remove: (key: string) => void;
  /** The keys that begin with `prefix`, in the order of their bytes, from behind `after`, at most `limit` of them (10,000). */
  readonly keys: (prefix?: string, after?: string, limit?: number) => string[];
  /** The version of the state's schema, as the manifest of the plugin that last wrote names it; 0 where nothing is kept. */
  readonly schemaVersion: () => number;
  /** As `get`, from JSON. Throws a `StateError` where what is kept is none. */
  readonly getJson: (key: string) => unknown;
  /** As `set`, as JSON. */
  readonly setJson: (key: string, value: unknown) => void;
};

/**
 * Notes for the people who run the interface. The text may hold patient data, so it is kept with the message and under
 * the same protection; operational logs carry only the plugin, the level and a count. Lines and bytes per message are
 * limited: what goes over is counted and dropped.
 */
export const log: {
  /** A line that is shown while developing; dropped by default in production. */
  readonly debug: (line: string) => void;
  /** A line that is worth keeping with the message. */
  readonly info: (line: string) => void;
  /** A line about something odd that the plugin coped with. */
  readonly warn: (line: string) => void;
  /** A line about something that a person should look at. */
  readonly error: (line: string) => void;
};

/** What sort of trouble a message has: HL7 table 0357. */
export const Code: {
  /** The segments are not in the order, or not those, that the message type asks for. */
  readonly SegmentSequenceError: "100";
  /** A required field is missing. */
  readonly RequiredFieldMissing: "101";
  /** A field holds something else than its data type allows. */
  readonly DataTypeError: "102";
  /** A value is not in the code table that it should come from. */
  readonly TableValueNotFound: "103";
  /** A value is too long. */
  readonly ValueTooLong: "104";
  /** Too many or too few of something. */
  readonly NonConformantCardinality: "198";
  /** None of the others. */
  readonly OtherHl7Error: "199";
  /** This interface does not take messages of this type. */
  readonly UnsupportedMessageType: "200";
  /** This interface does not take this trigger event. */
  readonly UnsupportedEventCode: "201";
  /** Test, production and training are not to be mixed. */
  readonly UnsupportedProcessingId: "202";
  /** This interface does not take this version of HL7. */
  readonly UnsupportedVersionId: "203";
  /** The patient, order or account is not known. */
  readonly UnknownKeyIdentifier: "204";
  /** The patient, order or account exists already. */
  readonly DuplicateKeyIdentifier: "205";
  /** The record is locked; the same message may succeed later. */
  readonly ApplicationRecordLocked: "206";
  /** Something went wrong that is not the message's fault. */
  readonly ApplicationInternalError: "207";
};

/**
 * Ends the function with a rejection: the message is not acceptable, and its sender is told why by a negative
 * acknowledgement. The code is one of `Code`, or one that the site has agreed on with the sender; `at` is a path, left out
 * where it is about the message as a whole. The reason may quote the message, because it goes to no log.
 */
export function reject(code: string, place: { readonly at: string }, reason: string): never;
export function reject(code: string, reason: string): never;

/**
 * Ends the function with a fault of the plugin's own: an invariant that does not hold, a configuration that cannot be
 * served. The kind (letters, digits, hyphens) is shown in operational logs, so it is part of the program and never of the
 * message; the text is kept with the message only.
 */
export function fault(kind: string, text: string): never;

/** What `reject` throws. */
export class Reject extends Error {
  private constructor();
  readonly code: string;
  readonly path: string | undefined;
  readonly reason: string;
}

/** What `fault` throws. */
export class Fault extends Error {
  private constructor();
  readonly kind: string;
}

/**
 * A path could not be read or changed. An absent node is not an error.
 *
 * `code` is `malformed`, `not-a-leaf`, `not-settable`, `no-such-group`, `unencodable` or `unsupported` where the plugin is
 * at fault, and `undecodable`, `no-escape` (the value holds a delimiter, and MSH-2 names no escape character), `not-a-time`,
 * `ambiguous-time` or `skipped-time` where the message is; the set may grow.
 */
export class PathError extends Error {
  private constructor();
  readonly code: string;
  /** The path as it was given. */
  readonly path: string;
  /** What is wrong, without the value. */
  readonly text: string;
  /** Whether the message is at fault, and not the plugin. */
  readonly isFaultOfMessage: boolean;
}

/** Bytes that a plugin made are not an HL7 v2 message. */
export class ParseError extends Error {
  private constructor();
  /** `no-header`, `bad-delimiters`, `too-many-segments`, and others later. */
  readonly code: string;
  /** Where the trouble starts, in bytes from the beginning. */
  readonly offset: number;
  readonly text: string;
}

/** A value could not be kept, or what is kept is not what it is read as. Always the plugin's fault. */
export class StateError extends Error {
  private constructor();
  /** `over-quota`, `value-too-large`, `bad-key`, or `json` of the SDK itself; the set may grow. */
  readonly code: string;
  /** What is wrong, without key or value. */
  readonly text: string;
}

/** A table could not be used. Always the fault of the plugin or its configuration, never of the message. */
export class TableError extends Error {
  private constructor();
  /** `no-such-table`, `not-granted` or `no-such-column`; the set may grow. */
  readonly code: string;
  /** What is wrong and what exists instead. */
  readonly text: string;
}

/** The input is not an HL7 v2 message. Left alone, it rejects the input with code 200. */
export class NotHl7 extends Error {
  private constructor();
}
