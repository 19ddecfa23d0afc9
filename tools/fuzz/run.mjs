// @ts-check
/** `npm run fuzz`: thousands of broken models, each of which must end in a typed error or in finite logits. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { makeCase } from "./cases.mjs";
import { soundModels } from "./models.mjs";
import { writeCase } from "./run-case.mjs";

const USAGE = `npm run fuzz -- [--count 10000] [--seed 1] [--only K] [--save DIR] [--library dist/lib/node.js]
  --only runs case K alone; --save writes the files of every failure (with --only: of that case).`;
const HANG_MS = 10_000;
const SHOWN_FAILURES = 50;

/** @typedef {import("./worker.mjs").Started} Started @typedef {import("./worker.mjs").Ended} Ended */

/** @param {string | undefined} value @param {string} name */
function whole(value, name) {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 0xffffffff)
    throw new Error(`--${name} ${value} is no count.`);
  return number;
}

/**
 * Cases in a worker that is ended when one of them takes too long, or breaks it; the rest go on in another.
 * @param {{ library: string, seed: number, indices: number[] }} job @param {(ended: Ended) => void} onEnded
 * @returns {Promise<void>}
 */
async function runAll(job, onEnded) {
  let left = job.indices;
  while (left.length > 0) {
    /** @type {Started | undefined} */
    let running;
    const worker = new Worker(new URL("worker.mjs", import.meta.url), {
      workerData: { ...job, indices: left },
    });
    /** @type {string | undefined} */
    const why = await new Promise((resolve) => {
      /** @type {NodeJS.Timeout | undefined} */
      let watchdog;
      worker.on("message", ({ started, ended }) => {
        clearTimeout(watchdog);
        running = started;
        if (ended) {
          left = left.slice(left.indexOf(ended.index) + 1);
          onEnded(ended);
        } else watchdog = setTimeout(() => resolve(`hangs for more than ${HANG_MS / 1000} s`), HANG_MS);
      });
      worker.on("error", (error) => resolve(`ends the thread: ${error.stack ?? error}`));
      worker.on("exit", () => {
        clearTimeout(watchdog);
        resolve(undefined);
      });
    });
    await worker.terminate();
    if (why === undefined) continue;
    if (!running) throw new Error(`The worker could not start: ${why}`);
    left = left.slice(left.indexOf(running.index) + 1);
    onEnded({ ...running, ms: HANG_MS, outcome: { kind: "failure", why } });
  }
}

async function main() {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
      save: { type: "string" },
      library: { type: "string", default: join(root, "dist/lib/node.js") },
    },
  });
  const seed = whole(values.seed, "seed");
  const only = values.only === undefined ? undefined : whole(values.only, "only");
  if (!existsSync(values.library))
    throw new Error(`${values.library} is not there: run \`npm run build\` first.`);
  const indices =
    only === undefined ? Array.from({ length: whole(values.count, "count") }, (_, index) => index) : [only];

  /** @type {Ended[]} */
  const failures = [];
  /** @type {Map<string, number>} */
  const byOutcome = new Map();
  const kinds = new Set();
  let slowest = 0;
  const began = performance.now();
  await runAll({ library: pathToFileURL(values.library).href, seed, indices }, (ended) => {
    const { index, kind, description, outcome, ms } = ended;
    const label =
      outcome.kind === "error" ? outcome.code : outcome.kind === "finite" ? "finite logits" : "FAILURE";
    byOutcome.set(label, (byOutcome.get(label) ?? 0) + 1);
    kinds.add(kind);
    slowest = Math.max(slowest, ms);
    if (outcome.kind === "failure") {
      failures.push(ended);
      if (failures.length <= SHOWN_FAILURES)
        console.log(`\nseed ${seed}, case ${index}: ${description}\n  ${outcome.why}`);
    } else if (only !== undefined) {
      console.log(
        `${description}\n  ${outcome.kind === "error" ? `${outcome.code}: ${outcome.message}` : label}`,
      );
    }
  });
  if (values.save) {
    const models = await soundModels();
    for (const index of only === undefined ? failures.map((failure) => failure.index) : [only])
      await writeCase(join(values.save, `${seed}-${index}`), makeCase(models, seed, index));
  }

  const seconds = (performance.now() - began) / 1000;
  console.log(
    `\n${indices.length} cases of seed ${seed}, ${kinds.size} kinds of damage, in ${seconds.toFixed(0)} s`,
  );
  for (const [label, count] of [...byOutcome].sort(([, a], [, b]) => b - a))
    console.log(`  ${String(count).padStart(6)}  ${label}`);
  console.log(
    `Slowest case ${slowest.toFixed(0)} ms; memory at its peak ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB.`,
  );
  if (failures.length > 0) {
    const [first] = failures;
    console.log(
      `${failures.length} failed. Run one again: npm run fuzz -- --seed ${seed} --only ${first?.index}`,
    );
  }
  return failures.length === 0;
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 1;
}
