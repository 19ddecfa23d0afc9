/** Every WGSL kernel in a real browser against its WASM twin, and the backend's promises about bits. */

import type { Page } from "@playwright/test";
import type { DeviceConstraints } from "../src/backend/webgpu/adapter.ts";
import { QUANT_TYPES, type QuantName } from "../src/model/quantization.ts";
import type { CheckName, Finding } from "./kernels/kernels.ts";
import { expect, test } from "./serve/fixtures.ts";

/** Max |difference| / max |value| between twins: a few roundings, and SwiftShader's exp is off by 1.6e-6. */
const TOLERANCE = 1e-5;

/** Experts of the tiny plans then fill three buffers, and the largest vocabulary two. */
const TINY_BINDINGS: DeviceConstraints = { maxBindingBytes: 150_000 };

async function check(
  { page, url }: { readonly page: Page; readonly url: string },
  name: CheckName,
  constraints: DeviceConstraints,
  types?: readonly QuantName[],
): Promise<void> {
  await page.goto(`${url}e2e/kernels/index.html`);
  await page.waitForFunction(() => window.checks !== undefined);
  const findings: Finding[] = await page.evaluate(
    ({ name, constraints, types }) => window.checks![name](constraints, types),
    { name, constraints, types },
  );
  expect(findings.length).toBeGreaterThan(0);
  const wrong = findings.filter(({ difference, tolerance = TOLERANCE }) => !(difference <= tolerance));
  expect(wrong).toEqual([]);
}

/** Each kind of device, and the types of weights that show what is different on it. */
const DEVICES: readonly (readonly [string, DeviceConstraints, readonly QuantName[]])[] = [
  ["all features", {}, ["f32", "f16", "q8_0", "q4_0"]],
  ["no features", { features: [] }, ["q8_0", "f16"]],
  ["default limits", { defaultLimits: true }, ["q8_0"]],
  ["experts in several buffers", TINY_BINDINGS, ["q8_0", "q4_0"]],
];

/** Encodings that are checked one by one: a sample, since compiling takes a software renderer long. */
const EVERY_TYPE = process.env.KERNEL_TYPES === "all";
const SAMPLE: readonly QuantName[] = ["iq4_nl", "q5_1", "q4_k", "q6_k", "mxfp4"];

for (const [name, constraints, types] of DEVICES) {
  test(`every kernel agrees with its WASM twin with ${name}`, ({ page, sources }) =>
    check({ page, url: sources.url }, "compareTwins", constraints, types));
}

test("products on int8 activations agree with their WASM twins", ({ page, sources }) =>
  check({ page, url: sources.url }, "compareRoundedTwins", {}));

test("chunks, waves and replays change no bit", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkDeterminism", {}));

test("chunks, waves and replays change no bit with experts in several buffers and no features", ({
  page,
  sources,
}) => check({ page, url: sources.url }, "checkDeterminism", { ...TINY_BINDINGS, features: [] }));

test("a token takes 9 dispatches a layer, one write and one readback a segment, and makes no objects", ({
  page,
  sources,
}) => check({ page, url: sources.url }, "countCommands", {}));

test("the next token's pass is in flight while this one is read: a submission and a readback a token, and no other token", ({
  page,
  sources,
}) => check({ page, url: sources.url }, "checkAhead", {}));

test("attention reaches over pages of the cache", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkContext", {}));

test("routers pick the experts that core.wasm picks", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkRouters", { defaultLimits: true }));

test("sampling picks the token that core.wasm picks", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkSampler", { defaultLimits: true }));

test("biases, scales, norms of rows and shared experts compute what float64 does", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkOptions", {}));

test("weights of any encoding decode and multiply right, mixed inside a layer too", ({ page, sources }) => {
  test.slow(EVERY_TYPE);
  const types = EVERY_TYPE ? (Object.keys(QUANT_TYPES) as QuantName[]) : SAMPLE;
  return check({ page, url: sources.url }, "checkQuants", {}, types);
});

test("failures carry their codes, and a lost device is reported", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkFailures", {}));
