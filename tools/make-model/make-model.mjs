// @ts-check
/** `npm run make-model`: a random-weight GGUF, the same bytes on every platform, and its exact twin. */
import { parseArgs } from "node:util";
import { ARCHITECTURES, SHAPES } from "./architectures.mjs";
import { makeModel } from "./index.mjs";
import { FILE_TYPES } from "./mixes.mjs";
import { writeTwin } from "./twin.mjs";

const USAGE = `npm run make-model -- --out FILE.gguf [--twin FILE-f32.gguf] [--seed N]
  [--arch ${Object.keys(ARCHITECTURES).join("|")}] [--shape ${Object.keys(SHAPES).join("|")}]
  [--type ${FILE_TYPES.join("|")}]
  [--dense] [--rope-factors]   llama without experts; llama with rope_freqs.weight
  [--pooled] [--context N]     fast, for models of a gigabyte; positions that the model says it is made for`;

try {
  const { values } = parseArgs({
    options: {
      arch: { type: "string", default: "qwen3moe" },
      type: { type: "string", default: "q8_0" },
      shape: { type: "string", default: "a" },
      seed: { type: "string", default: "1" },
      out: { type: "string" },
      twin: { type: "string" },
      dense: { type: "boolean", default: false },
      "rope-factors": { type: "boolean", default: false },
      pooled: { type: "boolean", default: false },
      context: { type: "string", default: "512" },
    },
  });
  const seed = Number(values.seed);
  if (!values.out) throw new Error("--out is missing.");
  const type = FILE_TYPES.find((name) => name === values.type);
  if (!type) throw new Error(`--type ${values.type} is unknown.`);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw new Error("--seed must be a 32-bit number.");
  const contextLength = Number(values.context);
  if (!Number.isInteger(contextLength) || contextLength < 1) throw new Error("--context must be a number.");
  const { arch, shape, out, dense, pooled, "rope-factors": ropeFactors } = values;
  const made = await makeModel({ arch, shape, type, seed, out, dense, ropeFactors, pooled, contextLength });
  console.log(`${values.out}  ${made.byteLength} bytes  sha256 ${made.sha256}`);
  if (values.twin) {
    const twin = await writeTwin(values.out, values.twin);
    console.log(`${values.twin}  ${twin.byteLength} bytes  sha256 ${twin.sha256}`);
  }
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exit(1);
}
