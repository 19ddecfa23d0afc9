// @ts-check
/** The oracle's side: builds exact twins, runs llama.cpp on them and writes the golden vectors. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { typeOf } from "../../src/backend/testing/quant/codecs.mjs";
import { readGguf } from "../make-model/gguf-reader.mjs";
import { EMBEDDED_MODEL, makeModel } from "../make-model/index.mjs";
import { writeTwin } from "../make-model/twin.mjs";
import { ensureInstalled } from "../run/install.mjs";
import { INT8_MODELS, recordRounded } from "./int8.mjs";
import {
  ARCHITECTURE_MODELS,
  encodeLogits,
  modelFile,
  POSITION_MODELS,
  RANDOM_MODELS,
  RECORDED_FOLDER,
  ROOT,
  readGolden,
  readRecorded,
  SAMPLE_MODELS,
  sha256Of,
  WORK,
  writeGolden,
  writeRecorded,
} from "./models.mjs";
import {
  ARCHITECTURE_PROMPTS,
  EMBEDDED_PROMPTS,
  LOGITS_PROMPT,
  LONG_TEXT,
  RANDOM_PROMPTS,
} from "./prompts.mjs";

const EMBEDDED_TOKENS = 64;
const EMBEDDED_MARGIN = 0.005;
const RANDOM_TOKENS = 32;
const RANDOM_MARGIN = 0.02;
const SEEDS_TRIED = 400;
const CONTEXT_SIZE = 320;
/** Lengths of the prompts after which logits are compared. */
const POSITIONS = [1, 100, 1000];

/**
 * @typedef {typeof import("../oracle/oracle.mjs")} Library
 * @typedef {Awaited<ReturnType<Library["openOracle"]>>} Oracle
 * @typedef {import("./models.mjs").MadeModel} MadeModel
 * @typedef {import("./models.mjs").Golden} Golden
 * @typedef {import("./prompts.mjs").Candidate} Candidate
 */

/** @param {Oracle} oracle @param {Candidate} prompt */
function promptIds(oracle, { text, tokens }) {
  const ids = oracle.tokenize(text);
  if (tokens !== undefined && ids.length < tokens) {
    throw new Error(`A prompt that is to have ${tokens} tokens has ${ids.length}: ${text.slice(0, 40)}…`);
  }
  return tokens === undefined ? ids : ids.slice(0, tokens);
}

/**
 * The greedy run of a prompt, or undefined if at some step two tokens are too close to tell apart.
 * @param {Oracle} oracle @param {string} name @param {Candidate} prompt
 * @param {number} count @param {number} leastMargin
 * @returns {Promise<import("./models.mjs").GoldenCase | undefined>}
 */
async function goldenCase(oracle, name, prompt, count, leastMargin) {
  const start = promptIds(oracle, prompt);
  const run = await oracle.greedy(start, count, leastMargin);
  if (!run) return undefined;
  const margins = run.margins.map((margin) => Number(margin.toFixed(4)));
  return { name, ...prompt, promptIds: start, ids: run.ids, margins };
}

/** @param {Oracle} oracle @param {readonly number[]} ids @returns {Promise<import("./models.mjs").GoldenLogits>} */
async function logitsAfter(oracle, ids) {
  return { promptIds: [...ids], centred: encodeLogits(await oracle.centredLogits(ids)) };
}

/** @param {Library} library */
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
  await writeGolden({
    oracle: oracleVersion(),
    model: { name: "embedded", sha256: await sha256Of(EMBEDDED_MODEL), twinSha256 },
    cases,
    logits: [await logitsAfter(oracle, promptIds(oracle, LOGITS_PROMPT))],
  });
  await oracle.dispose();
}

/**
 * Tensors by encoding, for the engine to report the same. A file of one encoding has it in every matrix but the
 * routers.
 * @param {string} path @param {MadeModel["recipe"]} recipe
 */
async function tensorTypes(path, { type, shape }) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const tensor of (await readGguf(path)).tensors) {
    const stored = typeOf(tensor.ggmlType);
    counts[stored] = (counts[stored] ?? 0) + 1;
    const isRouter = tensor.name.endsWith("ffn_gate_inp.weight");
    if (tensor.shape.length > 1 && !isRouter && !type.endsWith("_m") && stored !== type) {
      throw new Error(`${tensor.name} of shape ${shape} is ${stored}, not ${type}.`);
    }
  }
  return counts;
}

/**
 * Tries seeds in order until the oracle finds one good: WebMoE has no part in the choice.
 * @param {Library} library @param {MadeModel} model
 * @param {(oracle: Oracle) => Promise<Pick<Golden, "cases" | "logits"> | undefined>} examine
 * @param {number} [contextSize]
 * @returns {Promise<Golden>}
 */
