/**
 * A GPU's first passes against WASM's: drivers exist that compute wrongly and say nothing.
 *
 * The device runs its own pipelines on its own trunk, as far as the first layer with experts, for a few rows of a
 * prompt and for one token; a WASM backend that was given the same tensors runs the same ops beside it. Experts are
 * made up, because real ones would have to be fetched. Only what every pass uses is used, so that it does not matter
 * which ops a backend fuses.
 */
import { ABSENT, type Backend } from "../backend/backend.ts";
import {
  EXPERT_MATRICES,
  type ExpertMatrix,
  type ExpertsOp,
  type ForwardPlan,
  type LayerPlan,
  type Op,
  type TensorSpec,
} from "../model/plan.ts";
import {
  FLOAT_FORMATS,
  type FloatFormat,
  type PackedRows,
  packedLayout,
  QUANT_TYPES,
} from "../model/quantization.ts";
import type { Core } from "../wasm/core.ts";
import { uniform } from "./random.ts";

/**
 * Backends sum in other orders, which shows in the sixth digit, and int8 activations in the second, as the reference
 * has none; what a wrong kernel gives is wrong in the first.
 */
const TOLERANCE = { f32: 1e-3, int8: 0.1 };

/** Not a multiple of a tile; enough that rows could be mixed up. */
const PROMPT_ROWS = 5;

/** Embeddings that are compared; the table may be the largest tensor there is. */
const EMBEDDINGS = 64;

/** Models begin with at most a few dense layers; those that begin with more are compared without experts. */
const MOST_LAYERS = 4;

/** What the reference holds: the first layers of the plan and nothing after them. */
export function sampledPlan(plan: ForwardPlan): ForwardPlan {
  const firstMoe = plan.layers.findIndex(({ moe }) => moe);
  const layerCount = firstMoe < 0 || firstMoe >= MOST_LAYERS ? 1 : firstMoe + 1;
  const layers = plan.layers.slice(0, layerCount);
  const ops = [...plan.prologue, ...layers.flatMap((layer) => layer.ops)];
  const names = new Set(ops.flatMap(tensorsOf));
  const embeddings = new Set(plan.prologue.map((op) => op.kind === "embed" && op.weight));
  return {
    ...plan,
    hyperparameters: { ...plan.hyperparameters, layerCount },
    trunk: plan.trunk
      .filter(({ name }) => names.has(name))
      .map((spec) => (embeddings.has(spec.name) ? { ...spec, rows: Math.min(spec.rows, EMBEDDINGS) } : spec)),
    layers,
    epilogue: [],
  };
}

function tensorsOf(op: Op): string[] {
  switch (op.kind) {
    case "embed":
    case "rms-norm":
      return [op.weight];
    case "linear":
      return [...op.weights, ...(op.biases ?? [])];
    case "rope-cache":
      return [op.qNorm, op.kNorm, op.rope.factors].filter((name) => name !== undefined);
    default:
      return [];
  }
}

/** Takes what the reference needs of the rows that a trunk is filled with. */
export function sampleTrunk(
  reference: Backend,
  sample: ForwardPlan,
): (tensor: TensorSpec, rows: PackedRows) => void {
  const specs = new Map(sample.trunk.map((spec) => [spec.name, spec]));
  return ({ name }, rows) => {
    const spec = specs.get(name);
    if (!spec || rows.rowStart >= spec.rows) return;
    reference.writeTrunk(spec, firstRows(spec, rows, Math.min(rows.rowCount, spec.rows - rows.rowStart)));
  };
}

function firstRows({ type, cols }: TensorSpec, rows: PackedRows, rowCount: number): PackedRows {
  if (rowCount === rows.rowCount) return rows;
  const from = packedLayout(type, rows.rowCount, cols);
  const to = packedLayout(type, rowCount, cols);
  const bytes = new Uint8Array(to.byteLength);
  to.planes.forEach(({ offset, rowBytes }, plane) => {
    const start = from.planes[plane]!.offset;
    bytes.set(rows.bytes.subarray(start, start + rowCount * rowBytes), offset);
  });
  return { rowStart: rows.rowStart, rowCount, bytes };
}

