// @ts-check
/**
 * `npm run conformance`: records llama.cpp's golden vectors where they are missing, compares WebMoE with them in
 * every configuration, and writes `docs/conformance.md`. Exits 1 if a check fails.
 *
 * What has passed is not run again until sources change that can change it (`engineDigests`), so that the product can be
 * run in pieces; the table counts what is open.
 *
 *   --compare-only       takes the golden vectors as they are
 *   --only PLACE         runs what belongs to one place: node or browser; or dawn: what belongs to the browser, but on
 *                        WebGPU in Node (tools/gpu-node), for machines whose GPU a browser cannot use
 *   --filter text        runs the cases whose key contains each of the text's words
 *   --built              takes dist/lib as it is, if the runner built it from these sources
 *   --jobs N             pages at a time (1)
 *   --table              runs nothing: writes the table from what is there
 */
import { parseArgs } from "node:util";
import { launchChromium } from "../run/browser.mjs";
import { ensureInstalled } from "../run/install.mjs";
import { requireNode } from "../run/node-version.mjs";
import {
  browserEngine,
  buildLibrary,
  dawnEngine,
  engineDigests,
  nodeEngine,
  requireBuiltFrom,
} from "./engines.mjs";
import { ROOT } from "./models.mjs";
import { allCases, runsOnDawn } from "./products.mjs";
import { writeReport } from "./report.mjs";
import { hasPassed, keepResult, readResults, resultOf } from "./results.mjs";

/**
 * @typedef {import("./products.mjs").Case} Case
 * @typedef {import("./matrix.mjs").Check} Check
 */

/** What throws is a failed check, and the rest goes on. @param {Case} item @param {import("./engines.mjs").Engine} engine @returns {Promise<Check[]>} */
async function checksOf(item, engine) {
  try {
    return await item.run(engine);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [{ name: "run", passed: false, detail: message.split("\n")[0] ?? "" }];
  }
}

/**
 * @param {readonly Case[]} cases @param {import("./engines.mjs").Digests} digests
 * @param {{ engine: import("./engines.mjs").Engine, jobs: number, gpu?: string }} place
 *   `gpu`: who drives it
 */
async function runCases(cases, digests, { engine, jobs, gpu }) {
  const queue = cases.values();
  let done = 0;
  const worker = async () => {
    for (const item of queue) {
      const began = performance.now();
      const checks = await checksOf(item, engine);
      const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
      const result = { key: item.key, modelSha256: item.golden?.model.sha256 ?? "", seconds, checks };
      await keepResult(digests, item, { ...result, ...(gpu === undefined ? {} : { gpu }) });
      done++;
      console.log(
        `${done}/${cases.length}  ${hasPassed(result) ? "pass" : "FAIL"}  ${item.key}  (${seconds} s)`,
      );
      for (const { name, detail } of checks.filter(({ passed }) => !passed))
        console.log(`      ${name}: ${detail}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

requireNode();
try {
  const { values: flags } = parseArgs({
    options: {
      "compare-only": { type: "boolean", default: false },
      only: { type: "string" },
      filter: { type: "string", default: "" },
      built: { type: "boolean", default: false },
      jobs: { type: "string", default: "1" },
      table: { type: "boolean", default: false },
    },
  });
  if (flags.only !== undefined && !["node", "dawn", "browser"].includes(flags.only)) {
    throw new Error(`--only ${flags.only}: it is node, dawn or browser.`);
  }
  const jobs = Number(flags.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs ${flags.jobs}: it is a count.`);

  await ensureInstalled(ROOT, "what WebMoE needs");
  if (!flags["compare-only"] && !flags.table) await (await import("./record.mjs")).record();
  const digests = await engineDigests();
  if (flags.built) await requireBuiltFrom(digests);
  else if (!flags.table) await buildLibrary(digests);

  const cases = await allCases();
  const words = flags.filter.split(" ").filter((word) => word !== "");
  const results = await readResults(digests);
  const wanted = cases.filter((item) => {
    const result = resultOf(results, item);
    const isOpen = item.golden !== undefined && !(result && hasPassed(result));
    return isOpen && !flags.table && words.every((word) => item.key.includes(word));
  });
  const inNode = wanted.filter(({ place }) => place === "node");
  const inBrowser = wanted.filter(({ place }) => place === "browser");
  const onDawn = wanted.filter(runsOnDawn);
  if (inNode.length > 0 && (flags.only ?? "node") === "node") {
    await runCases(inNode, digests, { engine: await nodeEngine(), jobs: 1 });
  }
  if (onDawn.length > 0 && flags.only === "dawn") {
    await runCases(onDawn, digests, { engine: await dawnEngine(), jobs: 1, gpu: "Dawn for Node" });
  }
  if (inBrowser.length > 0 && (flags.only ?? "browser") === "browser") {
    const browser = await launchChromium(ROOT);
    const engine = await browserEngine(browser);
    await runCases(inBrowser, digests, { engine, jobs, gpu: `Chromium ${browser.version()}, SwiftShader` });
    await engine.close();
    await browser.close();
  }
  const { passed, failed, open } = await writeReport(cases, await readResults(digests));
  console.log(`\n${passed} checks pass, ${failed} fail, ${open} are open: docs/conformance.md`);
  process.exit(failed === 0 ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
