import { describe, expect, test } from "vitest";
import { QUANT_TYPES, type QuantName } from "../../model/quantization.ts";
import { opPlan } from "../testing/plans.ts";
import { runOps } from "../testing/run.ts";
import {
  allRows,
  createRandom,
  type PackedTensor,
  packBlocks,
  randomBlocks,
  randomTensor,
} from "../testing/tensors.ts";
import { makeBackend, makeInt8Backend } from "./make.testing.ts";

/** Rows `tokens` of a matrix, through embed, as bits: 0 and -0 are different there, as they are in ggml. */
async function embedBits(
  weight: PackedTensor,
  tokens: Uint32Array,
  make: typeof makeBackend = makeBackend,
): Promise<Uint32Array> {
  const { type, rows, cols } = weight;
  const spec = { name: "embedding", rows, cols, type };
  const op = { kind: "embed", weight: "embedding", out: 0 } as const;
  const plan = opPlan({
    trunk: [spec],
    values: [{ name: "out", width: cols, rows: "batch", kind: "scratch" }],
    shape: { vocabSize: rows },
  });
  const backend = await make({ ...plan, prologue: [op] });
  backend.writeTrunk(spec, allRows(weight));
  return bitsOf(await runOps(backend, plan, { ops: [op], rows: tokens.length, tokens, out: 0 }));
}

const bitsOf = (floats: Float32Array): Uint32Array =>
  new Uint32Array(floats.buffer, floats.byteOffset, floats.length);

describe.each(Object.keys(QUANT_TYPES) as QuantName[])("%s", (type) => {
  test("decodes 10,000 random blocks, extremes among them, to the bits of the format's definition", async () => {
    const [rows, blocksPerRow] = [125, 80];
    const blocks = randomBlocks(createRandom(1), type, rows * blocksPerRow);
    const weight = packBlocks(type, blocks, rows, blocksPerRow * QUANT_TYPES[type].blockSize);
    const actual = await embedBits(
      weight,
      Uint32Array.from({ length: rows }, (_, row) => row),
    );
    const expected = bitsOf(weight.values);
    const wrong = actual.findIndex((bits, i) => bits !== expected[i]);
    expect(wrong < 0 ? "none" : `element ${wrong}: ${actual[wrong]} for ${expected[wrong]}`).toBe("none");
  });

  test("gathers the rows that tokens name, in their order, also where products read another", async () => {
    const cols = Math.max(96, 3 * QUANT_TYPES[type].blockSize);
    const weight = randomTensor(createRandom(2), type, 37, cols);
    const tokens = Uint32Array.of(36, 0, 5, 5);
    const bits = bitsOf(weight.values);
    const rows = Array.from(tokens, (token) => bits.subarray(token * cols, (token + 1) * cols));
    const expected = rows.flatMap((row) => Array.from(row));
    expect(Array.from(await embedBits(weight, tokens))).toEqual(expected);
    expect(Array.from(await embedBits(weight, tokens, makeInt8Backend))).toEqual(expected);
  });
});
