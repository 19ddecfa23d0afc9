import { fileURLToPath } from "node:url";
import { defineConfig } from "@playwright/test";
import { findChromium, launchOptions } from "./tools/run/browser.mjs";

// `npm test` has found the browser; run alone, this looks for one. Worker processes inherit the answer ("" is
// Playwright's own).
process.env.WEBMOE_CHROMIUM ??=
  (await findChromium(fileURLToPath(new URL(".", import.meta.url)), { install: false })) ?? "";
const report = process.env.WEBMOE_TEST_REPORT;

/** What computes on the software GPU and measures nothing: it may run beside something else. */
const KERNELS = ["kernels.spec.ts", "int8.spec.ts", "device-loss.spec.ts"];

/**
 * One worker, and times that a software renderer on two busy cores can keep: SwiftShader is hundreds of times
 * slower than a GPU. Tests start their own servers (`e2e/serve`).
 */
export default defineConfig({
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 240_000,
  expect: { timeout: 60_000 },
  reporter: report ? [["list"], ["json", { outputFile: report }]] : [["list"]],
  use: { launchOptions: launchOptions(process.env.WEBMOE_CHROMIUM || undefined), trace: "off" },
  projects: [
    {
      name: "conformance",
      testDir: "tools/conformance",
      testMatch: "*.spec.ts",
      outputDir: "test-results/conformance",
    },
    { name: "kernels", testDir: "e2e", testMatch: KERNELS, outputDir: "test-results/kernels" },
    {
      name: "page",
      testDir: "e2e",
      testMatch: "**/*.spec.ts",
      testIgnore: KERNELS,
      outputDir: "test-results/page",
    },
  ],
});
