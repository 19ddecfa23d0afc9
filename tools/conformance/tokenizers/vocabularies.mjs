// @ts-check
/**
 * The vocabularies that llama.cpp tests its own tokenizers with. They lie in the source bundle of the oracle's
 * package and come out of it into `.cache` at run time: nothing of them is committed.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "../models.mjs";

const run = promisify(execFile);

/**
 * @typedef {object} VocabularyFile
 * @property {string} name
 * @property {string} path the GGUF
 * @property {Array<{ text: string, ids: number[] }>} pairs llama.cpp's own test cases, special tokens not parsed
 */

const PREFIX = "models/ggml-vocab-";
const SEPARATOR = "\n__ggml_vocab_test__\n";
const BUNDLE = join(ROOT, "tools", "oracle", "node_modules", "node-llama-cpp", "llama", "gitRelease.bundle");

/** @param {string} inputs @param {string} outputs */
function readPairs(inputs, outputs) {
  const lines = outputs.split("\n");
  return inputs.split(SEPARATOR).map((text, i) => ({
    text,
    ids: (lines[i] ?? "")
      .split(" ")
      .filter((id) => id !== "")
      .map(Number),
  }));
}

/**
 * @param {string} directory
 * @returns {Promise<{ vocabularies: VocabularyFile[], unicodeTables: string }>} and llama.cpp's source of its tables
 */
export async function extractOracleFiles(directory) {
  await mkdir(directory, { recursive: true });
  const repository = join(directory, "llama.cpp.git");
  if (!existsSync(repository)) {
    // Renamed when complete: a clone that was cut short is not taken for one.
    const partial = `${repository}.${process.pid}`;
    await run("git", ["clone", "--quiet", "--bare", BUNDLE, partial]);
    await rename(partial, repository);
  }
  const git = (/** @type {string[]} */ ...args) =>
    run("git", ["--git-dir", repository, ...args], { encoding: "buffer", maxBuffer: 2 ** 28 });
  const { stdout } = await git("ls-tree", "--name-only", "HEAD", "models/");
  const files = stdout
    .toString()
    .split("\n")
    .filter((file) => file.startsWith(PREFIX));
  /** @param {string} file */
  const textOf = async (file) =>
    files.includes(file) ? (await git("show", `HEAD:${file}`)).stdout.toString() : undefined;
  const vocabularies = await Promise.all(
    files
      .filter((file) => file.endsWith(".gguf"))
      .map(async (file) => {
        const name = file.slice(PREFIX.length, -".gguf".length);
        const path = join(directory, `${name}.gguf`);
        if (!existsSync(path)) await writeFile(path, (await git("show", `HEAD:${file}`)).stdout);
        const [inputs, outputs] = await Promise.all([textOf(`${file}.inp`), textOf(`${file}.out`)]);
        return { name, path, pairs: inputs && outputs ? readPairs(inputs, outputs) : [] };
      }),
  );
  const unicodeTables = (await git("show", "HEAD:src/unicode-data.cpp")).stdout.toString();
  return { vocabularies, unicodeTables };
}

const PRE_KEY = "tokenizer.ggml.pre";
const STRING_TYPE = 8;

/** @param {string} text GGUF's form of a string */
function ggufString(text) {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}

/**
 * A copy of a vocabulary under another pre-tokenizer. The file has no tensors, so that nothing moves but what may.
 * @param {string} path @param {string} pre @param {string} target
 */
export async function writeWithPreTokenizer(path, pre, target) {
  const bytes = await readFile(path);
  const key = ggufString(PRE_KEY);
  const at = bytes.indexOf(key);
  const value = at + key.length + 4;
  if (at < 0 || bytes.readUInt32LE(value - 4) !== STRING_TYPE) throw new Error(`${path} has no ${PRE_KEY}.`);
  const end = value + 8 + Number(bytes.readBigUInt64LE(value));
  await writeFile(target, Buffer.concat([bytes.subarray(0, value), ggufString(pre), bytes.subarray(end)]));
}
