// @ts-check
/** `npm test`: everything that tells whether this checkout is good, in under 15 minutes on two cores. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findChromium } from "./browser.mjs";
import { ensureInstalled, runLoud } from "./install.mjs";
import { requireNode } from "./node-version.mjs";
import { addCounts, NO_TESTS, playwrightCounts, vitestCounts } from "./test-counts.mjs";

requireNode();
const root = fileURLToPath(new URL("../..", import.meta.url));
const reports = join(root, ".cache", "test-reports");
const began = performance.now();
const seconds = () => `${((performance.now() - began) / 1000).toFixed(0)} s`;

/** @param {string} name @param {string} command @param {readonly string[]} args @param {NodeJS.ProcessEnv} env */
async function step(name, command, args, env) {
  console.log(`\n── ${name} (after ${seconds()})`);
  const code = await runLoud(command, args, { cwd: root, env });
  if (code === 0) return;
  console.error(`\n${name} failed (exit code ${code}, after ${seconds()}).`);
  process.exit(code);
}

try {
  await ensureInstalled(root, "what WebMoE needs");
  const chromium = await findChromium(root);
  console.log(`Browser: ${chromium ?? "Playwright's Chromium"}`);
  await rm(reports, { recursive: true, force: true });
  await mkdir(reports, { recursive: true });
  const env = { ...process.env, ...(chromium ? { WEBMOE_CHROMIUM: chromium } : {}) };

  /** @param {string} project @param {string} file */
  const playwright = (project, file) =>
    /** @type {const} */ ([
      "npx",
      ["playwright", "test", "--project", project],
      { ...env, WEBMOE_TEST_REPORT: join(reports, file) },
    ]);

  await step("lint", "npm", ["run", "--silent", "lint"], env);
  await step("type check", "npm", ["run", "--silent", "typecheck"], env);
  const unitReport = join(reports, "unit.json");
  await step(
    "unit tests",
    "npx",
    ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${unitReport}`],
    env,
  );
  await step("build", "npm", ["run", "--silent", "build"], env);
  await step("conformance sample", ...playwright("conformance", "conformance.json"));
  await step("page in the browser", ...playwright("chromium", "e2e.json"));

  /** @param {string} file */
  const report = async (file) => JSON.parse(await readFile(join(reports, file), "utf8"));
  const counted = [
    vitestCounts(await report("unit.json")),
    playwrightCounts(await report("conformance.json")),
    playwrightCounts(await report("e2e.json")),
  ];
  const empty = counted.findIndex((counts) => counts.passed === 0);
  if (empty >= 0) throw new Error(`No test ran in: ${["unit tests", "conformance sample", "page"][empty]}.`);
  const total = counted.reduce(addCounts, NO_TESTS);
  console.log(`\nDone in ${seconds()}.`);
  if (total.skipped > 0) console.log(`${total.skipped} skipped: see the lists above.`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exit(total.failed === 0 ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
