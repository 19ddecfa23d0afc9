/**
 * Weights of every encoding: decoders (through `embed`) against the reference to the last two bits, products and
 * experts against float64. One plan holds all types, a layer each, so that little is compiled.
 */
import type { Backend } from "../../src/backend/backend.ts";
import { opPlan, type PlanWeights } from "../../src/backend/testing/plans.ts";
import { decode } from "../../src/backend/testing/quant/codecs.mjs";
import { expert, linear, worstError } from "../../src/backend/testing/references.ts";
import { makeWave, runOps } from "../../src/backend/testing/run.ts";
import {
  createRandom,
  type PackedTensor,
  packBlocks,
  randomBlocks,
  randomFloats,
  randomTensor,
} from "../../src/backend/testing/tensors.ts";
import type { DeviceConstraints } from "../../src/backend/webgpu/index.ts";
import {
  type EmbedOp,
  EXPERT_MATRICES,
  type ExpertMatrix,
  type ForwardPlan,
  type LayerPlan,
  type LinearOp,
  type TensorSpec,
  type ValueSpec,
} from "../../src/model/plan.ts";
import { QUANT_TYPES, type QuantName } from "../../src/model/quantization.ts";
import { bitDifference, type Finding, fill, gpuBackend } from "./harness.ts";

/** Two blocks of the widest types, and one. */
const HIDDEN = 512;
const EXPERT_HIDDEN = 256;
/** Not a multiple of any tile. */
const OUT_ROWS = 19;
const BATCH_ROWS = 11;
const EXPERT_COUNT = 2;
const CHUNK = 128;

const values = ["embedded", "x", "out", "logits", "residual", "combined"] as const;
const id = (name: (typeof values)[number]): number => values.indexOf(name);
const WIDTHS = {
  embedded: HIDDEN,
  x: HIDDEN,
  out: OUT_ROWS,
  logits: EXPERT_COUNT,
  residual: HIDDEN,
  combined: HIDDEN,
};

type ExpertTypes = Readonly<Record<ExpertMatrix, QuantName>>;

const matrixRows = (matrix: ExpertMatrix): number => (matrix === "down" ? HIDDEN : EXPERT_HIDDEN);
const matrixCols = (matrix: ExpertMatrix): number => (matrix === "down" ? EXPERT_HIDDEN : HIDDEN);

function expertLayer(index: number, types: ExpertTypes): LayerPlan {
  const router = {
    expertCount: EXPERT_COUNT,
    expertsPerToken: 1,
    score: "softmax",
    weights: "renormalized",
    scale: 1,
  } as const;
  const spec = (matrix: ExpertMatrix): TensorSpec => ({
    name: `${index}.${matrix}`,
    rows: matrixRows(matrix),
    cols: matrixCols(matrix),
    type: types[matrix],
  });
  return {
    index,
    input: id("x"),
    output: id("combined"),
    moe: {
      router,
      expertHiddenSize: EXPERT_HIDDEN,
      matrices: { gate: spec("gate"), up: spec("up"), down: spec("down") },
    },
    ops: [
      { kind: "route", layer: index, logits: id("logits"), spec: router },
      { kind: "experts", layer: index, x: id("x"), activation: "silu" },
      { kind: "combine", layer: index, residual: id("residual"), out: id("combined") },
    ],
  };
}

/** Random file blocks as an embedding table, and for each element the largest term of its format's formula. */
function randomTable(random: () => number, type: QuantName, blockCount: number) {
  const { blockSize, blockBytes, fields } = QUANT_TYPES[type];
  const rows = Math.ceil((blockCount * blockSize) / HIDDEN);
  const count = rows * HIDDEN;
  const blocks = randomBlocks(random, type, count / blockSize);
  const tensor = packBlocks(type, blocks, rows, HIDDEN);
  // Two halves are a scale and a minimum; without the minimum the first term remains.
  const pair = fields.find(({ floats, bytes }) => floats === "f16" && bytes === 4);
  if (!pair) return { tensor, largest: tensor.values.map(Math.abs) };
  for (let at = pair.offset + 2; at < blocks.length; at += blockBytes) blocks.fill(0, at, at + 2);
  const first = decode(type, blocks, count);
  const largest = first.map((term, i) => Math.max(Math.abs(term), Math.abs(term - tensor.values[i]!)));
  return { tensor, largest };
}

