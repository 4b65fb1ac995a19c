// Each vector is a test, and here are others: `npm test` builds the plugin and runs it in the real sandbox.

import assert from "node:assert/strict";
import { test } from "node:test";
import { run, vectorTests } from "transfuse/testing";

vectorTests(".");

test("the address goes and the receiver is named", () => {
  const message = "MSH|^~\\&|LAB||OLD\nPID|1||||||||||1 Teszt utca||+36 1 000 0000";
  const report = run(".", message, { config: { application: "EHR" } });
  assert.equal(report.forwardedOnce(), "MSH|^~\\&|LAB||EHR\nPID|1||||||||||||+36 1 000 0000");
});

test("a configuration that config.schema.json does not allow is refused, as a site refuses it", () => {
  const config = { aplication: "EHR" };
  assert.throws(() => run(".", "MSH|^~\\&|LAB", { config }), /unknown key `aplication`/);
});
