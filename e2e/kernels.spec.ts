/** Every WGSL kernel in a real browser against its WASM twin, and the backend's promises about bits. */

import type { Page } from "@playwright/test";
import type { DeviceConstraints } from "../src/backend/webgpu/adapter.ts";
import type { CheckName, Finding } from "./kernels/kernels.ts";
import { expect, test } from "./serve/fixtures.ts";

/** Max |difference| / max |value| between twins: a few roundings, and SwiftShader's exp is off by 1.6e-6. */
const TOLERANCE = 1e-5;

/** Experts of the tiny plans take 19 to 62 KB: they fill several pieces, as does the vocabulary. */
const TINY_BINDINGS: DeviceConstraints = { maxBindingBytes: 150_000 };

async function check(
  { page, url }: { page: Page; url: string },
  name: CheckName,
  constraints: DeviceConstraints,
): Promise<void> {
  await page.goto(`${url}e2e/kernels/index.html`);
  await page.waitForFunction(() => window.checks !== undefined);
  const findings: Finding[] = await page.evaluate(
    ([name, constraints]) => window.checks![name](constraints),
    [name, constraints] as const,
  );
  expect(findings.length).toBeGreaterThan(0);
  expect(findings.filter(({ difference }) => !(difference <= TOLERANCE))).toEqual([]);
}

const CONSTRAINTS: readonly (readonly [string, DeviceConstraints])[] = [
  ["all features", {}],
  ["no features", { features: [] }],
  ["default limits", { defaultLimits: true }],
  ["experts in several buffers", TINY_BINDINGS],
];

for (const [name, constraints] of CONSTRAINTS) {
  test(`every kernel agrees with its WASM twin with ${name}`, ({ page, sources }) =>
    check({ page, url: sources.url }, "compareTwins", constraints));
}

for (const [name, constraints] of [CONSTRAINTS[0]!, CONSTRAINTS[3]!]) {
  test(`chunks, waves and replays change no bit with ${name}`, ({ page, sources }) =>
    check({ page, url: sources.url }, "checkDeterminism", constraints));
}

test("attention reaches over pages of the cache", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkContext", {}));

test("routers pick the experts that core.wasm picks", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkRouters", { defaultLimits: true }));

test("sampling picks the token that core.wasm picks", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkSampler", { defaultLimits: true }));

test("failures carry their codes, and a lost device is reported", ({ page, sources }) =>
  check({ page, url: sources.url }, "checkFailures", {}));