const SMALLEST_NORMAL = 2 ** -126;

/** The unit in the last place of a float. */
function ulp(value: number): number {
  const exponent = new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 23;
  return 2 ** (Math.max(exponent, 1) - 127 - 23);
}

/** The worst |actual − expected| in units of the largest term's last place. Subnormals may be zero, says WGSL. */
function worstUlps(actual: Float32Array, expected: Float32Array, largest: Float32Array): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    if (a === b || (a === 0 && Math.abs(b) < SMALLEST_NORMAL)) continue;
    const ulps = Math.abs(a - b) / ulp(largest[i]!);
    worst = Number.isNaN(ulps) ? Number.POSITIVE_INFINITY : Math.max(worst, ulps);
  }
  return worst;
}

interface TypeParts {
  readonly type: QuantName;
  readonly table: ReturnType<typeof randomTable>;
  readonly weight: PackedTensor;
  readonly embed: EmbedOp;
  readonly linear: LinearOp;
}

async function checkDecoder(
  gpu: Backend,
  plan: ForwardPlan,
  { type, table, embed }: TypeParts,
): Promise<Finding> {
  const { tensor, largest } = table;
  let worst = 0;
  for (let first = 0; first < tensor.rows; first += CHUNK) {
    const rows = Math.min(CHUNK, tensor.rows - first);
    const tokens = Uint32Array.from({ length: rows }, (_, i) => first + i);
    const actual = await runOps(gpu, plan, { ops: [embed], rows, tokens, out: embed.out });
    const [from, to] = [first * HIDDEN, (first + rows) * HIDDEN];
    worst = Math.max(worst, worstUlps(actual, tensor.values.subarray(from, to), largest.subarray(from, to)));
  }
  return { what: `${type}: ${tensor.rows} rows decode within 2 ulp`, difference: worst <= 2 ? 0 : worst };
}

async function checkLinear(
  gpu: Backend,
  plan: ForwardPlan,
  random: () => number,
  { type, weight, linear: op }: TypeParts,
): Promise<Finding[]> {
  const x = randomFloats(random, BATCH_ROWS * HIDDEN);
  const run = (rows: number): Promise<Float32Array> =>
    runOps(gpu, plan, { ops: [op], rows, inputs: { x: x.subarray(0, rows * HIDDEN) }, out: op.out });
  const [batch, few, one] = [await run(BATCH_ROWS), await run(3), await run(1)];
  const expected = linear(x, weight);
  return [
    { what: `${type}: linear in prefill`, difference: worstError(batch, expected) },
    {
      what: `${type}: linear in decode`,
      difference: worstError(one, linear(x.subarray(0, HIDDEN), weight)),
    },
    {
      what: `${type}: rows alone have the bits they have in a batch`,
      difference: bitDifference(few, batch.slice(0, few.length)),
    },
  ];
}

