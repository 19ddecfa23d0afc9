// @ts-check
/** `npm run make-model`: a random-weight GGUF, the same bytes on every platform, and its exact twin. */
import { parseArgs } from "node:util";
import { CODECS } from "../../src/backend/testing/quant/codecs.mjs";
import { makeModel } from "./index.mjs";
import { SHAPES } from "./qwen3moe.mjs";
import { writeTwin } from "./twin.mjs";

const TYPES = Object.keys(CODECS);
const USAGE = `npm run make-model -- --out FILE.gguf [--arch qwen3moe] [--type ${TYPES.join("|")}]
  [--shape ${Object.keys(SHAPES).join("|")}] [--seed N] [--twin FILE-f32.gguf]`;

try {
  const { values } = parseArgs({
    options: {
      arch: { type: "string", default: "qwen3moe" },
      type: { type: "string", default: "q8_0" },
      shape: { type: "string", default: "a" },
      seed: { type: "string", default: "1" },
      out: { type: "string" },
      twin: { type: "string" },
    },
  });
  const seed = Number(values.seed);
  if (!values.out) throw new Error("--out is missing.");
  if (values.arch !== "qwen3moe") throw new Error(`--arch ${values.arch} is unknown; qwen3moe is.`);
  if (!Object.hasOwn(SHAPES, values.shape)) throw new Error(`--shape ${values.shape} is unknown.`);
  if (!TYPES.includes(values.type)) throw new Error(`--type ${values.type} is unknown.`);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw new Error("--seed must be a 32-bit number.");
  const type = /** @type {import("../../src/backend/testing/quant/codecs.mjs").TensorType} */ (values.type);
  const made = await makeModel({ shape: values.shape, type, seed, out: values.out });
  console.log(`${values.out}  ${made.byteLength} bytes  sha256 ${made.sha256}`);
  if (values.twin) {
    const twin = await writeTwin(values.out, values.twin);
    console.log(`${values.twin}  ${twin.byteLength} bytes  sha256 ${twin.sha256}`);
  }
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exit(1);
}
