/**
 * Unit tests of plugins, for the test runner of Node.js or any other.
 *
 * ```js
 * import assert from "node:assert/strict";
 * import { test } from "node:test";
 * import { run, vectorTests } from "transfuse/testing";
 *
 * vectorTests(".");
 *
 * test("the address goes", () => {
 *   const report = run(".", "MSH|^~\\&|LAB\nPID|1||||||||||1 Teszt utca");
 *   assert.equal(report.forwardedOnce(), "MSH|^~\\&|LAB\nPID|1");
 * });
 * ```
 *
 * The whole plugin runs, as the component that hospitals get, in the sandbox that messages run in, by the `transfuse`
 * program: the one that the variable `TRANSFUSE` names, or else the one on the path. It is built where its sources have
 * changed. So paths, escapes and character sets are the engine's, and grants are those that `plugin.toml` requests.
 *
 * @module
 */

/** Runs a plugin, the one in a folder with `plugin.toml`, on a message: text with one segment a line, or the bytes. */
export function run(plugin: string, message: string | Uint8Array, given?: Given): Report;

/** Makes a test of `node:test` of each vector of the plugin in a folder, or of another folder with vectors. */
export function vectorTests(plugin: string, options?: { readonly vectors?: string }): void;

/** What surrounds the message. All of it may be left out. */
export interface Given {
  /** The step's configuration. One that `config.schema.json` does not allow throws: no site could start with it. */
  readonly config?: Record<string, unknown>;
  /** Code tables by name: the names of the columns, then the rows. Each that `plugin.toml` requests is needed. */
  readonly tables?: Record<string, readonly (readonly string[])[]>;
  /** What the plugin has kept of earlier messages. */
  readonly state?: Record<string, string>;
  /** Values that an earlier step or the source left. */
  readonly attributes?: Record<string, string>;
  /** When the message arrived: `2026-03-01T12:00:00Z` where not said. */
  readonly receivedAt?: string;
  /** The time zone of the source: `Europe/Budapest` where not said. */
  readonly timeZone?: string;
  /** The character set of the source, where MSH-18 does not say. */
  readonly charset?: string;
  /** The name of the interface. */
  readonly interface?: string;
  /** Which run of this message it is; 1 where not said. */
  readonly attempt?: number;
  /** What is granted; each key takes the place of what `plugin.toml` requests. */
  readonly grants?: {
    readonly read?: readonly string[];
    readonly write?: readonly string[];
    readonly tables?: readonly string[];
    readonly to?: readonly string[];
    readonly state?: boolean;
    readonly create?: boolean;
  };
}

/** What a plugin did with a message. */
export interface Report {
  /** How it ended. */
  readonly outcome: "forwarded" | "filtered" | "rejected" | "faulted";
  /** What it sent on, in this order; empty where it ended otherwise. */
  readonly outputs: readonly Output[];
  /** The code of a rejection. */
  readonly code?: string;
  /** The path of a rejection, where it has one. */
  readonly path?: string;
  /** Why it was rejected or filtered. */
  readonly reason?: string;
  /** What went wrong. */
  readonly fault?: {
    /** `trapped`, `denied`, `out-of-fuel`, `no-outcome`, `misconfigured` and so on. */
    readonly kind: string;
    /** What happened, with the type of an exception. */
    readonly detail: string;
    /** The line of the source, such as `src/plugin.js:12:9`, where that is known. */
    readonly location?: string;
    /** The words of the exception, or what is wrong with the configuration. */
    readonly text: string;
    /** What to do, where that is known. */
    readonly hint?: string;
  };
  /** The lines of the log, as `warn: ..`. */
  readonly log: readonly string[];
  /** What the plugin keeps for later messages; as before where the message was rejected or faulted. */
  readonly state: Readonly<Record<string, string>>;
  /** The instructions that it took; the same for every run. */
  readonly fuel?: number;
  /** The text of the one message that the plugin forwarded. Throws where it did anything else, and tells what. */
  forwardedOnce(): string;
}

/** A message or document that the plugin sent on. */
export interface Output {
  /** The text of it, in UTF-8; of a message with one segment a line. */
  readonly text: string;
  /** The bytes, as they leave the plugin. */
  readonly bytes: Uint8Array;
  /** The media type of a document; `undefined` for a message. */
  readonly contentType: string | undefined;
  /** The destinations named; empty where routing decides. */
  readonly to: readonly string[];
}
