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

/** @typedef {readonly [command: string, args: readonly string[], env: NodeJS.ProcessEnv]} Command */

/** Commands that run side by side, one as a rule. @param {string} name @param {readonly Command[]} commands */
async function step(name, ...commands) {
  console.log(`\n── ${name} (after ${seconds()})`);
  const codes = await Promise.all(
    commands.map(([command, args, env]) => runLoud(command, args, { cwd: root, env })),
  );
  const code = codes.find((each) => each !== 0);
  if (code === undefined) return;
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

  /** @param {string} script @returns {Command} */
  const npm = (script) => ["npm", ["run", "--silent", script], env];
  /** @param {string} project @returns {Command} */
  const playwright = (project) => [
    "npx",
    ["playwright", "test", "--project", project],
    { ...env, WEBMOE_TEST_REPORT: join(reports, `${project}.json`) },
  ];

  await step("lint", npm("lint"));
  await step("type check", npm("typecheck"));
  const unitReport = join(reports, "unit.json");
  await step("unit tests", [
    "npx",
    ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${unitReport}`],
    env,
  ]);
  await step("build", npm("build"));
  // A software GPU keeps one core busy.
  await step("conformance sample and kernels", playwright("conformance"), playwright("kernels"));
  await step("page in the browser", playwright("page"));

  /** @param {string} file */
  const report = async (file) => JSON.parse(await readFile(join(reports, file), "utf8"));
  const counted = [
    vitestCounts(await report("unit.json")),
    playwrightCounts(await report("conformance.json")),
    playwrightCounts(await report("kernels.json")),
    playwrightCounts(await report("page.json")),
  ];
  const empty = counted.findIndex((counts) => counts.passed === 0);
  if (empty >= 0)
    throw new Error(`No test ran in: ${["unit tests", "conformance sample", "kernels", "page"][empty]}.`);
  const total = counted.reduce(addCounts, NO_TESTS);
  console.log(`\nDone in ${seconds()}.`);
  if (total.skipped > 0) console.log(`${total.skipped} skipped: see the lists above.`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exit(total.failed === 0 ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