/** Bits of 1 to 2 times `2^exponent`, with either sign where the format has one. */
function floatBits(format: FloatFormat, exponent: number, random: number): number {
  if (format === "e8m0") return 127 + exponent;
  const { bytes, exponentMask } = FLOAT_FORMATS[format];
  const mantissa = exponentMask & -exponentMask;
  const bias = (exponentMask / mantissa) >> 1;
  const sign = random < 0.5 ? 0 : 2 ** (8 * bytes - 1);
  return sign + (bias + exponent) * mantissa + Math.floor(random * mantissa);
}

/** Period of the made-up bytes: a prime, so that no row looks like the one before. */
const PERIOD = 4093;

/** A matrix of arbitrary quants and moderate scales. */
export function madeUpMatrix({ type, rows, cols }: TensorSpec, seed: number): PackedRows {
  const { blockSize, fields, planes } = QUANT_TYPES[type];
  const layout = packedLayout(type, rows, cols);
  const random = Float32Array.from({ length: PERIOD }, (_, i) => uniform(seed, i));
  const pattern = Uint8Array.from(random, (value) => value * 256);
  const bytes = new Uint8Array(layout.byteLength);
  for (let at = 0; at < bytes.length; at += PERIOD) bytes.set(pattern.subarray(0, bytes.length - at), at);
  const view = new DataView(bytes.buffer);
  const blocks = (rows * cols) / blockSize;
  for (const { plane, planeOffset, bytes: length, floats } of fields) {
    if (!floats) continue;
    const width = FLOAT_FORMATS[floats].bytes;
    // Of a block, scales of quants up to 1000; else the elements themselves.
    const exponent = blockSize > 1 ? -6 : -3;
    for (let block = 0; block < blocks; block++) {
      const at = layout.planes[plane]!.offset + block * planes[plane]! + planeOffset;
      for (let i = 0; i < length; i += width) {
        const bits = floatBits(floats, exponent, random[(at + i) % PERIOD]!);
        if (width === 4) view.setUint32(at + i, bits, true);
        else if (width === 2) view.setUint16(at + i, bits, true);
        else view.setUint8(at + i, bits);
      }
    }
  }
  return { rowStart: 0, rowCount: rows, bytes };
}

export interface SelfTest {
  readonly plan: ForwardPlan;
  /** Filled, with all pipelines compiled. Its slots and its KV cache are overwritten. */
  readonly device: Backend;
  readonly sample: ForwardPlan;
  /** A WASM backend of `sample`, filled. */
  readonly reference: Backend;
  readonly core: Core;
  /** Positions that both hold. */
  readonly contextLength: number;
}

/**
 * What the device computes otherwise than the reference, in words; undefined if nothing.
 *
 * Errors: those of backends.
 */
export async function selfTest(test: SelfTest): Promise<string | undefined> {
  const { plan, device, sample, reference, core, contextLength } = test;
  const experts = await makeExperts(test);
  const embeddings = sample.trunk.find(({ name }) => tensorsOf(plan.prologue[0]!).includes(name));
  const rows = Math.min(PROMPT_ROWS, contextLength - 1);
  const tokens = Uint32Array.from(
    { length: rows + 1 },
    (_, i) => (i * 13 + 1) % (embeddings?.rows ?? plan.hyperparameters.vocabSize),
  );
  const passes = [
    { phase: "prefill", position: 0, tokens: tokens.subarray(0, rows) },
    { phase: "decode", position: rows, tokens: tokens.subarray(rows) },
  ] as const;
  for (const pass of passes) {
    if (pass.tokens.length === 0) continue;
    for (const backend of [device, reference]) {
      await backend.beginPass(pass);
      for (const op of plan.prologue) backend.run(op);
    }
    for (const layer of sample.layers) {
      const difference = await compareLayer(test, experts, layer, pass.phase, pass.tokens.length);
      if (difference) return `${difference} of layer ${layer.index} in ${pass.phase}`;
    }
  }
  return (await samplesOtherwise(plan, device, core)) ? "sampling" : undefined;
}

type Experts = readonly (readonly (readonly [ExpertMatrix, PackedRows])[])[];

/** Two made-up experts of the sample's layer that has some, and a slot for one of them: no budget is less. */
async function makeExperts({ plan, device, sample, reference }: SelfTest): Promise<Experts> {
  const counts = (layers: readonly LayerPlan[]): Uint32Array =>
    Uint32Array.from(layers, ({ index, moe }) => (moe && index < sample.layers.length ? 1 : 0));
  await device.allocateSlots(counts(plan.layers));
  await reference.allocateSlots(counts(sample.layers));
  const moe = sample.layers.at(-1)?.moe;
  if (!moe) return [];
  return [1, 2].map((seed) =>
    EXPERT_MATRICES.map((matrix, i) => [matrix, madeUpMatrix(moe.matrices[matrix], 3 * seed + i)] as const),
  );
}

