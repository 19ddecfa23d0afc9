/** The oracle's side: builds exact twins, runs llama.cpp on them and writes the golden vectors. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EMBEDDED_MODEL, makeModel } from "../make-model/index.mjs";
import { writeTwin } from "../make-model/twin.mjs";
import { ensureInstalled } from "../run/install.mjs";
import { goldenPath, RANDOM_MODELS, ROOT, sha256Of, WORK } from "./models.mjs";
import { EMBEDDED_PROMPTS, LOGITS_PROMPT, RANDOM_PROMPTS } from "./prompts.mjs";

const EMBEDDED_TOKENS = 64;
const EMBEDDED_MARGIN = 0.005;
const RANDOM_TOKENS = 32;
const RANDOM_MARGIN = 0.02;
const SEEDS_TRIED = 400;
const CONTEXT_SIZE = 320;

/** @typedef {Awaited<ReturnType<typeof import("../oracle/oracle.mjs").openOracle>>} Oracle */

/**
 * @param {Oracle} oracle
 * @param {import("./prompts.mjs").Candidate} prompt
 */
function promptIds(oracle, { text, tokens }) {
  const ids = oracle.tokenize(text);
  if (tokens !== undefined && ids.length < tokens) {
    throw new Error(`A prompt that is to have ${tokens} tokens has ${ids.length}: ${text.slice(0, 40)}…`);
  }
  return tokens === undefined ? ids : ids.slice(0, tokens);
}

/**
 * The greedy run of a prompt, or undefined if at some step two tokens are too close to tell apart.
 * @param {Oracle} oracle @param {string} name @param {import("./prompts.mjs").Candidate} prompt
 * @param {number} count @param {number} leastMargin
 * @returns {Promise<import("./models.mjs").GoldenCase | undefined>}
 */
async function goldenCase(oracle, name, prompt, count, leastMargin) {
  const start = promptIds(oracle, prompt);
  const { ids, margins } = await oracle.greedy(start, count);
  if (Math.min(...margins) < leastMargin) return undefined;
  const rounded = margins.map((margin) => Number(margin.toFixed(4)));
  return { name, ...prompt, promptIds: start, ids, margins: rounded };
}

/** @param {Oracle} oracle */
async function goldenLogits(oracle) {
  const ids = promptIds(oracle, LOGITS_PROMPT);
  const values = Float32Array.from(await oracle.centredLogits(ids));
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, i * 4);
  return { promptIds: ids, centred: bytes.toString("base64") };
}

/** @param {string} name @param {import("./models.mjs").Golden} golden */
async function writeGolden(name, golden) {
  // Lists of numbers on one line each: a change of one token is then a change of one line.
  const text = JSON.stringify(golden, null, 2).replace(
    /\[\s+([-\d.,\s]+?)\s+\]/g,
    (_, list) => `[${list.replace(/\s+/g, " ")}]`,
  );
  await writeFile(goldenPath(name), `${text}\n`);
}

/** @param {typeof import("../oracle/oracle.mjs")} library */
async function recordEmbedded({ openOracle, oracleVersion }) {
  const twin = join(WORK, "embedded-f32.gguf");
  const { sha256: twinSha256 } = await writeTwin(EMBEDDED_MODEL, twin);
  const oracle = await openOracle(twin, { contextSize: CONTEXT_SIZE });
  const cases = [];
  for (const { name, candidates } of EMBEDDED_PROMPTS) {
    let found;
    for (const candidate of candidates) {
      found = await goldenCase(oracle, name, candidate, EMBEDDED_TOKENS, EMBEDDED_MARGIN);
      if (found) break;
    }
    if (!found) throw new Error(`No candidate of "${name}" has margins of ${EMBEDDED_MARGIN} throughout.`);
    cases.push(found);
  }
  await writeGolden("embedded", {
    oracle: oracleVersion(),
    model: { name: "embedded", sha256: await sha256Of(EMBEDDED_MODEL), twinSha256 },
    cases,
    logits: await goldenLogits(oracle),
  });
  await oracle.dispose();
}

/**
 * Tries seeds in order until one's margins are wide: a choice by the oracle alone, WebMoE has no part in it.
 * @param {typeof import("../oracle/oracle.mjs")} library
 * @param {(typeof RANDOM_MODELS)[number]} model
 */
async function recordRandom({ openOracle, oracleVersion }, { name, shape, type }) {
  const twin = join(WORK, `${name}-f32.gguf`);
  for (let seed = 1; seed <= SEEDS_TRIED; seed++) {
    const recipe = { shape, type, seed };
    const path = join(WORK, `${name}-${seed}.gguf`);
    const { sha256 } = await makeModel({ ...recipe, out: path });
    const { sha256: twinSha256 } = await writeTwin(path, twin);
    const oracle = await openOracle(twin, { contextSize: CONTEXT_SIZE });
    try {
      const cases = [];
      for (const { name: caseName, ...prompt } of RANDOM_PROMPTS) {
        const found = await goldenCase(oracle, caseName, prompt, RANDOM_TOKENS, RANDOM_MARGIN);
        if (!found) break;
        cases.push(found);
      }
      if (cases.length === RANDOM_PROMPTS.length) {
        const model = { name, sha256, twinSha256, recipe };
        await writeGolden(name, {
          oracle: oracleVersion(),
          model,
          cases,
          logits: await goldenLogits(oracle),
        });
        return seed;
      }
    } finally {
      await oracle.dispose();
    }
    await rm(path);
  }
  throw new Error(`None of ${SEEDS_TRIED} seeds gives ${name} margins of ${RANDOM_MARGIN} throughout.`);
}

/** Records the golden vectors of every model; installs the oracle if it is not there. */
export async function record() {
  await ensureInstalled(join(ROOT, "tools", "oracle"), "llama.cpp", { scripts: false });
  const library = await import("../oracle/oracle.mjs");
  await mkdir(WORK, { recursive: true });
  await recordEmbedded(library);
  console.log("golden vectors of the embedded model");
  for (const model of RANDOM_MODELS) {
    const seed = await recordRandom(library, model);
    console.log(`golden vectors of ${model.name}, seed ${seed}`);
  }
}
