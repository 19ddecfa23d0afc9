// @ts-check
/** `npm run bench`: see README.md beside this file. */
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { ensureInstalled } from "../tools/run/install.mjs";
import { requireNode } from "../tools/run/node-version.mjs";
import { buildLibrary } from "./build-library.mjs";
import { ENGINES } from "./engines.mjs";
import { FAMILIES, FILE_TYPES, ROOT } from "./files.mjs";
import { benchKernels, KERNEL_PLACES, KERNEL_TYPES } from "./kernels.mjs";
import { MEASURES, SPEED_MEASURES } from "./measures.mjs";
import { benchModels } from "./models.mjs";
import { benchProfile, PROFILED } from "./profile.mjs";
import { writeReport } from "./report.mjs";
import { merged, readResults, writeResults } from "./results.mjs";

const USAGE = `npm run bench -- [models] [options]     whole models, each engine in turn
  --files ${Object.keys(FAMILIES).join(",")}
  --types ${FILE_TYPES.join(",")}            of the random models
  --engines ${ENGINES.map(({ name }) => name).join(",")}
  --measures ${MEASURES.join(",")}
  --threads 1,2   --rounds 3   --tokens 48   generated where decode is timed
npm run bench -- kernels [options]      single kernels against memory bandwidth
  --places ${KERNEL_PLACES.join(",")}
  --types ${KERNEL_TYPES.join(",")}   --megabytes 256   that weights are cycled through
npm run bench -- profile [options]      where the time of the WASM engines goes, on one thread
  --files, --types, --engines ${PROFILED.join(",")}, --measures ${Object.keys(SPEED_MEASURES).join(",")}, --tokens
npm run bench -- report                 writes RESULTS.md from results.json anew
  --built   takes the library as it was last built for benchmarks`;

/** @param {string} name @param {string} given @param {readonly string[]} allowed */
function list(name, given, allowed) {
  const items = given.split(",").map((item) => item.trim());
  const unknown = items.find((item) => !allowed.includes(item));
  if (unknown !== undefined) throw new Error(`--${name} ${unknown} is not one of ${allowed.join(", ")}.`);
  return items;
}

/** @param {string} name @param {string} given */
function count(name, given) {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1.`);
  return value;
}

requireNode();
try {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      files: { type: "string", default: Object.keys(FAMILIES).join(",") },
      types: { type: "string" },
      engines: { type: "string" },
      measures: { type: "string" },
      threads: { type: "string", default: "1,2" },
      rounds: { type: "string", default: "3" },
      tokens: { type: "string", default: "48" },
      places: { type: "string", default: KERNEL_PLACES.join(",") },
      megabytes: { type: "string", default: "256" },
      built: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (flags.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const [part = "models"] = positionals;
  const command = ["npm run bench --", ...process.argv.slice(2).map((word) => basename(word))].join(" ");
  /** @type {Parameters<typeof benchModels>[1]} */
  const save = async (records, runs) => {
    const results = merged(await readResults(), records, runs);
    await writeResults(results);
    await writeReport(results);
  };
  const names = ENGINES.map(({ name }) => name);
  if (part === "report") await save([], {});
  else if (part === "kernels") {
    await benchKernels(
      {
        places: list("places", flags.places, KERNEL_PLACES),
        types: list("types", flags.types ?? KERNEL_TYPES.join(","), KERNEL_TYPES),
        megabytes: count("megabytes", flags.megabytes),
        command,
      },
      save,
    );
  } else if (part === "models") {
    const options = {
      files: list("files", flags.files, Object.keys(FAMILIES)),
      types: list("types", flags.types ?? FILE_TYPES.join(","), FILE_TYPES),
      engines: flags.engines ? list("engines", flags.engines, names) : names,
      softwareGpu: flags.engines?.split(",").includes("webgpu") ?? false,
      measures: list("measures", flags.measures ?? MEASURES.join(","), MEASURES),
      threads: flags.threads.split(",").map((one) => count("threads", one)),
      rounds: count("rounds", flags.rounds),
      tokens: count("tokens", flags.tokens),
      command,
    };
    if (options.tokens < 2) throw new Error("--tokens must be at least 2.");
    await ensureInstalled(ROOT, "what WebMoE needs");
    await ensureInstalled(join(ROOT, "bench"), "wllama", { scripts: false });
    if (options.engines.includes("native")) {
      await ensureInstalled(join(ROOT, "tools", "oracle"), "llama.cpp");
    }
    if (!flags.built) await buildLibrary();
    await benchModels(options, save);
  } else if (part === "profile") {
    const speeds = Object.keys(SPEED_MEASURES);
    await benchProfile(
      {
        files: list("files", flags.files, Object.keys(FAMILIES)),
        types: list("types", flags.types ?? FILE_TYPES.join(","), FILE_TYPES),
        engines: list("engines", flags.engines ?? PROFILED.join(","), PROFILED),
        measures: list("measures", flags.measures ?? "prefill128,decode16", speeds),
        tokens: count("tokens", flags.tokens),
        command,
      },
      save,
    );
  } else throw new Error(`${part} is not models, kernels, profile or report.`);
  process.exit(0);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exit(1);
}