async function recordMade(
  { openOracle, oracleVersion },
  { name, recipe },
  examine,
  contextSize = CONTEXT_SIZE,
) {
  const twin = join(WORK, `${name}-f32.gguf`);
  for (let seed = 1; seed <= SEEDS_TRIED; seed++) {
    const path = join(WORK, `${name}-${seed}.gguf`);
    const { sha256 } = await makeModel({ ...recipe, seed, out: path });
    const { sha256: twinSha256 } = await writeTwin(path, twin);
    const oracle = await openOracle(twin, { contextSize });
    const found = await examine(oracle).finally(() => oracle.dispose());
    await rm(twin);
    if (found) {
      const model = {
        name,
        sha256,
        twinSha256,
        recipe: { ...recipe, seed },
        tensorTypes: await tensorTypes(path, recipe),
      };
      return { oracle: oracleVersion(), model, ...found };
    }
    await rm(path);
  }
  throw new Error(`None of ${SEEDS_TRIED} seeds gives ${name} margins of ${RANDOM_MARGIN} throughout.`);
}

/** All prompts have wide margins. @param {Oracle} oracle */
async function examineRandom(oracle) {
  const cases = [];
  for (const { name, ...prompt } of RANDOM_PROMPTS) {
    const found = await goldenCase(oracle, name, prompt, RANDOM_TOKENS, RANDOM_MARGIN);
    if (!found) return undefined;
    cases.push(found);
  }
  return { cases, logits: [await logitsAfter(oracle, promptIds(oracle, LOGITS_PROMPT))] };
}

/** One of the prompts has wide margins. @param {Oracle} oracle */
async function examineArchitecture(oracle) {
  for (const prompt of ARCHITECTURE_PROMPTS) {
    const found = await goldenCase(oracle, "24 tokens", prompt, RANDOM_TOKENS, RANDOM_MARGIN);
    if (found) return { cases: [found], logits: [await logitsAfter(oracle, found.promptIds)] };
  }
  return undefined;
}

/** @param {Oracle} oracle */
async function examinePositions(oracle) {
  const ids = oracle.tokenize(LONG_TEXT);
  const logits = [];
  for (const length of POSITIONS) {
    if (ids.length < length) throw new Error(`The long text has ${ids.length} tokens, not ${length}.`);
    logits.push(await logitsAfter(oracle, ids.slice(0, length)));
  }
  return { cases: [], logits };
}

/**
 * Golden vectors are good as long as the oracle, the recipe and the model's bytes are the same.
 * @param {Library} library @param {MadeModel} model @param {Golden | undefined} golden
 */
async function isStillGood({ oracleVersion }, { recipe }, golden) {
  if (!golden || JSON.stringify(golden.oracle) !== JSON.stringify(oracleVersion())) return false;
  const { seed } = golden.model.recipe ?? {};
  if (JSON.stringify(golden.model.recipe) !== JSON.stringify({ ...recipe, seed })) return false;
  return modelFile(golden).then(
    () => true,
    () => false,
  );
}

/** Records the golden vectors that are missing or out of date; installs the oracle if it is not there. */
export async function record() {
  await ensureInstalled(join(ROOT, "tools", "oracle"), "llama.cpp", { scripts: false });
  const library = await import("../oracle/oracle.mjs");
  await mkdir(RECORDED_FOLDER, { recursive: true });

  /**
   * @param {MadeModel} model
   * @param {{ read: typeof readRecorded, write: typeof writeRecorded }} place
   * @param {Parameters<typeof recordMade>[2]} examine
   * @param {number} [contextSize]
   */
  const once = async (model, { read, write }, examine, contextSize) => {
    const before = await read(model.name);
    if (before && (await isStillGood(library, model, before))) return before;
    const golden = await recordMade(library, model, examine, contextSize);
    await write(golden);
    console.log(`golden vectors of ${model.name}, seed ${golden.model.recipe?.seed}`);
    return golden;
  };
  const committed = { read: readGoldenIfAny, write: writeGolden };
  const recorded = { read: readRecorded, write: writeRecorded };

  const embedded = await readGoldenIfAny("embedded");
  const isSameOracle = JSON.stringify(embedded?.oracle) === JSON.stringify(library.oracleVersion());
  if (!isSameOracle || embedded?.model.sha256 !== (await sha256Of(EMBEDDED_MODEL))) {
    await recordEmbedded(library);
    console.log("golden vectors of the embedded model");
  }
  for (const model of RANDOM_MODELS) await once(model, committed, examineRandom);
  for (const model of POSITION_MODELS) {
    await once(model, recorded, examinePositions, model.recipe.contextLength);
  }
  for (const model of SAMPLE_MODELS) {
    const golden = await once(model, recorded, examineArchitecture);
    const sample = { ...golden, logits: [] };
    if (JSON.stringify(await readGoldenIfAny(model.name)) !== JSON.stringify(sample))
      await writeGolden(sample);
  }
  for (const model of ARCHITECTURE_MODELS) await once(model, recorded, examineArchitecture);
  for (const golden of [
    await readGolden("embedded"),
    ...(await Promise.all(INT8_MODELS.map(readRecorded))),
  ]) {
    if (golden) await recordRounded(library, golden, CONTEXT_SIZE);
  }
  await library.closeLibrary();
}

/** @param {string} name */
const readGoldenIfAny = (name) => readGolden(name).catch(() => undefined);
