// @ts-check
/**
 * One case through the library: it must end in a `WebMoEError` with a code, or in finite logits.
 *
 * @typedef {import("../../src/node.ts")} Library
 * @typedef {{ kind: "error", code: string, message: string } | { kind: "finite" } | { kind: "failure", why: string }} Outcome
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROMPT_TOKENS = 5;
const GENERATED_TOKENS = 4;

/** @param {Library} library @param {import("./cases.mjs").FuzzCase} fuzzCase @returns {Promise<Outcome>} */
export async function runCase(library, { files, onePath }) {
  /** @type {string | undefined} */
  let folder;
  try {
    const [first] = files;
    if (onePath && first) {
      folder = await mkdtemp(join(tmpdir(), "webmoe-fuzz-"));
      for (const { name, bytes } of files) await writeFile(join(folder, name), bytes);
      await use(library, join(folder, first.name));
    } else {
      await use(
        library,
        files.map(({ name, bytes }) => new File([/** @type {BlobPart} */ (bytes)], name)),
      );
    }
    return { kind: "finite" };
  } catch (error) {
    if (!(error instanceof library.WebMoEError))
      return { kind: "failure", why: `an untyped error: ${error instanceof Error ? error.stack : error}` };
    if (typeof error.code !== "string" || error.message.length < 10)
      return { kind: "failure", why: `an error without code or words: ${error.code} ${error.message}` };
    return { kind: "error", code: error.code, message: error.message };
  } finally {
    if (folder) await rm(folder, { recursive: true });
  }
}

/** Loads, evaluates, writes a little, and lets go. @param {Library} library @param {import("../../src/node.ts").ModelSource} source */
async function use({ WebMoE }, source) {
  const model = await WebMoE.load(source, { backend: "wasm" });
  try {
    const { vocabSize, contextLength } = model.info;
    const prompt = Uint32Array.from({ length: PROMPT_TOKENS }, (_, i) => (i * 37 + 11) % vocabSize);
    const logits = await model.evaluate(prompt);
    if (logits.length !== vocabSize) throw new Error(`${logits.length} logits for ${vocabSize} tokens`);
    const bad = logits.findIndex((logit) => !Number.isFinite(logit));
    if (bad >= 0) throw new Error(`logit ${bad} is ${logits[bad]}`);
    await model.tokenize("Once upon a time, there was 1 dog.");
    const room = contextLength - PROMPT_TOKENS;
    let written = 0;
    for await (const { id } of model.generate(prompt, { maxTokens: GENERATED_TOKENS, seed: 1 })) {
      if (!(id < vocabSize)) throw new Error(`token ${id} of ${vocabSize}`);
      written++;
    }
    if (written < 1 || written > Math.min(GENERATED_TOKENS, room + 1))
      throw new Error(`${written} tokens written`);
    await model.detokenize(prompt);
  } finally {
    await model.dispose();
  }
}

/** Writes a case's files, to be looked at. @param {string} folder @param {import("./cases.mjs").FuzzCase} fuzzCase */
export async function writeCase(folder, { files }) {
  await mkdir(folder, { recursive: true });
  for (const { name, bytes } of files) await writeFile(join(folder, name), bytes);
}