async function checkExperts(
  gpu: Backend,
  { ops }: LayerPlan,
  random: () => number,
  experts: PlanWeights["experts"][number],
): Promise<number> {
  let worst = 0;
  for (const rows of [BATCH_ROWS, 1]) {
    const x = randomFloats(random, rows * HIDDEN);
    const ids = Uint32Array.from({ length: rows }, (_, row) => (row + 1) % EXPERT_COUNT);
    await gpu.beginPass({
      phase: rows === 1 ? "decode" : "prefill",
      position: 0,
      tokens: new Uint32Array(rows),
    });
    gpu.writeValue(id("x"), x);
    gpu.writeValue(id("residual"), new Float32Array(rows * HIDDEN));
    for (const op of ops) {
      if (op.kind === "route") gpu.setDecisions(op, { ids, weights: new Float32Array(rows).fill(1) });
      else if (op.kind === "experts")
        await gpu.runWave(
          op,
          makeWave(ids, [...new Set(ids)], (expert) => expert),
        );
      else gpu.run(op);
    }
    const { value } = await gpu.submit({ value: id("combined") });
    for (let row = 0; row < rows; row++) {
      const at = row * HIDDEN;
      const expected = expert(x.subarray(at, at + HIDDEN), experts[ids[row]!]!);
      worst = Math.max(worst, worstError(value!.subarray(at, at + HIDDEN), expected));
    }
  }
  return worst;
}

/** Each type by itself, and the last three of them as gate, up and down of one layer. */
export async function checkQuants(
  constraints: DeviceConstraints,
  types: readonly QuantName[] = [],
  blockCount = 10_000,
): Promise<Finding[]> {
  const random = createRandom(11);
  const trunk: TensorSpec[] = [];
  const tensors = new Map<string, PackedTensor>();
  const place = (name: string, tensor: PackedTensor): string => {
    trunk.push({ name, rows: tensor.rows, cols: tensor.cols, type: tensor.type });
    tensors.set(name, tensor);
    return name;
  };
  const parts = types.map((type): TypeParts => {
    const table = randomTable(random, type, blockCount);
    const weight = randomTensor(random, type, OUT_ROWS, HIDDEN, 3 / Math.sqrt(HIDDEN));
    return {
      type,
      table,
      weight,
      embed: { kind: "embed", weight: place(`${type}.table`, table.tensor), out: id("embedded") },
      linear: { kind: "linear", x: id("x"), weights: [place(`${type}.weight`, weight)], out: id("out") },
    };
  });
  const [gate, up, down] = types.slice(-3);
  const layers = [
    ...types.map((type): ExpertTypes => ({ gate: type, up: type, down: type })),
    ...(gate && up && down ? [{ gate, up, down }] : []),
  ];
  const plan: ForwardPlan = {
    ...opPlan({
      trunk,
      values: values.map(
        (name): ValueSpec => ({ name, width: WIDTHS[name], rows: "batch", kind: "scratch" }),
      ),
      layers: layers.map((layer, index) => expertLayer(index, layer)),
      shape: {
        hiddenSize: HIDDEN,
        expertHiddenSize: EXPERT_HIDDEN,
        expertCount: EXPERT_COUNT,
        expertsPerToken: 1,
        layerCount: layers.length,
        vocabSize: Math.max(...parts.map(({ table }) => table.tensor.rows)),
      },
    }),
    prologue: parts.map(({ embed }) => embed),
    epilogue: parts.map(({ linear }) => linear),
  };
  const makeExpert = (layer: ExpertTypes) => {
    const [gate, up, down] = EXPERT_MATRICES.map((matrix) => {
      const cols = matrixCols(matrix);
      return randomTensor(random, layer[matrix], matrixRows(matrix), cols, 3 / Math.sqrt(cols));
    });
    return { gate: gate!, up: up!, down: down! };
  };
  const experts = layers.map((layer) => Array.from({ length: EXPERT_COUNT }, () => makeExpert(layer)));

  const gpu = await gpuBackend(plan, constraints);
  await fill(gpu, plan, { trunk: tensors, experts });
  const findings: Finding[] = [];
  for (const part of parts) {
    findings.push(await checkDecoder(gpu, plan, part), ...(await checkLinear(gpu, plan, random, part)));
  }
  for (const layer of plan.layers) {
    const { gate, up, down } = layers[layer.index]!;
    findings.push({
      what: `experts of ${gate}, ${up} and ${down}`,
      difference: await checkExperts(gpu, layer, random, experts[layer.index]!),
    });
  }
  gpu.dispose();
  return findings;
}