/** A wave a rank, each with the other expert. */
async function runExperts(
  { device, reference }: SelfTest,
  { op, experts, ranks, rows }: { op: ExpertsOp; experts: Experts; ranks: number; rows: number },
): Promise<void> {
  for (let rank = 0; rank < ranks; rank++) {
    const entries = Uint32Array.from({ length: rows }, (_, row) => row * ranks + rank);
    const wave = { slots: Uint32Array.of(0), offsets: Uint32Array.of(0, rows), entries };
    for (const backend of [device, reference]) {
      for (const [matrix, packed] of experts[rank % experts.length]!)
        backend.writeSlot(op.layer, 0, matrix, packed);
      await backend.runWave(op, wave);
    }
  }
}

/** Runs one layer on both, with the reference's decisions; returns what differs. */
async function compareLayer(
  test: SelfTest,
  experts: Experts,
  layer: LayerPlan,
  phase: "prefill" | "decode",
  rows: number,
): Promise<string | undefined> {
  const { device, reference, core } = test;
  const both = [device, reference];
  const tolerance = TOLERANCE[device.numerics.activations];
  for (const op of layer.ops) {
    if (op.kind === "route") {
      const [found, expected] = await Promise.all(
        both.map((backend) => backend.submit({ value: op.logits })),
      );
      if (differs(found!.value!, expected!.value!, tolerance))
        return "attention, or what leads to the router,";
      if (phase === "decode" && device.routesOnDevice) {
        device.run(op);
        const { routing } = await device.submit({ routing: { from: layer.index, to: layer.index + 1 } });
        const exact = core.route(op.spec, found!.value!, 1);
        const same =
          exact.ids.every((id, rank) => id === routing!.ids[rank]) &&
          !differs(routing!.weights.subarray(0, exact.weights.length), exact.weights, TOLERANCE.f32);
        if (!same) return "the router";
      }
      const decisions = core.route(op.spec, expected!.value!, rows);
      for (const backend of both) backend.setDecisions(op, decisions);
    } else if (op.kind === "experts") {
      const ranks = layer.moe!.router.expertsPerToken;
      await runExperts(test, { op, experts, ranks, rows });
    } else for (const backend of both) backend.run(op);
  }
  const [found, expected] = await Promise.all(both.map((backend) => backend.submit({ value: layer.output })));
  return differs(found!.value!, expected!.value!, tolerance) ? "the output" : undefined;
}

function differs(found: Float32Array, expected: Float32Array, tolerance: number): boolean {
  let largest = 0;
  let worst = 0;
  for (const [i, value] of expected.entries()) {
    const difference = Math.abs(found[i]! - value);
    // Also where one is not finite; where both are, the model is at fault, which prefill reports.
    if (Number.isFinite(value) && !Number.isFinite(difference)) return true;
    if (!Number.isFinite(value)) continue;
    worst = Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(value));
  }
  return found.length !== expected.length || worst > tolerance * largest;
}

/** Greedily and by a draw that has one candidate: which token wins is then no matter of rounding. */
async function samplesOtherwise(plan: ForwardPlan, device: Backend, core: Core): Promise<boolean> {
  const { vocabSize } = plan.hyperparameters;
  const logits = Float32Array.from({ length: vocabSize }, (_, i) => uniform(7, i));
  // The same number twice: the lower id is the one.
  logits[Math.floor(vocabSize / 3)] = 2;
  logits[Math.floor(vocabSize / 2)] = 2;
  const params = { topP: 1, minP: 0, repeatPenalty: 1, penalized: new Uint32Array(0), random: 0.5 };
  for (const choice of [
    { ...params, temperature: 0, topK: 40 },
    { ...params, temperature: 0.8, topK: 1 },
  ]) {
    if (!device.canSample(choice)) continue;
    device.writeValue(plan.logits, logits);
    device.sample(choice);
    const { token = ABSENT } = await device.submit({ token: true });
    if (token !== core.sample(logits, choice)) return true;
  }
  return false;
}
